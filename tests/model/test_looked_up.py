"""The crons that look up what they have done, against the model, around clock changes."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from cronproof.domain.message import Message
from cronproof.postgres.server.server import Server
from tests.model.looked_up import HOUR, OWNERS, PHONES, QUARTER, SentMessage, World, inserts, worlds
from tests.model.machine import AtRandom, Machine, opened, play
from tests.support import reference
from tests.support.database import Await

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

CRONS = [name for name in reference.CRONS if name not in reference.SENT_COLUMNS]


class LookedUp(Machine):
    """Calls, refused numbers, and passing time."""

    instances = 1
    world: World | None = None

    @initialize(world=worlds())
    def begin(self, world: World) -> None:
        self.world = world
        self.put(list(inserts(world)))

    @rule(
        data=st.data(),
        seed=st.integers(0, 2**32),
        refused=st.sets(st.sampled_from([*filter(None, OWNERS), *PHONES]), max_size=2),
    )
    def call(self, data: st.DataObject, seed: int, refused: set[str]) -> None:
        cron = data.draw(st.sampled_from(sorted({cron for cron, _ in self.runners})))
        self.clock.now = self.given.now
        received = self.perform(cron, self.instances, AtRandom(seed), sorted(refused))
        expected: Counter[SentMessage] = Counter()
        for _ in range(self.instances):
            expected += self.given.run(cron, refused)
        self.compare(cron, foreseen(received), expected)

    def compare(self, cron: str, received: Counter[SentMessage], expected: Counter[SentMessage]) -> None:
        assert received == expected, cron

    @rule(time=st.sampled_from([QUARTER, QUARTER, HOUR, 8 * HOUR]))
    def pass_time(self, time: timedelta) -> None:
        self.given.now += time

    @invariant()
    def tasks_are_tried_as_often_as_the_model_has(self) -> None:
        for task, attempts in self.fetch("select id::text, attempts from public.scheduled_tasks"):
            assert attempts == next(one.attempts for one in self.given.tasks if one.id == task)

    @property
    def given(self) -> World:
        assert self.world is not None
        return self.world


class AtOnce(LookedUp):
    """Two instances at once. `doubled`: crons that then send more than in sequence."""

    instances = 2
    doubled: ClassVar[set[str]] = set()

    def compare(self, cron: str, received: Counter[SentMessage], expected: Counter[SentMessage]) -> None:
        if received != expected:
            self.doubled.add(cron)
            assert received > expected, cron
            reject()


class Hardened(LookedUp):
    """Two instances at once, of crons that claim first. All delays end between calls."""

    instances = 2

    @initialize(world=worlds())
    def begin(self, world: World) -> None:
        world.remembers = True
        super().begin(world)

    def compare(self, cron: str, received: Counter[SentMessage], expected: Counter[SentMessage]) -> None:
        super().compare(cron, received, expected)
        self.fetch(f"{_WAITED} select")

    @invariant()
    def tasks_are_tried_as_often_as_the_model_has(self) -> None:
        """Not more than allowed. The number of attempts of two instances depends on timing."""
        for task, attempts, status in self.fetch("select id::text, attempts, status from public.scheduled_tasks"):
            ours = next(one for one in self.given.tasks if one.id == task)
            assert attempts <= ours.at_most
            ours.attempts, ours.is_open = attempts, status == "pending"


_WAITED = """
    with notices as (
        update public.notices set due_at = now() - interval '1 second', attempts = 1 where state in ('refused', 'unknown')
    ), claims as (
        update public.message_claims set due_at = now() - interval '1 second', attempts = 1
        where state in ('refused', 'unknown')
    ), tasks as (
        update public.scheduled_tasks set retry_at = null
    ), followups as (
        update public.ghl_followups set leased_until = null where status = 'pending'
    )
"""


def foreseen(messages: Iterable[Message]) -> Counter[SentMessage]:
    """The predicted parts of the messages."""
    jobs = [re.search(r"Jobs today: (\d+)", message.content) for message in messages]
    found = zip(messages, jobs, strict=True)
    return Counter(
        SentMessage(message.service, message.to, int(count[1]) if count else None) for message, count in found
    )


def test_the_crons_send_what_the_model_says(await_: Await, postgres: Server, tmp_path: Path) -> None:
    with opened(LookedUp, "reference", dict.fromkeys(CRONS, 1), await_, postgres, tmp_path) as machine:
        play(machine, 150)


def test_two_instances_at_once_send_twice(await_: Await, postgres: Server, tmp_path: Path) -> None:
    """All crons, except the one that only reads and the one that claims."""
    crons = set(CRONS) - {"crew-briefing", "process-scheduled-tasks"}
    with opened(AtOnce, "reference", dict.fromkeys(crons, 2), await_, postgres, tmp_path) as machine:
        play(machine, 180)
    assert AtOnce.doubled == crons


def test_hardened_sends_once_with_two_instances_too(await_: Await, postgres: Server, tmp_path: Path) -> None:
    with opened(Hardened, "hardened", dict.fromkeys(CRONS, 2), await_, postgres, tmp_path) as machine:
        play(machine, 120)
