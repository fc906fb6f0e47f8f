"""The server that a run works on: embedded (the default), a container, or one given by its DSN."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import psycopg
from psycopg.conninfo import conninfo_to_dict

from cronproof.cleanup import guarded, sweep
from cronproof.errors import UsageError
from cronproof.postgres.server import embedded

UNCLEAR_DSN = "the given DSN"


@dataclass(frozen=True)
class Server:
    """A Postgres server on which we may create databases and roles.

    `where` is for display and never holds a password. On a `disposable` one nothing needs dropping.
    """

    conninfo: str
    where: str
    disposable: bool


@asynccontextmanager
async def open_server(choice: str) -> AsyncIterator[Server]:
    """Provides the server that `--postgres` names while the block runs.

    Raises:
        UsageError: `choice` is none of embedded, container, container:IMAGE, a DSN; or needs what is not installed.
        EnvironmentFailed: there is no such server here.
    """
    # Starting blocks this thread, so that an interrupt finds in the guard what to clean up.
    kind, _, image = choice.partition(":")
    if kind == "embedded" and not image:
        sweep()
        with _libpq_unconfigured(), guarded(in_memory=True) as guard:
            yield Server(embedded.start(guard), "embedded", disposable=True)
    elif choice == "container" or (kind == "container" and image):
        if not all(map(find_spec, ("docker", "testcontainers"))):
            raise UsageError('containers need `pip install "cronproof[container]"`')
        from cronproof.postgres.server import container  # noqa: PLC0415  (an extra, and slow to load)

        image = image or container.DEFAULT_IMAGE
        with _libpq_unconfigured(), guarded() as guard:
            yield Server(container.start(image, guard), f"container {image}", disposable=True)
    else:
        yield _given(choice)


@contextmanager
def _libpq_unconfigured() -> Iterator[None]:
    """Hides the user's PG* variables, which libpq would mix into our connections."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _given(dsn: str) -> Server:
    # A mistyped DSN can hold a password anywhere, so only what looks like a host is shown.
    try:
        parts = conninfo_to_dict(dsn)
    except (psycopg.Error, UnicodeError):
        parts = {}
    if not parts:
        shown = f" {dsn!r}" if re.fullmatch(r"[\w.-]*", dsn) else ""
        raise UsageError(
            f"--postgres{shown} is none of: embedded, container, container:IMAGE, "
            "a DSN such as postgresql://user@host:5432/postgres"
        )
    host, port = str(parts.get("host", "localhost")), str(parts.get("port", 5432))
    where = f"given {host}:{port}" if re.fullmatch(r"[\w./-]+", host) and port.isdigit() else UNCLEAR_DSN
    return Server(dsn, where, disposable=False)
