"""What a check found in one execution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]


@dataclass(frozen=True)
class Finding:
    """A verdict, and a message that explains it."""

    verdict: Verdict
    message: str
    known: Sequence[str] = ()
    """The reasons of the known limits for which it passes although the property does not hold."""


def passed(message: str) -> Finding:
    """Makes a PASS: the property held."""
    return Finding("PASS", message)


def failed(message: str) -> Finding:
    """Makes a FAIL: the property did not hold. The message names the rows and messages."""
    return Finding("FAIL", message)


def inconclusive(message: str) -> Finding:
    """Makes an INCONCLUSIVE: the execution proves nothing either way. This is never a PASS."""
    return Finding("INCONCLUSIVE", message)


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Returns the worst verdict: FAIL, then INCONCLUSIVE, then PASS. INCONCLUSIVE if none."""
    order: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
    return next((verdict for verdict in order if verdict in verdicts), "INCONCLUSIVE")
