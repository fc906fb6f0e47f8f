"""What a scenario file says: given rows and services, when crons are called, then checks hold.

The JSON Schema that editors use is made from these classes: their docstrings and descriptions are what an editor shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    WithJsonSchema,
    model_validator,
)

from cronproof.checks.batch_limit import BatchLimit
from cronproof.checks.body import Body
from cronproof.checks.check import Check, listed
from cronproof.checks.delivery import Delivery
from cronproof.checks.egress import Egress
from cronproof.checks.exclusive import Exclusive
from cronproof.checks.flag_agrees import FlagAgrees
from cronproof.checks.never_waits import NeverWaits
from cronproof.checks.no_deadlock import NoDeadlock
from cronproof.checks.no_duplicate import NoDuplicate
from cronproof.checks.no_interference import NoInterference
from cronproof.checks.no_loss import NoLoss
from cronproof.checks.only_eligible import OnlyEligible
from cronproof.checks.rows import Rows
from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.checks.sees_rows import SeesRows
from cronproof.checks.status import Status
from cronproof.checks.text import Text
from cronproof.checks.tries import Tries
from cronproof.domain.crons import SENT_COLUMNS, CronName
from cronproof.evidence.evidence import Instance, JobId, in_order
from cronproof.explore.named_orders import OverlapName
from cronproof.gate.fault import FAULT_NAMES, FaultName, Faults
from cronproof.postgres.database import Role
from cronproof.services.openphone_errors import Envelope, ErrorName
from cronproof.strict_model import Parameters

MAX_INSTANCES = 26  # A to Z
MAX_PREEMPTIONS = 20
MAX_SAMPLE = 1_000_000
MAX_DEPTH = 10
DEPTH = 3

CLOCK_FORM = "say when, and where: `2026-03-08 08:00 America/Los_Angeles`"

Row = dict[str, Any]


class Repeated(Parameters):
    """Many rows alike. From one to the next, `id` and every `…_id` count up, phone numbers too, and times go back."""

    repeat: Annotated[int, Field(ge=2, le=500, description="How many rows.")]
    row: Annotated[Row, Field(description="The first row. Each further one is a minute older.")]


def _form_of_row(value: Any) -> str:
    return "repeated" if isinstance(value, Repeated) or (isinstance(value, dict) and "repeat" in value) else "row"


RowItem = Annotated[
    Annotated[Repeated, Tag("repeated")]
    | Annotated[
        Row,
        WithJsonSchema({"type": "object", "not": {"required": ["repeat"]}, "description": "A row: values by column."}),
        Tag("row"),
    ],
    Discriminator(_form_of_row),
]


class Refusal(Parameters):
    """OpenPhone refuses messages with one of its documented errors."""

    error: Annotated[ErrorName, Field(description="Which error.")]
    to: Annotated[str | None, Field(description="Only messages to this number; to any number when left out.")] = None
    times: Annotated[int | None, Field(ge=1, description="How many times; always when left out.")] = None


class OpenPhoneGiven(Parameters):
    """How the SMS API behaves during the run. In the runs of the recovery it refuses only what is invalid."""

    refuses: Annotated[list[Refusal], Field(description="The first that fits a message answers it.")] = []
    envelope: Annotated[
        Envelope, Field(description="The form of its errors: as documented (flat), or as seen live (wrapped).")
    ] = "flat"


def _time_of_a_place(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(CLOCK_FORM)  # noqa: TRY004  (the reader tells of it with its line)
    time, _, zone = value.rpartition(" ")
    try:
        return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone))
    except (ValueError, LookupError):
        raise ValueError(CLOCK_FORM) from None


class Given(Parameters):
    """What is there before the crons are called. The rows of fixtures/seed.yaml are there too."""

    rows: Annotated[
        dict[str, list[RowItem]],
        Field(
            description="Rows by table, each with its columns. Times: `3 hours ago`, `in 2 days`, `30 days 12 hours ago`, "
            "`now`. A tenant_id is given as the tenant's slug; left out, it is the first tenant of the seed. "
            "`{any: [a, b]}` is one of several values, drawn for each run of a sample; without one it is the first."
        ),
    ] = {}
    clock: Annotated[
        datetime | None,
        BeforeValidator(_time_of_a_place, json_schema_input_type=str),
        Field(
            description="What the application's clock shows, and keeps showing: `2026-03-08 08:00 America/Los_Angeles`. "
            "Times of rows count from it. Only the clock of crons in this process can be set, and never that of the "
            "database."
        ),
    ] = None
    openphone: Annotated[OpenPhoneGiven, Field(description="How the SMS API behaves.")] = OpenPhoneGiven()
    role: Annotated[
        Role,
        Field(description="The database role that the crons have. All but service_role are under row-level security."),
    ] = "service_role"


class Preemptions(Parameters):
    """Every schedule with at most so many preemptions: an instance is left that could have gone on."""

    preemptions: Annotated[int, Field(ge=0, le=MAX_PREEMPTIONS, description="How many.")]

    def __str__(self) -> str:
        return f"preemptions:{self.preemptions}"


class Sample(Parameters):
    """So many schedules, drawn at random, along with values of which `{any: [a, b]}` gives several."""

    sample: Annotated[int, Field(ge=1, le=MAX_SAMPLE, description="How many.")]
    depth: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_DEPTH,
            description="The kind of failure that the sample is made for: one that takes so many pairs of steps in a "
            "certain order, one step of each before the other.",
        ),
    ] = DEPTH

    def __str__(self) -> str:
        return f"sample:{self.sample}:{self.depth}"


def _form_of_interleavings(value: Any) -> str:
    if isinstance(value, Sample) or (isinstance(value, dict) and "sample" in value):
        return "sampled"
    return "bounded" if isinstance(value, dict | Preemptions) else "word"


INTERLEAVINGS = "all|all-unreduced|preemptions:N|sample:N[:DEPTH]"
"""How the command line names them."""
BOUNDS = f"at most {MAX_PREEMPTIONS} preemptions, {MAX_SAMPLE} samples, a depth of {MAX_DEPTH}"

Unbounded = Literal["all", "all-unreduced"]
Interleavings = Annotated[
    Annotated[Unbounded, Tag("word")] | Annotated[Preemptions, Tag("bounded")] | Annotated[Sample, Tag("sampled")],
    Discriminator(_form_of_interleavings),
]
_INTERLEAVINGS: TypeAdapter[Interleavings] = TypeAdapter(Interleavings)


def interleavings_of(text: str) -> Interleavings:
    """The interleavings that the command line names.

    Raises:
        ValueError: there are none of this name, or a number is out of its range.
    """
    given: object = text
    match text.split(":"):
        case ["preemptions", count]:
            given = {"preemptions": count}
        case ["sample", count]:
            given = {"sample": count}
        case ["sample", count, depth]:
            given = {"sample": count, "depth": depth}
    return _INTERLEAVINGS.validate_strings(given)


_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_PERIOD = re.compile(r"^[1-9]\d{0,3} (minute|hour|day)s?$")


FaultWord = Literal[FaultName, "each", "pairs"]


def _period(text: str) -> str:
    if not _PERIOD.match(text):
        raise ValueError("say how long, as `15 minutes`, `2 hours`, `1 day`")
    return text


class When(Parameters):
    """Which crons are called, how many instances, and how they overlap."""

    call: Annotated[
        list[CronName],
        BeforeValidator(listed, json_schema_input_type=CronName | list[CronName]),
        Field(min_length=1, max_length=MAX_INSTANCES, description="The cron; or a list, one instance each: A, B, C, …"),
    ]
    instances: Annotated[
        int | None, Field(ge=2, le=MAX_INSTANCES, description="How many instances of the one cron: A, B, C, …")
    ] = None
    overlaps: Annotated[
        list[OverlapName],
        Field(min_length=1, description="Each is played on fresh rows, and the checks must hold in every one."),
    ] = ["one-after-the-other"]
    interleavings: Annotated[
        Interleavings | None,
        Field(
            description="Schedules beside the named overlaps: `all`, of those that differ only by the order of independent "
            "steps one; `all-unreduced`, literally every one; `preemptions: N`, those with at most N; `sample: N`, as many "
            "drawn at random."
        ),
    ] = None
    faults: Annotated[
        list[FaultWord],
        BeforeValidator(listed, json_schema_input_type=FaultWord | list[FaultWord]),
        Field(
            description="Failures that are put in: these, or `each` of them, one in each run, at every point where it "
            "can happen; or with `pairs`, one or two, of these or of all. The instances run one after the other, each when the cron is due "
            "`again`, or with `interleavings` at once, in every order of those."
        ),
    ] = []
    again: Annotated[
        Annotated[str, AfterValidator(_period), WithJsonSchema({"type": "string", "pattern": _PERIOD.pattern})] | None,
        Field(
            description="How long until the crons are due again: `15 minutes`, `1 day`. So much time passes before each "
            "run of the recovery, before each further instance under faults, and while one is slow. None does, when left "
            "out.",
        ),
    ] = None
    each_pair: Annotated[
        bool,
        Field(description="Whether every two of the crons under `call` are called at once, each pair on fresh rows."),
    ] = False
    restart: Annotated[
        bool,
        Field(description="Every run begins with new processes, of servers that remember too much from call to call."),
    ] = False
    method: Annotated[Literal["GET", "POST"], Field(description="The HTTP method.")] = "GET"
    secret: Annotated[
        Literal["right", "wrong", "none"], Field(description="The CRON_SECRET that the call carries.")
    ] = "right"  # noqa: S105  (says which secret, and is none)

    @property
    def faults_to_meet(self) -> Faults | None:
        """Which faults are put in, if any are."""
        if not self.faults:
            return None
        names = [name for name in self.faults if name in FAULT_NAMES]
        return Faults(frozenset(names or FAULT_NAMES), at_most=2 if "pairs" in self.faults else 1)

    @property
    def period(self) -> timedelta:
        """How long until the crons are due again."""
        if self.again is None:
            return timedelta()
        amount, unit = self.again.split()
        return int(amount) * _UNITS[unit.removesuffix("s")]

    @property
    def strategy(self) -> str | None:
        """Which runs are made beside the named overlaps, if any are."""
        if self.interleavings is not None:
            return str(self.interleavings)
        return "faults" if self.faults else None

    @property
    def instance_list(self) -> list[Instance]:
        """The instances by name."""
        crons = self.call * (self.instances or 1)
        return [Instance(chr(ord("A") + number), cron) for number, cron in enumerate(crons)]


CheckName = Literal[
    "exclusive", "no-duplicate", "no-interference", "flag-agrees", "never-waits", "sees-rows", "no-deadlock", "egress"
]
BY_NAME: dict[CheckName, type[Check]] = {
    "exclusive": Exclusive,
    "no-duplicate": NoDuplicate,
    "no-interference": NoInterference,
    "flag-agrees": FlagAgrees,
    "never-waits": NeverWaits,
    "sees-rows": SeesRows,
    "no-deadlock": NoDeadlock,
    "egress": Egress,
}


class WithParameters(Parameters):
    """One check and its parameters."""

    no_loss: Annotated[NoLoss | None, Field(alias="no-loss")] = None
    delivery: Delivery | None = None
    flag_agrees: Annotated[FlagAgrees | None, Field(alias="flag-agrees")] = None
    only_eligible: Annotated[OnlyEligible | None, Field(alias="only-eligible")] = None
    batch_limit: Annotated[BatchLimit | None, Field(alias="batch-limit")] = None
    status: Status | None = None
    body: Body | None = None
    text: Text | None = None
    rows: Rows | None = None
    tries: Tries | None = None
    no_interference: Annotated[NoInterference | None, Field(alias="no-interference")] = None
    rpc_present: Annotated[RpcPresent | None, Field(alias="rpc-present")] = None
    rpc_guarded: Annotated[RpcGuarded | None, Field(alias="rpc-guarded")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("each item of the list is one check")
        if getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError("this check needs its parameters")
        return self


Expectation = Annotated[
    Annotated[CheckName, Tag("name")] | Annotated[WithParameters, Tag("parameters")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "parameters"),
]


class Scenario(Parameters):
    """A scenario of cronproof: given rows and services, when crons are called, then checks hold."""

    title: Annotated[str, Field(min_length=1, description="One line: what is shown.")]
    why: Annotated[str, Field(min_length=1, description="Why the case exists: what went wrong, or could.")]
    test: Annotated[
        Literal["functions", "responses", "race", "retry", "rules", "roles", "faults", "remaining"],
        Field(description="The part of the sign-off report that it belongs to."),
    ]
    slow: Annotated[
        bool, Field(description="Whether it takes long: then it is run only where it is named, or with `--slow`.")
    ] = False
    given: Annotated[Given, Field(description="What is there before.")] = Given()
    when: Annotated[When | None, Field(description="What is called; nothing, for checks of the database alone.")] = None
    then: Annotated[list[Expectation], Field(min_length=1, description="What must hold, in every overlap.")]

    @property
    def checks(self) -> list[Check]:
        """The checks with their parameters, in the order of the file."""
        return [
            BY_NAME[item]() if isinstance(item, str) else getattr(item, next(iter(item.model_fields_set)))
            for item in self.then
        ]


Path = tuple[str | int, ...]


def contradictions(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    """What a scenario says that does not fit together: where in the file, and what is wrong."""
    when, checks = scenario.when, scenario.checks
    if when is None:
        for number, check in enumerate(checks):
            if not check.of_the_database:
                yield ("then", number), f"{check.id} asks about a call, but there is no `when`"
        if scenario.given.rows:
            yield ("given", "rows"), "rows without a `when` are never looked at"
    elif when.instances is not None and len(when.call) > 1:
        yield ("when", "instances"), "a list under `call` already says how many instances there are"
    elif len(when.instance_list) == 1 and when.interleavings is not None:
        yield ("when", "interleavings"), "one instance cannot overlap; say `instances: 2`, or more"
    elif len(when.instance_list) == 1 and when.overlaps != ["one-after-the-other"]:
        yield ("when", "overlaps"), "one instance cannot overlap; say `instances: 2`, or more"
    if when is not None and when.each_pair and len(when.call) < 3:
        yield ("when", "each_pair"), "name three crons under `call`, or more; two are a pair already"
    yield from _faults_without_schedules(scenario)
    yield from _repeated_words(scenario)
    yield from _unknown_jobs(scenario)
    yield from _checks_of_other_crons(scenario)
    yield from _choices_without_need(scenario)


def _faults_without_schedules(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    when = scenario.when
    if when is None or not when.faults:
        return
    if isinstance(when.interleavings, Sample):
        yield ("when", "faults"), "a sample meets no faults; say `interleavings: all`, or leave them out"
    if "each" in when.faults and len(when.faults) > 1:
        yield ("when", "faults"), "`each` stands for every fault; name nothing beside it"


def places_to_choose(scenario: Scenario) -> Iterator[tuple[Path, Row, str]]:
    """The values of rows that stand for one of several, in the order of the file: where each is, its row, its column."""
    for table, items in scenario.given.rows.items():
        for position, item in enumerate(items):
            row, within = (item.row, ("row",)) if isinstance(item, Repeated) else (item, ())
            for column, value in row.items():
                if isinstance(value, dict) and value.keys() == {"any"} and isinstance(value["any"], list):
                    yield ("given", "rows", table, position, *within, column), row, column


def _choices_without_need(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    sampled = scenario.when is not None and isinstance(scenario.when.interleavings, Sample)
    for path, row, column in places_to_choose(scenario):
        if len(row[column]["any"]) < 2:
            yield path, "`any` chooses from two values or more"
        elif not sampled:
            yield path, "`any` is drawn by a sample only; say `interleavings: {sample: 1000}`"


def _checks_of_other_crons(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    called = scenario.when.call if scenario.when else []
    if called and not SENT_COLUMNS.keys() & set(called):
        for number, check in enumerate(scenario.checks):
            if check.of_jobs and not (isinstance(check, Delivery) and not check.jobs):
                yield ("then", number), f"{check.id} asks about marks of jobs, and {called[0]} keeps none"


def _unknown_jobs(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    ids = _job_ids(scenario)
    given = ", ".join(map(str, in_order(ids)[:8])) or "none"
    for number, check in enumerate(scenario.checks):
        for parameter in ("jobs", "skipped"):
            for position, job in enumerate(getattr(check, parameter, [])):
                if job in getattr(check, parameter)[:position]:
                    yield ("then", number, check.id, parameter, position), f"job {job} is there twice"
                if job not in ids:
                    place = (job,) if check.id == "text" else (parameter, position)
                    path = ("then", number, check.id, *place)
                    yield path, f"no job {job} is given; the jobs are: {given}"


def rows_of(table: list[Repeated | Row]) -> Iterator[tuple[int, int, Row]]:
    """The rows of a table as the file has them: its position, the number of its repetition, and the row."""
    for position, item in enumerate(table):
        if isinstance(item, Repeated):
            for repetition in range(item.repeat):
                yield position, repetition, item.row
        else:
            yield position, 0, item


def _job_ids(scenario: Scenario) -> set[JobId]:
    rows = rows_of(scenario.given.rows.get("jobs", []))
    ids = ((row.get("id"), repetition) for _, repetition, row in rows)
    return {job + repetition if isinstance(job, int) else job for job, repetition in ids if isinstance(job, int | str)}


def _repeated_words(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for number, check in enumerate(scenario.checks):
        if check.id in seen and not check.of_the_database:
            yield ("then", number), f"{check.id} is there twice"
        seen.add(check.id)
    overlaps = scenario.when.overlaps if scenario.when else []
    for number, overlap in enumerate(overlaps):
        if overlap in overlaps[:number]:
            yield ("when", "overlaps", number), f"{overlap} is there twice"
