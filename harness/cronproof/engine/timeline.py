"""A timeline: what happened at each step of an execution, and at which step a check broke."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from cronproof.checks import Check
from cronproof.evidence.evidence import Evidence
from cronproof.gate.names import step_name
from cronproof.gate.trace import Step
from cronproof.redaction import masked


@dataclass(frozen=True)
class Note:
    """An effect of a step on one instance, which need not be the one that took the step.

    result   the result from the server or a service
    wait     it waits for a lock of `blockers`
    claim    it has claimed a unit of work, or given it back
    message  one of its messages was accepted or refused
    error    the database has reported an error
    answer   it has answered its call
    """

    kind: Literal["result", "wait", "claim", "message", "error", "answer"]
    text: str
    instance: str
    blockers: Sequence[str] = ()


@dataclass(frozen=True)
class Moment:
    """One step: the instance, the step's name, and its effects."""

    instance: str
    step: str
    notes: Sequence[Note]
    is_fault: bool = False
    is_inside: bool = False
    """Whether it begins at a point inside a statement."""
    inside: Sequence[str] = ()
    """The instances that are held inside a statement after it."""
    is_held: bool = False
    """Whether it leads to a point inside its statement."""


@dataclass(frozen=True)
class Broken:
    """A check that broke at a step, counted from 0."""

    check: str
    message: str
    at: int


@dataclass(frozen=True)
class Timeline:
    """All steps, in order."""

    instances: Sequence[str]
    moments: Sequence[Moment]
    broken: Broken | None = None
    order: str | None = None
    """The named order, if it has a name."""

    @property
    def title(self) -> str:
        """What it shows."""
        if self.broken is None:
            return "The schedule that passes with the most to see"
        if self.order is not None:
            return f"The order {self.order}, which fails {self.broken.check}"
        return f"The shortest schedule that fails {self.broken.check}"


def make_timeline(after_each_step: Sequence[Evidence]) -> Timeline:
    """Makes the timeline of an execution from the evidence after each of its steps."""
    nothing = Evidence(order="")
    moments = [
        Moment(
            after.steps[-1].instance,
            _step(after.steps[-1]),
            list(_notes(before, after)),
            is_fault=after.steps[-1].fault is not None,
            is_inside=after.steps[-1].point.kind == "inside",
            inside=sorted({instance for instance, _ in held}),
            is_held=(after.steps[-1].instance, after.steps[-1].channel) in held,
        )
        for before, after, held in zip(
            [nothing, *after_each_step], after_each_step, _find_held(after_each_step), strict=False
        )
    ]
    return Timeline([i.name for i in after_each_step[-1].instances], moments)


def find_broken_step(check: Check, message: str, after_each_step: Sequence[Evidence]) -> Broken:
    """Finds the step at which a check broke. `message` is the check's message."""
    at = len(after_each_step) - 1
    # A check that fails from the start misses something, so it breaks only at the end.
    is_from_the_start = check.examine(after_each_step[0]).verdict == "FAIL"
    while not is_from_the_start and at > 0 and check.examine(after_each_step[at - 1]).verdict == "FAIL":
        at -= 1
    return Broken(check.id, message, at)


def _step(step: Step) -> str:
    """Returns the step's name, with its channel if there are several, and its fault."""
    channel = "" if step.channel == 1 else f" (channel {step.channel})"
    return step_name(step.point) + channel + (f" [{step.fault}]" if step.fault else "")


def _find_held(after_each_step: Sequence[Evidence]) -> list[set[tuple[str, int]]]:
    """Returns, for each step, the channels that are held inside a statement after it: their next one begins there."""
    held: set[tuple[str, int]] = set()
    found = []
    for after in reversed(after_each_step):
        found.append(set(held))
        step = after.steps[-1]
        held.discard((step.instance, step.channel))
        if step.point.kind == "inside":
            held.add((step.instance, step.channel))
    return found[::-1]


def _notes(before: Evidence, after: Evidence) -> Iterator[Note]:
    """Yields what a step added to the evidence."""
    step, names = after.steps[-1], {instance.name for instance in after.instances}
    for result in step.results:
        other, _, _ = result.partition(":")
        yield Note("result", result, other if other in names else step.instance)
    for wait in after.waits[len(before.waits) :]:
        yield Note("wait", f"{wait.instance} waits for {' and '.join(wait.blockers)}", wait.instance, wait.blockers)
    writes = list(after.claim_writes)  # some that began earlier may be committed later
    for write in before.claim_writes:
        writes.remove(write)
    for write in writes:
        word = next(work.unit for work in after.application.works if work.name == write.work)
        verb = "claimed" if write.is_set else "given back"
        text = f"{word} {write.unit} {verb} by {write.instance} ({write.work})"
        yield Note("claim", text, write.instance)
    for sent in after.sent[len(before.sent) :]:
        verb = "accepted" if sent.message.accepted else f"refused with {sent.message.status}"
        text = f"message #{sent.message.number} to {masked(sent.message.to)} {verb}"
        yield Note("message", text, sent.message.instance)
    for error in after.errors[len(before.errors) :]:
        yield Note("error", f"{error.instance}: {error.message}", error.instance)
    answered = {response.instance for response in before.responses}
    for response in after.responses:
        if response.instance not in answered:
            yield Note("answer", f"{response.instance} answers {response.status}", response.instance)
