"""What may be seen of people, and never of secrets: phone numbers are masked and messages cut, unless a user asks to see them.

`--show-data` shows both. Keys, passwords and tokens are shown to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

MESSAGE_CHARACTERS = 48
HIDDEN = "***"
MIN_SECRET = 8
"""A value of fewer characters may stand in any text."""

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
        # In prose a colon stands behind such a word, too: then only what has a digit in it is no word.
        re.compile(
            r"(?i)\b(\w*(?:api[_-]?key|secret|token|password|service_role_key))"
            r"([\"']?\s*=\s*[\"']?|[\"']\s*:\s*[\"']|:\s*(?=[\w.~+/-]*\d))[\w.~+/=-]{8,}"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (
        re.compile(r"\b(?:sb_secret_|sbp_|sk_|rk_|pit-|whsec_)[\w-]{8,}"),
        HIDDEN,
    ),  # keys with the prefix of their provider
    (re.compile(r"\b\d{6,12}:[\w-]{30,}"), HIDDEN),  # the token of a chat bot
)


def show_data(shown: bool) -> None:
    """Says for this process whether phone numbers and texts may be seen."""
    global _shows_data  # noqa: PLW0603  (as of a log level: every sentence asks for it)
    _shows_data = shown


def masked(phone: str) -> str:
    """A phone number, or who else is written to, of which only the last four characters can be read."""
    return phone if _shows_data else "*" * max(len(phone) - 4, 0) + phone[-4:]


def cut(text: str, characters: int = MESSAGE_CHARACTERS) -> str:
    """The beginning of a message, or of something as long as that."""
    return text if _shows_data or len(text) <= characters else text[: characters - 1] + "…"


def secret_values(environment: Mapping[str, str]) -> set[str]:
    """The values of variables whose names speak of secrets."""
    return {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) >= MIN_SECRET}


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without these secrets, and without whatever looks like one; phone numbers are masked in it."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if _shows_data else _PHONE.sub(lambda found: masked(found.group()), text)
