"""What a scenario asks for and no declared work can answer."""

from typing import Any

import pytest

from cronproof.domain.application import Application
from cronproof.domain.work import Work
from cronproof.scenario.given import FilePlace
from cronproof.scenario.scenario import Scenario
from cronproof.scenario.work_mistakes import find_work_mistakes

EMAIL = Work("email", "outbox", ["send-emails"], "email", key=["id"])
DIGEST = Work("digest", "digests", ["send-digests"], "digest", key=["account_id", "month"])
OUTBOX = {"outbox": [{"id": 32}, {"repeat": 2, "row": {"id": 40}}]}
DIGESTS = {"digests": [{"account_id": 7, "month": "2026-11"}]}


def mistakes(then: list[Any], rows: dict[str, Any], call: str = "send-emails", *works: Work) -> list[Any]:
    text = {"title": "t", "why": "w", "test": "race", "then": then, "given": {"rows": rows}, "when": {"call": call}}
    return list(find_work_mistakes(Scenario.model_validate(text), Application(works or [EMAIL, DIGEST])))


def test_units_that_are_given_are_known() -> None:
    assert mistakes([{"no-loss": {"units": [32, 40, 41]}}, "no-loss", "exclusive"], OUTBOX) == []
    assert mistakes([{"no-loss": {"units": ["7/2026-11"]}}], DIGESTS, "send-digests") == []


def test_keys_of_repeated_rows_are_those_that_are_inserted() -> None:
    by_phone = Work("text", "people", ["send-texts"], "text", key=["phone"])
    people = {"people": [{"repeat": 2, "row": {"phone": "+12125550132"}}]}

    assert mistakes([{"no-loss": {"units": ["+12125550133"]}}], people, "send-texts", by_phone) == []
    assert len(mistakes([{"no-loss": {"units": ["+12125550134"]}}], people, "send-texts", by_phone)) == 1


def test_where_the_database_makes_up_keys_any_may_be_meant() -> None:
    assert mistakes([{"no-loss": {"units": [1]}}], {"outbox": [{"state": "new"}]}) == []


@pytest.mark.parametrize(
    ("then", "rows", "place", "what"),
    [
        (
            [{"no-loss": {"units": [32]}}],
            {"outbx": [{"id": 32}]},
            ("then", 0, "no-loss", "units", 0),
            "no email 32 is given; there are no rows of outbox; the tables with rows are: outbx",
        ),
        ([{"no-loss": {"units": [99]}}], OUTBOX, ("then", 0, "no-loss", "units", 0), "no email 99 is given; the emails are: 32, 40, 41"),
        ([{"no-loss": {"units": [32, 32]}}], OUTBOX, ("then", 0, "no-loss", "units", 1), "email 32 is there twice"),
        ([{"text": {99: ["Hi"]}}], OUTBOX, ("then", 0, "text", 99), "no email 99 is given"),
        ([{"text": {"email": {99: ["Hi"]}}}], OUTBOX, ("then", 0, "text", "email", 99), "no email 99 is given"),
        ([{"no-loss": {"units": {"email": [99]}}}], OUTBOX, ("then", 0, "no-loss", "units", "email", 0), "no email 99 is given"),
        ([{"claims-agree": {"skipped": {"emial": [32]}}}], OUTBOX, ("then", 0, "claims-agree", "skipped", "emial"), "there is no work 'emial' of these crons; did you mean 'email'?"),
    ],
)  # fmt: skip
def test_a_unit_that_is_not_there_is_told_where_it_stands(
    then: list[Any], rows: dict[str, Any], place: FilePlace, what: str
) -> None:
    ((found, message),) = mistakes(then, rows)

    assert (found, message[: len(what)]) == (place, what)


def test_a_check_about_units_needs_a_cron_that_does_work() -> None:
    ((place, message),) = mistakes(["exclusive", "egress"], {}, "tidy")
    assert (place, message) == (("then", 0), "exclusive asks about units of work, and tidy does none")
    assert mistakes([{"delivery": {"messages": [{"to": "1"}]}}], {}, "tidy") == []
