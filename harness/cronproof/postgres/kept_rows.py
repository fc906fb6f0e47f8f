"""The rows that migrations insert: they are kept, and put back at every reset."""

from psycopg import AsyncConnection, sql

from cronproof.postgres.catalog import Catalog, Table
from cronproof.postgres.connect import is_superuser
from cronproof.sql_files import load_queries

_SQL = load_queries(__file__)


async def keep_rows(control: AsyncConnection, catalog: Catalog) -> dict[Table, bytes]:
    """Copies the rows of the migrations. Returns the statements that put them back, by table.

    A row that a scenario gives takes the place of a kept one with the same key. Triggers do not
    fire, where the login may say so: what they have written is kept as well.
    """
    kept = {}
    for number, table in enumerate(catalog.deletable):
        name, copy = table.identifier, sql.Identifier("cronproof", f"kept_{number}")
        columns = [column for column in catalog.kinds[table] if column not in catalog.generated.get(table, ())]
        cursor = await control.execute(sql.SQL("select from {} limit 1").format(name))
        if not columns or not await cursor.fetchall():
            continue
        await control.execute(sql.SQL("create table {} as table {}").format(copy, name))
        insert = sql.SQL(_SQL["put_back"]).format(
            table=name, copy=copy, columns=sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        quiet = "set local session_replication_role = {}"
        parts = (
            [sql.SQL(quiet.format("replica")), insert, sql.SQL(quiet.format("origin"))]
            if is_superuser(control)
            else [insert]
        )
        kept[table] = sql.SQL("; ").join(parts).as_bytes()
    return kept
