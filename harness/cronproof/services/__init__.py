"""The mocked message APIs, served in process and over HTTP. Everything above `gate` may import them."""
