"""The hosts of the bundled services."""

HOSTS: dict[str, str] = {
    "api.openphone.com": "openphone",
    "api.quo.com": "openphone",
    "api.telegram.org": "telegram",
    "services.leadconnectorhq.com": "ghl",
}
"""The first two are one service: https://www.quo.com/docs still serves v1 at both."""
