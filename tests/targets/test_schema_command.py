"""The command with which an application makes its schema."""

import sys
from pathlib import Path

import pytest

from cronproof.engine.session import open_session_on
from cronproof.errors import UsageError
from cronproof.postgres.server.server import Server
from cronproof.targets.config import TargetConfig
from tests.support import reference
from tests.support.database import Await

pytestmark = pytest.mark.postgres

PROGRAM = """
import os, sys, urllib.request
import psycopg
parts = {name: os.environ[f"DB_{name.upper()}"] for name in ("host", "port", "user", "password")}
with psycopg.connect(dbname=os.environ["DB_NAME"], **parts) as db:
    db.execute("create extension if not exists citext")
    db.execute("create schema shop")
    db.execute("create table shop.letters (id serial primary key, title citext)")
    db.execute("insert into shop.letters (title) values ('kept')")
if sys.argv[1] == "fails":
    sys.exit("there is no column subject")
try:
    urllib.request.urlopen("https://api.example.com/", timeout=5)
except OSError:
    pass
else:
    sys.exit("it has left this machine")
"""


def config(folder: Path, command: list[str]) -> TargetConfig:
    parts = ("host", "port", "name", "user", "password")
    env = {f"DB_{part.upper()}": f"{{database_{part}}}" for part in parts}
    return TargetConfig.model_validate({"run": ["true"], "migrate": command, "env": env, "cwd": folder})


def make(command: list[str], folder: Path, postgres: Server, await_: Await) -> list[tuple[str, bool]]:
    """Opens a session, and returns the tables there are, and whether an instance may read them."""

    async def main() -> list[tuple[str, bool]]:
        plan = reference.plan_of_server(config(folder, command), logs=folder / "logs")
        async with open_session_on(postgres, plan) as session:
            query = """
                select c.oid::regclass::text, has_table_privilege('service_role', c.oid, 'select') from pg_class as c
                where relkind = 'r' and relnamespace = 'shop'::regnamespace
            """
            return await session.database.fetch(query)

    found: list[tuple[str, bool]] = await_(main())
    return found


def test_it_makes_what_instances_then_have_and_reaches_nothing_else(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    found = make([sys.executable, "-c", PROGRAM, "works"], tmp_path, postgres, await_)

    assert found == [("shop.letters", True)]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            [sys.executable, "-c", PROGRAM, "fails"],
            "ended with exit code 1; its last output:\nthere is no column subject",
        ),
        (["./no-such"], "'./no-such' cannot be run in .*: No such file or directory"),
    ],
)
def test_what_fails_is_told(command: list[str], message: str, tmp_path: Path, postgres: Server, await_: Await) -> None:
    with pytest.raises(UsageError, match=message) as failed:
        make(command, tmp_path, postgres, await_)

    assert "migrate = " in str(failed.value)
