"""Why an execution that ended normally is inconclusive."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from cronproof.domain.instance import CronResponse, Instance
from cronproof.domain.message import BlockedCall
from cronproof.engine.inconclusive import AMBIGUOUS, find_hit, find_reason
from cronproof.gate.gate import SHARED
from cronproof.gate.point import Point
from cronproof.gate.trace import Step, Trace
from cronproof.scenario.when import When

INSTANCES = [Instance("A", "post-job-followup"), Instance("B", "post-job-followup")]
ASKS = Point("statement", "select 1")
BOTH = [Step("A", ASKS), Step("B", ASKS)]


@dataclass
class Executed:
    steps: Sequence[Step] = ()
    answered: str = "AB"
    status: int = 200
    ambiguous: bool = False
    instances: Sequence[Instance] = field(default_factory=lambda: INSTANCES)

    def __post_init__(self) -> None:
        self.trace = Trace(steps=list(self.steps), was_ambiguous=self.ambiguous)

    def ordered_responses(self) -> list[CronResponse]:
        return [CronResponse(name, self.status, {}) for name in self.answered]


def reason(
    executed: Executed, *, complaint: str | None = None, blocked: Sequence[str] = (), authorized: bool = True
) -> Any:
    rig: Any = SimpleNamespace(
        target=SimpleNamespace(complaint=lambda _: complaint),
        proxies=[SimpleNamespace(instance="A", used=False), SimpleNamespace(instance="B", used=False)],
        shared={},
        services=SimpleNamespace(
            blocked_calls=[BlockedCall(name, "https://example.com") for name in blocked], unknown_requests=[]
        ),
    )
    return find_reason(
        rig, When.model_validate({"call": "post-job-followup", "secret": "right" if authorized else "wrong"}), executed
    )


def test_instances_that_answer_and_contact_something_prove_something() -> None:
    assert reason(Executed(BOTH)) is None
    assert reason(Executed(BOTH[:1]), blocked=["B"]) is None


def test_who_contacts_nothing_proves_nothing_unless_it_answers_with_an_error() -> None:
    assert reason(Executed(BOTH[:1])) == "B contacted neither the database nor a service"
    assert reason(Executed()) == "A and B contacted neither the database nor a service"
    assert reason(Executed(status=500)) is None


def test_on_a_shared_server_somebody_has_contacted_something() -> None:
    assert reason(Executed([Step(SHARED, ASKS)])) is None
    assert reason(Executed(BOTH, ambiguous=True)) == AMBIGUOUS


def test_who_ends_without_a_response_proves_nothing_unless_a_fault_hit_it() -> None:
    died = [*BOTH, Step("B", ASKS, fault="dies")]

    assert reason(Executed(BOTH, answered="A")) == "B ended without a response"
    assert reason(Executed(died, answered="A")) is None


def test_a_restart_of_the_database_hits_everybody() -> None:
    steps = [Step("A", ASKS, fault="database-restarts")]

    assert find_hit(steps, INSTANCES) == {"A", "B"}
    assert find_hit([Step("A", ASKS, fault="sql-error")], INSTANCES) == {"A"}


def test_a_target_that_is_set_up_wrongly_is_told_but_not_for_a_wrong_secret() -> None:
    assert reason(Executed(BOTH), complaint="A answers 401 to the right secret") == "A answers 401 to the right secret"
    assert reason(Executed(), complaint="A answers 401", authorized=False) is None
