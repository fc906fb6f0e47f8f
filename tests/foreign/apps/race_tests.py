"""Races as tests in Python."""

from typing import Any

ROWS = {"outbox": [{"recipient": "+12125550132", "order_number": 7}]}


def test_two_runs_send_each_message_once(cronproof: Any) -> None:
    result = cronproof.explore("outbox", rows=ROWS, instances=2).must("no-duplicate", "no-loss", {"status": 200})

    assert result.exploration.exhausted
