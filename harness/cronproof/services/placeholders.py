"""The placeholders for services in a configuration, and the variables that usually hold them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from cronproof.services.smtp import NAME

ServicePlaceholder = Literal["openphone_url", "openphone_api_key", "telegram_url", "ghl_url"]

USUAL_VARIABLES: Sequence[tuple[str, str]] = (
    (r"(^|_)(OPENPHONE|QUO)_(API_)?(KEY|TOKEN)$", "openphone_api_key"),
    (r"(^|_)(OPENPHONE|QUO)_(API_)?(URL|HOST|BASE|BASE_URL)$", "openphone_url"),
    (r"(^|_)TELEGRAM_(API_)?(URL|HOST|BASE|BASE_URL)$", "telegram_url"),
    (r"(^|_)(GHL|LEADCONNECTOR|HIGHLEVEL)_(API_)?(URL|HOST|BASE|BASE_URL)$", "ghl_url"),
    (r"(^|_)(SMTP|E?MAIL)_(HOST|SERVER)$", f"services.{NAME}.host"),
    (r"(^|_)(SMTP|E?MAIL)_PORT$", f"services.{NAME}.port"),
    (r"(^|_)(SMTP|MAILER)_(URL|DSN)$", f"services.{NAME}.url"),
)
"""Patterns of environment variables, each with the placeholder for their value."""
API_KEY = "openphone_api_key"
"""The placeholder for a key that services accept."""
TITLES = "OpenPhone, Telegram and GoHighLevel"
"""The services' names, for a sentence."""
EXAMPLE_HOST = "api.openphone.com"


def fill_in_mail(port: int) -> dict[str, str]:
    """Returns the values of the placeholders for the mail server at a port of this machine."""
    return {
        f"services.{NAME}.host": "127.0.0.1",
        f"services.{NAME}.port": str(port),
        f"services.{NAME}.url": f"{NAME}://127.0.0.1:{port}",
    }


def fill_in(address: Callable[[str], str], api_key: str, names: Iterable[str]) -> dict[str, str]:
    """Returns the values of the placeholders, given each service's address, for services of these names."""
    return {
        **{f"services.{name}.url": address(name) for name in names},
        "openphone_url": address("openphone"),
        API_KEY: api_key,
        "telegram_url": address("telegram"),
        "ghl_url": address("ghl"),
    }
