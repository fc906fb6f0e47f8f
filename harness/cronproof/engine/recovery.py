"""The recovery: after an execution, calls the crons without faults until nothing changes."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from cronproof.domain.database import Rows
from cronproof.domain.instance import Instance
from cronproof.domain.message import Message
from cronproof.domain.work import Units
from cronproof.engine.rig import Rig
from cronproof.evidence.variation import without_variation
from cronproof.gate.gate import OpenGate

MAX_ROUNDS = 30
EXACT_ROUNDS = 10
"""After these rounds, a round may change values that vary: a counter, a token, the number of log rows."""
LONGEST_CLAIM = timedelta(hours=1)
CALL_SECONDS = 30.0

Tried = tuple[str, str]
"""A message that was tried: its recipient and text."""


@dataclass(frozen=True)
class Recovered:
    """What a recovery has come to."""

    rows: Rows
    """The rows, shifted back to the time of the execution. Empty if they never settled."""
    units: Mapping[str, Units]
    """The units of each work, as they were after the last round. Empty as the rows are."""
    still_tried: frozenset[Tried]
    """The messages that even the last round tried, in vain."""
    still_refused: frozenset[Tried]
    """The messages that even the last round before the services accepted again tried, in vain."""
    put_off: frozenset[Tried]
    """The messages that were refused and not tried again then: where no `period` is said, they may be tried later."""
    rounds: Sequence[int]
    """How many messages had been tried before each round."""


async def recover(
    rig: Rig,
    instances: Sequence[Instance],
    rows: Rows,
    *,
    method: str,
    period: timedelta,
    elapsed: timedelta,
    counts_attempts: bool = False,
    only_written: bool = False,
) -> Recovered:
    """Calls the crons one after the other, until no row changes and they send nothing new.

    Before each round the `period` passes, and limits of rates expire; before the last, enough time for every claim to expire.
    `elapsed` is the time that passed in the execution. Times count only as set or not set, because
    each round may retry a refused message. What still varies after many rounds counts as settled if
    each round changes the same. With `only_written`, time passes only for what was written since the
    reset: no more units become eligible. If a check counts attempts, the rounds go on while
    messages are tried in vain: who tries them again and again is not at rest. What a scenario has
    refused without an end is then refused until nobody tries it any more, and only then accepted.

    Raises:
        TimeoutError: a call did not end.
        NotAtRest: an instance that was started again does something all the time.
    """
    names = {instance.name for instance in instances}  # those of other scenarios may have ended too
    await rig.wait_until_started([name for name in await rig.target.revive() if name in names])
    rounds = _Rounds(rig, instances, rows, method, period, elapsed, counts_attempts, only_written)
    still_refused = put_off = frozenset[Tried]()
    if counts_attempts and rig.services.refuses_without_end:
        await rounds.call_until_settled()
        still_refused = rounds.in_vain
        put_off = frozenset() if period else _find_refused(rig.services.messages) - still_refused
    rig.services.recover()
    if not await rounds.call_until_settled():
        return Recovered({}, {}, rounds.in_vain, still_refused, put_off, rounds.tried_before)
    units, rows = await rig.database.units(), rounds.rows
    if rounds.time and not only_written:
        await rig.database.shift_time(-rounds.time)
        rows = await rig.database.rows(list(rows))
    return Recovered(rows, units, rounds.in_vain, still_refused, put_off, rounds.tried_before)


@dataclass
class _Rounds:
    """Rounds of calls, and what the last one has come to."""

    rig: Rig
    instances: Sequence[Instance]
    rows: Rows
    method: str
    period: timedelta
    elapsed: timedelta
    counts_attempts: bool
    only_written: bool
    in_vain: frozenset[Tried] = frozenset()
    """What the last round tried in vain."""
    time: timedelta = timedelta()
    """How far the rounds have shifted time."""
    tried_before: list[int] = field(default_factory=list)
    """How many messages had been tried before each round."""

    async def call_until_settled(self) -> bool:
        """Calls each cron in rounds until a round changes nothing. Returns False if even the last one did."""
        rig, period = self.rig, self.period
        catalog = rig.database.catalog
        before, before_sent, before_changed = catalog.without_times(self.rows), Counter[Tried](), None
        patience = period
        for round_number in range(MAX_ROUNDS):
            await self._pass_time(patience + (timedelta() if self.tried_before else self.elapsed))
            rig.services.expire_limits()
            tried = len(rig.services.messages)
            self.tried_before.append(tried)
            # A broken connection makes only the first round fail. Later failures are accepted.
            succeeded = await _call_each_cron(rig, self.instances, self.method) or round_number > 0
            self.rows = await rig.database.rows(list(self.rows))
            now = catalog.without_times(self.rows)
            new = rig.services.messages[tried:]
            sent = Counter((one.to, one.content) for one in new if one.accepted)
            if round_number >= EXACT_ROUNDS:
                sent = Counter({(to, without_variation(content)): number for (to, content), number in sent.items()})
            self.in_vain = _find_refused(new)
            changed = None if round_number < EXACT_ROUNDS else _find_changed(before, now)
            is_same = now == before or (changed is not None and changed == before_changed)
            is_quiet = succeeded and is_same and sent in ({}, before_sent)
            is_settled = is_quiet and (patience >= LONGEST_CLAIM or not period)
            if is_settled and not (self.counts_attempts and self.in_vain):
                return True
            # An abandoned claim blocks its unit until the claim expires.
            patience = max(patience, LONGEST_CLAIM) if is_quiet else period
            before, before_sent, before_changed = now, sent, changed
        return is_settled

    async def _pass_time(self, time: timedelta) -> None:
        if time:
            await self.rig.shift_time(time, only_written=self.only_written)
            self.time += time


def _find_refused(messages: Sequence[Message]) -> frozenset[Tried]:
    """Returns which messages were refused, and never accepted."""
    refused = {(one.to, one.content) for one in messages if not one.accepted}
    return frozenset(refused - {(one.to, one.content) for one in messages if one.accepted})


def _find_changed(before: Rows, now: Rows) -> tuple[Counter[str], Counter[str]]:
    """Returns the rows that are gone and those that are new, without the values that vary."""
    earlier, later = _count_rows(before), _count_rows(now)
    return earlier - later, later - earlier


def _count_rows(rows: Rows) -> Counter[str]:
    return Counter(
        json.dumps([table, {column: without_variation(value) for column, value in row.items()}])
        for table, of_table in rows.items()
        for row in of_table
    )


async def _call_each_cron(rig: Rig, instances: Sequence[Instance], method: str) -> bool:
    """Calls each cron once. Returns whether all calls succeeded."""
    succeeded = True
    for instance in {instance.cron: instance for instance in instances}.values():
        async with asyncio.timeout(CALL_SECONDS):
            with rig.gated_by(OpenGate(instance.name)):
                response = await rig.target.call(instance, method=method, secret=rig.target.secret)
        succeeded &= response is not None and not response.has_failed
    return succeeded
