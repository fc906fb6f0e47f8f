"""The closest tool in Python, frontrun, on a claim that is correct: its own exhaustive run over two processes.

`python -m bench.peer CONNINFO` prints what came of it as JSON; its processes import this module anew and call `claim`.
"""

import dataclasses
import json
import sys
import time
from dataclasses import dataclass

import frontrun
import psycopg

from bench.statements import CLAIM, ROWS, SEND

MAX_SCHEDULES = 200


@dataclass(frozen=True)
class Ran:
    """How far it came, and what it said."""

    schedules: int
    seconds: float
    said: str


def claim(conninfo: str) -> None:
    """One instance: it claims, and if it got the row, it sends."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        if connection.execute(CLAIM).fetchone():
            connection.execute(SEND)


def run(conninfo: str) -> Ran:
    """Two processes, every interleaving that it knows of, until it is done, has found something, or has run 200."""

    def reset() -> str:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(b"; ".join([b"delete from sent", b"delete from claims", *ROWS]))
        return conninfo

    def once(_: str) -> bool:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            return connection.execute("select count(*) from sent").fetchone() == (1,)

    started = time.monotonic()
    result = frontrun.explore_processes(
        frontrun.Subprocess("bench.peer:claim", (conninfo,)),
        count=2,
        setup=reset,
        invariant=once,
        strategy="exhaustive",
        max_iterations=MAX_SCHEDULES,
    )
    said = "no failure" if result.ok else f"a failure ({result.failure_kind})"
    return Ran(result.iterations, time.monotonic() - started, said)


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(run(sys.argv[1]))))
