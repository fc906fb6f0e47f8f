"""The result of a scenario: its verdict, its checks, and how thorough its executions were."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self

from cronproof.domain.instance import Output
from cronproof.engine.evaluate import CheckResult
from cronproof.engine.timeline import Timeline
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Verdict, worst
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.explore.counterexample import Counterexample
from cronproof.explore.explorer import Coverage
from cronproof.explore.strategy import Assurance, Inside
from cronproof.scenario.reader import ScenarioFile


@dataclass(frozen=True)
class Exploration:
    """How thorough the executions of a scenario were."""

    strategy: str
    schedules: int
    exhausted: bool
    """Whether there is no further schedule."""
    distinct_outcomes: int
    blocked_waits: int
    seconds: float
    ended: Literal["complete", "failed", "stopped"] = "complete"
    """Whether the strategy was completed, or ended early by a failure or something else."""
    stopped: str | None = None
    """Why it ended early, if it was something else than a failure."""
    assurance: Assurance | None = None
    inside: Inside | None = None
    """Inside which statements instances were held; None if all stayed whole."""
    anomalies: Mapping[str, int] = field(default_factory=dict)
    """How many schedules show each kind of anomaly, such as `duplicate`, `lost` or `stuck`."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """Each outcome in a few words, with its number of schedules."""

    @classmethod
    def of_named_orders(cls, strategy: str, evidence: Sequence[Evidence], seconds: float) -> Self:
        """Makes it for a scenario with only named orders, or without calls."""
        return cls(
            strategy=strategy,
            schedules=len(evidence),
            exhausted=strategy == "single",
            distinct_outcomes=len({one.outcome for one in evidence}),
            blocked_waits=sum(len(one.waits) for one in evidence),
            seconds=seconds,
            outcomes=Counter(one.summary for one in evidence if one.summary),
        )

    @classmethod
    def from_coverage(cls, strategy: str, coverage: Coverage, seconds: float) -> Self:
        """Makes it for a scenario whose schedules were explored."""
        outcomes = Counter[str]()
        for outcome, schedules in coverage.outcomes.items():
            outcomes[coverage.summaries[outcome]] += schedules
        return cls(
            strategy=strategy,
            schedules=coverage.schedules,
            exhausted=coverage.exhausted,
            distinct_outcomes=len(coverage.outcomes),
            blocked_waits=coverage.waits,
            seconds=seconds,
            ended="stopped" if coverage.stopped else "complete" if coverage.complete else "failed",
            stopped=coverage.stopped,
            assurance=coverage.assurance,
            inside=coverage.inside,
            anomalies=dict(coverage.anomalies),
            outcomes=outcomes,
        )


@dataclass(frozen=True)
class ShownLimit:
    """A known limit that showed: the shortest schedule with it, as a file and as a timeline."""

    counterexample: Counterexample
    timeline: Timeline


@dataclass(frozen=True)
class ScenarioResult:
    """The result of a scenario. Its evidence is of the named orders and the explored outcomes."""

    file: ScenarioFile
    checks: Sequence[CheckResult]
    evidence: Sequence[Evidence]
    exploration: Exploration
    counterexample: Counterexample | None = None
    timeline: Timeline | None = None
    """The schedule of the counterexample or, without one, a representative passing schedule."""
    passing: Timeline | None = None
    """The passing schedule that is most like the counterexample, if there is one."""
    known: Sequence[ShownLimit] = ()
    interrupted: bool = False
    output: Sequence[Output] = ()
    """What the processes of instances wrote, unless the verdict is PASS."""

    @property
    def verdict(self) -> Verdict:
        """FAIL if any check failed, else INCONCLUSIVE if any was, else PASS."""
        return worst([check.verdict for check in self.checks])

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.exploration.seconds

    @property
    def counterexamples(self) -> list[tuple[str, Counterexample]]:
        """The file names and counterexamples of the failure and of known limits that showed."""
        name = self.file.id.replace("/", ".").replace(":", ".")
        failed = [] if self.counterexample is None else [(f"{name}.counterexample.yaml", self.counterexample)]
        known = [(f"{name}.known-{number}.yaml", one.counterexample) for number, one in enumerate(self.known, start=1)]
        return failed + known

    @property
    def named(self) -> list[Evidence]:
        """The executions of named orders, and of a scenario with one instance."""
        return [one for one in self.evidence if not one.is_explored]

    @property
    def is_explored(self) -> bool:
        """Whether schedules were explored besides the named orders."""
        return self.file.scenario.when is not None and self.file.scenario.when.strategy is not None

    @property
    def played(self) -> int:
        """How many executions there were in all."""
        return len(self.named) + (self.exploration.schedules if self.is_explored else 0)

    @cached_property
    def message_outcomes(self) -> list[MessageOutcome]:
        """The truth table: the outcome of each message in each execution with faults."""
        different = {one.key: one for one in self.evidence}.values()  # confirming adds duplicates
        return [outcome for one in different for outcome in one.message_outcomes]

    @property
    def reason(self) -> str | None:
        """Why it is not a PASS, in one sentence."""
        return next((f"{c.id}: {c.message}" for c in self.checks if c.verdict == self.verdict != "PASS"), None)
