"""Masks phone numbers, cuts messages short, and hides secrets.

`--show-data` shows phone numbers and messages. Keys, passwords and tokens are never shown.
"""

import re
from collections.abc import Iterable, Mapping

MESSAGE_CHARACTERS = 48
HIDDEN = "***"
MIN_SECRET = 8
"""Shorter values can occur in any text, so they are not treated as secrets."""

_shows_data = False

_SECRET_NAME = re.compile(r"(?i)key|secret|token|passw|credential")

_PHONE = re.compile(
    r"(?<![\w+/])\+\d{8,15}(?!\w)|(?<![\w.-])(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"
)
_SECRETS = (
    (re.compile(r"\beyJ[\w-]{4,}\.[\w-]{4,}\.[\w-]*"), HIDDEN),  # a JWT: its header is JSON
    (re.compile(r"(://[^\s:/?#@]*):[^\s/]*@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(?i)\b(password|passwd|pwd)(\s*=\s*)('[^']*'|\"[^\"]*\"|[^\s'\";,&]+)"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        # In prose a colon can follow such a word. Then only a value with a digit is a secret.
        re.compile(
            r"(?i)\b(\w*(?:api[_-]?key|secret|token|password|service_role_key))"
            r"([\"']?\s*=\s*[\"']?|[\"']\s*:\s*[\"']|:\s*(?=[\w.~+/-]*\d))[\w.~+/=-]{8,}"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # keys with the prefix of their provider
    (re.compile(r"\b(?:sb_secret_|sbp_|sk_|rk_|pit-|whsec_)[\w-]{8,}"), HIDDEN),
    (re.compile(r"\b\d{6,12}:[\w-]{30,}"), HIDDEN),  # the token of a chat bot
)


def show_data(shown: bool) -> None:
    """Sets for this process whether phone numbers and texts are shown."""
    global _shows_data  # noqa: PLW0603  (like a log level: every message depends on it)
    _shows_data = shown


def masked(phone: str) -> str:
    """Masks a phone number or other recipient: only the last four characters stay readable."""
    return phone if _shows_data else "*" * max(len(phone) - 4, 0) + phone[-4:]


def cut(text: str, characters: int = MESSAGE_CHARACTERS) -> str:
    """Cuts a text after so many characters."""
    return text if _shows_data or len(text) <= characters else text[: characters - 1] + "…"


def secret_values(environment: Mapping[str, str]) -> set[str]:
    """Returns the values of variables whose names suggest secrets."""
    return {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= MIN_SECRET}


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Removes these secrets and whatever looks like one, and masks phone numbers."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if _shows_data else _PHONE.sub(lambda found: masked(found.group()), text)
