"""The crons against a plain model of what must be sent: random rows at the edges of every rule, random calls, random faults.

The model knows nothing of claims, locks or instances. It says which jobs are due, and so which messages must be accepted.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness.explore import overlap
from harness.explore.scheduler import Scheduler
from harness.mocks.openphone import Scripted
from harness.postgres.server import Server
from harness.runner import Plan, Session, session_on
from harness.scenario import reader
from harness.stage import Stage
from tests.conftest import Await

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

COLUMNS = {
    "post-job-followup": "followup_sent_at",
    "monthly-followup": "monthly_followup_sent_at",
    "monthly-reengagement": "monthly_followup_sent_at",
    "frequency-nudge": "frequency_nudge_sent_at",
}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EDGE = timedelta(minutes=2)
BOUNDS = [2 * HOUR, 7 * DAY, 14 * DAY, 21 * DAY, 28 * DAY, 30 * DAY, 31 * DAY]
# However often time passes, by quarters of an hour at least, nobody is ever due at the very moment of a call.
AGES = [HOUR + EDGE, 25 * DAY + EDGE, 45 * DAY + EDGE, *(bound + edge for bound in BOUNDS for edge in (-EDGE, EDGE))]


@dataclass
class Tenant:
    number: int
    active: bool
    config: dict[str, Any]

    @property
    def id(self) -> str:
        return f"00000000-0000-4000-8000-{self.number:012d}"


@dataclass
class Job:
    id: int
    tenant: Tenant
    customer: int | None
    phone: str | None
    status: str
    age: timedelta
    marks: dict[str, bool]
    is_booked_again: bool


@dataclass
class World:
    """What is there, as the model sees it. `sent` has what was accepted, by job and column."""

    jobs: list[Job]
    tenants: list[Tenant]
    phones: dict[int, str]
    sent: Counter[tuple[int, str]] = field(default_factory=Counter)

    def due(self, cron: str) -> list[Job]:
        """The jobs that a run of the cron must decide."""
        return [job for job in self.jobs if job.status == "completed" and self._is_due(cron, job)]

    def _is_due(self, cron: str, job: Job) -> bool:
        config, marks = job.tenant.config, job.marks
        match cron:
            case "post-job-followup":
                return job.tenant.active and not marks["followup_sent_at"] and job.age > 2 * HOUR
            case "monthly-followup":
                return not marks["monthly_followup_sent_at"] and job.age > 30 * DAY
            case "monthly-reengagement":
                after = config.get("monthly_followup_days", 30) * DAY
                return job.tenant.active and not marks["monthly_followup_sent_at"] and after <= job.age <= after + DAY
            case _:
                after = config.get("frequency_nudge_days", 21) * DAY
                wanted = job.tenant.active and config.get("frequency_nudge_enabled", False)
                open_ = not marks["frequency_nudge_sent_at"] and not marks["monthly_followup_sent_at"]
                return wanted and open_ and after <= job.age <= after + 7 * DAY

    def run(self, cron: str, refused: set[str]) -> Counter[str]:
        """Decides what is due, and returns to which numbers a message must be accepted."""
        accepted: Counter[str] = Counter()
        column = COLUMNS[cron]
        for job in self.due(cron):
            phone = self.phone(job)
            if phone is None or (cron != "post-job-followup" and job.is_booked_again):
                job.marks[column] = True
            elif phone not in refused:
                job.marks[column] = True
                self.sent[job.id, column] += 1
                accepted[phone] += 1
        return accepted

    def phone(self, job: Job) -> str | None:
        return self.phones.get(job.customer, job.phone) if job.customer is not None else job.phone


@st.composite
def worlds(draw: st.DrawFn) -> World:
    configs = st.fixed_dictionaries(
        {},
        optional={
            "frequency_nudge_enabled": st.booleans(),
            "frequency_nudge_days": st.sampled_from([7, 14, 21]),
            "monthly_followup_days": st.sampled_from([7, 28, 30]),
        },
    )
    tenants = [
        Tenant(number, draw(st.booleans()) or number == 1, draw(configs))
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]
    phones = {number: f"+1212555{number:04d}" for number in range(101, 105)}
    of_tenant = {number: draw(st.sampled_from(tenants)) for number in phones}
    jobs = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        customer = draw(st.sampled_from([None, *phones]))
        tenant = draw(st.sampled_from(tenants)) if customer is None else of_tenant[customer]
        own = draw(st.sampled_from([None, f"+1212555{150 + number:04d}"]))
        age = draw(st.sampled_from(AGES))
        status = draw(st.sampled_from(["completed", "completed", "completed", "in_progress", "cancelled"]))
        marks = {column: draw(st.integers(0, 4)) == 0 for column in COLUMNS.values()}
        jobs.append(Job(number, tenant, customer, own, status, age, marks, is_booked_again=False))
    booked = {customer for customer in phones if draw(st.integers(0, 3)) == 0}
    for job in jobs:
        job.is_booked_again = job.customer in booked
    return World(jobs, tenants, phones)


def inserts(world: World) -> list[bytes]:
    """The rows of a world, as statements."""
    statements = []
    for tenant in world.tenants:
        config = json.dumps(tenant.config)
        statements.append(
            f"insert into public.tenants (id, name, slug, openphone_api_key, openphone_phone_id, workflow_config, active) "
            f"values ('{tenant.id}', 'Tenant {tenant.number}', 't{tenant.number}', 'key', 'PN{tenant.number}', '{config}', "
            f"{tenant.active})"
        )
    used = {job.customer: job.tenant for job in world.jobs if job.customer is not None}
    for customer, tenant in used.items():
        statements.append(
            f"insert into public.customers (id, tenant_id, phone_number) values ({customer}, '{tenant.id}', "
            f"'{world.phones[customer]}')"
        )
    for job in world.jobs:
        marks = ", ".join(
            "now() - interval '1 hour'" if job.marks[c] else "null" for c in dict.fromkeys(COLUMNS.values())
        )
        statements.append(
            f"insert into public.jobs (id, tenant_id, customer_id, phone_number, status, completed_at, "
            f"{', '.join(dict.fromkeys(COLUMNS.values()))}) values ({job.id}, '{job.tenant.id}', {job.customer or 'null'}, "
            f"{repr(job.phone) if job.phone else 'null'}, '{job.status}', now() - interval '{job.age.total_seconds()} s', {marks})"
        )
    for number, customer in enumerate(
        sorted({job.customer for job in world.jobs if job.customer and job.is_booked_again})
    ):
        statements.append(
            f"insert into public.jobs (id, tenant_id, customer_id, status, scheduled_at) values ({900 + number}, "
            f"'{used[customer].id}', {customer}, 'scheduled', now() + interval '400 days')"
        )
    return [statement.encode() for statement in statements]


class Crons(RuleBasedStateMachine):
    """Calls of crons, time that passes, refusals and deaths."""

    opened: ClassVar[Session]
    waiting: ClassVar[list[Await]]
    stages: ClassVar[dict[tuple[str, int], Stage]]
    world: World | None = None

    @initialize(world=worlds())
    def begin(self, world: World) -> None:
        self.world = world

        async def main() -> None:
            script = await self.opened.database.script(inserts(world))
            await self.opened.database.reset(script)
            self.opened.services.api_keys = frozenset({"key"})
            self.opened.services.reset()

        self.await_(main())

    @rule(
        cron=st.sampled_from(list(COLUMNS)),
        instances=st.integers(1, 3),
        play=st.sampled_from([overlap.one_after_the_other, overlap.step_by_step, overlap.held_at_step(3)]),
        refused=st.sets(st.integers(101, 104), max_size=2),
    )
    def call(self, cron: str, instances: int, play: overlap.Play, refused: set[int]) -> None:
        numbers = {self.given.phones[number] for number in refused}
        before = self.received()
        self.perform(cron, instances, play, numbers)

        expected = self.given.run(cron, numbers)
        assert self.received() - before == expected

    @rule(cron=st.sampled_from(list(COLUMNS)), steps=st.integers(1, 8))
    def die(self, cron: str, steps: int) -> None:
        """The one instance is killed. What it has claimed and not sent is lost; the model takes it as it is."""
        before = self.received()

        async def dies(scheduler: Scheduler) -> None:
            await scheduler.step("A")
            for _ in range(steps):
                if scheduler.next_point("A") is None:
                    return
                await scheduler.step("A")
            if scheduler.next_point("A") is not None:
                await scheduler.step("A!dies")

        self.perform(cron, 1, dies, set())
        due = self.given.due(cron)
        column = COLUMNS[cron]
        received = self.received() - before
        marked = self.marked(column)
        for job in due:
            job.marks[column] = job.id in marked
            phone = self.given.phone(job)
            if phone is not None and received[phone]:
                received[phone] -= 1
                self.given.sent[job.id, column] += 1
        assert not +received

    @rule(time=st.sampled_from([timedelta(minutes=15), HOUR, DAY, 7 * DAY]))
    def pass_time(self, time: timedelta) -> None:
        for job in self.given.jobs:
            job.age += time
        self.await_(self.opened.database.age(time))

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert self.world is None or set(self.world.sent.values()) <= {1}

    @invariant()
    def marks_are_what_the_model_has(self) -> None:
        for column in dict.fromkeys(COLUMNS.values()) if self.world else ():
            assert self.marked(column) == {job.id for job in self.given.jobs if job.marks[column]}

    def await_(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        (run,) = self.waiting
        return run(coroutine)

    @property
    def given(self) -> World:
        assert self.world is not None
        return self.world

    def perform(self, cron: str, instances: int, play: overlap.Play, refused: set[str]) -> None:
        stage = self.stages[cron, instances]
        services = self.opened.services
        services.openphone.scripted = [Scripted("rate-limited", number) for number in sorted(refused)]

        async def main() -> str | None:
            for instance in stage.instances:  # who was hit by a death comes to a new connection first
                if (instance.name, "service_role") in stage.shaken:
                    stage.shaken.discard((instance.name, "service_role"))
                    harmless = replace(instance, cron="crew-briefing")
                    for _ in range(3):
                        answer = await self.opened.target.call(harmless, method="GET", secret=self.opened.target.secret)
                        if answer is not None and answer.status == 200:
                            break
            performed = await stage._perform(play)
            return None if performed.never_reached else performed.hindrance

        assert self.await_(main()) is None

    def received(self) -> Counter[str]:
        return Counter(message.to for message in self.opened.services.messages if message.accepted)

    def marked(self, column: str) -> set[int]:
        rows = self.await_(self.opened.database.fetch(f"select id from public.jobs where {column} is not null"))
        return {number for (number,) in rows}


@pytest.fixture
def machine(request: pytest.FixtureRequest, await_: Await, postgres: Server, tmp_path: Path) -> Iterator[type[Crons]]:
    """A machine on a session of its own, with the target that the test names."""
    stack = contextlib.AsyncExitStack()

    async def opened() -> Session:
        return await stack.enter_async_context(session_on(postgres, Plan(request.param)))

    class Opened(Crons):
        pass

    Opened.opened, Opened.waiting, Opened.stages = await_(opened()), [await_], {}
    for cron in COLUMNS:
        for instances in (1, 2, 3):
            file = tmp_path / f"{cron}-{instances}.yaml"
            several = f"\n  instances: {instances}" if instances > 1 else ""
            file.write_text(f"title: t\nwhy: w\ntest: rules\nwhen:\n  call: {cron}{several}\nthen:\n  - egress\n")
            Opened.stages[cron, instances] = await_(Opened.opened.stage(reader.read_one(file)))
    with Opened.opened.target.isolated():
        yield Opened
    await_(stack.aclose())


@pytest.mark.parametrize("machine", ["reference"], indirect=True)
def test_the_crons_send_what_the_model_says(machine: type[Crons]) -> None:
    play(machine)


@pytest.mark.parametrize("machine", ["legacy"], indirect=True)
def test_those_before_the_fix_do_not(machine: type[Crons]) -> None:
    with pytest.raises(AssertionError):
        play(machine)


def play(machine: type[Crons]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=400,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # of what fails the steps are printed as they are
            suppress_health_check=list(HealthCheck),
        ),
    )
