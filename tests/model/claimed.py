"""A model of the crons for completed jobs: which jobs are due, so what must be accepted.

It knows nothing of claims, locks or instances.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.model import rows
from tests.model.rows import insert, uuid_of
from tests.support.reference import SENT_COLUMNS

MARKS = tuple(dict.fromkeys(SENT_COLUMNS.values()))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EDGE = timedelta(minutes=2)
"""Longer than any play takes. The two clocks may differ by this much."""
BOUNDS = [2 * HOUR, 7 * DAY, 14 * DAY, 21 * DAY, 28 * DAY, 29 * DAY, 30 * DAY, 31 * DAY]
AGES = [HOUR, 25 * DAY, 45 * DAY, *(bound + edge for bound in BOUNDS for edge in (-EDGE, timedelta(), EDGE))]
PHONES = [f"+1212555{number:04d}" for number in range(101, 106)]


class Text(NamedTuple):
    """The predicted part of a message: the number of the tenant, and the recipient."""

    tenant: int
    to: str


@dataclass
class Tenant:
    number: int
    active: bool
    config: dict[str, Any]
    covered: timedelta | None = None
    """How long ago the re-engagement window ended, if recorded."""

    @property
    def id(self) -> str:
        return uuid_of(self.number)

    @property
    def reengaged_after(self) -> timedelta:
        return timedelta(days=self.config.get("monthly_followup_days", 30))

    @property
    def nudged_after(self) -> timedelta:
        return timedelta(days=self.config.get("frequency_nudge_days", 21))


@dataclass(frozen=True)
class Customer:
    id: int
    tenant: Tenant
    phone: str
    has_booked_again: bool


@dataclass
class Job:
    """A job with its age."""

    id: int
    tenant: Tenant
    customer: Customer | None
    own_phone: str | None
    status: str
    age: timedelta
    marks: dict[str, bool]

    @property
    def phone(self) -> str | None:
        return self.customer.phone if self.customer else self.own_phone

    @property
    def text(self) -> Text | None:
        return None if self.phone is None else Text(self.tenant.number, self.phone)


@dataclass
class World:
    """The state of the model. `sent` counts accepted messages, by job and column."""

    tenants: list[Tenant]
    customers: list[Customer]
    jobs: list[Job]
    sent: Counter[tuple[int, str]] = field(default_factory=Counter)

    def due(self, cron: str) -> list[Job]:
        """The jobs that a call of the cron must decide."""
        return [job for job in self.jobs if job.status == "completed" and _is_due(cron, job)]

    def run(self, cron: str, refused: set[str]) -> Counter[Text]:
        """Decides the due jobs, and returns the messages that must be accepted."""
        accepted: Counter[Text] = Counter()
        column = SENT_COLUMNS[cron]
        for job in self.due(cron):
            is_skipped = cron != "post-job-followup" and job.customer is not None and job.customer.has_booked_again
            if job.text is None or is_skipped:
                job.marks[column] = True
            elif job.phone not in refused:
                job.marks[column] = True
                self.sent[job.id, column] += 1
                accepted[job.text] += 1
        for tenant in self.tenants:
            if cron == "monthly-reengagement" and tenant.covered is not None and tenant.active:
                tenant.covered = tenant.reengaged_after
        return accepted

    def pass_time(self, time: timedelta) -> None:
        for job in self.jobs:
            job.age += time
        for tenant in self.tenants:
            tenant.covered = None if tenant.covered is None else tenant.covered + time

    def is_closing(self, cron: str) -> bool:
        """Whether a job is in its last day for a nudge, so a failure has no later retry."""
        return cron == "frequency-nudge" and any(
            job.age > job.tenant.nudged_after + 6 * DAY for job in self.due("frequency-nudge")
        )


def _is_due(cron: str, job: Job) -> bool:
    """The rules. By the database's clock, time has passed: no bound is met exactly."""
    tenant, marks = job.tenant, job.marks
    match cron:
        case "post-job-followup":
            return tenant.active and not marks["followup_sent_at"] and job.age >= 2 * HOUR
        case "monthly-followup":
            return not marks["monthly_followup_sent_at"] and job.age >= 30 * DAY
        case "monthly-reengagement":
            after = tenant.reengaged_after
            until = max(after + DAY, min(tenant.covered or after, after + 8 * DAY))
            return tenant.active and not marks["monthly_followup_sent_at"] and after <= job.age <= until
        case _:
            after = tenant.nudged_after
            wanted = tenant.active and tenant.config.get("frequency_nudge_enabled", False)
            is_open = not marks["frequency_nudge_sent_at"] and not marks["monthly_followup_sent_at"]
            return wanted and is_open and after <= job.age <= after + 7 * DAY


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "frequency_nudge_enabled": st.sampled_from([True, True, False]),
        "frequency_nudge_days": st.sampled_from([7, 14, 21]),
        "monthly_followup_days": st.sampled_from([7, 28, 30]),
    },
)


@st.composite
def worlds(draw: st.DrawFn, *, remembers_windows: bool = False) -> World:
    """One to three tenants, customers who may share phones, and jobs at the bounds."""
    tenants = [
        Tenant(number, number == 1 or draw(st.integers(0, 3)) > 0, draw(CONFIGS))
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]
    for tenant in tenants if remembers_windows else ():
        tenant.covered = tenant.reengaged_after + DAY  # as if called a day ago
    people = draw(
        st.lists(st.tuples(st.sampled_from(tenants), st.sampled_from(PHONES)), max_size=5, unique_by=_identity)
    )
    customers = [
        Customer(number, tenant, phone, has_booked_again=draw(st.integers(0, 3)) == 0)
        for number, (tenant, phone) in enumerate(people, start=1)
    ]
    jobs = []
    for number in range(1, draw(st.integers(2, 8)) + 1):
        customer = draw(st.sampled_from([None, *customers]))
        job = Job(
            number,
            customer.tenant if customer else draw(st.sampled_from(tenants)),
            customer,
            own_phone=draw(st.sampled_from([None, *PHONES])),
            status=draw(st.sampled_from(["completed", "completed", "completed", "in_progress", "cancelled"])),
            age=draw(st.sampled_from(AGES)),
            marks={column: draw(st.integers(0, 4)) == 0 for column in MARKS},
        )
        jobs.append(job)
    return World(tenants, customers, jobs)


def _identity(customer: tuple[Tenant, str]) -> tuple[int, str]:
    return customer[0].number, customer[1]


def inserts(world: World, now: datetime) -> Iterator[bytes]:
    """The statements that insert the rows of a world."""
    for tenant in world.tenants:
        yield rows.tenant(tenant.number, active=tenant.active, config=tenant.config)
        if tenant.covered is not None:
            covered_until = now - tenant.covered
            yield insert("cron_windows", cron="monthly-reengagement", tenant_id=tenant.id, covered_until=covered_until)
    for customer in world.customers:
        of_customer = {"tenant_id": customer.tenant.id, "customer_id": customer.id}
        yield insert("customers", id=customer.id, tenant_id=customer.tenant.id, phone_number=customer.phone)
        if customer.has_booked_again:
            yield insert("jobs", id=900 + customer.id, **of_customer, status="scheduled", scheduled_at=now + 400 * DAY)
    for job in world.jobs:
        yield insert(
            "jobs",
            id=job.id,
            tenant_id=job.tenant.id,
            customer_id=job.customer.id if job.customer else None,
            phone_number=job.own_phone,
            status=job.status,
            completed_at=now - job.age,
            **{column: now - HOUR if job.marks[column] else None for column in MARKS},
        )
