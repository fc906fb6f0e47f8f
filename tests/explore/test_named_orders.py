"""The named orders, on instances that are plain coroutines."""

import asyncio
import functools
from collections.abc import Callable

import pytest

from cronproof.explore.named_orders import HeldAtStep, RunToEnd, StepByStep, make_named_policy
from cronproof.explore.policy import NeverReached, Policy
from cronproof.gate.point import Point
from tests.support.programs import Instances, statements

CRON = [
    Point("statement", "select from tenants"),
    Point("statement", "select from claim_jobs_for_followup()", "claim_jobs_for_followup"),
    Point("statement", "commit"),
    Point("call", "send"),
    Point("answer", "send"),
]


T, C, M, S = (point.text for point in CRON[:4])


A_WHOLE, B_WHOLE = [f"A{t}" for t in (T, C, M, S, S)], [f"B{t}" for t in (T, C, M, S, S)]


@pytest.mark.parametrize(
    ("make_policy", "done"),
    [
        (RunToEnd, [*A_WHOLE, *B_WHOLE]),
        (StepByStep, [text for pair in zip(A_WHOLE, B_WHOLE, strict=True) for text in pair]),
        (functools.partial(make_named_policy, "held-before-claim"), [*A_WHOLE[:1], *B_WHOLE, *A_WHOLE[1:]]),
        (functools.partial(make_named_policy, "held-after-claim"), [*A_WHOLE[:2], *B_WHOLE, *A_WHOLE[2:]]),
        (functools.partial(make_named_policy, "held-before-send"), [*A_WHOLE[:3], *B_WHOLE, *A_WHOLE[3:]]),
        (functools.partial(make_named_policy, "held-after-send"), [*A_WHOLE[:4], *B_WHOLE, *A_WHOLE[4:]]),
        (functools.partial(HeldAtStep, 1), [*B_WHOLE, *A_WHOLE]),
        (functools.partial(HeldAtStep, 5), [*A_WHOLE[:4], *B_WHOLE, *A_WHOLE[4:]]),
    ],
    ids=["one-after-the-other", "step-by-step", "before-claim", "after-claim", "before-send", "after-send", "1", "5"],
)
def test_the_named_orders_are_what_they_say(make_policy: Callable[[], Policy], done: list[str]) -> None:
    async def main() -> list[str]:
        instances = Instances(A=CRON, B=CRON)
        await instances.executor.run(make_policy())
        return instances.done

    assert asyncio.run(main()) == done


def test_a_place_that_is_never_reached_is_said() -> None:
    async def main(policy: Policy) -> None:
        instances = Instances(A=statements("select 1"), B=CRON)
        try:
            await instances.executor.run(policy)
        finally:
            await instances.executor.abandon()

    with pytest.raises(NeverReached, match="^A ended without being held-before-send$"):
        asyncio.run(main(make_named_policy("held-before-send")))
    with pytest.raises(NeverReached, match="^A ended without being at step 2$"):
        asyncio.run(main(HeldAtStep(2)))


def test_three_instances_take_turns() -> None:
    async def main() -> list[str]:
        instances = Instances(A=statements("1", "2"), B=statements("1"), C=statements("1", "2", "3"))
        await instances.executor.run(StepByStep())
        return instances.done

    assert asyncio.run(main()) == ["A1", "B1", "C1", "A2", "C2", "C3"]
