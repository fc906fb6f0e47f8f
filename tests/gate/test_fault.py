"""The names of faults, and the points at which each is possible."""

import pytest

from cronproof.gate.fault import (
    DIES,
    FAULT_NAMES,
    LOST_ANSWERS,
    SIGTERM,
    SLOWNESS,
    SQL_FAULTS,
    Faults,
    channel_of,
    instance_of,
    parse_choice,
    possible_faults,
    with_fault,
)
from cronproof.gate.point import Point

REFUSALS = ("card-declined", "rate-limited")
SENDS = Point("call", "mail POST /v1/messages", refusals=REFUSALS, sends=True)


@pytest.mark.parametrize("fault", [None, *FAULT_NAMES])
def test_a_choice_is_a_line_and_its_fault(fault: str | None) -> None:
    choice = "A.2" if fault is None else f"A.2!{fault}"

    assert parse_choice(choice) == ("A.2", fault)
    assert with_fault(*parse_choice(choice)) == choice
    assert (channel_of(choice), instance_of(choice)) == ("A.2", "A")


def test_a_refusal_has_the_name_that_its_service_gives_it() -> None:
    assert parse_choice("B!card-declined") == ("B", "card-declined")


@pytest.mark.parametrize("choice", ["A!Naps", "A!dies!dies", "A!two words", "A!"])
def test_what_is_no_name_is_no_fault(choice: str) -> None:
    with pytest.raises(ValueError, match="is no name of a fault"):
        parse_choice(choice)


def test_every_fault_can_happen_somewhere() -> None:
    somewhere = {fault for point in (SENDS, Point("statement", "select 1")) for fault in possible_faults(point)}

    assert {*FAULT_NAMES, *REFUSALS} == somewhere


@pytest.mark.parametrize(
    ("point", "faults"),
    [
        (Point("start"), set()),
        (Point("answer", "openphone POST /v1/messages"), {DIES, SIGTERM}),
        (Point("statement", "COMMIT"), {*SQL_FAULTS, DIES, SIGTERM}),
        (Point("statement", " ROLLBACK to s"), {*SQL_FAULTS, DIES, SIGTERM} - {"sql-error"}),
        (SENDS, {*REFUSALS, *LOST_ANSWERS, *SLOWNESS, "timeout-before", "reset-before", DIES, SIGTERM}),
    ],
)
def test_at_a_point_only_what_makes_sense_there(point: Point, faults: set[str]) -> None:
    assert set(possible_faults(point)) == faults


def test_what_only_asks_cannot_be_accepted_and_lost() -> None:
    wants_footprint = set(possible_faults(Point("call", "mail GET /v1/messages", refusals=("unknown-error",))))

    assert not wants_footprint & {
        "timeout-after",
        "reset-after",
        "unknown-error-after",
        "slow-after",
    }
    assert wants_footprint > {"timeout-before", "unknown-error", "not-json"}


def test_only_those_that_are_asked_for_are_put_in() -> None:
    faults = Faults(frozenset({"truncated", "dies", "sql-error"}))

    assert faults.at(SENDS) == ["truncated", "dies"]
    assert faults.at(Point("statement", "select 1")) == ["sql-error", "dies"]
