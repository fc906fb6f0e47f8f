"""The channels of instances: which are held at which point, and their numbers."""

import asyncio
import itertools
from dataclasses import dataclass, field

from cronproof.gate.fault import FaultName, instance_of
from cronproof.gate.gate import Channel
from cronproof.gate.point import Point
from cronproof.gate.trace import channel_name


@dataclass(eq=False)
class Parked:
    """A channel that is held at a point. It is numbered once its instance is at rest."""

    point: Point
    channel: Channel | None
    released: asyncio.Future[FaultName | None]
    number: int = 1

    def content(self) -> tuple[str, str, bytes]:
        """Returns what the channel is about to do, which does not depend on timing."""
        return self.point.kind, self.point.text, self.channel.content if self.channel else b""


@dataclass
class Channels:
    """The channels of all instances. Without `are_numbered`, each instance has one channel."""

    are_numbered: bool
    parked: dict[str, list[Parked]] = field(default_factory=dict)
    """The held channels of each instance."""
    _numbers: dict[str, dict[Channel, int]] = field(default_factory=dict)

    @property
    def all_parked(self) -> list[Parked]:
        """The held channels of all instances."""
        return [one for held in self.parked.values() for one in held]

    def is_parked(self, instance: str) -> bool:
        """Whether a channel of the instance is held."""
        return bool(self.parked.get(instance))

    def park(self, instance: str, point: Point, channel: Channel | None) -> Parked:
        """Holds a channel at a point."""
        one = Parked(point, channel, asyncio.get_running_loop().create_future())
        self.parked.setdefault(instance, []).append(one)
        if channel is not None:
            self._numbers.setdefault(instance, {}).setdefault(channel, 0)
        return one

    def names(self, instance: str) -> list[tuple[str, Point]]:
        """Returns the held channels of an instance, with their points, by name."""
        held = self.parked.get(instance, [])
        if not self.are_numbered:
            return [(instance, held[0].point)] if held else []
        return sorted((channel_name(instance, one.number), one.point) for one in held)

    def find(self, name: str) -> Parked | None:
        """Finds a held channel by name. The name of an instance means its first held channel."""
        instance = instance_of(name)
        held = self.parked.get(instance, [])
        if not self.are_numbered:
            return held[0] if held else None
        named = [one for one in held if name in (instance, channel_name(instance, one.number))]
        return min(named, key=lambda one: one.number, default=None)

    def user_of(self, channel: Channel | None) -> str | None:
        """Returns the instance that is using a channel of a shared server, if any."""
        if channel is not None and channel.goes_on:
            return next((name for name, channels in self._numbers.items() if channel in channels), None)
        return None

    def forget(self, channel: Channel | None) -> None:
        """Removes a channel from its instance."""
        for channels in self._numbers.values():
            channels.pop(channel, None)  # type: ignore[arg-type]  # None is in none of them

    def others_are_busy(self, instance: str, channel: Channel | None) -> bool:
        """Whether another channel of the instance waits for an answer."""
        return any(other is not channel and other.is_busy for other in self._numbers.get(instance, {}))

    def assign_numbers(self, instance: str) -> int:
        """Numbers the held channels, and returns how many there are.

        A channel in use keeps its number. New ones get the lowest free numbers, by content.
        """
        held, numbers = self.parked.get(instance, []), self._numbers.get(instance, {})
        channels = {one.channel for one in held}
        for channel in [channel for channel in numbers if channel not in channels and not channel.goes_on]:
            del numbers[channel]
        used = {number for number in numbers.values() if number}
        new = [one for one in held if one.channel is None or not numbers.get(one.channel)]
        for one in sorted(new, key=Parked.content):
            one.number = next(number for number in itertools.count(1) if number not in used)
            used.add(one.number)
            if one.channel is not None:
                numbers[one.channel] = one.number
        for one in held:
            if one.channel is not None:
                one.number = numbers[one.channel]
        return len(held)
