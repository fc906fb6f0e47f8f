"""The server that `--postgres` names."""

import asyncio
import os

import pytest

from cronproof.cleanup import guarded
from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.postgres.server import embedded
from cronproof.postgres.server.server import UNCLEAR_DSN, Server, open_server


def given(dsn: str) -> Server:
    async def main() -> Server:
        async with open_server(dsn) as server:
            return server

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("dsn", "where"),
    [
        ("postgresql://u:secret@db.example.com:6432/x", "given db.example.com:6432"),
        ("host=/var/run/postgresql", "given /var/run/postgresql:5432"),
        ("dbname=x", "given localhost:5432"),
        ("postgresql://u:sec/ret@h/x", UNCLEAR_DSN),
        ("host='h secret'", UNCLEAR_DSN),
    ],
)
def test_of_a_given_server_only_host_and_port_are_shown(dsn: str, where: str) -> None:
    server = given(dsn)

    assert (server.where, server.conninfo, server.disposable) == (where, dsn, False)


@pytest.mark.parametrize("choice", ["embeded", "", "container:", "embedded:17", "host=h stray"])
def test_what_names_no_server_is_a_usage_error(choice: str) -> None:
    with pytest.raises(UsageError, match="is none of: embedded, container, container:IMAGE, a DSN such as"):
        given(choice)


@pytest.mark.postgres
def test_the_embedded_server_does_not_see_variables_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")

    async def main() -> tuple[str, str | None]:
        async with open_server("embedded") as server:
            return server.where, os.environ.get("PGPORT")

    assert asyncio.run(main()) == ("embedded", None)
    assert os.environ["PGPORT"] == "1"


def test_of_all_that_initdb_prints_the_reason_is_told() -> None:
    with guarded() as guard:
        (guard.folder / "data").mkdir()
        (guard.folder / "data" / "somebodys").touch()

        with pytest.raises(EnvironmentFailed, match="could not be set up: initdb: error: .* exists but is not empty$"):
            embedded.start(guard)
