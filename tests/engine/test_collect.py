"""Collecting the evidence of an execution."""

from types import SimpleNamespace
from typing import Any

from cronproof.domain.instance import Instance
from cronproof.domain.message import Message
from cronproof.engine.collect import collect_sent
from tests.support.evidence import ADA


def test_a_message_belongs_to_the_cron_of_its_instance_unless_another_is_known() -> None:
    messages = [
        Message(ADA, "Hi!", 202, "AC1", instance="A"),
        Message(ADA, "Hi!", 202, "AC2", instance="B", cron="monthly-followup"),
        Message(ADA, "Hi!", 202, "AC3", instance="C"),
    ]
    rig: Any = SimpleNamespace(services=SimpleNamespace(messages=messages))
    instances = [Instance("A", "post-job-followup"), Instance("B", "unified-daily")]

    of_execution = collect_sent(rig, instances)
    recovered = collect_sent(rig, instances, rounds=[2])

    assert [sent.cron for sent in of_execution] == ["post-job-followup", "monthly-followup", "an unknown cron"]
    assert [sent.recovering for sent in of_execution] == [False, False, False]
    assert [sent.recovering for sent in recovered] == [False, False, True]
