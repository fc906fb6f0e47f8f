"""A session through the proxy: everything passes, and execution can be held."""

import asyncio
import contextlib
import struct
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection

from cronproof.domain.database import Role
from cronproof.gate.footprint import Footprint
from cronproof.gate.gate import OpenGate
from cronproof.postgres.database import Database
from cronproof.postgres.proxy import wire
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.standins.authority import Authority
from tests.support.database import Await
from tests.support.proxies import Turnstile, connected, proxied
from tests.support.services import HOSTS

pytestmark = pytest.mark.postgres


def test_simple_and_extended_statements_are_points(database: Database, await_: Await) -> None:
    async def main() -> list[str]:
        async with proxied(database) as (proxy, gate), connected(database, proxy) as connection:
            await connection.execute("select 1")
            await connection.execute("select %s::int", [2])
            async with connection.transaction():
                await connection.execute("select 3; select 4")
            return gate.arrived

    assert await_(main()) == ["A: select 1", "A: select $1::int", "A: BEGIN", "A: select 3; select 4", "A: COMMIT"]


@pytest.mark.parametrize("asked_from", range(5))
def test_the_end_of_a_transaction_touches_what_it_changed_whenever_one_began_to_ask(
    asked_from: int, database: Database, await_: Await
) -> None:
    update = "update public.jobs set paid = paid where id = -1"
    insert = "insert into public.system_events (tenant_id, source, event_type) select id, 's', 'e' from public.tenants"
    lock = "select from public.tenants for update skip locked"

    class Asking(Turnstile):
        wants_footprint = False

        def record_footprint(self, footprint: Footprint) -> None:
            self.footprint = footprint

    async def main() -> Footprint:
        gate = Asking()
        proxy = Proxy("A", database.upstream, gate, database.observer)
        async with proxy.listening(), connected(database, proxy) as connection:
            await database.reset(await database.script([b"insert into tenants (name, slug) values ('N', 'ends')"]))
            for number, statement in enumerate(["begin", update, insert, lock, "commit"]):
                gate.wants_footprint = number >= asked_from
                await connection.execute(statement.encode())
        return gate.footprint

    touched = await_(main())
    assert touched.accesses.items() >= {("public.system_events", "write"), ("public.tenants", "lock")}
    assert touched.accesses.get("public.customers") is None


def test_nobody_learns_what_is_touched_unless_he_asks(database: Database, await_: Await) -> None:
    class Silent(Turnstile):
        def record_footprint(self, footprint: Footprint) -> None:
            raise AssertionError(footprint)

    async def main() -> None:
        proxy = Proxy("A", database.upstream, Silent(), database.observer)
        async with proxy.listening(), connected(database, proxy) as connection:
            await connection.execute("select from public.tenants")

    await_(main())


def test_a_pipelined_batch_is_one_point(database: Database, await_: Await) -> None:
    async def main() -> tuple[list[str], list[tuple[int]]]:
        async with proxied(database) as (proxy, gate), connected(database, proxy) as connection:
            async with connection.pipeline():
                first = await connection.execute("select %s::int", [1])
                second = await connection.execute("select %s::int", [2])
            return gate.arrived, [*await first.fetchall(), *await second.fetchall()]

    arrived, rows = await_(main())
    assert arrived == ["A: select $1::int;\nselect $1::int"]
    assert rows == [(1,), (2,)]


def test_preparing_is_no_point_and_the_prepared_statement_keeps_its_text(database: Database, await_: Await) -> None:
    async def main() -> list[str]:
        async with proxied(database) as (proxy, gate), connected(database, proxy) as connection:
            for number in range(3):
                await connection.execute("select %s::int", [number], prepare=True)
            return gate.arrived

    assert await_(main()) == ["A: select $1::int"] * 3


def test_copy_passes_both_ways_under_one_point_each(database: Database, await_: Await) -> None:
    async def main() -> tuple[list[str], bytes]:
        async with proxied(database) as (proxy, gate), connected(database, proxy) as connection:
            await connection.execute("create temporary table copied (number int, text text)")
            async with connection.cursor() as cursor:
                async with cursor.copy("copy copied from stdin") as copy:
                    for number in range(20_000):
                        await copy.write_row((number, "x" * 50))
                async with cursor.copy("copy (select count(*) from copied) to stdout") as copy:
                    data = b"".join([bytes(block) async for block in copy])
            await connection.execute("select 'still in step'")
            return [text.partition(" ")[2][:11] for text in gate.arrived], data

    assert await_(main()) == (["create temp", "copy copied", "copy (selec", "select 'sti"], b"20000\n")


