"""The content of a report, section by section, for every format."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cronproof.engine.timeline import Timeline
from cronproof.evidence.finding import Verdict, worst
from cronproof.evidence.message_outcome import MessageOutcome
from cronproof.report.data.document import Document, ExecutionEntry, ScenarioEntry
from cronproof.report.data.parts import PARTS
from cronproof.report.views import fault_matrix, risk_table
from cronproof.report.views.interleavings import which
from cronproof.report.views.table import Cell, Code, Link, Strong, Table

DIGEST_CHARACTERS = 16
NOWHERE = "none"


@dataclass(frozen=True)
class Section:
    """One part of the report."""

    id: str
    heading: str
    verdict: Verdict
    scenarios: Sequence[ScenarioEntry]
    tables: Sequence[Table]

    @property
    def executions(self) -> int:
        """How many executions its scenarios took."""
        return sum(scenario.played for scenario in self.scenarios)

    @property
    def limited(self) -> int:
        """How many scenarios have shown known limits."""
        return sum(bool(scenario.limits) for scenario in self.scenarios)

    @property
    def listed_scenarios(self) -> Sequence[ScenarioEntry]:
        """The scenarios without passing pairs, which are in a table."""
        return [scenario for scenario in self.scenarios if scenario.pair is None or scenario.verdict != "PASS"]


def make_sections(document: Document) -> list[Section]:
    """Makes a section for each part of the report that has scenarios, in order."""
    found = []
    for part, heading in PARTS.items():
        of_part = [scenario for scenario in document.scenarios if scenario.test == part]
        if of_part:
            verdict = worst([scenario.verdict for scenario in of_part])
            tables = list(_remaining(document) if part == "remaining" else _TABLES[part](of_part))
            found.append(Section(part, heading, verdict, of_part, [one for one in tables if one.rows]))
    return found


def count(number: int, noun: str) -> str:
    """A number of things: `1 scenario`, `2 scenarios`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def sentence(document: Document) -> str:
    """Puts the verdict in a sentence."""
    scenarios = len(document.scenarios)
    failed, unsure = (sum(one.verdict == said for one in document.scenarios) for said in ("FAIL", "INCONCLUSIVE"))
    if not failed and not unsure:
        limited = sum(one.limited for one in make_sections(document))
        hold = "the only scenario holds" if scenarios == 1 else f"all {scenarios} scenarios hold"
        return hold + (f", {limited} of them with known limits" if limited else "")
    counts = [f"{failed} failed"] * bool(failed) + [f"{unsure} proved nothing"] * bool(unsure)
    return f"{' and '.join(counts)} of {count(scenarios, 'scenario')}"


def crons(scenario: ScenarioEntry) -> Mapping[str, str]:
    """Returns the cron of each instance."""
    return {instance.name: instance.cron for instance in scenario.instances}


def outcomes(scenario: ScenarioEntry) -> Table:
    """Makes the table of outcomes: what each instance answered and sent, in how many schedules."""
    rows = [(what, schedules) for what, schedules in scenario.exploration.outcomes.items()]
    return Table(("Outcome: what each answered, and sent", "Schedules"), rows)


SCHEDULES = "A6 B7 A1 is a schedule: A takes six steps, then B seven, then A one. A!dies1 is a step with a fault."
CHANGED = "Files differed from this commit: checking it out does not repeat this run exactly."
LATER = "What is missing above shows when the crons are called again afterwards, until nothing changes any more."


def shows_later(timeline: Timeline) -> bool:
    """Whether the check breaks at the last step, so that the cause may come afterwards."""
    return timeline.broken is not None and timeline.broken.at == len(timeline.moments) - 1


def summary(document: Document) -> Table:
    """Makes the summary: a row for each part."""
    rows = [
        (one.heading, len(one.scenarios), one.executions, Strong(one.verdict), one.limited or "none")
        for one in make_sections(document)
    ]
    return Table(("Test", "Scenarios", "Executions", "Result", "With known limits"), rows)


def failures(document: Document) -> Iterator[tuple[ScenarioEntry, Verdict, str, str]]:
    """Yields each check that did not pass: scenario, verdict, name with order, message."""
    for scenario in document.scenarios:
        for check in scenario.checks:
            if check.verdict != "PASS":
                yield scenario, check.verdict, check.id + (f" ({check.order})" if check.order else ""), check.message


