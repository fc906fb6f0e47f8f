"""Supabase's REST API for one instance: a statement for each request, answers as PostgREST's."""

import contextlib
import functools
import json
import math
import re
import select
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import parse_qsl

import jwt
import psycopg
from jwt.types import Options
from psycopg import AsyncConnection, sql

from cronproof.domain.database import ROLES, Role
from cronproof.services.exchange import Response, parse_json
from cronproof.standins.supabase import keys
from cronproof.standins.supabase.errors import NotCovered, RestError, not_one_row, of_postgres
from cronproof.standins.supabase.query import Query, parse
from cronproof.standins.supabase.schema import Schema
from cronproof.standins.supabase.statement import Resolution, Return, Statements

PREFIX = "/rest/v1/"
OBJECT = "application/vnd.pgrst.object+json"
_JSON_TYPES = ("*/*", "application/json", "application/*", OBJECT)
_STRANGE = re.compile(r"[^\w/.-]")
_PREFERENCES = re.compile(r"[^,\s;]+")
_PREFERRED: Mapping[str, frozenset[str]] = {
    "return": frozenset({"minimal", "representation", "headers-only"}),
    "count": frozenset({"exact", "planned", "estimated"}),
    "resolution": frozenset({"merge-duplicates", "ignore-duplicates"}),
    "missing": frozenset({"default", "null"}),
    "handling": frozenset({"lenient"}),
    "params": frozenset({"multiple-objects"}),
}

Url = Callable[[Role], str]
"""Returns the database's URL for a login with the rights of a role."""


