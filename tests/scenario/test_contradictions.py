"""Contradictions in a scenario: where in the file, and what is wrong."""

from typing import Any

import pytest

from cronproof.scenario.contradictions import find_contradictions
from cronproof.scenario.given import FilePlace
from cronproof.scenario.scenario import Scenario

TWO = {"call": "post-job-followup", "instances": 2}
JOBS = {"rows": {"jobs": [{"id": 32}, {"repeat": 2, "row": {"id": 40}}]}}


def contradictions(when: dict[str, Any] | None, then: list[Any], given: dict[str, Any] | None = None) -> list[Any]:
    text: dict[str, Any] = {"title": "t", "why": "w", "test": "race", "then": then, "given": given or {}}
    return list(find_contradictions(Scenario.model_validate(text | ({} if when is None else {"when": when}))))


def test_a_scenario_without_contradictions_has_none() -> None:
    assert contradictions(TWO, ["exclusive", {"no-loss": {"units": [32, 40, 41]}}, {"status": 200}], JOBS) == []


@pytest.mark.parametrize(
    ("when", "then", "given", "place", "what"),
    [
        (None, ["exclusive"], {}, ("then", 0), "exclusive asks about a call, but there is no `when`"),
        (
            None,
            [{"rpc-guarded": {"function": "f"}}],
            JOBS,
            ("given", "rows"),
            "rows without a `when` are never looked at",
        ),
        (
            {"call": ["post-job-followup", "crew-briefing"], "instances": 2},
            ["egress"],
            {},
            ("when", "instances"),
            "a list under `call` already says how many instances there are",
        ),
        ({"call": "crew-briefing", "interleavings": "all"}, ["egress"], {}, ("when", "interleavings"), "one instance"),
        ({"call": "crew-briefing", "orders": ["step-by-step"]}, ["egress"], {}, ("when", "orders"), "one instance"),
        (TWO | {"each_pair": True}, ["egress"], {}, ("when", "each_pair"), "name three crons under `call`"),
        (
            TWO | {"faults": "each", "interleavings": {"sample": 10}},
            ["egress"],
            {},
            ("when", "faults"),
            "a sample cannot have faults",
        ),
        (
            TWO | {"faults": "dies", "interleavings": "all", "inside": "all"},
            ["egress"],
            {},
            ("when", "inside"),
            "executions with faults keep statements whole",
        ),
        (TWO | {"inside": "all"}, ["egress"], {}, ("when", "inside"), "named orders keep statements whole"),
        (TWO | {"faults": ["each", "dies"]}, ["egress"], {}, ("when", "faults"), "`each` stands for every fault"),
        (TWO, ["egress", "egress"], {}, ("then", 1), "egress is there twice"),
        (
            TWO | {"orders": ["step-by-step", "step-by-step"]},
            ["egress"],
            {},
            ("when", "orders", 1),
            "step-by-step is there twice",
        ),
        (
            TWO,
            ["egress"],
            {"rows": {"jobs": [{"id": 32, "status": {"any": ["a", "b"]}}]}},
            ("given", "rows", "jobs", 0, "status"),
            "only a sample draws a value of `any`",
        ),
        (
            TWO | {"interleavings": {"sample": 10}},
            ["egress"],
            {"rows": {"jobs": [{"id": 32, "status": {"any": ["a"]}}]}},
            ("given", "rows", "jobs", 0, "status"),
            "`any` chooses from two values or more",
        ),
    ],
)
def test_a_contradiction_is_found_where_it_stands(
    when: dict[str, Any] | None, then: list[Any], given: dict[str, Any], place: FilePlace, what: str
) -> None:
    ((found, message),) = contradictions(when, then, given)

    assert (found, message[: len(what)]) == (place, what)
