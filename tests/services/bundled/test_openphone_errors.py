"""The errors that OpenPhone documents."""

import json

import pytest

from cronproof.services.bundled.openphone_errors import ERRORS, error_response


@pytest.mark.parametrize("name", ERRORS)
def test_a_code_ends_with_the_status(name: str) -> None:
    assert (ERRORS[name].code[:2], ERRORS[name].code[-3:]) == ("02", str(ERRORS[name].status))


def test_the_two_envelopes_hold_the_same_text() -> None:
    flat, wrapped = (json.loads(ERRORS["conflict"].response(form).body) for form in ("flat", "wrapped"))

    assert flat["message"] == wrapped["error"]["message"]
    assert (flat["status"], flat["title"], wrapped["error"]["key"]) == (409, "Conflict", "Conflict")


def test_wrong_fields_and_descriptions_are_only_where_they_are_documented() -> None:
    invalid = json.loads(ERRORS["invalid-request"].response("flat", message="no text", errors=[{"path": "/to"}]).body)
    no_credits = json.loads(ERRORS["not-enough-credits"].response("flat").body)

    assert (invalid["message"], invalid["errors"], "description" in invalid) == ("no text", [{"path": "/to"}], False)
    assert no_credits["description"] == no_credits["message"]


def test_a_bad_gateway_is_a_page_of_a_proxy() -> None:
    response = error_response("bad-gateway", "wrapped")

    assert (response.status, response.headers["content-type"]) == (502, "text/html; charset=utf-8")
