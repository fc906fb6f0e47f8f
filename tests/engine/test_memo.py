"""What is remembered of executions."""

from cronproof.engine.memo import Memo
from cronproof.gate.point import Point
from cronproof.gate.trace import Step, Trace


def trace(*steps: tuple[str, str]) -> Trace:
    return Trace(steps=[Step(name, Point("statement", text)) for name, text in steps])


def test_an_instance_must_do_the_same_after_the_same_steps() -> None:
    memo = Memo()
    first = trace(("A", "select 1 from jobs"), ("B", "commit"))

    assert memo.find_nondeterminism(first, (), {}) is None
    assert memo.find_nondeterminism(first, (), {}) is None
    assert memo.find_nondeterminism(trace(("B", "commit")), (), {}) is None
    strange = memo.find_nondeterminism(trace(("A", "select 1 from jobs"), ("B", "rollback")), (), {})
    assert strange is not None
    assert strange.startswith("B did something else (rollback)")


def test_other_rows_are_another_execution() -> None:
    memo = Memo()
    memo.find_nondeterminism(trace(("A", "commit")), (0,), {})

    assert memo.find_nondeterminism(trace(("A", "rollback")), (1,), {}) is None
