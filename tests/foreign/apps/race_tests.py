"""Races as tests in Python."""

from typing import Any

import psycopg

ROWS = {"outbox": [{"recipient": "+12125550132", "order_number": 7}]}
STOCK = {
    "products": [{"sku": "lamp", "stock": 1}],
    "orders": [{"id": number, "sku": "lamp", "quantity": 1} for number in (1, 2)],
}


def test_two_runs_send_each_message_once(cronproof: Any) -> None:
    result = cronproof.explore("outbox", rows=ROWS, instances=2).must("no-duplicate", "no-loss", {"status": 200})

    assert result.exploration.exhausted


async def sells_one(values: dict[str, str]) -> None:
    async with await psycopg.AsyncConnection.connect(values["database_url"], autocommit=True) as db:
        await db.execute("update products set stock = stock - 1 where sku = 'lamp' and stock > 0")


async def looks_then_sells(values: dict[str, str]) -> None:
    async with await psycopg.AsyncConnection.connect(values["database_url"], autocommit=True) as db:
        found = await (await db.execute("select stock from products where sku = 'lamp'")).fetchone()
        if found and found[0] > 0:
            await db.execute("update products set stock = stock - 1 where sku = 'lamp'")


def nothing_is_oversold(db: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    return db.execute("select sku, stock from products where stock < 0").fetchall()


def a_lamp_is_left(db: psycopg.Connection[Any]) -> None:
    row = db.execute("select stock from products").fetchone()
    assert row is not None
    assert row["stock"] > 0, "none is left"


def test_two_functions_do_not_oversell(cronproof: Any) -> None:
    result = cronproof.explore([sells_one, sells_one], rows=STOCK).must(nothing_is_oversold)

    assert result.exploration.exhausted


def test_a_race_of_functions_is_found(cronproof: Any) -> None:
    try:
        cronproof.explore([looks_then_sells, sells_one], rows=STOCK).must(nothing_is_oversold)
    except AssertionError as error:
        assert 'holds: violated: nothing is oversold: {"sku": "lamp", "stock": -1}' in str(error)  # noqa: PT017  (the plugin raises it)
    else:
        raise AssertionError("it was not found")


def test_what_a_function_asserts_is_told(cronproof: Any) -> None:
    try:
        cronproof.explore(sells_one, instances=2, rows=STOCK).must(a_lamp_is_left)
    except AssertionError as error:
        assert 'violated: a lamp is left: {"assertion": "none is left"}' in str(error)  # noqa: PT017  (the same)
    else:
        raise AssertionError("it was not found")
