"""The placeholders for services, and the variables that usually hold them."""

import re

import pytest

from cronproof.services.placeholders import fill_in, fill_in_mail, find_placeholders, usual_variables


def test_every_placeholder_has_a_value_and_usual_variables() -> None:
    filled = fill_in(lambda service: f"http://{service}", "key", ["resend"])

    assert filled["openphone_url"] == "http://openphone"
    assert filled["openphone_api_key"] == "key"
    assert filled["services.resend.url"] == "http://resend"
    assert set(filled) == {*find_placeholders(), "services.resend.url"}
    assert {placeholder for _, placeholder in usual_variables(["resend"])} == {*filled, *fill_in_mail(25)}
    assert fill_in_mail(25)["services.smtp.url"] == "smtp://127.0.0.1:25"


@pytest.mark.parametrize(
    ("variable", "placeholders"),
    [
        ("OPENPHONE_API_KEY", ["openphone_api_key"]),
        ("QUO_TOKEN", ["openphone_api_key"]),
        ("MY_TELEGRAM_BASE_URL", ["telegram_url"]),
        ("HIGHLEVEL_HOST", ["ghl_url"]),
        ("RESEND_BASE_URL", ["services.resend.url"]),
        ("EMAIL_HOST", ["services.smtp.host"]),
        ("SMTP_PORT", ["services.smtp.port"]),
        ("MAILER_DSN", ["services.smtp.url"]),
        ("OPENPHONE_NUMBER", []),
        ("MYQUO_KEY", []),
    ],
)
def test_a_variable_is_known_by_its_name(variable: str, placeholders: list[str]) -> None:
    found = [placeholder for pattern, placeholder in usual_variables(["resend"]) if re.search(pattern, variable)]

    assert found == placeholders
