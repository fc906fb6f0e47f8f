"""Faults by name, and where each makes sense."""

from __future__ import annotations

import pytest

from cronproof.gate.fault import (
    DESCRIPTIONS,
    DIES,
    FAULT_NAMES,
    LOST_ANSWERS,
    REFUSALS,
    SLOWNESS,
    SQL_FAULTS,
    Faults,
    instance_of,
    line_of,
    possible,
    split,
    with_fault,
)
from cronproof.gate.point import Point

SENDS = Point("call", "openphone POST /v1/messages")


@pytest.mark.parametrize("fault", [None, *FAULT_NAMES])
def test_a_choice_is_a_line_and_its_fault(fault: str | None) -> None:
    choice = "A.2" if fault is None else f"A.2!{fault}"

    assert split(choice) == ("A.2", fault)
    assert with_fault(*split(choice)) == choice
    assert (line_of(choice), instance_of(choice)) == ("A.2", "A")


def test_a_fault_that_does_not_exist_is_none() -> None:
    with pytest.raises(ValueError, match="there is no fault 'naps'"):
        split("A!naps")


def test_every_fault_is_described_and_can_happen_somewhere() -> None:
    somewhere = {fault for point in (SENDS, Point("statement", "select 1")) for fault in possible(point)}

    assert set(DESCRIPTIONS) == set(FAULT_NAMES) == somewhere


@pytest.mark.parametrize(
    ("point", "faults"),
    [
        (Point("start"), set()),
        (Point("answer", "openphone POST /v1/messages"), {DIES}),
        (Point("statement", "COMMIT"), {*SQL_FAULTS, DIES}),
        (Point("statement", " ROLLBACK to s"), {*SQL_FAULTS, DIES} - {"sql-error"}),
        (SENDS, {*REFUSALS, *LOST_ANSWERS, *SLOWNESS, "timeout-before", "reset-before", DIES}),
    ],
)
def test_at_a_point_only_what_makes_sense_there(point: Point, faults: set[str]) -> None:
    assert set(possible(point)) == faults


def test_what_only_asks_cannot_be_accepted_and_lost() -> None:
    asks = set(possible(Point("call", "openphone GET /v1/messages")))

    assert not asks & {"timeout-after", "reset-after", "unknown-error-after", "slow-after", "not-enough-credits"}
    assert asks > {"timeout-before", "unknown-error", "not-json"}


def test_only_those_that_are_asked_for_are_put_in() -> None:
    faults = Faults(frozenset({"truncated", "dies", "sql-error"}))

    assert faults.at(SENDS) == ["truncated", "dies"]
    assert faults.at(Point("statement", "select 1")) == ["sql-error", "dies"]