def test_a_held_statement_has_not_reached_the_server(database: Database, await_: Await) -> None:
    async def main() -> tuple[str, list[str]]:
        async with (
            proxied(database) as (proxy, gate),
            connected(database, proxy) as connection,
            connected(database, proxy) as observer,
        ):
            held = gate.open = asyncio.Event()
            statement = asyncio.create_task(connection.execute("select 'held'"))
            await gate.somebody.wait()
            gate.open = asyncio.Event()
            gate.open.set()  # lets the observer pass
            last = "select query from pg_stat_activity where pid = %s"
            (before,) = await (await observer.execute(last, [connection.info.backend_pid])).fetchone() or ("",)
            held.set()
            await statement
            return before, gate.arrived

    before, arrived = await_(main())
    assert arrived[0] == "A: select 'held'"
    assert "held" not in before


def test_a_cancel_request_reaches_the_statement(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with proxied(database) as (proxy, gate), connected(database, proxy) as connection:
            gate.somebody.clear()
            sleeping = asyncio.create_task(connection.execute("select pg_sleep(30)"))
            await gate.somebody.wait()
            while not sleeping.done():  # an early cancel has no effect
                await connection.cancel_safe()
                await asyncio.wait([sleeping], timeout=0.05)
            await sleeping

    with pytest.raises(psycopg.errors.QueryCanceled):
        await_(main())


@pytest.mark.parametrize("code", [wire.SSL_REQUEST, wire.GSSENC_REQUEST])
def test_encryption_is_refused_as_a_server_without_certificates_does(
    code: int, database: Database, await_: Await
) -> None:
    async def main() -> bytes:
        async with proxied(database) as (proxy, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(struct.pack("!II", 8, code))
            answer = await reader.readexactly(1)
            writer.close()
            await writer.wait_closed()
            return answer

    assert await_(main()) == b"N"


def test_a_client_that_insists_on_tls_is_told_so(database: Database, await_: Await) -> None:
    async def main() -> None:
        async with proxied(database) as (proxy, _):
            await AsyncConnection.connect(database.url(proxy.port, "service_role"), sslmode="require")

    with pytest.raises(psycopg.OperationalError, match="server does not support SSL"):
        await_(main())


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\0\0\0\0\0", b"", b"\0\0"])
def test_what_is_no_client_is_hung_up_on(data: bytes, database: Database, await_: Await) -> None:
    async def main() -> bytes:
        async with proxied(database) as (proxy, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(data)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer

    assert await_(main()) == b""


def test_errors_of_the_server_are_noted(database: Database, await_: Await) -> None:
    async def main() -> list[tuple[str, str]]:
        async with proxied(database) as (proxy, _), connected(database, proxy) as connection:
            with contextlib.suppress(psycopg.Error):
                await connection.execute("select 1 / 0")
            return [(error.instance, error.sqlstate) for error in proxy.errors]

    assert await_(main()) == [("A", "22012")]


@pytest.mark.parametrize("role", ["service_role", "anon", "authenticated"])
def test_each_login_begins_as_its_role(role: Role, database: Database, await_: Await) -> None:
    async def main() -> tuple[str]:
        async with proxied(database) as (proxy, _), connected(database, proxy, role) as connection:
            return await (await connection.execute("select current_user")).fetchone() or ("",)

    assert await_(main()) == (role,)


def test_the_service_role_may_become_the_others_and_anon_may_not(database: Database, await_: Await) -> None:
    async def become(login: Role, role: str) -> None:
        async with proxied(database) as (proxy, _), connected(database, proxy, login) as connection:
            await connection.execute(f"set role {role}".encode())

    for role in ("anon", "authenticated", "service_role"):
        await_(become("service_role", role))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await_(become("anon", "service_role"))


def test_a_client_that_insists_on_tls_gets_it(database: Database, await_: Await, tmp_path: Path) -> None:
    authority = Authority.made(tmp_path, HOSTS)

    async def main() -> tuple[str, bool]:
        proxy = Proxy("A", database.upstream, OpenGate(), tls=authority.context())
        async with proxy.listening():
            url = database.url(proxy.port, "service_role").replace("sslmode=disable", "sslmode=verify-full")
            async with await psycopg.AsyncConnection.connect(f"{url}&sslrootcert={authority.bundle}") as connection:
                row = await (await connection.execute("select 'by TLS'")).fetchone()
                return (row or ("",))[0], bool(connection.pgconn.ssl_in_use)

    assert await_(main()) == ("by TLS", True)