@dataclass(frozen=True)
class RestRequest:
    """A request as it arrives. Header names are in lower case; the query is as it was sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Caller:
    role: Role
    claims: str
    request: sql.SQL
    """An SQL comment before the statement, which names the request for readers of traces."""


@dataclass(frozen=True)
class _Options:
    """What a request asks for outside its query string."""

    method: str
    returning: Return
    counts: bool
    resolution: Resolution | None
    fills_defaults: bool
    is_single: bool


@dataclass
class Rest:
    """One instance's REST API. It connects to the database through the instance's proxy."""

    url: Url
    schema: Schema
    _free: dict[tuple[Role, str], list[AsyncConnection]] = field(default_factory=dict)
    _all: set[AsyncConnection] = field(default_factory=set)

    async def close(self) -> None:
        """Closes all connections."""
        for connection in self._all:
            await connection.close()
        self._all.clear()
        self._free.clear()

    async def answer(self, request: RestRequest) -> Response:
        """Answers one request."""
        try:
            return await self._answer(request)
        except RestError as error:
            headers = {"proxy-status": f"PostgREST; error={error.body['code']}", **error.headers}
            if error.status == 401:
                headers["www-authenticate"] = "Bearer"
            return Response.of_json(error.status, error.body, headers)
        except RecursionError:
            too_deep = NotCovered("a request that is nested this deeply")
            return Response.of_json(too_deep.status, too_deep.body)

    async def _answer(self, request: RestRequest) -> Response:
        if not request.path.startswith(PREFIX):
            raise NotCovered(f"{request.path}: only {PREFIX} has a stand-in")
        if "apikey" not in request.headers:
            # The gateway in front of PostgREST checks first whether there is a key.
            hint = "No `apikey` request header or url param was found."
            return Response.of_json(401, {"message": "No API key found in request", "hint": hint})
        caller = _caller(request)
        asked = _parse_options(request)
        name = request.path.removeprefix(PREFIX).rstrip("/")
        if not name:
            raise NotCovered("the description of the API at its root")
        if name.startswith("rpc/"):
            return await self._call(name.removeprefix("rpc/"), request, asked, caller)
        query = parse(_parameters(request))
        match request.method:
            case "GET" | "HEAD":
                statement = Statements(self.schema).read(name, query, counts=asked.counts)
                return await self._read(caller, statement, asked, query)
            case "POST" | "PATCH" | "DELETE":
                return await self._change(name, request, asked, query, caller)
            case method:
                raise NotCovered(f"{method} of a table")

    async def _read(self, caller: _Caller, statement: sql.Composed, asked: _Options, query: Query) -> Response:
        body, count, total = await self._fetch(caller, statement)
        if asked.is_single and count != 1:
            raise not_one_row(count)
        first, of = query.offset, "*" if total is None else str(total)
        if total is not None and query.offset > total:
            message, details = (
                "Requested range not satisfiable",
                f"An offset of {first} was requested, but there are only {of} rows.",
            )
            raise RestError(416, "PGRST103", message, details, headers={"content-range": f"*/{of}"})
        span = f"{first}-{first + count - 1}" if count else "*"
        status = 206 if total is not None and count < total else 200
        return _json(status, body, asked, {"content-range": f"{span}/{of}"})

    async def _change(
        self, table: str, request: RestRequest, asked: _Options, query: Query, caller: _Caller
    ) -> Response:
        statements, given = Statements(self.schema), None
        match request.method:
            case "POST":
                given = _rows(request)
                statement = statements.insert(
                    table,
                    given,
                    query,
                    asked.returning,
                    resolution=asked.resolution,
                    fills_defaults=asked.fills_defaults,
                    is_single=asked.is_single,
                )
            case "PATCH":
                statement = statements.update(
                    table, _object(request), query, asked.returning, is_single=asked.is_single
                )
            case _:
                statement = statements.delete(table, query, asked.returning, is_single=asked.is_single)
        body, count = "[]", 0
        if statement is None:
            pass
        elif asked.returning == "representation":
            body, count, _ = await self._fetch(caller, statement)
        else:
            count = await self._execute(caller, statement)
        span = f"0-{count - 1}" if count and request.method == "PATCH" else "*"
        headers = {"content-range": f"{span}/{count if asked.counts else '*'}"}
        if asked.returning == "representation":
            return _json(201 if request.method == "POST" else 200, body, asked, headers)
        return Response(201 if request.method == "POST" else 204, b"", headers)

    async def _call(self, name: str, request: RestRequest, asked: _Options, caller: _Caller) -> Response:
        parameters = _parameters(request)
        if request.method == "POST":
            given: Any = _object(request) if request.body.strip() else {}
        elif request.method in {"GET", "HEAD"}:
            names = {
                argument
                for function in self.schema.functions
                if function.name == name
                for argument, _ in function.arguments
            }
            given = {key: value for key, value in parameters if key in names}
            parameters = [(key, value) for key, value in parameters if key not in names]
        else:
            raise RestError(405, "PGRST101", f"Cannot use the {request.method} method on RPC")
        function = self.schema.function(name, frozenset(given))
        if request.method != "POST" and function.is_volatile:
            raise NotCovered(f"GET of the volatile function {name}")
        query = parse(parameters)
        statement = Statements(self.schema).call(function, given, query, counts=asked.counts)
        if function.result == "void":
            await self._fetch(caller, statement)
            return Response(204, b"")
        is_row = function.result == "composite" and not function.is_set
        if function.is_set:
            return await self._read(caller, statement, asked, query)
        body, _, _ = await self._fetch(caller, statement)
        if is_row:
            body = json.dumps(_first(body)) if not asked.is_single else body
        asked = asked if is_row else replace(asked, is_single=False)
        return _json(200, body or "null", asked, {"content-range": "0-0/*"})

    async def _fetch(self, caller: _Caller, statement: sql.Composed) -> tuple[str, int, int | None]:
        async with self._connection(caller) as connection:
            row = await (await connection.execute(caller.request + statement)).fetchone()
        return cast("tuple[str, int, int | None]", row)

    async def _execute(self, caller: _Caller, statement: sql.Composed) -> int:
        async with self._connection(caller) as connection:
            return (await connection.execute(caller.request + statement)).rowcount

    @contextlib.asynccontextmanager
    async def _connection(self, caller: _Caller) -> AsyncIterator[AsyncConnection]:
        """Provides a connection with the caller's rights. Concurrent requests have one each."""
        free = self._free.setdefault((caller.role, caller.claims), [])
        while free and _was_ended(free[-1]):
            ended = free.pop()
            self._all.discard(ended)
            await ended.close()
        connection = free.pop() if free else await self._connected(caller)
        try:
            yield connection
        except psycopg.Error as error:
            if connection.closed:
                self._all.discard(connection)
                raise RestError(503, "PGRST001", "Database client error. Retrying the connection.") from None
            raise of_postgres(error, is_anonymous=caller.role == "anon") from None
        finally:
            if not connection.closed:
                free.append(connection)

    async def _connected(self, caller: _Caller) -> AsyncConnection:
        # Set for the session, not for each transaction, so that a request stays one statement.
        claims = re.sub(r"([\\\s])", r"\\\1", caller.claims)
        try:
            connection = await AsyncConnection.connect(
                self.url(caller.role),
                autocommit=True,
                prepare_threshold=None,
                options=f"-c timezone=UTC -c request.jwt.claims={claims}",
            )
        except psycopg.Error as error:
            raise RestError(
                503, "PGRST000", "Database connection error. Retrying the connection.", str(error)
            ) from None
        self._all.add(connection)
        return connection


