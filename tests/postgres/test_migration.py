"""Migrations: applied whole or refused, with the place of each error."""

from pathlib import Path
from typing import Any

import pytest

from cronproof.domain.database import ROLES, Rows
from cronproof.errors import UsageError
from cronproof.postgres import catalog, lifecycle
from cronproof.postgres.server.server import Server
from tests.support import reference
from tests.support.database import Await

pytestmark = pytest.mark.postgres


def test_every_migration_can_be_applied_twice(postgres: Server, await_: Await) -> None:
    async def main() -> tuple[Any, Any]:
        async with lifecycle.create_database(postgres) as database:
            files = [*reference.SCHEMA, reference.LOCKING]
            await database.migrate(files)
            once = await catalog.read_catalog(database._control, ROLES)
            await database.migrate(files)
            return once, await catalog.read_catalog(database._control, ROLES)

    once, twice = await_(main())
    assert once == twice


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1;\n\ncreate table a (\n    b nosuch\n);\n", ':4:7: type "nosuch" does not exist'),
        ("select 1;\nselec 2;\n", ':2:1: syntax error at or near "selec"'),
        ("select 1;\n  select 1/0;\n", ":2:3: division by zero"),
        ("-- ünïcode\nselect 'ü', nosuch;\n", ':2:13: column "nosuch" does not exist'),
        ("create function f() returns int language sql as $$ select 1; $$;\nselect f(1);", ":2:8: function f(integer)"),
    ],
)
def test_an_error_is_shown_where_it_stands(
    text: str, message: str, tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "broken.sql"
    file.write_text(text)

    async def main() -> None:
        async with lifecycle.create_database(postgres) as database:
            await database.migrate([file])

    with pytest.raises(UsageError) as raised:
        await_(main())
    assert str(raised.value).startswith(f"{file}{message}")


def test_the_claim_functions_are_guarded_under_supabases_new_defaults_too(
    tmp_path: Path, postgres: Server, await_: Await
) -> None:
    """Since 2026 new projects grant nothing by default, so a migration must grant by name."""
    revoked = tmp_path / "revoked.sql"
    revoked.write_text(
        "alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;"
        "alter default privileges revoke execute on functions from public;"
    )

    async def main() -> None:
        async with lifecycle.create_database(postgres) as database:
            await database.migrate([*reference.SCHEMA, revoked, reference.LOCKING])
            await database.prepare()
            assert [function.executable_by for function in database.catalog.functions] == [["service_role"]] * 4

    await_(main())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select 1;\n  begin;\nselect 1;\n", ":2:3: opens a transaction that stays open; end it with COMMIT"),
        ("begin; commit; begin", ":1:16: opens a transaction that stays open; end it with COMMIT"),
        ("select 1;\n\0select 2;\n", ":2:1: a NUL, where Postgres would stop reading"),
    ],
)
def test_a_migration_is_whole_or_refused(
    text: str, message: str, tmp_path: Path, postgres: Server, await_: Await
) -> None:
    file = tmp_path / "half.sql"
    file.write_text(text)

    async def main() -> None:
        async with lifecycle.create_database(postgres) as database:
            await database.migrate([file])

    with pytest.raises(UsageError, match=f"^{file}{message}"):
        await_(main())


def test_what_a_migration_sets_for_its_session_ends_with_it(tmp_path: Path, postgres: Server, await_: Await) -> None:
    file = tmp_path / "sets.sql"
    file.write_text("\ufeffset role anon; set statement_timeout = '1ms';\n", encoding="utf-8")

    async def main() -> Rows:
        async with lifecycle.create_database(postgres) as database:
            await database.migrate([*reference.SCHEMA, file])
            await database.prepare()
            await database.reset(await database.script([]))
            return await database.rows(["customers"])

    assert await_(main()) == {"customers": []}
