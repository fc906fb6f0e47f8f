"""Internal errors: wherever one is raised, the run ends with it, and with no verdict."""

import asyncio
import gc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cronproof.internal_errors import report, reporting, until_error, watch
from tests.support.command import RACE, Cronproof


class PlantedError(Exception):
    """An error that no code expects."""


async def forever() -> None:
    await asyncio.Event().wait()


async def fails() -> None:
    raise PlantedError


def in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(_raise)


def in_a_task() -> None:
    watch(asyncio.create_task(fails()))


def in_a_mock() -> None:
    @reporting(ValueError)
    async def answered() -> None:
        raise PlantedError

    client = asyncio.create_task(answered())
    client.add_done_callback(asyncio.Task.exception)  # it hides the error, as clients do


def _raise() -> None:
    raise PlantedError


@pytest.mark.parametrize("raising", [in_a_callback, in_a_task, in_a_mock])
def test_an_error_elsewhere_ends_what_is_awaited(raising: Callable[[], None]) -> None:
    async def main() -> None:
        raising()
        await forever()

    with pytest.raises(PlantedError):
        asyncio.run(until_error(main()))


def test_the_error_is_raised_although_the_cancellation_was_taken_for_an_interrupt() -> None:
    async def main() -> str:
        in_a_callback()
        try:
            await forever()
        except asyncio.CancelledError:
            return "what was found until then"
        return ""

    with pytest.raises(PlantedError):
        asyncio.run(until_error(main()))


def test_an_interrupt_stays_an_interrupt() -> None:
    async def main() -> None:
        running = asyncio.create_task(until_error(forever()))
        await asyncio.sleep(0)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_an_expected_error_and_a_broken_connection_end_nothing() -> None:
    async def main() -> str:
        @reporting(ValueError)
        async def refused() -> None:
            raise ValueError("expected")

        with pytest.raises(ValueError, match="expected"):
            await refused()
        context = {"message": "Fatal error", "exception": BrokenPipeError(), "transport": object()}
        asyncio.get_running_loop().call_exception_handler(context)
        return "done"

    assert asyncio.run(until_error(main())) == "done"


def test_only_the_first_error_is_raised() -> None:
    async def main() -> None:
        report(PlantedError("first"))
        report(PlantedError("second"))
        await forever()

    with pytest.raises(PlantedError, match="first"):
        asyncio.run(until_error(main()))


@pytest.fixture
def collected() -> Iterator[None]:
    """Collects what broken runs leave open before another test is blamed for it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.postgres
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize(
    "function",
    [
        "cronproof.postgres.proxy.wire.command_tag",
        "cronproof.postgres.proxy.wire.take_startup",
        "cronproof.postgres.proxy.session.ProxySession._observe",
        "cronproof.postgres.proxy.session.ProxySession._server_sent",
        "cronproof.explore.executor.Executor.arrive",
        "cronproof.services.bundled.openphone.OpenPhone.handle",
        "cronproof.services.services.Services.exchange",
        "cronproof.services.exchange.parse_json",
        "cronproof.targets.asgi_call.request",
    ],
)
def test_a_run_ends_with_its_own_error_and_without_a_verdict(
    function: str, cronproof: Cronproof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_: object, **__: object) -> None:
        raise PlantedError("of the test")

    monkeypatch.setattr("cronproof.internal_errors.AGAIN_SECONDS", 0.5)
    monkeypatch.setattr(function, raises)

    done = cronproof("verify", RACE, "--out", str(tmp_path))

    assert done.returncode == 3
    assert done.stderr.endswith("cronproof: internal error, PlantedError: of the test\n")
    assert not any(verdict in done.stdout for verdict in ("PASS", "FAIL", "INCONCLUSIVE"))
