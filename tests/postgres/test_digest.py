"""The digest: equal for equal rows, and the log of claims."""

from pathlib import Path

import pytest
from psycopg import AsyncConnection

from cronproof.postgres.database import Database
from cronproof.postgres.server.server import Server
from tests.support.database import Await, database_with

pytestmark = pytest.mark.postgres


def test_claims_are_logged_with_who_wrote_them(database: Database, await_: Await) -> None:
    tenant = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000009', 'n', 'n')"
    job = b"insert into jobs (id, tenant_id, status) select 1, id, 'completed' from tenants"

    async def main() -> list[tuple[int | str, str, bool, bool]]:
        await database.reset(await database.script([tenant, job]))
        async with await AsyncConnection.connect(database.conninfo, autocommit=True) as somebody:
            for value in ("now()", "clock_timestamp()", "null"):
                await somebody.execute(f"update jobs set followup_sent_at = {value}".encode())
            await somebody.execute("begin; update jobs set frequency_nudge_sent_at = now(); rollback")
            await somebody.execute("update jobs set status = 'cancelled', followup_sent_at = followup_sent_at")
            writes = (await database.digest()).claim_writes
            assert {write.backend_pid for write in writes} == {somebody.info.backend_pid}
        return [(write.unit, write.work, write.is_set, write.was_set) for write in writes]

    assert await_(main()) == [
        (1, "followup", True, False),
        (1, "followup", True, True),
        (1, "followup", False, True),
    ]


def test_rows_are_equal_whenever_they_were_written(database: Database, await_: Await) -> None:
    tenant = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000009', 'n', 'n')"
    job = b"insert into jobs (id, tenant_id, status, completed_at) select 1, id, '%b', now() from tenants"

    async def main() -> list[str]:
        states = []
        for status in (b"completed", b"completed", b"cancelled"):
            await database.reset(await database.script([tenant]))
            await database._control.execute(job % status)
            states.append((await database.digest()).state)
        return states

    first, again, other = await_(main())

    assert first == again != other


def test_leases_are_equal_whenever_they_were_written(await_: Await, postgres: Server, tmp_path: Path) -> None:
    (tmp_path / "leases.sql").write_text("create table leases (until bigint, what text)")

    async def main(leases: Database) -> list[str]:
        states, script = [], await leases.script([])
        for minutes, note in ((15, ""), (15, ""), (30, ""), (15, "a note: ")):
            await leases.reset(script)
            until = f"extract(epoch from clock_timestamp()) * 1000 + {minutes * 60_000}"
            what = f"'{note}' || to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.USTZH')"
            await leases.fetch(f"insert into leases values ({until}, {what}) returning until")
            states.append((await leases.digest()).state)
        return states

    with database_with([tmp_path / "leases.sql"], await_, postgres) as leases:
        first, again, later, noted = await_(main(leases))

    assert first == again
    assert len({first, later, noted}) == 3


def test_a_number_that_is_no_time_equals_none(await_: Await, postgres: Server, tmp_path: Path) -> None:
    (tmp_path / "leases.sql").write_text("create table leases (until bigint)")

    async def main(leases: Database) -> list[str]:
        states, script = [], await leases.script([])
        for until in ("0", "extract(epoch from clock_timestamp())"):
            await leases.reset(script)
            await leases.fetch(f"insert into leases values ({until}) returning until")
            states.append((await leases.digest()).state)
        return states

    with database_with([tmp_path / "leases.sql"], await_, postgres) as leases:
        released, claimed = await_(main(leases))

    assert released != claimed
