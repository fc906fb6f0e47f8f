"""The mocked APIs: OpenPhone, Telegram, GoHighLevel. One behaviour each, served in process (respx) and over HTTP."""
