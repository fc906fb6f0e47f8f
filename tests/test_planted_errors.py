"""The sweep: an error in a function that nobody awaits ends the run with its cause, or has no effect."""

import contextlib
import multiprocessing
import os
import re
import signal
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
from cronproof.internal_errors import until_error
from tests.support import reference
from tests.support.command import Cronproof, Done
from tests.support.external import ENV, SERVER
from tests.support.waiting import DEADLINE_SECONDS

HARNESS = str(Path(cronproof.__path__[0]))
EXIT_CODE = 3
WITH_A_VERDICT = {0, 1}
HUNG = -9
LEAST_PLACES = 100
LEAST_TOLD = 10
"""In each part. Most other functions run where an error has no effect, for example in a log."""
RESUMED = 3
"""In the argument of RESUME: a coroutine or generator goes on. https://docs.python.org/3.11/library/dis.html#opcode-RESUME"""


class PlantedError(Exception):
    """An error that no code expects."""


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
CONFIG = (
    f"""
[targets.server]
command = [{sys.executable!r}, {str(SERVER)!r}, "{{port}}", "reads-rest"]
{reference.DECLARED}
[targets.server.env]
SUPABASE_URL = "{{supabase_url}}"
SUPABASE_SERVICE_ROLE_KEY = "{{supabase_service_role_key}}"
"""
    + "\n".join(f'{name} = "{value}"' for name, value in ENV.items())
    + "\n"
    + reference.WORK
)
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
    is_done: bool = False

    def trace(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if self.target is not None and (code.co_firstlineno != self.target[2] or self.is_done):  # most calls
            return
        if event != "call" or not code.co_filename.startswith(HARNESS) or code.co_filename == internal_errors.__file__:
            return
        if code.co_code[frame.f_lasti + 1] & RESUMED:  # to raise there would skip the end of what it awaits
            return
        place = (code.co_filename, code.co_name, code.co_firstlineno)
        if self.target not in {None, place} or self.is_awaited(frame):
            return
        self.calls[place] += 1
        if place == self.target and self.calls[place] == self.call:
            self.is_done = True
            sys.settrace(None)
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
        """Runs the command in a fork of this process, which a broken run cannot harm."""
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = os.fork()
        if child == 0:
            threading.settrace(self.trace)
            sys.settrace(self.trace)
            try:
                ended = command()
                sys.settrace(None)
                sender.send((ended, self.calls))
            finally:
                os._exit(0)
        sender.close()  # so that a child that ends without a word is noticed
        done = Done(HUNG, "", "it did not end in time, or without a word")
        if receiver.poll(DEADLINE_SECONDS):
            with contextlib.suppress(EOFError):
                done, self.calls = receiver.recv()
        else:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        receiver.close()
        return done


EVERY = 8
"""One place in so many is tried: all of them take four minutes of a processor."""
PARTS = 2
"""The sweep is this many tests, which two processes can share."""


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
    monkeypatch.setattr(internal_errors, "AGAIN_SECONDS", 0.1)
    config = tmp_path / "cronproof.toml"
    config.write_text(CONFIG)
    known, wrong, told = set[Place](), list[str](), 0
    for name, (when, target) in RUNS.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(SCENARIO.format(title=name, when=when))
        described = [] if target == IN_PROCESS else ["--config", str(config)]
        command = partial(cronproof, "verify", str(file), "--out", str(tmp_path), *described, *target)
        whole, counting = command(), Sweep()
        assert whole.returncode in WITH_A_VERDICT, whole
        assert verdicts(counting.run(command)) == verdicts(whole)
        new = sorted(place for place in counting.calls if place not in known)
        known.update(new)
        for number, place in enumerate(new[::EVERY]):
            count = counting.calls[place]
            call = 1 if number % 2 == 0 else count // 2 + 1  # a run takes half a second: one for each function
            if number // 2 % PARTS != part:
                continue
            planted = Sweep(place, call)
            done = planted.run(command)
            is_told = done.returncode == EXIT_CODE and "PlantedError: in " in done.stderr
            told += is_told
            if (
                not is_told
                and (done.returncode == HUNG or planted.calls[place] >= call)
                and verdicts(done) != verdicts(whole)
            ):
                wrong.append(f"{place[0].removeprefix(HARNESS)}:{place[2]} {place[1]}, call {call} of {count}: {done}")
    assert not wrong, "\n".join(wrong)
    assert len(known) > LEAST_PLACES
    assert told > LEAST_TOLD
