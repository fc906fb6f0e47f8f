"""A process of a target: starting it, waiting until it is ready, killing it with its children."""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import httpx
import psutil

from cronproof.cleanup import MARK, find_marked
from cronproof.errors import EnvironmentFailed
from cronproof.targets.config import fill_placeholders
from cronproof.targets.sharing import Sharing

POLL_SECONDS = 0.02
POLL_SIGNAL_SECONDS = 0.001
STOP_SECONDS = 3.0
DYING_SECONDS = 0.2
LAST_LINES = 12
LINE_CHARACTERS = 300
LAST_BYTES = 64 * 1024
OF_A_CHILD = 128
INSTANCE = "CRONPROOF_INSTANCE"
"""The variable that says which instance a process belongs to."""


@dataclass
class Process:
    """A process of a target's command, and the port on which it is called."""

    instance: str
    command: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    port: int
    log: Path
    """The file that gets all its output."""
    stdout: Path | None = None
    """The file that gets its standard output, if not the log."""
    _process: asyncio.subprocess.Process | None = None
    sharing: Sharing | None = None
    """What it shares with others; None where that cannot be seen."""
    _heard_bytes: int = 0
    _is_gone: bool = False
    """Whether nothing of it is left, so that its number may be somebody else's."""
    _is_ended_here: bool = False
    """Whether it was killed by this object."""
    _is_asked: bool = False
    """Whether it was sent SIGTERM."""

    can_tell_whether_idle: ClassVar[bool] = sys.platform == "linux"

    async def start(self, values: Mapping[str, str] | None = None) -> None:
        """Starts it in a new session, so that Ctrl-C does not reach it. `values`: of further placeholders.

        Raises:
            EnvironmentFailed: there is no such command.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)  # another run may still be writing one of this name
        self._heard_bytes, self._is_ended_here, self._is_asked, self._is_gone = 0, False, False, False
        command = [fill_placeholders(word, values or {}) for word in self.command]
        # Appended, as both may be one file: neither writes over the other.
        with self.log.open("ab") as output, (self.stdout or self.log).open("ab") as stdout:
            stdout.truncate(0)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    cwd=self.cwd,
                    env=self.environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=output,
                    start_new_session=True,
                )
            except OSError as error:
                raise EnvironmentFailed(
                    f"instance {self.instance} does not start: {command[0]!r} cannot be run in {self.cwd}: "
                    f"{error.strerror}; is the command right, and is the program on the PATH?"
                ) from None

    async def ready(self, path: str | None, *, seconds: float) -> None:
        """Waits until it is ready: its port listens, or `path`, if given, answers below 500.

        Raises:
            EnvironmentFailed: it ends, or is not ready in time; with its last output.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        # To load certificates takes longer than most servers need to start, and there is no TLS here.
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501
            while not await self._answers(client, path):
                if (code := self.exit_code) is not None:
                    how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
                    raise EnvironmentFailed(
                        f"instance {self.instance} ended with {how} before it could be called "
                        f"({shlex.join(self.command)} in {self.cwd}){self.last_output()}"
                    )
                if loop.time() > deadline:
                    what = f"answer at {path}" if path is not None and await self._answers(client, None) else "listen"
                    raise EnvironmentFailed(
                        f"instance {self.instance} did not {what} on port {self.port} within {seconds:g} s"
                        f"{self._listens_elsewhere()}{self.last_output()}"
                    )
                await asyncio.sleep(POLL_SECONDS)
        if self._process is not None and self.can_tell_whether_idle:
            self.sharing = Sharing(self._process.pid)
        for process in self._process_tree():
            with contextlib.suppress(psutil.Error):
                if process.name() == "node" and "preload.cjs" not in process.environ().get("NODE_OPTIONS", ""):
                    raise EnvironmentFailed(
                        f"instance {self.instance} runs Node with other NODE_OPTIONS than it was given "
                        f"({shlex.join(process.cmdline())[:LINE_CHARACTERS]}), so that its calls would leave this machine; "
                        "set them in the target's env, not in the command"
                    )

    @property
    def is_idle(self) -> bool:
        """Whether all threads of it and its children sleep.

        A thread that runs, or that input has just woken, is in another state:
        https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
        """
        return self._process is not None and _sleeps(str(self._process.pid))

    @property
    def exit_code(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def is_started(self) -> bool:
        """Whether it was ever started."""
        return self._process is not None

    @property
    def is_ended_here(self) -> bool:
        """Whether it was ended by this object."""
        return self._is_ended_here or (self._is_asked and self.exit_code == -signal.SIGTERM)

    async def wait(self) -> int:
        """Waits for its end, and returns its exit code, or a negative signal."""
        assert self._process is not None  # noqa: S101  (for the type checker: it was started)
        return await self._process.wait()

    def read_output(self) -> str:
        """Returns what it has written to standard output, where that has a file of its own."""
        return "" if self.stdout is None else self.stdout.read_text(encoding="utf-8", errors="replace")

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody else has killed it, as the kernel does where memory is short. Other signals it
        may have sent to itself.
        """
        killed = {-signal.SIGKILL, OF_A_CHILD + signal.SIGKILL}  # a shell returns what its child has died of
        return not self._is_ended_here and self.exit_code in killed

    @property
    def _is_dead(self) -> bool:
        """Whether it has ended, known to asyncio or not."""
        if self._process is None or self.exit_code is not None:
            return True
        try:
            return psutil.Process(self._process.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    async def wait_if_dying(self) -> None:
        """Waits for its exit code, if it is about to end: its connections are closed just before."""
        if self._process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DYING_SECONDS):
                await self._process.wait()
        if self._is_dead:
            await self._process.wait()

    async def kill(self) -> None:
        """Kills it at once, with all its children."""
        if self._is_gone:
            return
        self._is_ended_here |= not self._is_dead
        if self._process is not None:
            for process in self._process_tree():
                with contextlib.suppress(psutil.Error):
                    process.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            self._is_gone = True

    async def end_what_is_left(self) -> str | None:
        """After its end, waits until what it has started has ended, too, and kills what does not end within a moment.
        Returns the command of one that was killed. Daemons have left its session, but have its environment.
        """
        assert self._process is not None  # noqa: S101  (for the type checker: it was started)
        loop = asyncio.get_running_loop()
        deadline, killed = loop.time() + DYING_SECONDS, None
        marks = {name: self.environment[name] for name in (MARK, INSTANCE)}
        while left := list(find_marked(marks, after=self._process.pid)):
            if loop.time() > deadline:
                for process in left:
                    with contextlib.suppress(psutil.Error):
                        killed = shlex.join(process.cmdline())[:LINE_CHARACTERS] or killed
                        process.kill()
            await asyncio.sleep(POLL_SECONDS)
        return killed

    async def terminate(self) -> bool:
        """Sends it SIGTERM, and returns when it has taken it: whether it has ended. Its children get none, as with
        Kubernetes: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination.
        """
        if self._process is None or self._is_dead:
            return True
        self._is_asked = True
        self._process.send_signal(signal.SIGTERM)
        while not self._is_dead:
            if not _waits_for(self._process.pid, signal.SIGTERM) and self.is_idle:
                return False
            await asyncio.sleep(POLL_SIGNAL_SECONDS)
        return True

    async def stop(self) -> None:
        """Asks it to end, and kills what has not ended after three seconds."""
        if self._process is None or self._is_gone:
            return
        self._is_ended_here |= not self._is_dead
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        await self.kill()

    def last_output(self) -> str:
        """Returns its last output and the path of its log, as the end of a message."""
        lines = self.last_lines()
        if not lines:
            return f"; it has written nothing ({self.log})"
        return "; its last output:\n" + "\n".join(f"    {line}" for line in lines) + f"\n  all of it is in {self.log}"

    def listen(self) -> None:
        """Marks the end of the log: only later output counts as new."""
        self._heard_bytes = self._written_bytes

    def last_lines(self, *, new: bool = False) -> list[str]:
        """Returns the last lines of its output; with `new`, only those since `listen`."""
        with contextlib.suppress(OSError), self.log.open("rb") as output:
            output.seek(max(self._heard_bytes if new else 0, self._written_bytes - LAST_BYTES))
            text = output.read().decode(errors="replace")
            return [line[:LINE_CHARACTERS] for line in text.splitlines() if line.strip()][-LAST_LINES:]
        return []

    @property
    def _written_bytes(self) -> int:
        with contextlib.suppress(OSError):
            return self.log.stat().st_size
        return 0

    async def _answers(self, client: httpx.AsyncClient, path: str | None) -> bool:
        try:
            if path is None:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return True
            response = await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)
        except (OSError, httpx.HTTPError):
            return False
        return not response.is_server_error

    def _process_tree(self) -> list[psutil.Process]:
        """Returns it and its descendants, as far as they can be found."""
        try:
            process = psutil.Process(self._process.pid if self._process else -1)
            return [process, *process.children(recursive=True)]
        except (psutil.Error, ValueError):
            return []

    def _listens_elsewhere(self) -> str:
        ports = set[int]()
        for process in self._process_tree():
            with contextlib.suppress(psutil.Error):
                ports |= {c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
        if self.port in ports or not ports:
            return "; does the command listen on {port}?"
        return f", but on {', '.join(map(str, sorted(ports)))}: give it {{port}}, in `command` or in its environment"


def _waits_for(pid: int, number: signal.Signals) -> bool:
    """Whether a signal was sent to a process and not taken yet: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        pending = (line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:")))
        return any(int(mask, 16) >> (number - 1) & 1 for mask in pending)
    return False


def _sleeps(pid: str) -> bool:
    """Whether all threads of a process and of its children sleep."""
    with contextlib.suppress(OSError):  # it, or a thread of it, has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            stat = (thread / "stat").read_bytes()
            if stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3] not in b"SIZX":
                return False
            if not all(map(_sleeps, (thread / "children").read_text().split())):
                return False
    return True
