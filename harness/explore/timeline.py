"""A failing run as data: what happened at each step, and at which the check broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.checks import Check
from harness.evidence import Run, masked
from harness.explore.names import step_name
from harness.explore.scheduler import Step


@dataclass(frozen=True)
class Moment:
    """One step: who, what, and what came of it."""

    instance: str
    step: str
    notes: Sequence[str]


@dataclass(frozen=True)
class Timeline:
    """All steps in their order. The check broke at `broken_at`, counted from 0, with the words of `message`."""

    instances: Sequence[str]
    moments: Sequence[Moment]
    check: str
    message: str
    broken_at: int


def of(check: Check, message: str, after_each_step: Sequence[Run]) -> Timeline:
    """The timeline of a run that was looked at after each of its steps."""
    nothing = Run(order="")
    moments = [
        Moment(after.steps[-1].instance, _step(after.steps[-1]), _notes(before, after))
        for before, after in zip([nothing, *after_each_step], after_each_step, strict=False)
    ]
    broken_at = len(moments) - 1
    # What comes too late, or never, is not broken before the end.
    is_from_the_start = check.examine(after_each_step[0]).verdict == "FAIL"
    while not is_from_the_start and broken_at > 0 and check.examine(after_each_step[broken_at - 1]).verdict == "FAIL":
        broken_at -= 1
    return Timeline([i.name for i in after_each_step[-1].instances], moments, check.id, message, broken_at)


def _step(step: Step) -> str:
    """What is done, and by which of several lines of the instance."""
    name = step_name(step.point)
    line = "" if step.line == 1 else f" (line {step.line})"
    return name + line + (f" [{step.fault}]" if step.fault else "")


def _notes(before: Run, after: Run) -> list[str]:
    """What is there after a step that was not there before it."""
    notes = list(after.steps[-1].results)
    notes += [f"{wait.instance} waits for {' and '.join(wait.blockers)}" for wait in after.waits[len(before.waits) :]]
    for mark in after.marks[len(before.marks) :]:
        notes.append(f"job {mark.job_id}: {mark.sent_column} {'set' if mark.is_set else 'cleared'} by {mark.instance}")
    for sent in after.sent[len(before.sent) :]:
        verb = "accepted" if sent.message.accepted else f"refused with {sent.message.status}"
        notes.append(f"message #{sent.message.number} to {masked(sent.message.to)} {verb}")
    notes += [f"{error.instance}: {error.message}" for error in after.errors[len(before.errors) :]]
    answered = {response.instance for response in before.responses}
    notes += [f"{r.instance} answers {r.status}" for r in after.responses if r.instance not in answered]
    return notes
