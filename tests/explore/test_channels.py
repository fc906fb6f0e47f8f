"""The numbers of an instance's channels."""

import asyncio
from dataclasses import dataclass

from cronproof.explore.channels import Channels
from cronproof.gate.point import Point

POINT = Point("statement", "select 1")


@dataclass(eq=False)
class Connection:
    content: bytes
    goes_on: bool = False
    is_busy: bool = False


def test_new_channels_are_numbered_by_content_and_busy_ones_keep_their_number() -> None:
    async def main() -> None:
        channels = Channels(are_numbered=True)
        late, early = Connection(b"b"), Connection(b"a")
        channels.park("A", POINT, late)
        channels.park("A", POINT, early)
        assert channels.assign_numbers("A") == 2
        assert channels.find("A.2") is channels.parked["A"][0]
        assert [name for name, _ in channels.names("A")] == ["A", "A.2"]

        late.goes_on = True
        channels.parked["A"].clear()
        channels.park("A", POINT, late)
        channels.park("A", POINT, Connection(b"0"))
        channels.assign_numbers("A")
        assert [one.number for one in channels.parked["A"]] == [2, 1]

    asyncio.run(main())


def test_without_numbers_an_instance_is_one_channel() -> None:
    async def main() -> None:
        channels = Channels(are_numbered=False)
        assert channels.find("A") is None
        first = channels.park("A", POINT, None)
        channels.park("A", POINT, None)

        assert channels.names("A") == [("A", POINT)]
        assert channels.find("A") is first

    asyncio.run(main())


def test_a_channel_of_a_shared_server_belongs_to_the_instance_that_uses_it() -> None:
    async def main() -> None:
        channels = Channels(are_numbered=True)
        used, idle = Connection(b"", goes_on=True, is_busy=True), Connection(b"")
        channels.park("A", POINT, used)

        assert channels.user_of(used) == "A"
        assert channels.user_of(idle) is None
        assert channels.others_are_busy("A", idle)
        channels.forget(used)
        assert channels.user_of(used) is None

    asyncio.run(main())