def _was_ended(connection: AsyncConnection) -> bool:
    """Whether the server has ended an idle connection: only then is there something to read."""
    look = select.poll()
    look.register(connection.fileno(), select.POLLIN)
    return bool(look.poll(0))


def _caller(request: RestRequest) -> _Caller:
    """Finds the caller from the token: https://docs.postgrest.org/en/stable/references/auth.html."""
    asked = sql.SQL(f"/* {request.method} {re.sub(_STRANGE, '_', request.path)} */ ")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return _Caller("anon", json.dumps({"role": "anon"}), asked)
    claims = _claims(token)
    if claims.get("exp", math.inf) < time.time():
        raise RestError(401, "PGRST303", "JWT expired")
    role = claims.get("role", "anon")
    if role not in ROLES:
        raise RestError(401, "22023", f'role "{role}" does not exist')
    return _Caller(cast("Role", role), json.dumps(claims, separators=(",", ":"), sort_keys=True), asked)


@functools.lru_cache(maxsize=64)
def _claims(token: str) -> Mapping[str, Any]:
    """Returns the claims of a token, expired or not."""
    options: Options = {"verify_aud": False, "verify_iss": False, "verify_exp": False}
    try:
        return jwt.decode(token, keys.SECRET, [keys.ALGORITHM], options=options)
    except jwt.InvalidSignatureError:
        raise RestError(401, "PGRST301", "No suitable key or wrong key type") from None
    except jwt.InvalidTokenError:
        parts = token.count(".") + 1
        raise RestError(401, "PGRST301", f"Expected 3 parts in JWT; got {parts}") from None


def _parse_options(request: RestRequest) -> _Options:
    for name in ("accept-profile", "content-profile"):
        if request.headers.get(name, "public") != "public":
            raise RestError(
                406,
                "PGRST106",
                f"Invalid schema: {request.headers[name]}",
                hint="Only the following schemas are exposed: public",
            )
    if "range" in request.headers:
        raise NotCovered("the Range header; use limit and offset")
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")]
    if "nulls=stripped" in request.headers.get("accept", "") or not any(part in _JSON_TYPES for part in accepted):
        raise NotCovered(f"answers as {request.headers['accept']}")
    preferences = dict[str, str]()
    for preference in _PREFERENCES.findall(request.headers.get("prefer", "")):
        name, _, value = preference.partition("=")
        if value not in _PREFERRED.get(name, frozenset()):
            raise NotCovered(f"Prefer: {preference}")
        preferences[name] = value
    return _Options(
        request.method,
        cast("Return", preferences.get("return", "minimal")),
        "count" in preferences,
        cast("Resolution | None", preferences.get("resolution")),
        fills_defaults=preferences.get("missing") == "default",
        is_single=OBJECT in accepted,
    )


def _parameters(request: RestRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.query, keep_blank_values=True)


def _rows(request: RestRequest) -> Sequence[Mapping[str, Any]]:
    given = _content(request)
    rows = given if isinstance(given, list) else [given]
    if not all(isinstance(row, dict) for row in rows):
        raise RestError(400, "PGRST102", "Empty or invalid json")
    return rows


def _object(request: RestRequest) -> Mapping[str, Any]:
    given = _content(request)
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, dict):
        raise RestError(400, "PGRST102", "Empty or invalid json")
    return given


def _content(request: RestRequest) -> Any:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
    if kind != "application/json":
        raise NotCovered(f"bodies of the type {kind}")
    try:
        return parse_json(request.body)
    except ValueError:
        raise RestError(400, "PGRST102", "Empty or invalid json") from None


def _first(body: str) -> Any:
    rows = json.loads(body)
    return rows[0] if rows else None


def _json(status: int, body: str, asked: _Options, headers: Mapping[str, str]) -> Response:
    kind = "application/json"
    if asked.is_single:
        body, kind = json.dumps(_first(body), ensure_ascii=False), OBJECT
    content = b"" if asked.method == "HEAD" else body.encode()
    return Response(status, content, {"content-type": f"{kind}; charset=utf-8", **headers})
