"""Internal errors: wherever one is raised, the run ends with it, and with no verdict."""

import asyncio
import gc
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FrameType

import pytest

import cronproof
from cronproof import internal_errors
from cronproof.cli import console
from cronproof.internal_errors import report, reporting, until_error, watch
from tests.support.command import Cronproof, Done
from tests.support.external import ENV, SERVER

HARNESS = str(Path(cronproof.__path__[0]))
EXIT_CODE = 3
WITH_A_VERDICT = {0, 1}
LEAST_PLACES = 100


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


SCENARIO = """
title: {title}
why: Its run comes by most functions.
test: race
given:
  rows:
    customers: [{{id: 1, first_name: Ada, phone_number: "+12125550132"}}]
    jobs: [{{id: 32, customer_id: 1, status: completed, completed_at: 3 hours ago}}]
when:
  call: post-job-followup
  {when}
then:
  - no-loss: {{units: [32]}}
  - status: 200
"""
IN_PROCESS = ["--target", "reference"]
RUNS = {
    "orders": ("instances: 2\n  orders: [rows-locked]\n  interleavings: all", IN_PROCESS),
    "faults": ("faults: [sql-error, connection-lost-after, timeout-after, dies]", IN_PROCESS),
    "a-process": ("method: GET", ["--target", "server"]),
}
CONFIG = f"""
[targets.server]
command = [{sys.executable!r}, {str(SERVER)!r}, "{{port}}", "reads-rest"]
[targets.server.env]
SUPABASE_URL = "{{supabase_url}}"
SUPABASE_SERVICE_ROLE_KEY = "{{supabase_service_role_key}}"
""" + "\n".join(f'{name} = "{value}"' for name, value in ENV.items())
VARYING = re.compile(
    r"[\d.]+ (m?s)\b|Sign-off report: .*|cronproof replay .*|  \(\d+ of them, .*|^.* has written.*$", re.MULTILINE
)

Place = tuple[str, str, int]
"""A function: its file, its name, and its line."""


@dataclass
class Sweep:
    """Counts the calls of cronproof's functions that nobody awaits, and raises in one of them."""

    target: Place | None = None
    call: int = 1
    calls: Counter[Place] = field(default_factory=Counter)

    def trace(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(HARNESS) or code.co_filename == internal_errors.__file__:
            return
        place = (code.co_filename, code.co_name, code.co_firstlineno)
        if self.target not in {None, place} or self.is_awaited(frame):
            return
        self.calls[place] += 1
        if place == self.target and self.calls[place] == self.call:
            raise PlantedError(f"in {code.co_name}")

    def is_awaited(self, frame: FrameType) -> bool:
        """Whether the run's main path has called the function: what it raises there ends the run."""
        codes = list[CodeType]()
        above: FrameType | None = frame
        while above is not None:
            codes.append(above.f_code)
            above = above.f_back
        return until_error.__code__ in codes or (
            threading.current_thread() is threading.main_thread() and console.run_async.__code__ not in codes
        )

    def run(self, command: Callable[[], Done]) -> Done:
        before = sys.gettrace()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        try:
            return command()
        finally:
            sys.settrace(before)
            threading.settrace(None)


PARTS = 4
"""The sweep is this many tests, which several processes can share."""


def verdicts(done: Done) -> tuple[int, str, str]:
    return done.returncode, VARYING.sub("", done.stdout), VARYING.sub("", done.stderr)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # connections that nobody closes any more
@pytest.mark.parametrize("part", range(PARTS))
def test_an_error_in_any_function_that_nobody_awaits_ends_the_run(
    part: int, cronproof: Cronproof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(internal_errors, "AGAIN_SECONDS", 0.5)
    config = tmp_path / "cronproof.toml"
    config.write_text(CONFIG)
    known, wrong = set[Place](), list[str]()
    for name, (when, target) in RUNS.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(SCENARIO.format(title=name, when=when))
        command = partial(cronproof, "verify", str(file), "--config", str(config), "--out", str(tmp_path), *target)
        whole, counting = command(), Sweep()
        assert whole.returncode in WITH_A_VERDICT, whole
        assert verdicts(counting.run(command)) == verdicts(whole)
        new = sorted(place for place in counting.calls if place not in known)
        known.update(new)
        for place in new[part::PARTS]:
            count = counting.calls[place]
            for call in sorted({1, count // 2 + 1}):
                planted = Sweep(place, call)
                done = planted.run(command)
                is_told = done.returncode == EXIT_CODE and "PlantedError: in " in done.stderr
                if not is_told and planted.calls[place] >= call and verdicts(done) != verdicts(whole):
                    wrong.append(
                        f"{place[0].removeprefix(HARNESS)}:{place[2]} {place[1]}, call {call} of {count}: {done}"
                    )
    gc.collect()
    assert not wrong, "\n".join(wrong)
    assert len(known) > LEAST_PLACES
