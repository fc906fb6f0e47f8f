"""The errors with which a service can refuse a call."""

import pytest

from cronproof.domain.service_names import REFUSALS, refusals_of


def test_the_main_service_refuses_a_message_with_any_error() -> None:
    assert refusals_of("openphone", sends=True) == REFUSALS


@pytest.mark.parametrize(("service", "sends"), [("openphone", False), ("telegram", True), ("ghl", True)])
def test_other_calls_are_refused_with_what_every_service_answers(service: str, sends: bool) -> None:
    assert refusals_of(service, sends=sends) == ("unauthorized", "rate-limited", "unknown-error", "bad-gateway")
