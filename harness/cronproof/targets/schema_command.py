"""Runs the command with which an application makes its schema: a framework's migrations."""

import asyncio
import os
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path

from cronproof.cleanup import guarded
from cronproof.errors import UsageError
from cronproof.gate.gate import OpenGate
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.services.placeholders import fill_in
from cronproof.targets.config import PLACEHOLDERS, TargetConfig, fill_placeholders, leads_elsewhere
from cronproof.targets.database_address import find_parts

SECONDS = 600.0
LAST_LINES = 12
_NOWHERE = "http://127.0.0.1:9"
_URLS: Mapping[str, str] = {name: _NOWHERE for name in PLACEHOLDERS if name.endswith("_url")}


async def make_schema(target: str, config: TargetConfig, database: Database) -> None:
    """Runs the `migrate` of a target, with the rights of an application that owns what it makes.

    It reaches the database and nothing else: placeholders of services lead nowhere.

    Raises:
        UsageError: it cannot be run, fails, or has not ended in ten minutes; with its last output.
    """
    if config.migrate is None:
        return
    await database.let_create()
    said = f"[targets.{target}] migrate = {shlex.join(config.migrate)!r}"
    proxy = Proxy("migrate", database.upstream, OpenGate())
    async with proxy.listening():
        values = {
            **_URLS,
            **fill_in(lambda _: _NOWHERE, "none", config.services),
            **find_parts(database.url(proxy.port, "service_role")),
            "services.smtp.host": "127.0.0.1",
            "services.smtp.port": "9",
            "port": "9",
            "instance": "migrate",
        }
        code, output = await _run(config, values, said)
    if code != 0:
        raise UsageError(f"{said} ended with exit code {code}; its last output:\n" + "\n".join(output))


async def _run(config: TargetConfig, values: Mapping[str, str], said: str) -> tuple[int, list[str]]:
    """Runs it to its end, and returns its exit code and its last lines."""
    inherited = {name: value for name, value in os.environ.items() if not leads_elsewhere(name, value)}
    proxies = dict.fromkeys(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"], _NOWHERE)
    with guarded() as guard:
        environment = {**inherited, **config.environment(values), **proxies, **guard.marked()}
        try:
            process = await asyncio.create_subprocess_exec(
                *(fill_placeholders(word, values) for word in config.migrate or ()),
                cwd=config.cwd,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"{said} cannot be run in {Path(config.cwd)}: {error.strerror}") from None
        try:
            async with asyncio.timeout(SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            raise UsageError(f"{said} has not ended within {SECONDS:g} s") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
    return process.returncode or 0, output.decode(errors="replace").rstrip().splitlines()[-LAST_LINES:]
