"""The crons that claim jobs, against the model: random rows at bounds, calls, faults."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from cronproof.domain.message import Message
from cronproof.explore.named_orders import RunToEnd
from cronproof.gate.fault import DIES, FAULT_NAMES, SIGTERM, FaultName
from cronproof.postgres.server.server import Server
from cronproof.services.bundled.openphone import OpenPhone
from tests.model.claimed import DAY, HOUR, MARKS, PHONES, Text, World, inserts, worlds
from tests.model.machine import AtRandom, Machine, opened, play
from tests.support.database import Await
from tests.support.reference import SENT_COLUMNS

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

CRONS = dict.fromkeys(SENT_COLUMNS, 3)
MOST_ROUNDS = 30
SURVIVED: tuple[FaultName, ...] = tuple(
    fault for fault in (*FAULT_NAMES, *OpenPhone().refusals) if fault not in {"slow-before", SIGTERM}
)
"""All faults, every refusal among them, but the one that no implementation can recover from."""

crons = st.sampled_from(list(SENT_COLUMNS))
seeds = st.integers(0, 2**32)
phones = st.sets(st.sampled_from(PHONES), max_size=2)


class OfJobs(Machine):
    """The common part of both machines below."""

    remembers_windows = False
    world: World | None = None

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.world = data.draw(worlds(remembers_windows=self.remembers_windows))
        ((self.clock.now,),) = self.fetch("select clock_timestamp()")
        self.put(list(inserts(self.world, self.clock.now)))

    @rule(time=st.sampled_from([timedelta(minutes=15), HOUR, DAY, 7 * DAY]))
    def pass_time(self, time: timedelta) -> None:
        self.given.pass_time(time)
        self.await_(self.opened.database.shift_time(time))
        self.opened.services.shift_time(time)

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert self.world is None or set(self.world.sent.values()) <= {1}

    @invariant()
    def marks_are_what_the_model_has(self) -> None:
        for column in MARKS if self.world else ():
            assert self.marked(column) == {job.id for job in self.given.jobs if job.marks[column]}

    @property
    def given(self) -> World:
        assert self.world is not None
        return self.world

    def marked(self, column: str) -> set[int]:
        return {number for (number,) in self.fetch(f"select id from public.jobs where {column} is not null")}


class Claimed(OfJobs):
    """One to three instances in any order, refused numbers, and deaths."""

    @rule(cron=crons, instances=st.integers(1, 3), seed=seeds, refused=phones)
    def call(self, cron: str, instances: int, seed: int, refused: set[str]) -> None:
        received = self.perform(cron, instances, AtRandom(seed), sorted(refused))
        assert texts(received) == self.given.run(cron, refused)

    @rule(cron=crons, step=st.integers(1, 8))
    def die(self, cron: str, step: int) -> None:
        """Kills the only instance. What it had claimed is lost, and the model accepts that."""
        received = texts(self.perform(cron, 1, AtRandom(0, DIES, step)))
        column = SENT_COLUMNS[cron]
        due = self.given.due(cron)
        marked = self.marked(column)
        for job in due:
            job.marks[column] = job.id in marked
            if job.text is not None and received[job.text] and job.marks[column]:
                received[job.text] -= 1
                self.given.sent[job.id, column] += 1
        assert not +received


class Hardened(OfJobs):
    """One to three instances in any order, refused numbers, any fault, and recovery."""

    remembers_windows = True

    @rule(
        cron=crons,
        instances=st.integers(1, 3),
        seed=seeds,
        refused=phones,
        fault=st.sampled_from(SURVIVED),
        at_step=st.integers(1, 15),
    )
    def call(self, cron: str, instances: int, seed: int, refused: set[str], fault: FaultName, at_step: int) -> None:
        is_closing = self.given.is_closing(cron)
        play = AtRandom(seed, None if is_closing else fault, at_step)
        received = self.perform(cron, instances, play, sorted(refused))
        expected = self.given.run(cron, set())
        for _ in range(MOST_ROUNDS):
            self.pass_time(timedelta(minutes=15))
            received += self.perform(cron, 1, RunToEnd())
            expected += self.given.run(cron, set())
            if self.undecided() == 0:
                break
        assert self.undecided() == 0
        assert texts(received) == expected

    def undecided(self) -> int:
        query = "select count(*) from public.message_claims where state in ('claimed', 'unknown', 'refused')"
        ((count,),) = self.fetch(query)
        return int(count)


def texts(messages: Iterable[Message]) -> Counter[Text]:
    """The messages, counted by tenant and recipient."""
    found = [(re.search(r"Tenant (\d)", message.content), message.to) for message in messages]
    return Counter(Text(int(tenant[1]) if tenant else 0, to) for tenant, to in found)


def test_the_crons_send_what_the_model_says(await_: Await, postgres: Server, tmp_path: Path) -> None:
    with opened(Claimed, "reference", CRONS, await_, postgres, tmp_path) as machine:
        play(machine, 70)


def test_the_crons_before_the_fix_do_not(await_: Await, postgres: Server, tmp_path: Path) -> None:
    with opened(Claimed, "legacy", CRONS, await_, postgres, tmp_path) as machine, pytest.raises(AssertionError):
        play(machine, 70)


def test_the_hardened_crons_do_whatever_fails(await_: Await, postgres: Server, tmp_path: Path) -> None:
    with opened(Hardened, "hardened", CRONS, await_, postgres, tmp_path) as machine:
        play(machine, 100)


def test_the_reference_does_not_when_something_fails(await_: Await, postgres: Server, tmp_path: Path) -> None:
    class Recovering(Hardened):
        """The reference has no undecided claims."""

        remembers_windows = False

        def undecided(self) -> int:
            return 0

    with opened(Recovering, "reference", CRONS, await_, postgres, tmp_path) as machine, pytest.raises(AssertionError):
        play(machine, 100)
