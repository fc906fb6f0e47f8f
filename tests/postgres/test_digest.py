"""The digest: equal for equal rows, and the log of claims."""

import pytest

from cronproof.postgres.database import Database
from tests.support.database import Await

pytestmark = pytest.mark.postgres


def test_writes_of_marks_are_logged_with_who_wrote_them(database: Database, await_: Await) -> None:
    tenant = b"insert into tenants (id, name, slug) values ('00000000-0000-4000-8000-000000000009', 'n', 'n')"
    job = b"insert into jobs (id, tenant_id, status) select 1, id, 'completed' from tenants"

    async def main() -> list[tuple[int | str, str, bool]]:
        await database.reset(await database.script([tenant, job]))
        for value in ("now()", "null"):
            await database._control.execute(f"update jobs set followup_sent_at = {value}".encode())
        await database._control.execute("begin; update jobs set frequency_nudge_sent_at = now(); rollback")
        await database._control.execute("update jobs set status = 'cancelled', followup_sent_at = followup_sent_at")
        writes = (await database.digest()).claim_writes
        assert {write.backend_pid for write in writes} == {database._control.info.backend_pid}
        return [(write.unit, write.column, write.is_set) for write in writes]

    assert await_(main()) == [(1, "followup_sent_at", True), (1, "followup_sent_at", False)]


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
