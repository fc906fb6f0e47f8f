"""A model of the crons that look up what they have done: what must be accepted.

It uses the application's clock, set around daylight-saving changes and at the bounds of rules.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.model import rows
from tests.model.rows import insert, uuid_of

Service = Literal["openphone", "telegram", "ghl"]

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAYS = [date(2026, 3, 8), date(2026, 11, 1)]
"""The days of 23 and of 25 hours in Los Angeles."""
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
EDGES = [-HOUR, -QUARTER, timedelta(), QUARTER, HOUR, HOUR + QUARTER]
UNKNOWN_TO_TELEGRAM = "somebody"
OWNERS = [None, "+12125550101", "+12125550102"]
PHONES = [f"+1212555{number:04d}" for number in range(103, 107)]


class SentMessage(NamedTuple):
    """The predicted part of a message; `jobs` is the number named in a briefing."""

    service: str
    to: str
    jobs: int | None = None


@dataclass
class Tenant:
    number: int
    active: bool
    has_bot: bool
    owner: str | None
    config: dict[str, Any]

    @property
    def id(self) -> str:
        return uuid_of(self.number)

    def local(self, time: datetime) -> datetime:
        return time.astimezone(ZoneInfo(self.config.get("timezone", "America/Los_Angeles")))


@dataclass
class Cleaner:
    id: int
    tenant: Tenant
    telegram: str | None
    is_lead: bool
    active: bool

    @property
    def hears(self) -> bool:
        return self.telegram is not None and self.telegram != UNKNOWN_TO_TELEGRAM and self.tenant.has_bot


@dataclass
class Visit:
    """A job ahead and the cleaner it was offered to. `told`: reminders and alarms sent."""

    id: int
    cleaner: Cleaner
    status: str
    job_status: str
    scheduled_at: datetime
    offered_at: datetime
    told: set[str] = field(default_factory=set)

    @property
    def tenant(self) -> Tenant:
        return self.cleaner.tenant


@dataclass
class Customer:
    id: int
    tenant: Tenant
    phone: str
    had: set[str]


@dataclass
class Old:
    """A completed job of a customer, with its age in days."""

    id: int
    customer: Customer
    days: int
    is_marked: bool


@dataclass
class Lead:
    id: int
    tenant: Tenant
    contact: str
    due_at: datetime
    is_open: bool


@dataclass
class WorkItem:
    number: int
    tenant: Tenant
    kind: str
    to: str
    due_at: datetime
    attempts: int
    at_most: int
    is_open: bool = True

    @property
    def id(self) -> str:
        return uuid_of(self.number)


@dataclass
class World:
    """The state of the model, and the time of the application's clock."""

    now: datetime
    tenants: list[Tenant]
    cleaners: list[Cleaner]
    visits: list[Visit]
    customers: list[Customer]
    old: list[Old]
    leads: list[Lead]
    tasks: list[WorkItem]
    remembers: bool = False
    """Whether a briefing is sent only once a day, however often the cron is called."""
    briefed: set[tuple[int, date]] = field(default_factory=set)

    def run(self, cron: str, refused: set[str]) -> Counter[SentMessage]:
        """Decides what is due. Returns the messages to be accepted, none to `refused`."""
        sends: dict[str, Iterator[SentMessage]] = {
            "check-timeouts": self._timeouts(refused),
            "send-reminders": self._reminders(),
            "crew-briefing": self._briefings(),
            "seasonal-reminders": self._campaigns(refused),
            "ghl-followups": self._leads(),
            "process-scheduled-tasks": self._tasks(refused),
            "unified-daily": itertools.chain(self._reminders(), self._monthly(refused), self._briefings()),
        }
        return Counter(sends[cron])

    def _timeouts(self, refused: set[str]) -> Iterator[SentMessage]:
        for visit in self.visits:
            tenant, waits = visit.tenant, self.now - visit.offered_at
            if not tenant.active or visit.status != "pending":
                continue
            if waits >= QUARTER and visit.cleaner.hears and "urgent" not in visit.told:
                visit.told.add("urgent")
                yield SentMessage("telegram", str(visit.cleaner.telegram))
            if (
                waits >= 2 * QUARTER
                and tenant.owner is not None
                and "owner" not in visit.told
                and tenant.owner not in refused
            ):
                visit.told.add("owner")
                yield SentMessage("openphone", tenant.owner)

    def _reminders(self) -> Iterator[SentMessage]:
        for visit in self.visits:
            cleaner, tenant = visit.cleaner, visit.tenant
            is_on = visit.status in {"accepted", "confirmed"} and visit.job_status in {"scheduled", "in_progress"}
            if not (tenant.active and cleaner.active and cleaner.hears and is_on):
                continue
            for reminder in self._due_reminders(visit):
                if reminder not in visit.told:
                    visit.told.add(reminder)
                    yield SentMessage("telegram", str(cleaner.telegram))

    def _due_reminders(self, visit: Visit) -> Iterator[str]:
        local, scheduled = visit.tenant.local(self.now), visit.tenant.local(visit.scheduled_at)
        ahead = visit.scheduled_at - self.now
        if scheduled.date() == local.date() and local.hour >= 8 and ahead > timedelta():
            yield "daily_8am"
        if timedelta() < ahead <= HOUR:
            yield "one_hour_before"
        if -QUARTER < ahead <= timedelta():
            yield "job_start"

    def _briefings(self) -> Iterator[SentMessage]:
        for cleaner in self.cleaners:
            tenant = cleaner.tenant
            today = cleaner.id, tenant.local(self.now).date()
            if tenant.active and cleaner.is_lead and cleaner.active and cleaner.hears and today not in self.briefed:
                self.briefed |= {today} if self.remembers else set()
                jobs = sum(
                    visit.tenant is tenant
                    and visit.job_status == "scheduled"
                    and tenant.local(visit.scheduled_at).date() == tenant.local(self.now).date()
                    for visit in self.visits
                )
                yield SentMessage("telegram", str(cleaner.telegram), jobs)

    def _campaigns(self, refused: set[str]) -> Iterator[SentMessage]:
        for customer in self.customers:
            tenant = customer.tenant
            if not tenant.active or not tenant.config.get("seasonal_reminders_enabled"):
                continue
            for campaign in tenant.config.get("seasonal_campaigns", []):
                today = tenant.local(self.now).date().isoformat()
                is_in_date = campaign["start"] <= today <= campaign["end"]
                if is_in_date and campaign["id"] not in customer.had and customer.phone not in refused:
                    customer.had.add(campaign["id"])
                    yield SentMessage("openphone", customer.phone)

    def _monthly(self, refused: set[str]) -> Iterator[SentMessage]:
        for job in self.old:
            if job.days > 30 and not job.is_marked and job.customer.phone not in refused:
                job.is_marked = True
                yield SentMessage("openphone", job.customer.phone)

    def _leads(self) -> Iterator[SentMessage]:
        for lead in self.leads:
            if lead.tenant.active and lead.is_open and lead.due_at <= self.now:
                lead.is_open = False
                if lead.contact:
                    yield SentMessage("ghl", lead.contact)

    def _tasks(self, refused: set[str]) -> Iterator[SentMessage]:
        for task in self.tasks:
            if not (task.tenant.active and task.is_open and task.due_at <= self.now):
                continue
            is_reached = task.to not in refused if task.kind == "send_sms" else task.tenant.has_bot
            if task.kind in {"send_sms", "send_telegram"} and is_reached and task.to != UNKNOWN_TO_TELEGRAM:
                task.is_open = False
                yield SentMessage("openphone" if task.kind == "send_sms" else "telegram", task.to)
            else:
                task.attempts += 1
                task.is_open = task.attempts < task.at_most


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Rows around one of the two clock changes, at quarters of an hour."""
    day = draw(st.sampled_from(DAYS))
    midnight, next_midnight = (
        datetime.combine(of, time(), LOS_ANGELES).astimezone(UTC) for of in (day, day + timedelta(days=1))
    )
    now = midnight + draw(st.sampled_from([-QUARTER, timedelta(), *(hours * HOUR for hours in (6, 7, 8, 9, 16, 22))]))

    def near() -> datetime:
        return draw(st.sampled_from([*(now + edge for edge in EDGES), *(next_midnight + edge for edge in EDGES)]))

    tenants = [
        Tenant(
            number,
            active=number == 1 or draw(st.integers(0, 3)) > 0,
            has_bot=draw(st.integers(0, 7)) > 0,
            owner=draw(st.sampled_from(OWNERS)),
            config=draw(_configs(day)),
        )
        for number in range(1, draw(st.integers(1, 2)) + 1)
    ]
    tenant = st.sampled_from(tenants)
    telegram = st.sampled_from([*(f"70000010{number}" for number in range(1, 7)), UNKNOWN_TO_TELEGRAM, None])
    cleaners = [
        Cleaner(
            number,
            draw(tenant),
            draw(telegram),
            is_lead=draw(st.booleans()),
            active=draw(st.integers(0, 7)) > 0,
        )
        for number in range(1, draw(st.integers(1, 3)) + 1)
    ]
    visits = [
        Visit(
            number,
            draw(st.sampled_from(cleaners)),
            status=draw(st.sampled_from(["accepted", "confirmed", "pending", "accepted", "pending", "declined"])),
            job_status=draw(st.sampled_from(["scheduled", "scheduled", "scheduled", "in_progress", "cancelled"])),
            scheduled_at=near(),
            offered_at=now
            - draw(st.integers(-1, 3)) * QUARTER
            - draw(st.sampled_from([timedelta(), timedelta(minutes=-1)])),
        )
        for number in range(1, draw(st.integers(2, 6)) + 1)
    ]
    numbers = draw(st.lists(st.sampled_from(PHONES), min_size=1, max_size=3, unique=True))
    customers = [
        Customer(number, draw(tenant), phone, had=draw(st.sets(st.sampled_from(["spring", "autumn"]))))
        for number, phone in enumerate(numbers, start=1)
    ]
    old = [
        Old(500 + number, draw(st.sampled_from(customers)), draw(st.sampled_from([25, 45])), draw(st.booleans()))
        for number in range(draw(st.integers(0, 2)))
    ]
    contact = st.sampled_from(["", "contact1", "contact2"])
    leads = [
        Lead(number, draw(tenant), draw(contact), now + draw(st.integers(-1, 1)) * QUARTER, draw(st.booleans()))
        for number in range(1, draw(st.integers(0, 3)) + 1)
    ]
    return World(now, tenants, cleaners, visits, customers, old, leads, draw(_tasks(tenants, now)))


@st.composite
def _configs(draw: st.DrawFn, day: date) -> dict[str, Any]:
    dates = st.integers(-1, 1).map(lambda days: (day + timedelta(days=days)).isoformat())
    campaigns = [
        {"id": campaign, "message": "Hello", "start": draw(dates), "end": draw(dates)}
        for campaign in ("spring", "autumn")
    ]
    config: dict[str, Any] = {"seasonal_reminders_enabled": draw(st.booleans()), "seasonal_campaigns": campaigns}
    zone = draw(st.sampled_from([None, None, "America/Los_Angeles", "Pacific/Auckland"]))
    return config if zone is None else config | {"timezone": zone}


@st.composite
def _tasks(draw: st.DrawFn, tenants: list[Tenant], now: datetime) -> list[WorkItem]:
    tasks = []
    for number in range(1, draw(st.integers(0, 3)) + 1):
        kind = draw(st.sampled_from(["send_sms", "send_telegram", "make_coffee"]))
        to = draw(st.sampled_from(PHONES if kind == "send_sms" else ["700000105", UNKNOWN_TO_TELEGRAM]))
        due_at = now + draw(st.integers(-1, 1)) * QUARTER
        tasks.append(
            WorkItem(
                number, draw(st.sampled_from(tenants)), kind, to, due_at, attempts=0, at_most=draw(st.integers(1, 3))
            )
        )
    return tasks


def inserts(world: World) -> Iterator[bytes]:
    """The statements that insert the rows of a world."""
    for tenant in world.tenants:
        yield rows.tenant(
            tenant.number,
            active=tenant.active,
            config=tenant.config,
            telegram_bot_token=f"{tenant.number}:bot" if tenant.has_bot else None,
            owner_phone=tenant.owner,
        )
    for cleaner in world.cleaners:
        yield insert(
            "cleaners",
            id=cleaner.id,
            tenant_id=cleaner.tenant.id,
            name=f"Cleaner {cleaner.id}",
            telegram_id=cleaner.telegram,
            is_team_lead=cleaner.is_lead,
            active=cleaner.active,
        )
    for visit in world.visits:
        yield insert(
            "jobs",
            id=visit.id,
            tenant_id=visit.tenant.id,
            status=visit.job_status,
            date=visit.tenant.local(visit.scheduled_at).date(),
            scheduled_at=visit.scheduled_at,
        )
        yield insert(
            "cleaner_assignments",
            id=visit.id,
            tenant_id=visit.tenant.id,
            job_id=visit.id,
            cleaner_id=visit.cleaner.id,
            status=visit.status,
            created_at=visit.offered_at,
        )
    for customer in world.customers:
        yield insert(
            "customers",
            id=customer.id,
            tenant_id=customer.tenant.id,
            phone_number=customer.phone,
            seasonal_reminder_tracker=dict.fromkeys(sorted(customer.had), "2026-01-01T00:00:00+00:00"),
        )
    now = datetime.now(UTC)  # monthly-followup uses the database's clock
    for job in world.old:
        yield insert(
            "jobs",
            id=job.id,
            tenant_id=job.customer.tenant.id,
            customer_id=job.customer.id,
            status="completed",
            completed_at=now - timedelta(days=job.days),
            monthly_followup_sent_at=now if job.is_marked else None,
        )
    for lead in world.leads:
        yield insert(
            "ghl_followups",
            id=lead.id,
            tenant_id=lead.tenant.id,
            ghl_contact_id=lead.contact,
            followup_type="first",
            due_at=lead.due_at,
            status="pending" if lead.is_open else "sent",
        )
    for task in world.tasks:
        by_phone = task.kind == "send_sms"
        yield insert(
            "scheduled_tasks",
            id=task.id,
            tenant_id=task.tenant.id,
            task_type=task.kind,
            scheduled_for=task.due_at,
            payload={"phone": task.to, "content": "Hello"} if by_phone else {"chat_id": task.to, "text": "Hello"},
            max_attempts=task.at_most,
        )
