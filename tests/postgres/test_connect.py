"""Opening connections, and the error when no server answers."""

import pytest

from cronproof.errors import EnvironmentFailed
from cronproof.postgres.connect import connect, one_line
from cronproof.postgres.server.server import UNCLEAR_DSN, Server
from tests.support.database import Await


def test_an_error_is_one_line() -> None:
    assert one_line(ValueError("first\n\tsecond\n")) == "first second"


def test_an_unreachable_server_is_said_in_one_line(await_: Await) -> None:
    with pytest.raises(EnvironmentFailed, match=r"^no Postgres answers at given 127\.0\.0\.1:1: [^\n]+$"):
        await_(connect(Server("host=127.0.0.1 port=1", "given 127.0.0.1:1", disposable=False)))


def test_of_a_dsn_that_is_unclear_nothing_is_shown(await_: Await) -> None:
    with pytest.raises(EnvironmentFailed) as failed:
        await_(connect(Server("host=127.0.0.1 port=1 user=hunter2", UNCLEAR_DSN, disposable=False)))

    assert str(failed.value) == ("no Postgres answers at the given DSN; is a character in it not percent-encoded?")


@pytest.mark.postgres
def test_statements_are_not_prepared_unasked_and_each_is_its_own_transaction(postgres: Server, await_: Await) -> None:
    async def main() -> tuple[int, str]:
        async with await connect(postgres) as connection:
            for _ in range(20):
                await connection.execute("select 1")
            ((prepared,),) = await (await connection.execute("select count(*) from pg_prepared_statements")).fetchall()
            return prepared, connection.info.transaction_status.name

    assert await_(main()) == (0, "IDLE")
