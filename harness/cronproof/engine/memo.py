"""Remembers the executions of an exploration: their outcomes, and what instances did in them."""

from dataclasses import dataclass, field

from cronproof.domain.choice import Data
from cronproof.engine.evaluate import ExecutionSummary
from cronproof.gate.point import Apart
from cronproof.gate.trace import Trace

MAX_REMEMBERED = 1_000_000  # about 100 MB; further steps are not compared


@dataclass
class Memo:
    """Summaries by key, and a hash of the last step of each schedule prefix."""

    summaries: dict[str, ExecutionSummary] = field(default_factory=dict)
    _steps: dict[int, int] = field(default_factory=dict)

    def find_nondeterminism(self, trace: Trace, data: Data, apart: Apart) -> str | None:
        """Returns what an instance did differently than before, after the same steps, if so. `apart`: the
        statements that are taken apart, which makes for other steps.
        """
        path = hash((data, frozenset(apart.items())))
        for step in trace.steps:
            path = hash((path, step.name))
            shape = hash(step.point.shape)
            if len(self._steps) < MAX_REMEMBERED:
                self._steps.setdefault(path, shape)
            if self._steps.get(path, shape) != shape:
                return (
                    f"{step.name} did something else ({step.point.label}) than in an earlier run that was the same until "
                    "then: it keeps state between calls; set `restart: true`, or remove that state"
                )
        return None
