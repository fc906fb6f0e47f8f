"""Phone numbers and secrets in everything that is reported."""

import pytest

from cronproof import redaction
from cronproof.redaction import cut, masked, redacted, secret_values


def test_a_recipient_keeps_its_last_four_characters() -> None:
    assert masked("+12125550132") == "********0132"
    assert cut("x" * 60) == "x" * 47 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call +12125550132 or (212) 555-0133", "call ********0132 or **********0133"),
        ("postgresql://me:hunter22@host/db", "postgresql://me:***@host/db"),
        ("Authorization: Bearer abcdefgh1234", "Authorization: Bearer ***"),
        ('{"api_key": "abcd12345678"}', '{"api_key": "***"}'),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "***"),
        ("job 32 at 2026-11-23T12:00:00", "job 32 at 2026-11-23T12:00:00"),
        ("the given-away one", "the *** one"),
    ],
)
def test_secrets_and_numbers_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert redacted(text, ["given-away"]) == shown


def test_which_variables_hold_secrets() -> None:
    assert secret_values({"API_KEY": "12345678", "MY_TOKEN": "short", "HOME": "/home/somebody"}) == {"12345678"}


def test_data_is_shown_on_request_and_secrets_are_not() -> None:
    redaction.show_data(True)
    try:
        assert redacted("+12125550132 pwd=hunter22") == "+12125550132 pwd=***"
    finally:
        redaction.show_data(False)
