"""The fault matrix, from outcomes made by hand."""

from dataclasses import replace

from cronproof.evidence.message_outcome import Delivered, MessageOutcome, RowState
from cronproof.gate.fault import FaultName
from cronproof.gate.trace import InjectedFault
from cronproof.report.views import fault_matrix

REFUSALS = ("card-declined", "rate-limited", "unknown-error")


def met(fault: FaultName, point: str, delivered: Delivered = "once", *, instance: str = "A", step: int = 1,
        row: RowState = "claimed", known: str | None = None) -> MessageOutcome:  # fmt: skip
    return MessageOutcome(
        "post-job-followup", [InjectedFault(fault, instance, point, step)], "job 32", delivered, row, [], known
    )


TABLE = [
    met("dies", "call", "never", step=3, row="stuck", known="so it is"),
    met("timeout-after", "call", "twice", step=3),
    *(met(refusal, "call", step=3) for refusal in REFUSALS),
    met("reset-after", "call", "once", step=3, row="free"),
    met("sql-error", "begin"),
    met("dies", "begin", "never", row="free"),
    met("sql-error", "begin", instance="B", step=5),
    met("dies", "commit", instance="B", step=6),
]


def test_points_are_lines_in_the_order_in_which_they_come_and_a_safe_instance_is_one() -> None:
    assert fault_matrix.make_rows(TABLE) == [
        ("A: begin", ["·", "", "", "", "lost"]),
        ("A: call", ["", "", "", "", "(stuck)"]),
        ("B: all 2 points", ["·", "", "", "", "·"]),
    ]


def test_faults_of_calls_are_listed_by_what_came_of_them() -> None:
    ((point, by_cell),) = fault_matrix.of_calls(TABLE)

    assert (point, by_cell) == (
        "A: call",
        {"open": ["reset-after"], "duplicate": ["timeout-after"], "·": ["all 3 refusals"]},
    )


def test_where_several_things_happened_all_are_told_but_what_is_fine() -> None:
    table = [met("dies", "call"), met("dies", "call", "never", row="stuck"), met("dies", "call", "twice", known="x")]

    assert fault_matrix.make_rows(table) == [("A: call", ["", "", "", "", "stuck (duplicate)"])]


def test_two_faults_in_one_run_are_counted() -> None:
    one = InjectedFault("dies", "A", "call", 1)
    table = [
        MessageOutcome("c", [one, one], "job 32", "once", "claimed", []),
        MessageOutcome("c", [one, one], "job 32", "never", "stuck", []),
    ]

    assert (
        list(fault_matrix.draw_matrix([*table, met("dies", "begin")]))[2]
        == "two faults in one execution: 1 × ·, 1 × stuck"
    )


def test_without_faults_there_is_no_matrix() -> None:
    assert list(fault_matrix.draw_matrix([])) == []


def test_where_an_execution_proved_nothing_its_cell_says_so_and_why() -> None:
    table = [met("dies", "call"), replace(met("sql-error", "call"), doubt="A hangs")]

    assert fault_matrix.make_rows(table) == [("A: call", ["?", "", "", "", "·"])]
    assert "? sql-error at A: call: A hangs" in list(fault_matrix.draw_matrix(table))
    assert table[1].anomaly is None
