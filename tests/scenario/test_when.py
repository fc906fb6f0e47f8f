"""`when`: which crons are called, and in which orders."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from cronproof.scenario.when import When


def when(**words: object) -> When:
    return When.model_validate({"call": "post-job-followup"} | words)


def test_instances_are_named_in_order() -> None:
    names = [[one.name for one in of.instance_list] for of in (when(), when(instances=3))]
    crons = when(call=["post-job-followup", "crew-briefing"]).instance_list

    assert names == [["A"], ["A", "B", "C"]]
    assert [(one.name, one.cron) for one in crons] == [("A", "post-job-followup"), ("B", "crew-briefing")]


@pytest.mark.parametrize(
    ("again", "period"),
    [
        (None, timedelta()),
        ("15 minutes", timedelta(minutes=15)),
        ("1 hour", timedelta(hours=1)),
        ("2 days", timedelta(2)),
    ],
)
def test_the_period_is_how_long_until_crons_are_due_again(again: str | None, period: timedelta) -> None:
    assert when(again=again).period == period


@pytest.mark.parametrize("again", ["0 minutes", "15", "15 weeks", "-1 day", "1.5 hours", "99999 days"])
def test_what_is_no_period_is_told_with_examples(again: str) -> None:
    with pytest.raises(ValidationError, match="say how long, for example `15 minutes`"):
        when(again=again)


def test_each_stands_for_every_fault_and_pairs_for_two_at_once() -> None:
    each, one, pairs = (when(faults=words).faults_to_inject for words in ("each", "dies", ["dies", "pairs"]))

    assert when().faults_to_inject is None
    assert each is not None
    assert one is not None
    assert pairs is not None
    assert (each.names, each.at_most) == (None, 1)
    assert (one.names, one.at_most) == (frozenset({"dies"}), 1)
    assert (pairs.names, pairs.at_most) == (frozenset({"dies"}), 2)


def test_faults_are_a_strategy_where_no_interleavings_are_asked_for() -> None:
    strategies = [
        of.strategy for of in (when(), when(faults="each"), when(faults="each", instances=2, interleavings="all"))
    ]

    assert strategies == [None, "faults", "all"]
