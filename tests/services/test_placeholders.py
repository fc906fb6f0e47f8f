"""The placeholders for services, and the variables that usually hold them."""

import re
from typing import get_args

import pytest

from cronproof.services.placeholders import USUAL_VARIABLES, ServicePlaceholder, fill_in, fill_in_mail


def test_every_placeholder_has_a_value_and_usual_variables() -> None:
    filled = fill_in(lambda service: f"http://{service}", "key", [])

    assert filled["openphone_url"] == "http://openphone"
    assert filled["openphone_api_key"] == "key"
    assert set(filled) == set(get_args(ServicePlaceholder))
    assert {placeholder for _, placeholder in USUAL_VARIABLES} == {*filled, *fill_in_mail(25)}
    assert fill_in_mail(25)["services.smtp.url"] == "smtp://127.0.0.1:25"


@pytest.mark.parametrize(
    ("variable", "placeholders"),
    [
        ("OPENPHONE_API_KEY", ["openphone_api_key"]),
        ("QUO_TOKEN", ["openphone_api_key"]),
        ("MY_TELEGRAM_BASE_URL", ["telegram_url"]),
        ("HIGHLEVEL_HOST", ["ghl_url"]),
        ("EMAIL_HOST", ["services.smtp.host"]),
        ("SMTP_PORT", ["services.smtp.port"]),
        ("MAILER_DSN", ["services.smtp.url"]),
        ("OPENPHONE_NUMBER", []),
        ("MYQUO_KEY", []),
    ],
)
def test_a_variable_is_known_by_its_name(variable: str, placeholders: list[str]) -> None:
    assert [placeholder for pattern, placeholder in USUAL_VARIABLES if re.search(pattern, variable)] == placeholders
