"""Every fault at every point, on programs in memory."""

import itertools

from cronproof.explore.fault_strategy import FaultStrategy
from cronproof.gate.fault import Faults
from tests.support.programs import READ, WRITE, Machine, explored, schedules


def test_each_fault_is_met_once_at_every_point_of_every_instance() -> None:
    machine = Machine([[READ, WRITE], [READ]], Faults(frozenset({"dies", "sql-error"})))

    runs, _ = explored(FaultStrategy(), machine)

    assert schedules(runs) == [
        ("A", "A", "B"),
        ("A!sql-error", "A", "B"),
        ("A!dies", "B"),
        ("A", "A!sql-error", "B"),
        ("A", "A!dies", "B"),
        ("A", "A", "B!sql-error"),
        ("A", "A", "B!dies"),
    ]


def test_two_faults_are_met_in_every_pair() -> None:
    machine = Machine([[READ, WRITE], [READ]], Faults(frozenset({"sql-error"}), at_most=2))

    runs, _ = explored(FaultStrategy(), machine)

    met = [tuple("!" in choice for choice in schedule) for schedule in schedules(runs)]
    assert sorted(met) == sorted(flags for flags in itertools.product([False, True], repeat=3) if sum(flags) <= 2)
