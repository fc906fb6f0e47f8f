"""Five workers, each in a right form and, with `WRONG=1`, in one that races. A plain ASGI application."""

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row

WRONG = os.environ.get("WRONG") == "1"
DATABASE_URL = os.environ["DATABASE_URL"]
Database = psycopg.AsyncConnection[dict[str, Any]]
LEASE_MINUTES = 5


async def send(to: str, text: str) -> None:
    """Sends a text message."""
    async with httpx.AsyncClient() as http:
        response = await http.post(
            "https://api.texts.example/v2/senders/12125550100/messages",
            json={"recipients": [{"phone": to}], "body": text},
        )
    response.raise_for_status()


async def rows(db: Database, query: str, *values: object) -> list[dict[str, Any]]:
    """Executes a statement, and returns its rows."""
    cursor = await db.execute(query.encode(), values)
    return await cursor.fetchall()


async def outbox(db: Database) -> int:
    """An outbox: each message is claimed by its state, then sent."""
    pending = "select {} from outbox where state = 'pending' order by created_at, id limit 10"
    if WRONG:
        found = await rows(db, pending.format("id, recipient, order_number"))
        for one in found:
            await db.execute("update outbox set state = 'sent' where id = %s", [one["id"]])
    else:
        found = await rows(
            db,
            f"update outbox set state = 'sent' where id in ({pending.format('id')} for update skip locked) "
            "returning id, recipient, order_number",
        )
    for one in found:
        await send(one["recipient"], f"Order {one['order_number']} is on its way")
    return len(found)


async def tasks(db: Database) -> int:
    """A queue with leases: a task that was not finished in time is taken over."""
    is_open = "status <> 'finished' and run_at <= now() and (locked_until is null or locked_until < now())"
    lease = f"status = 'running', attempts = attempts + 1, locked_until = now() + interval '{LEASE_MINUTES} minutes'"
    if WRONG:
        found = await rows(db, f"select id, payload from tasks where {is_open} order by run_at limit 5")
        for one in found:
            await db.execute(f"update tasks set {lease} where id = %s".encode(), [one["id"]])
    else:
        found = await rows(
            db,
            f"update tasks set {lease} where id in "
            f"(select id from tasks where {is_open} order by run_at limit 5 for update skip locked) returning id, payload",
        )
    for one in found:
        await send(one["payload"]["phone"], one["payload"]["text"])
        await db.execute("update tasks set status = 'finished', locked_until = null where id = %s", [one["id"]])
    return len(found)


async def queue(db: Database) -> int:
    """A queue whose rows are deleted when they are taken."""
    if WRONG:
        found = await rows(db, "select id, phone, body from notify.queue order by id limit 5")
        for one in found:
            await send(one["phone"], one["body"])
            await db.execute("delete from notify.queue where id = %s", [one["id"]])
        return len(found)
    found = await rows(
        db,
        "delete from notify.queue where id in "
        "(select id from notify.queue order by id limit 5 for update skip locked) returning id, phone, body",
    )
    for one in found:
        await send(one["phone"], one["body"])
    return len(found)


async def digests(db: Database) -> int:
    """A cron that nobody else runs meanwhile: an advisory lock keeps others out, and a row remembers the day."""
    async with db.transaction():
        if not WRONG and not (await rows(db, "select pg_try_advisory_xact_lock(77) as mine"))[0]["mine"]:
            return 0
        found = await rows(
            db,
            "select a.id, a.phone from accounts as a where a.digest_due and not exists "
            "(select from digests_sent as d where d.account_id = a.id and d.day = current_date) order by a.id",
        )
        for one in found:
            await db.execute("insert into digests_sent values (%s, current_date)", [one["id"]])
            await send(one["phone"], "Your digest")
    return len(found)


async def pack(db: Database) -> int:
    """Takes the quantity of each order out of the stock. It sends nothing."""
    found = await rows(db, "select id, sku, quantity from orders where not is_packed order by id")
    packed = 0
    for one in found:
        async with db.transaction():
            if WRONG:
                (product,) = await rows(db, "select stock from products where sku = %s", one["sku"])
                if product["stock"] < one["quantity"]:
                    continue
                left = product["stock"] - one["quantity"]
                await db.execute("update products set stock = %s where sku = %s", [left, one["sku"]])
                await db.execute("update orders set is_packed = true where id = %s", [one["id"]])
                packed += 1
                continue
            mine = await rows(
                db, "update orders set is_packed = true where id = %s and not is_packed returning id", one["id"]
            )
            if mine:
                await db.execute("update products set stock = stock - %s where sku = %s", [one["quantity"], one["sku"]])
                packed += 1
    return packed


WORKERS = {"outbox": outbox, "tasks": tasks, "queue": queue, "digests": digests, "pack": pack}


async def application(
    scope: dict[str, Any], receive: object, send_event: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Answers `/run/<worker>`."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    worker = WORKERS.get(scope["path"].removeprefix("/run/"))
    status, body = 404, {}
    if worker is not None:
        async with await psycopg.AsyncConnection.connect(DATABASE_URL, autocommit=True, row_factory=dict_row) as db:
            status, body = 200, {"done": await worker(db)}
    headers = [(b"content-type", b"application/json")]
    await send_event({"type": "http.response.start", "status": status, "headers": headers})
    await send_event({"type": "http.response.body", "body": json.dumps(body).encode()})
