"""The REST API on a database with a few rows, and a second implementation on the same."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ephemeral_port_reserve
import httpx
import pytest

from cronproof.gate.gate import OpenGate
from cronproof.postgres import lifecycle
from cronproof.postgres.database import Database
from cronproof.postgres.proxy.proxy import Proxy
from cronproof.postgres.reset import Script
from cronproof.postgres.server.server import Server
from cronproof.services.services import Services
from cronproof.standins.authority import Authority
from cronproof.standins.endpoints import InstanceEndpoints
from cronproof.standins.supabase import keys, schema
from cronproof.standins.supabase.rest import Rest
from tests.support import reference
from tests.support.database import Await
from tests.support.services import HOSTS
from tests.support.waiting import DEADLINE_SECONDS

LITE = Path(__file__).parent / "lite"
NORTH, SOUTH = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"

FUNCTIONS = """
create function public.nothing() returns void language sql as '';
create function public.one_number(n int default 1) returns int language sql immutable as 'select n';
create function public.numbers() returns setof int language sql stable as 'select generate_series(1, 3)';
create function public.first_job() returns public.jobs language sql stable as 'select * from public.jobs order by id limit 1';
create function public.lengths(words text[], extra jsonb default null) returns table (word text, length int)
    language sql stable as 'select w, length(w) from unnest(words) as w';
create function public.two(a int) returns int language sql immutable as 'select a';
create function public.two(a text) returns int language sql immutable as 'select length(a)';
create function public.raises() returns void language plpgsql as
    $$ begin raise exception 'no jobs today' using hint = 'come back tomorrow'; end $$;
create function public.raises_teapot() returns void language plpgsql as
    $$ begin raise sqlstate 'PT418' using message = 'a teapot'; end $$;
create function public.one_column() returns table (id int) language sql stable as 'select generate_series(1, 2)';
create function public.with_out(a int, out b int, out c int) language sql stable as 'select a, a + 1';
create view public.open_jobs as select * from public.jobs where status = 'scheduled';
create function public.who() returns text language sql stable as
    $$ select current_user || ' ' || (current_setting('request.jwt.claims', true)::jsonb ->> 'role') $$;
"""

ROWS = f"""
insert into tenants (id, name, slug, workflow_config) values
    ('{NORTH}', 'North', 'north', '{{"a": {{"b": 1}}, "key": "v"}}'), ('{SOUTH}', 'South', 'south', '{{}}');
insert into customers (id, tenant_id, phone_number, first_name) values
    (1, '{NORTH}', '+12125550132', 'Ada'), (2, '{NORTH}', '+12125550133', null);
insert into jobs (id, tenant_id, customer_id, status, completed_at, date, service_type) values
    (32, '{NORTH}', 1, 'completed', '2026-11-01 10:00:00+00', '2026-11-02', 'deep, (clean)'),
    (33, '{NORTH}', 2, 'scheduled', null, null, null),
    (34, '{SOUTH}', null, 'completed', '2026-10-01 10:00:00.5+00', null, 'windows')
"""


@dataclass(frozen=True)
class Answer:
    """The response. A JSON body is decoded."""

    status: int
    body: Any
    headers: httpx.Headers


Ask = Callable[..., Answer]


@dataclass
class Api:
    """A database, its REST API, and the script that resets it."""

    database: Database
    proxy: Proxy
    url: str
    script: Script
    await_: Await

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        role: str = "service_role",
        headers: Mapping[str, str] | None = None,
        at: str | None = None,
    ) -> Answer:
        """Sends one request on fresh rows. An empty role means no key."""
        self.await_(self.database.reset(self.script))
        key = {"apikey": keys.key_of(role), "authorization": f"Bearer {keys.key_of(role)}"} if role else {}

        async def main() -> httpx.Response:
            async with httpx.AsyncClient(trust_env=False) as client:
                return await client.request(
                    method, (at or self.url) + "/rest/v1/" + path, json=body, headers={**key, **(headers or {})}
                )

        response: httpx.Response = self.await_(main())
        try:
            content = response.json()
        except ValueError:
            content = response.text
        return Answer(response.status_code, content, response.headers)


@pytest.fixture(scope="module")
def api(await_: Await, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Api]:
        functions = folder / "functions.sql"
        functions.write_text(FUNCTIONS)
        async with lifecycle.create_database(postgres) as database:
            await database.migrate([*reference.SCHEMA, reference.LOCKING, functions])
            await database.prepare()
            script = await database.script([statement.encode() for statement in ROWS.split(";\n")])
            proxy = Proxy("A", database.upstream, OpenGate())
            async with proxy.listening():
                rest = Rest(lambda role: database.url(proxy.port, role), await schema.read_schema(database.fetch))
                door = InstanceEndpoints("A", Services(frozenset()), Authority.made(folder, HOSTS), rest)
                async with door.open():
                    yield Api(database, proxy, door.url(), script, await_)

    stack = contextlib.AsyncExitStack()
    yield await_(stack.enter_async_context(opened()))
    await_(stack.aclose())


@pytest.fixture(scope="session")
def modules() -> Path:
    """The packages of lite/package.json. Without them, CI fails and others skip."""
    found = LITE / "node_modules"
    if shutil.which("node") is None or not found.is_dir():
        reason = f"run `npm ci` in {LITE}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def second(api: Api, modules: Path, await_: Await, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Supabase's own small server on the same database."""
    folder = tmp_path_factory.mktemp("second")
    port = ephemeral_port_reserve.reserve("127.0.0.1")
    owner = api.database.url(api.proxy.port, "service_role").replace(
        f"{api.database.name}_service_role", await_(api.database.fetch("select current_user"))[0][0]
    )
    (folder / "supabase").mkdir()
    (folder / "supabase" / "config.toml").write_text(
        f'[api]\nport = {port}\n[db]\ndriver = "postgres"\nurl = "{owner}"\n'
        f'[auth]\nenabled = true\njwt_secret = "{keys.SECRET}"\n'
    )
    process = subprocess.Popen(
        [modules / ".bin" / "lite", "start", "--no-admin"],
        cwd=folder,
        env={**os.environ, "LITE_TELEMETRY": "0", "DO_NOT_TRACK": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    async def answers() -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), httpx.AsyncClient(trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    await client.get(f"http://127.0.0.1:{port}/")
                    return
                await asyncio.sleep(0.05)

    try:
        await_(answers())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # SIGTERM would wait for the idle proxy
        process.wait()
