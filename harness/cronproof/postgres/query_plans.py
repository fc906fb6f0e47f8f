"""Other plans for the statements of instances: which one Postgres takes depends on statistics.

`LIMIT … FOR UPDATE SKIP LOCKED` in a subquery locks more rows than the limit if a nested loop runs
the subquery again for each outer row. With few rows and fresh statistics Postgres takes another plan,
so that nobody sees it before production.
"""

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence

from psycopg import AsyncConnection, sql

from cronproof.sql_files import load_queries

NO_STATISTICS = "no statistics"
DISABLED: Mapping[str, Sequence[str]] = {
    "nested loops": (
        "enable_hashjoin",
        "enable_mergejoin",
        "enable_hashagg",
        "enable_material",
        "enable_memoize",  # since Postgres 14
        "enable_sort",
    ),
    "hash joins": ("enable_nestloop", "enable_mergejoin"),
    "no sequential scans": ("enable_seqscan",),
    NO_STATISTICS: (),
}
"""For each other plan, the settings that are off. Every other plan follows from what is left."""

_SQL = load_queries(__file__)


@contextlib.asynccontextmanager
async def planned(
    control: AsyncConnection, name: str, logins: Sequence[str], tables: Sequence[str]
) -> AsyncIterator[None]:
    """Has the statements of new connections of these logins planned in another way while the block runs.

    The statistics of `tables`, quoted names, are forgotten if the plan is to be one without. Whoever wants them again
    analyzes the tables afterwards.
    """
    cursor = await control.execute("select name from pg_settings where name like 'enable%'")
    known = {setting for (setting,) in await cursor.fetchall()}
    settings = [setting for setting in DISABLED[name] if setting in known]
    try:
        await _set(control, logins, settings, "set {} = off")
        if name == NO_STATISTICS:
            await control.execute(_SQL["forget_statistics"].encode(), [list(tables)])
        yield
    finally:
        await _set(control, logins, settings, "reset {}")


async def _set(control: AsyncConnection, logins: Sequence[str], settings: Sequence[str], action: str) -> None:
    for login, setting in itertools.product(logins, settings):
        changed = sql.SQL(action).format(sql.Identifier(setting))
        await control.execute(sql.SQL("alter role {} {}").format(sql.Identifier(login), changed))
