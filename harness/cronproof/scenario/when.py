"""`when`: which crons are called, and in which orders."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from cronproof.checks.check import as_list
from cronproof.domain.instance import MAX_INSTANCES, NAMES, CronName, Instance
from cronproof.explore.inside import Choice
from cronproof.explore.named_orders import OrderName
from cronproof.gate.fault import SEVERAL_FAULTS, Faults
from cronproof.scenario.interleavings import Interleavings
from cronproof.services.errors import FaultWord
from cronproof.strict_model import StrictModel

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_PERIOD = re.compile(r"^[1-9]\d{0,3} (minute|hour|day)s?$")


def _period(text: str) -> str:
    if not _PERIOD.match(text):
        raise ValueError("say how long, for example `15 minutes`, `2 hours`, `1 day`")
    return text


class When(StrictModel):
    """Which crons are called, how many instances, and in which orders."""

    call: Annotated[
        list[CronName],
        BeforeValidator(as_list, json_schema_input_type=CronName | list[CronName]),
        Field(min_length=1, max_length=MAX_INSTANCES, description="The cron; or a list, one instance each: A, B, C, …"),
    ]
    instances: Annotated[
        int | None, Field(ge=2, le=MAX_INSTANCES, description="How many instances of the one cron: A, B, C, …")
    ] = None
    orders: Annotated[
        list[OrderName],
        Field(
            min_length=1,
            description="The named orders. Each is executed on fresh rows, and the checks must hold in every one.",
        ),
    ] = ["one-after-the-other"]
    interleavings: Annotated[
        Interleavings | None,
        Field(
            description="Schedules besides the named orders: `all`, one of each equivalence class; `all-unreduced`, literally "
            "every one; `preemptions: N`, those with at most N; `sample: N`, as many drawn at random."
        ),
    ] = None
    inside: Annotated[
        Choice,
        Field(
            description="Which statements are held inside as well, with `interleavings`: in `conflicts`, those that conflict with "
            "one of another instance, where that is seen; `all`; `none`."
        ),
    ] = "conflicts"
    faults: Annotated[
        list[FaultWord],
        BeforeValidator(as_list, json_schema_input_type=FaultWord | list[FaultWord]),
        Field(
            description="Faults to inject: those named, or `each` for all. An execution has one fault; every point is "
            "tried at which it can happen. With `pairs` it has one or two. The instances run one after the other, each when "
            "the cron is due `again`; with `interleavings`, concurrently, in those schedules."
        ),
    ] = []
    again: Annotated[
        Annotated[str, AfterValidator(_period), WithJsonSchema({"type": "string", "pattern": _PERIOD.pattern})] | None,
        Field(
            description="How long until the crons are due again: `15 minutes`, `1 day`. This time passes before each "
            "round of the recovery, before each further instance under faults, and while a call is slow. By default no "
            "time passes.",
        ),
    ] = None
    each_pair: Annotated[
        bool,
        Field(description="Whether every pair of the crons under `call` is called concurrently, on fresh rows."),
    ] = False
    restart: Annotated[
        bool,
        Field(description="Whether every execution starts new processes, for servers that keep state between calls."),
    ] = False
    method: Annotated[Literal["GET", "POST"], Field(description="The HTTP method.")] = "GET"
    secret: Annotated[
        Literal["right", "wrong", "none"], Field(description="The CRON_SECRET that the call carries.")
    ] = "right"  # noqa: S105  (says which secret, and is none)

    @property
    def faults_to_inject(self) -> Faults | None:
        """Which faults are injected, if any are."""
        if not self.faults:
            return None
        names = frozenset(self.faults) - SEVERAL_FAULTS
        return Faults(names or None, at_most=2 if "pairs" in self.faults else 1)

    @property
    def period(self) -> timedelta:
        """How long until the crons are due again."""
        if self.again is None:
            return timedelta()
        amount, unit = self.again.split()
        return int(amount) * _UNITS[unit.removesuffix("s")]

    @property
    def strategy(self) -> str | None:
        """The strategy for schedules besides the named orders, if there are any."""
        if self.interleavings is not None:
            return str(self.interleavings)
        return "faults" if self.faults else None

    @property
    def instance_list(self) -> list[Instance]:
        """The instances by name."""
        crons = self.call * (self.instances or 1)
        return [Instance(NAMES[number], cron) for number, cron in enumerate(crons)]
