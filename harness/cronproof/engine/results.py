"""What came of a scenario: its verdict, the checks behind it, and how thorough it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from cronproof.checks import Finding, Verdict
from cronproof.checks.delivery import Delivery
from cronproof.engine.scenario_runner import examine
from cronproof.engine.timeline import Timeline
from cronproof.evidence.evidence import Output, Run
from cronproof.evidence.message_outcomes import Consequence, consequences
from cronproof.explore.counterexample import Counterexample
from cronproof.explore.explorer import Coverage
from cronproof.explore.strategy import Assurance
from cronproof.scenario.choices import choices
from cronproof.scenario.model import Scenario
from cronproof.scenario.reader import ScenarioFile


@dataclass(frozen=True)
class CheckResult:
    """What a check said about all runs of a scenario: FAIL if it failed in any. `order` says in which."""

    id: str
    verdict: Verdict
    message: str
    order: str | None = None


@dataclass(frozen=True)
class Exploration:
    """How thorough a scenario's runs were.

    `exhausted` says whether there is no further order to play; `ended`, whether the strategy had nothing more to give out,
    or a failure or something else came before; `assurance`, of a sample, what is known of what was not played.
    """

    strategy: str
    schedules: int
    exhausted: bool
    distinct_outcomes: int
    blocked_waits: int
    seconds: float
    ended: Literal["complete", "failed", "stopped"] = "complete"
    assurance: Assurance | None = None
    amiss: Mapping[str, int] = field(default_factory=dict)
    """In how many schedules messages are not as they should be: `twice`, `lost`, `stuck`."""
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """What they came to, in a few words each, and how many did."""


@dataclass(frozen=True)
class Known:
    """A known limit that has shown: the shortest schedule that shows it, as a file to replay and as it went."""

    counterexample: Counterexample
    timeline: Timeline


@dataclass(frozen=True)
class ScenarioResult:
    """A scenario's verdict, the checks behind it, how thorough it was, and evidence: of each order that has a name, and
    of each outcome of the interleavings.
    """

    file: ScenarioFile
    checks: Sequence[CheckResult]
    runs: Sequence[Run]
    exploration: Exploration
    counterexample: Counterexample | None = None
    timeline: Timeline | None = None
    """The schedule of the counterexample; where there is none, of those that pass the one with the most to see."""
    passing: Timeline | None = None
    """Beside a counterexample, the schedule that passes and is most like it."""
    known: Sequence[Known] = ()
    interrupted: bool = False
    output: Sequence[Output] = ()
    """What instances outside wrote meanwhile, where it is no PASS."""

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
        """That of a failure, and one for each known limit that has shown, with the names of their files."""
        name = self.file.id.replace("/", ".").replace(":", ".")
        failed = [] if self.counterexample is None else [(f"{name}.counterexample.yaml", self.counterexample)]
        known = [(f"{name}.known-{number}.yaml", one.counterexample) for number, one in enumerate(self.known, start=1)]
        return failed + known

    @property
    def named(self) -> list[Run]:
        """The runs of named overlaps, and a scenario's only one."""
        return [run for run in self.runs if not run.is_explored]

    @property
    def is_explored(self) -> bool:
        """Whether schedules were run beside the named overlaps."""
        return self.file.scenario.when is not None and self.file.scenario.when.strategy is not None

    @property
    def played(self) -> int:
        """How many runs were made in all."""
        return len(self.named) + (self.exploration.schedules if self.is_explored else 0)

    @cached_property
    def consequences(self) -> list[Consequence]:
        """Of a scenario with faults, what each came to for each message: the truth table."""
        check = next((check for check in self.file.scenario.checks if isinstance(check, Delivery)), None)
        # The run of a counterexample was made once more.
        runs = {run.key: run for run in self.runs if run.met and run.hindrance is None}.values()
        return [one for run in runs for one in (consequences(run) if check is None else check.of(run))]

    @property
    def reason(self) -> str | None:
        """Why it is not a PASS, in one sentence."""
        return next((f"{c.id}: {c.message}" for c in self.checks if c.verdict == self.verdict != "PASS"), None)