def provenance(document: Document) -> list[tuple[str, Cell]]:
    """Lists what was verified, and on what, as names and values."""
    commit: Cell = Code(document.commit)
    if document.dirty:
        commit = (commit, " with uncommitted changes")
    versions = document.versions
    lines: list[tuple[str, Cell]] = [
        ("Target", document.target + (f": {document.target_is}" if document.target_is else "")),
        ("Commit", commit),
        ("Postgres", document.postgres),
        ("Versions", f"cronproof {versions.cronproof}, Python {versions.python}, {versions.system}"),
        ("Seed", str(document.seed)),
        ("Budget", "none" if document.budget_seconds is None else f"{document.budget_seconds:g} s"),
    ]
    if document.shard is not None:
        lines.append(("Shard", document.shard))
    return lines


def digests(document: Document) -> Table:
    """Makes the table of the files that the run used, with their digests."""
    files = [*document.migrations, *document.files]
    rows = [(one.file, Code(one.sha256[:DIGEST_CHARACTERS])) for one in files]
    return Table(("File", "SHA-256, its beginning"), rows)


def repeat(document: Document) -> list[str]:
    """Returns the commands that repeat the run."""
    known = not document.commit.startswith("unknown")
    enter = [] if document.directory == "." else [f"cd {document.directory}"]
    return [*([f"git checkout {document.commit}"] if known else []), *enter, document.command]


def coverage(document: Document) -> Table:
    """Makes the table of how each cron was called; `none` where it was not."""
    rows = []
    called = (instance.cron for scenario in document.scenarios for instance in scenario.instances)
    for cron in dict.fromkeys([*document.crons, *called]):
        of_cron = [one for one in document.scenarios if cron in {instance.cron for instance in one.instances}]
        alone = [one for one in of_cron if len(one.instances) == 1]
        same = [one for one in of_cron if {i.cron for i in one.instances} == {cron} and len(one.instances) > 1]
        faulty = [one for one in of_cron if one.faults]
        races = [one for one in same if not one.faults]
        others = [one for one in of_cron if len({i.cron for i in one.instances}) > 1 and not one.faults]
        rows.append((cron, *(_counted(group) for group in (alone, races, others, faulty))))
    head = ("Cron", "One instance", "Several at once", "Beside other crons", "With every fault")
    return Table(head, rows)


def _counted(scenarios: Sequence[ScenarioEntry]) -> str:
    if not scenarios:
        return NOWHERE
    executions = sum(scenario.played for scenario in scenarios)
    return f"{count(len(scenarios), 'scenario')}, {count(executions, 'execution')}"


def gaps(document: Document) -> Iterator[tuple[str, Sequence[str]]]:
    """Yields what the run does not prove: a sentence, and the scenarios that it is about."""
    if document.interrupted:
        yield "The run was interrupted: what it did not reach is not known.", []
    if document.shard is not None:
        yield f"This is shard {document.shard} of all scenarios; the others are reported elsewhere.", []
    if document.left_out:
        yield f"{count(document.left_out, 'slow scenario')} left out; --slow includes them.", []
    unsure = [one.id for one in document.scenarios if one.verdict == "INCONCLUSIVE"]
    if unsure:
        yield "Scenarios that proved nothing, for the reasons given above:", unsure
    partly = [f"{one.id}: {which(one.exploration)}" for one in document.scenarios if _is_partial(one)]
    if partly:
        yield "Explorations that did not execute every schedule:", partly
    named = [one.id for one in document.scenarios if one.exploration.strategy == "orders"]
    if named:
        yield "Several instances, but in named orders only:", named
    untouched = [str(row[0]) for row in coverage(document).rows if set(row[1:]) == {NOWHERE}]
    if untouched:
        yield "Crons that no scenario calls:", untouched
    limits = Counter(reason for scenario in document.scenarios for reason in scenario.limits)
    if limits:
        yield (
            "Known limits, which fail nothing:",
            [f"{reason} ({count(times, 'scenario')})" for reason, times in limits.items()],
        )


ALWAYS = (
    "What happens inside a statement of Postgres is explored where statements conflict, and `select … for update` is one step.",
    "The services that were called are stand-ins, which behave as they are documented or declared; no real message was sent.",
    "More instances, other rows, or more faults in one execution than a scenario names are not covered.",
)
"""What no run proves, whatever its scenarios."""


def _is_partial(scenario: ScenarioEntry) -> bool:
    exploration = scenario.exploration
    if not scenario.is_explored or scenario.verdict != "PASS":
        return False
    return not exploration.exhausted and exploration.strategy != "faults"


def _functions(scenarios: Sequence[ScenarioEntry]) -> Iterator[Table]:
    rows: list[Sequence[Cell]] = [
        (Code(one.function), Strong("Yes" if one.present else "No"), one.guarded or "not asked")
        for scenario in scenarios
        for one in scenario.functions
    ]
    yield Table(("Function", "Present as expected", "Guarded"), rows)


