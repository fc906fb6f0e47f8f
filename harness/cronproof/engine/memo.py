"""Remembers the executions of an exploration: their outcomes, and what instances did in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from cronproof.domain.choice import Data
from cronproof.engine.evaluate import ExecutionSummary
from cronproof.gate.trace import Trace

MAX_REMEMBERED = 1_000_000  # some 100 MB; what is new behind that is not compared


@dataclass
class Memo:
    """Summaries by key, and the step that was taken at the end of each schedule, both as hashes."""

    summaries: dict[str, ExecutionSummary] = field(default_factory=dict)
    _steps: dict[int, int] = field(default_factory=dict)

    def find_nondeterminism(self, trace: Trace, data: Data) -> str | None:
        """What an instance did differently than in an earlier execution that was the same until then, if anything."""
        path = hash(data)
        for step in trace.steps:
            path = hash((path, step.name))
            shape = hash(step.point.shape)
            if len(self._steps) < MAX_REMEMBERED:
                self._steps.setdefault(path, shape)
            if self._steps.get(path, shape) != shape:
                return (
                    f"{step.name} did something else ({step.point.label}) than in an earlier run that was the same until "
                    "then: it remembers something from call to call; say `restart: true`, or have it remember nothing"
                )
        return None