_RANK: Mapping[Verdict, int] = {"PASS": 0, "INCONCLUSIVE": 1, "FAIL": 2}


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict of many: FAIL outweighs INCONCLUSIVE, which outweighs PASS. Of none it is INCONCLUSIVE."""
    order: tuple[Verdict, ...] = ("FAIL", "INCONCLUSIVE", "PASS")
    return next((verdict for verdict in order if verdict in verdicts), "INCONCLUSIVE")


@dataclass
class Tally:
    """What the checks said of all runs: the first failure, else the first doubt, else what was seen in the first run.

    Where rows are drawn, faults met, or jobs locked, a run may have nothing to show. That is no doubt if others have.
    """

    scenario: Scenario
    runs: list[Run] = field(default_factory=list)
    _said: dict[int, tuple[Finding, int, str]] = field(default_factory=dict)
    _stopped: str | None = None

    def __post_init__(self) -> None:
        faulty = self.scenario.when is not None and bool(self.scenario.when.faults)
        self._runs_differ = bool(choices(self.scenario)) or faulty

    def add(self, run: Run, *, first: bool = False) -> None:
        """Asks the checks of one more run; `first` puts it before those that were there."""
        self.runs.insert(0 if first else len(self.runs), run)
        for number, check in enumerate(self.scenario.checks):
            finding = examine(check, run)
            rank = _RANK[finding.verdict]
            shows_little = self._runs_differ or run.order == "jobs-locked"
            if shows_little and finding.verdict == "INCONCLUSIVE" and run.hindrance is None:
                rank = -1
            _, before, _ = self._said.get(number, (finding, -2, ""))
            if rank > before or (first and rank == before):
                self._said[number] = finding, rank, run.order

    def stopped(self, reason: str) -> None:
        """Not all was run that was to be: what did not fail is not known to hold."""
        self._stopped = reason

    @property
    def has_failed(self) -> bool:
        """Whether a check failed in any run so far."""
        return any(finding.verdict == "FAIL" for finding, _, _ in self._said.values())

    @property
    def results(self) -> list[CheckResult]:
        """One for each check, in the order of the file."""
        results = []
        for number, check in enumerate(self.scenario.checks):
            finding, _, order = self._said.get(
                number, (Finding("INCONCLUSIVE", self._stopped or "nothing was run"), 0, "")
            )
            if self._stopped is not None and finding.verdict == "PASS":
                finding, order = Finding("INCONCLUSIVE", self._stopped), ""
            elif finding.verdict == "PASS":
                finding = check.conclude(self.runs) or finding
            shown = order if finding.verdict != "PASS" or len(self.runs) == 1 else None
            results.append(CheckResult(check.id, finding.verdict, finding.message, shown or None))
        return results

    def exploration(self, strategy: str, coverage: Coverage | None, seconds: float) -> Exploration:
        """How much of what could happen was played."""
        if coverage is None:
            return Exploration(
                strategy=strategy,
                schedules=len(self.runs),
                exhausted=strategy == "single",
                distinct_outcomes=len({run.outcome for run in self.runs}),
                blocked_waits=sum(len(run.waits) for run in self.runs),
                seconds=seconds,
                outcomes=Counter(run.summary for run in self.runs if run.summary),
            )
        return Exploration(
            strategy=strategy,
            schedules=coverage.schedules,
            exhausted=coverage.exhausted,
            distinct_outcomes=len(coverage.outcomes),
            blocked_waits=coverage.waits,
            seconds=seconds,
            ended="stopped" if coverage.stopped else "complete" if coverage.complete else "failed",
            assurance=coverage.assurance,
            amiss=dict(coverage.amiss),
            outcomes=_by_summary(coverage),
        )


def _by_summary(coverage: Coverage) -> Mapping[str, int]:
    counts = Counter[str]()
    for outcome, schedules in coverage.outcomes.items():
        counts[coverage.summaries[outcome]] += schedules
    return counts