def _responses(scenarios: Sequence[ScenarioEntry]) -> Iterator[Table]:
    rows: list[Sequence[Cell]] = []
    for scenario, execution in _executions(scenarios):
        called = crons(scenario)
        rows += [(called[one.instance], one.status, Code(one.body)) for one in execution.responses]
    yield Table(("Cron", "Status", "Response"), rows)


def _race(scenarios: Sequence[ScenarioEntry]) -> Iterator[Table]:
    rows: list[Sequence[Cell]] = []
    for scenario, execution in _executions(scenarios):
        order = f"one of the schedules, {execution.order}" if execution.explored else execution.order
        claims: list[Cell] = []
        for claim in execution.claims:
            claimed = f" ({scenario.unit} {', '.join(map(str, claim.units))})" if claim.units else ""
            claims.append(("; " if claims else "", f"{claim.instance}: ", Strong(str(len(claim.units))), claimed))
        waits = ", ".join(f"{wait.instance} for {' and '.join(wait.blockers)}" for wait in execution.waits)
        rows.append((scenario.id, order, tuple(claims), execution.accepted, waits or "none"))
    yield explorations(scenarios)
    title = "Each named order, and one schedule for each outcome:"
    yield Table(("Scenario", "Order", "Claimed", "Messages accepted", "Lock waits"), rows, title)


def explorations(scenarios: Sequence[ScenarioEntry]) -> Table:
    """How many schedules of each scenario were executed, and whether that was all."""
    rows = [
        (one.id, e.schedules, which(e), "yes" if e.exhausted else "no", e.distinct_outcomes, e.blocked_waits)
        for one in scenarios
        if one.is_explored
        for e in [one.exploration]
    ]
    return Table(("Scenario", "Schedules", "Which", "Exhausted", "Distinct outcomes", "Lock waits"), rows)


def _retry(scenarios: Sequence[ScenarioEntry]) -> Iterator[Table]:
    claims: dict[str, Cell] = {"set": "claimed", "empty": Strong("free"), "deleted": "deleted"}
    rows: list[Sequence[Cell]] = []
    for scenario, execution in _executions(scenarios):
        for unit in execution.units:
            answers, later = (
                ", ".join(map(str, statuses)) or "not tried" for statuses in (unit.answers, unit.answers_later)
            )
            rows.append(
                (scenario.instances[0].cron, f"{scenario.unit} {unit.unit}", answers, claims[unit.claim], later)
            )
    yield Table(("Cron", "Unit of work", "The service answered", "Claim afterwards", "Recovery"), rows)


def fault_tables(message_outcomes: Sequence[MessageOutcome]) -> Iterator[Table]:
    """Yields tables of what became of messages: by point, then by fault of a call, then known."""
    rows: list[Sequence[Cell]] = [(Code(name), *cells) for name, cells in fault_matrix.make_rows(message_outcomes)]
    yield Table(("Point", *fault_matrix.HEADINGS.values()), rows)
    for point, by_cell in fault_matrix.of_calls(message_outcomes):
        of_call = [(what, ", ".join(faults)) for what, faults in by_cell.items()]
        yield Table(("Outcome", "Faults"), of_call, ("At ", Code(point), ":"))
    doubts = fault_matrix.find_doubts(message_outcomes)
    yield Table(("Fault", "Nothing is known, because"), [(Code(place), doubt) for place, doubt in doubts.items()])
    known: dict[tuple[str, str], None] = {}
    for one in message_outcomes:
        if one.known is not None:
            known[one.faults[0].fault, one.known] = None
    yield Table(("Fault", "Known, because"), [(Code(fault), reason) for fault, reason in known])


def _nothing(_: Sequence[ScenarioEntry]) -> Iterator[Table]:
    return iter(())


def _remaining(document: Document) -> Iterator[Table]:
    of_part = [scenario for scenario in document.scenarios if scenario.test == "remaining"]
    yield Table(risk_table.HEAD, list(risk_table.make_rows(document.risks, document.crons)))
    limits: list[Sequence[Cell]] = [
        (reason, Link(files[0], files[0]), len(files)) for reason, files in risk_table.limits(of_part).items()
    ]
    yield Table(("Known limit", "A schedule that shows it", "Of so many"), limits)
    yield Table(("At once", "and", "Schedules", "How they interfere"), list(risk_table.pairs(of_part)))


_TABLES: dict[str, Callable[[Sequence[ScenarioEntry]], Iterator[Table]]] = {
    "functions": _functions,
    "responses": _responses,
    "race": _race,
    "retry": _retry,
    "rules": _nothing,
    "roles": _responses,
    "faults": _nothing,
}


def _executions(scenarios: Sequence[ScenarioEntry]) -> Iterator[tuple[ScenarioEntry, ExecutionEntry]]:
    for scenario in scenarios:
        for execution in scenario.executions:
            yield scenario, execution
