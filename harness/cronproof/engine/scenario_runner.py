"""A scenario that is ready to be played: its rows as a script, its instances warm, its mocks set up.

play(order, play)   one run with all that it leaves behind: what checks are asked of
glance(task)        one run of many: looked at closely only if it came to something that no run before has come to
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import psycopg

from cronproof.checks import Check, Finding
from cronproof.checks.check import inconclusive
from cronproof.evidence.evidence import CronResponse, Instance, Mark, Run, Sent, faults_met
from cronproof.explore import named_orders
from cronproof.explore.executor import IsIdle, Looks, NotAtRest, Scheduler, Step
from cronproof.explore.schedule import Data, Diverged, Follow, shown
from cronproof.explore.strategy import Task
from cronproof.gate.fault import DIES, FaultName
from cronproof.gate.point import SHARED, SOMEBODY_ELSE, Gate, Line, OpenGate, Point, Release
from cronproof.postgres.database import ROLES, Database, Role, Rows
from cronproof.postgres.digest import Digest
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.reset import Script
from cronproof.scenario.model import Scenario, When
from cronproof.services.openphone import Scripted
from cronproof.services.services import Services
from cronproof.targets.target import Target

MAX_RECOVERY_ROUNDS = 30
LONGEST_CLAIM = timedelta(hours=1)
CALL_SECONDS = 30.0
ATTEMPTS = 3
MAX_WARMING_CALLS = 5
MAX_REMEMBERED = 1_000_000  # some 100 MB; behind that, what was not seen before is not compared
ENDS_CONNECTIONS: frozenset[FaultName] = frozenset(
    {"connection-lost-before", "connection-lost-after", "database-restarts", DIES}
)
UNCLEAR = "two instances could have done the same, and as one server is both of them, nobody can tell which did"


@dataclass(frozen=True)
class Glance:
    """What a run of an exploration came to. Runs of the same `key` have the same evidence, which came with the first."""

    key: str
    failed: bool
    hindrance: str | None
    outcome: str
    summary: str
    waits: int
    run: Run | None
    known: Sequence[str] = ()
    """Limits that are known and have shown."""
    amiss: Sequence[str] = ()
    """What has become of messages that are not as they should be."""
    is_recorded: bool = False


@dataclass(frozen=True)
class Setting:
    """What a run finds: the script that makes the database so, and the keys that OpenPhone knows."""

    script: Script
    api_keys: frozenset[str]


@dataclass
class Stage:
    """One scenario on a database, mocks and a target that outlive it."""

    scenario: Scenario
    setting: Callable[[Data], Awaitable[Setting]]
    """What a run finds, by which of several values it has."""
    tables: Sequence[str]
    """Those whose rows the checks look at."""
    database: Database
    services: Services
    target: Target
    proxies: Sequence[Proxy]
    shaken: set[tuple[str, Role]] = field(default_factory=set)
    """Instances, by the role they have, whose connections were ended: how they come to new ones is no part of a run."""
    has_lines: bool = False
    """Whether instances do several things at once."""
    observing: bool = False
    """Whether it is found out what each step touches."""
    _seen: dict[str, Glance] = field(default_factory=dict)
    _stray: list[str] = field(default_factory=list)
    """What instances did while none was called."""
    _hung: str | None = None
    """Why no run is worth making: the first call did not come to its end."""
    _did: dict[int, int] = field(default_factory=dict)
    """What was done at the end of a schedule, both as hashes."""
    _settings: dict[Data, Setting] = field(default_factory=dict)

    @property
    def when(self) -> When:
        """What is called."""
        assert self.scenario.when is not None  # noqa: S101  (for the type checker: only scenarios that call are played)
        return self.scenario.when

    @property
    def instances(self) -> list[Instance]:
        """Who is called, in order."""
        return self.when.instance_list

    @functools.cached_property
    def checks(self) -> list[Check]:
        """What is asked of every run."""
        return self.scenario.checks

    async def play(self, order: str, play: named_orders.Play, data: Data = ()) -> Run:
        """One run: fresh rows, the instances played in one order, recovery, and what all of it has left behind."""
        await self.reset(data)
        before = await self.database.rows(self.tables)
        performed = await self.perform(play)
        if self._learned_of_lines(performed):
            if not inspect.isfunction(play):
                performed.hindrance = "an instance did several things at once, and had not before: run it again"
            else:
                return await self.play(order, play, data)
        run = await self._evidence(order, before, performed, data, self.tables)
        if run.hindrance is None and any(check.needs_recovery for check in self.checks):
            try:
                recovered = await self._recover(run.after, performed.passed)
            except TimeoutError:
                await self._terminate()
                return replace(run, hindrance=f"a cron that ran again had not ended after {CALL_SECONDS:g} s")
            still = None if recovered else f"rows or messages still changed after {MAX_RECOVERY_ROUNDS} more runs"
            sent = self._sent(len(run.sent))
            run = replace(run, sent=sent, recovered=recovered, hindrance=self._astray(), unsettled=still)
        return run

    async def glance(self, task: Task, attempts: int = ATTEMPTS) -> tuple[Follow, Glance]:
        """One run of an exploration.

        What the checks are asked about is read and recovered only for a run that came to something new; it is run again
        for that, and must come to the same. Where faults alone tell runs apart, each comes to something new.
        """
        if self.when.strategy == "faults":
            return await self._look_at_once(task)
        follow = task.follow()
        await self.reset(task.data)
        performed = await self.perform(follow)
        if self._learned_of_lines(performed):
            return await self.glance(task)
        strange = self._did_something_new(performed, task.data)
        if strange is not None and attempts > 1:  # what is remembered for a time has run out: once, and not again
            return await self.glance(task, attempts - 1)
        performed.hindrance = performed.hindrance or strange
        if performed.hindrance is not None:
            return follow, Glance(
                "", failed=False, hindrance=performed.hindrance, outcome="", summary="", waits=0, run=None
            )
        key = self._key(performed, await self.database.digest(), task.data)
        if key in self._seen:
            return follow, self._seen[key]
        glance = await self._look_closely(follow, key)
        self._seen[key] = replace(glance, run=None)
        return follow, glance

    async def _look_at_once(self, task: Task) -> tuple[Follow, Glance]:
        follow = task.follow()
        run = replace(await self.play(shown(task.schedule) or "no fault", follow, task.data), is_explored=True)
        return follow, self._glance_at(run, run.key, run.hindrance)

    def _did_something_new(self, performed: Performed, data: Data) -> str | None:
        """Whether an instance outside did something else than in an earlier run, in which all before it was the same."""
        path = hash(data)
        for step in performed.scheduler.steps if self.target.is_outside else ():
            path = hash((path, step.name))
            shape = hash(step.point.shape)
            if len(self._did) < MAX_REMEMBERED:
                self._did.setdefault(path, shape)
            if self._did.get(path, shape) != shape:
                return (
                    f"{step.name} did something else ({step.point.label}) than in an earlier run that was the same until "
                    "then: it remembers something from call to call; say `restart: true`, or have it remember nothing"
                )
        return None

    def _learned_of_lines(self, performed: Performed) -> bool:
        """Whether it has become known just now that instances do several things at once: then the run says nothing."""
        learned = performed.scheduler.surprised and self.target.is_idle is not None and not self.has_lines
        self.has_lines |= learned
        return learned

    async def _look_closely(self, followed: Follow, key: str) -> Glance:
        run = await self.play_again(followed)
        hindrance = run.hindrance
        if hindrance is None and run.key != key:
            hindrance = "the same schedule came to two outcomes: instances depend on more than their order"
        return self._glance_at(run, key, hindrance)

    def _glance_at(self, run: Run, key: str, hindrance: str | None) -> Glance:
        findings = [examine(check, run) for check in self.checks]
        return Glance(
            key,
            failed=any(finding.verdict == "FAIL" for finding in findings),
            hindrance=hindrance,
            outcome=hashlib.sha256(run.outcome.encode()).hexdigest(),
            summary=run.summary,
            waits=len(run.waits),
            run=run,
            known=[reason for finding in findings for reason in finding.known],
            amiss=list(dict.fromkeys(word for check in self.checks for word in check.amiss(run))),
        )

    async def play_again(self, followed: Follow) -> Run:
        """The schedule of a run once more, with all that it leaves behind."""
        known = [decision.footprint for decision in followed.decisions]
        again = Follow(followed.schedule_taken, data=followed.data, known=known)
        run = await self.play(shown(followed.schedule_taken), again, followed.data)
        return replace(run, is_explored=True)

    async def watch(self, followed: Follow, *, rows: bool) -> list[Run]:
        """The same schedule again: what it had come to after each step. Without `rows`, which take time, no check can say
        anything about it.
        """
        tables, seen = self.tables if rows else (), list[Run]()
        await self.reset(followed.data)
        before = await self.database.rows(tables)

        async def after_step(performed: Performed) -> None:
            seen.append(await self._evidence("", before, performed, followed.data, tables))

        await self.perform(Follow(followed.schedule_taken), after_step)
        return seen

    async def reset(self, data: Data = ()) -> None:
        """Fresh rows, and mocks and proxies that remember nothing; instances that run, and are warm.

        Raises:
            EnvironmentFailed: an instance does not start.
        """
        await self.target.reset(restart=self.when.restart)
        role = self.scenario.given.role
        shaken = [instance for instance in self.instances if (instance.name, role) in self.shaken]
        self.shaken.difference_update((instance.name, role) for instance in shaken)
        cold = list(dict.fromkeys([*self.target.cold(self.instances), *shaken]))
        # Who is always new is always cold, and always does what it does then.
        for instance in [] if self.when.restart or self.target.restarts else cold:
            for _ in range(
                MAX_WARMING_CALLS if instance in shaken else 1
            ):  # of a pool, more than one connection can have been ended
                await self._begin(data)
                if await self._warm_up(instance):
                    break
        await self._begin(data)
        if cold:  # what a process does while it starts is its own affair
            self._stray.clear()

    async def _warm_up(self, instance: Instance) -> bool:
        """Calls a cron once, and finds out whether it does several things at once. Returns whether the call succeeded."""
        scheduler = Scheduler(self._blockers)
        scheduler.looks = self._looks
        succeeded = False

        async def call() -> None:
            nonlocal succeeded
            response = await self.target.call(instance, method=self.when.method, secret=self.target.secret)
            succeeded = response is not None and response.status < 500

        with self._held_by(scheduler):
            scheduler.prepare({instance.name: call})
            try:
                await named_orders.one_after_the_other(scheduler)
            except NotAtRest as error:
                self._hung = f"{error}, when it was called for the first time"
                await self.target.abandon()
            finally:
                await scheduler.abandon()
        self.has_lines |= scheduler.most_lines > 1
        return succeeded

    async def _begin(self, data: Data) -> None:
        given = self.scenario.given
        if data not in self._settings:
            self._settings[data] = await self.setting(data)
        setting = self._settings[data]
        await self.database.reset(setting.script)
        self.services.api_keys = setting.api_keys
        self.target.set_clock(given.clock)
        refuses = [Scripted(refusal.error, refusal.to, refusal.times) for refusal in given.openphone.refuses]
        self.services.reset(refuses, given.openphone.envelope)
        for proxy in self.proxies:
            proxy.forget()

    async def perform(
        self, play: named_orders.Play, after_step: Callable[[Performed], Awaitable[None]] | None = None
    ) -> Performed:
        """Calls the instances and plays them; however it goes, nothing of it runs any more at the end."""
        performed = Performed(Scheduler(self._blockers, self._kill if self.target.can_die else None))
        performed.scheduler.looks = self._looks if self.has_lines else None
        scheduler, responses = performed.scheduler, performed.responses
        scheduler.faults = self.when.faults_to_meet
        scheduler.pass_time = functools.partial(self._pass_time, performed)
        scheduler.is_apart = self.when.strategy == "faults"
        scheduler.jobs_locked = self.database.jobs_locked
        secret = {"right": self.target.secret, "wrong": "not the secret", "none": None}[self.when.secret]
        if self.target.is_shared:
            scheduler.after_step = functools.partial(self._note_marks, performed)
        if after_step is not None:
            scheduler.after_step = functools.partial(after_step, performed)

        async def call(instance: Instance) -> None:
            response = await self.target.call(instance, method=self.when.method, secret=secret)
            if response is not None:
                responses[instance.name] = response

        with self._held_by(scheduler):
            scheduler.prepare({instance.name: functools.partial(call, instance) for instance in self.instances})
            try:
                if self._hung is None:
                    await play(scheduler)
                performed.hindrance = self._hung
            except named_orders.NeverReached as error:
                performed.hindrance, performed.never_reached = str(error), True
            except (NotAtRest, Diverged) as error:
                performed.hindrance = str(error)
            finally:
                if scheduler.unfinished:  # it must neither keep the instances waiting nor meet the next run
                    await self._terminate()
                    await self.target.abandon()
                await scheduler.abandon()
        await self._after_faults(performed)
        astray = self._astray(scheduler)
        performed.hindrance = performed.hindrance or astray or self._unclear(performed)
        return performed

    async def _after_faults(self, performed: Performed) -> None:
        ended = [step for step in performed.scheduler.steps if step.fault in ENDS_CONNECTIONS]
        self.shaken.update((name, role) for name in self._hit(ended) for role in ROLES)
        if performed.passed:
            await self._age(-performed.passed)

    def _hit(self, steps: Sequence[Step]) -> set[str]:
        """The instances that the faults of these steps have hit."""
        if any(step.fault == "database-restarts" for step in steps):
            return {instance.name for instance in self.instances}
        return {step.instance for step in steps if step.fault is not None}

    async def _age(self, time: timedelta) -> None:
        """Lets so much time pass, for rows and for messages; a negative time turns it back."""
        await self.database.age(time)
        self.services.age(time)

    async def _pass_time(self, performed: Performed) -> None:
        if not self.when.period:
            return
        try:
            await self._age(self.when.period)
        except psycopg.errors.LockNotAvailable:
            raise NotAtRest("time cannot pass while an instance holds rows: a slow call keeps them locked") from None
        performed.passed += self.when.period

    def _astray(self, scheduler: Scheduler | None = None) -> str | None:
        """What of another run has come into this one, or of this one behind its end, if anything has."""
        found = (scheduler and scheduler.stray) or next(iter(self._stray), None)
        self._stray.clear()
        if found is None or not self.target.is_outside:
            return None
        return f"{found}: a run that is over goes on; let the cron wait for all it does, or say `restart: true`"

    def _unclear(self, performed: Performed) -> str | None:
        return UNCLEAR if performed.scheduler.unclear else self._nothing_shown(performed)

    def _nothing_shown(self, performed: Performed) -> str | None:
        """Why a run that came to its end proves nothing all the same, if it does not."""
        steps = performed.scheduler.steps
        hit = self._hit(steps)  # who may well say nothing more
        silent = [i.name for i in self.instances if i.name not in performed.responses and i.name not in hit]
        if silent:
            return f"{' and '.join(silent)} ended without a response"
        if self.when.secret != "right":  # noqa: S105  (says which secret, and is none)
            return None
        complaints = [self.target.complaint(response) for response in performed.in_order(self.instances)]
        if complaint := next(filter(None, complaints), None):
            return complaint
        reached = {step.instance for step in steps if step.point.kind != "start"}
        reached |= {proxy.instance for proxy in self.proxies if proxy.used}
        if SHARED in reached:  # of one server for all it is not known which of them
            reached |= {instance.name for instance in self.instances}
        reached |= {escape.instance for escape in self.services.escapes}
        # A cron that does not even try, and says so, is judged by what it says.
        loud = {response.instance for response in performed.responses.values() if response.status >= 400}
        idle = [instance.name for instance in self.instances if instance.name not in reached | loud]
        if idle:
            return f"{' and '.join(idle)} contacted neither the database nor a mocked API"
        return None

    async def _evidence(self, order: str, before: Rows, performed: Performed, data: Data, tables: Sequence[str]) -> Run:
        digest = await self.database.digest()
        after = await self.database.rows(tables)
        return Run(
            order=order,
            target=self.target.name,
            role=self.scenario.given.role,
            instances=self.instances,
            responses=performed.in_order(self.instances),
            steps=list(performed.scheduler.steps),
            waits=list(performed.scheduler.waits),
            errors=[error for proxy in self.proxies for error in proxy.errors],
            sent=self._sent(),
            escapes=list(self.services.escapes),
            marks=self._marks(digest, performed),
            before=before,
            after=after,
            comparable=self.database.comparable(after),
            functions=self.database.catalog.functions,
            hindrance=performed.hindrance,
            never_reached=performed.never_reached,
            key=self._key(performed, digest, data),
        )

    def _key(self, performed: Performed, digest: Digest, data: Data) -> str:
        """All that checks can tell runs apart by, and all that later runs of the crons can depend on, in few characters."""
        scheduler = performed.scheduler
        parts = [
            data,
            digest.state,
            [[mark.instance, mark.job_id, mark.sent_column, mark.is_set] for mark in self._marks(digest, performed)],
            [[m.instance, m.cron, m.service, m.to, m.content, m.status] for m in self.services.messages],
            [[r.instance, r.status, r.body] for r in performed.in_order(self.instances)],
            sorted([wait.instance, wait.point.text, *wait.blockers] for wait in scheduler.waits),
            [[error.instance, error.sqlstate] for proxy in self.proxies for error in proxy.errors],
            [[escape.instance, escape.url] for escape in self.services.escapes],
            [str(met) for met in faults_met(scheduler.steps)],
        ]
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()

    async def _kill(self, name: str) -> None:
        proxy = self._proxy(name)
        pids = list(proxy.pids)
        await self.target.kill(name)
        await proxy.hang_up()
        await self.database.terminate(pids)  # what the server still does for it would be done behind the next step

    async def _terminate(self) -> None:
        await self.database.terminate([pid for proxy in self.proxies for pid in proxy.pids])

    async def _recover(self, rows: Rows, passed: timedelta) -> Rows:
        """Calls the crons again, one after the other and without faults, until all succeed, no row changes, and they send
        nothing, or nothing but what they have sent in the round before. Before each round so much time passes as the
        scenario says, before the last one enough for every claim to expire; `passed` is what had passed in the run itself.

        Returns the rows then, as of the time of the run; none if they went on changing. A time is only looked at for being
        there: a refused message may be tried anew each time.

        Raises:
            TimeoutError: a call did not end.
        """
        self.services.recover()
        await self.target.revive()
        before, before_sent = self.database.catalog.without_times(rows), Counter[tuple[str, str]]()
        patience, total = self.when.period, timedelta()
        for round_number in range(MAX_RECOVERY_ROUNDS):
            step = patience + (passed if round_number == 0 else timedelta())
            if step:
                await self._age(step)
                total += step
            succeeded, tried = True, len(self.services.messages)
            for instance in {instance.cron: instance for instance in self.instances}.values():
                async with asyncio.timeout(CALL_SECONDS):
                    with self._held_by(OpenGate(instance.name)):
                        response = await self.target.call(instance, method="GET", secret=self.target.secret)
                # What a broken connection leaves behind shows in the first call.
                succeeded &= round_number > 0 or (response is not None and response.status < 500)
            rows = await self.database.rows(list(rows))
            now = self.database.catalog.without_times(rows)
            sent = Counter((one.to, one.content) for one in self.services.messages[tried:] if one.accepted)
            is_quiet = succeeded and now == before and sent in ({}, before_sent)
            if is_quiet and (patience >= LONGEST_CLAIM or not self.when.period):
                break
            # What somebody has claimed and forgotten is nobody else's before the claim expires.
            patience = max(patience, LONGEST_CLAIM) if is_quiet else self.when.period
            before, before_sent = now, sent
        else:
            return {}
        if total:
            await self.database.age(-total)
            rows = await self.database.rows(list(rows))
        return rows

    @contextlib.contextmanager
    def _held_by(self, gate: Gate) -> Iterator[None]:
        for proxy in self.proxies:
            proxy.gate = gate
            proxy.observer = self.database.observer if self.observing and isinstance(gate, Scheduler) else None
        self.services.gate = gate
        try:
            yield
        finally:
            between = _Between(stray=self._stray)
            for proxy in self.proxies:
                proxy.gate, proxy.observer = between, None
            self.services.gate = between

    async def _blockers(self, instance: str) -> list[str]:
        busy = self._proxy(instance).busy_pids(instance)
        if not busy:
            return []
        whose = {pid: owner for proxy in self.proxies for pid, owner in proxy.whose.items()}
        whose |= dict.fromkeys(self.database.lockers, SOMEBODY_ELSE)
        found: set[int] = set()
        # Of several statements at once all must wait: as long as one does not, the instance may go on.
        for pids in [[pid] for pid in busy] if self.has_lines else [busy]:
            blockers = await self.database.blockers(pids, list(whose))
            if not blockers:
                return []
            found.update(blockers)
        return sorted({whose[pid] for pid in found if pid in whose})

    def _proxy(self, instance: str) -> Proxy:
        return next(proxy for proxy in self.proxies if proxy.instance in (instance, SHARED))

    @property
    def _looks(self) -> Looks | None:
        return None if self.target.is_idle is None else _Looks(self.target.is_idle, self._proxy, self.target.activity)

    async def _note_marks(self, performed: Performed) -> None:
        """Of one server for all: a mark that can be seen now and could not before was set by whoever took the step."""
        for write in (await self.database.digest()).flag_writes:
            performed.marked_by.setdefault(write.id, performed.scheduler.steps[-1].instance)

    def _marks(self, digest: Digest, performed: Performed) -> list[Mark]:
        whose = {pid: proxy.instance for proxy in self.proxies for pid in proxy.all_pids}
        writers = [(performed.marked_by.get(w.id) or whose.get(w.backend_pid), w) for w in digest.flag_writes]
        return [Mark(name, w.job_id, w.sent_column, w.is_set) for name, w in writers if name is not None]

    def _sent(self, of_the_run: int | None = None) -> list[Sent]:
        crons = {instance.name: instance.cron for instance in self.instances}
        return [
            Sent(
                message.cron or crons.get(message.instance, "nobody who was called"),
                message,
                recovering=of_the_run is not None and number >= of_the_run,
            )
            for number, message in enumerate(self.services.messages)
        ]


@dataclass
class _Between(OpenGate):
    """The gate while nobody is called: who passes it is noted."""

    stray: list[str] = field(default_factory=list)

    async def arrive(self, instance: str, point: Point, line: Line | None = None) -> Release:
        """Returns at once."""
        self.stray.append(f"{instance} did something after it had answered ({point.label})")
        return await super().arrive(instance, point, line)


@dataclass(frozen=True)
class _Looks:
    """How it is found out that an instance is at rest: by its process, its connections, and what passes its door."""

    is_idle: IsIdle
    proxy: Callable[[str], Proxy]
    door: Callable[[str], int]

    def is_busy(self, name: str) -> bool:
        """Whether it waits for an answer of the database."""
        return self.proxy(name).is_busy

    def activity(self, name: str) -> int:
        """Goes up with everything that it exchanges."""
        return self.proxy(name).activity + self.door(name)


@dataclass
class Performed:
    """What instances did once they were called."""

    scheduler: Scheduler
    responses: dict[str, CronResponse] = field(default_factory=dict)
    marked_by: dict[int, str] = field(default_factory=dict)
    """Who has set or cleared which mark, by its number, where connections do not tell."""
    passed: timedelta = field(default_factory=timedelta)
    """How much time has passed in it, beside what it took."""
    hindrance: str | None = None
    never_reached: bool = False

    def in_order(self, instances: Sequence[Instance]) -> list[CronResponse]:
        """The responses, by instance."""
        return [self.responses[i.name] for i in instances if i.name in self.responses]


def examine(check: Check, run: Run) -> Finding:
    """An execution that was cut short proves nothing: what is missing may be missing for that reason."""
    if run.hindrance:
        return inconclusive(run.hindrance)
    finding = check.examine(run)
    is_certain = finding.verdict == "FAIL" and not check.asks_for_more
    return inconclusive(run.unsettled) if run.unsettled and not is_certain else finding
