"""The gate that holds nobody."""

import asyncio

from cronproof.gate.gate import SHARED, OpenGate, Release
from cronproof.gate.point import Point

POINT = Point("call", "POST openphone /v1/messages")


def test_whoever_arrives_goes_on_at_once_without_a_fault() -> None:
    assert asyncio.run(OpenGate().arrive("A", POINT)) == Release("A")


def test_on_a_shared_server_it_is_the_caller_who_arrives() -> None:
    assert asyncio.run(OpenGate(caller="B").arrive(SHARED, POINT)) == Release("B")
