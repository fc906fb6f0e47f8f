"""The statement of a request: what a client sends stays a value, and a request stays one statement."""

from typing import Any

import pglast
import psycopg.sql
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pglast.visitors import referenced_relations

from cronproof.standins.supabase.errors import RestError
from cronproof.standins.supabase.query import Query, parse
from cronproof.standins.supabase.schema import Function, Schema
from cronproof.standins.supabase.statement import Statements

CUSTOMERS = {"id": "bigint", "first_name": "text", "notes": "jsonb"}
STATEMENTS = Statements(Schema({"customers": CUSTOMERS}, {"customers": ("id",)}, (), ()))
GREET = Function("greet", (("name", "text"),), 0, False, "scalar", True)

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SPECIAL = st.text("'\"\\;-%$ \n")


def shape(statement: psycopg.sql.Composable | None) -> str:
    """What is left of a statement when its values are taken out."""
    assert statement is not None
    return pglast.fingerprint(statement.as_string())


@given(TEXTS | SPECIAL)
def test_a_value_changes_no_statement(text: str) -> None:
    def shapes(value: str) -> list[str]:
        row = {"first_name": value, "notes": {value: [value]}}
        found = parse([("first_name", f"eq.{value}")])
        return [
            shape(STATEMENTS.read("customers", found, counts=True)),
            shape(_insert(row)),
            shape(STATEMENTS.update("customers", row, found, "representation", is_single=True)),
            shape(STATEMENTS.delete("customers", found, "minimal", is_single=False)),
            shape(STATEMENTS.call(GREET, {"name": value}, Query(), counts=False)),
        ]

    assert shapes(text) == shapes("Ada")


@given(TEXTS.filter(bool) | SPECIAL.filter(bool))
def test_a_name_is_quoted(name: str) -> None:
    statements = Statements(Schema({name: {name: "text"}}, {}, (), ()))

    text = statements.read(name, parse([("select", "*")]), counts=False).as_string()

    assert len(pglast.parse_sql(text)) == len(referenced_relations(text)) == 1


def test_an_upsert_goes_by_the_primary_key_unless_another_is_named() -> None:
    by_default = _insert({"id": 1, "first_name": "Ada"}, resolution="merge-duplicates")
    by_name = _insert({"id": 1}, parse([("on_conflict", "first_name")]), resolution="ignore-duplicates")

    assert 'on conflict ("id") do update set "id" = excluded."id", "first_name" =' in _text(by_default)
    assert _text(by_name).endswith('on conflict ("first_name") do nothing')


def test_a_column_that_a_row_lacks_gets_null_or_its_default() -> None:
    columns = parse([("columns", "id,first_name")])

    assert "values (default, 'Ada')" in _text(_insert({"first_name": "Ada"}, columns, fills_defaults=True))
    assert "values (null, 'Ada')" in _text(_insert({"first_name": "Ada"}, columns))


def test_nothing_to_write_is_no_statement() -> None:
    assert STATEMENTS.update("customers", {}, Query(), "minimal", is_single=False) is None
    assert STATEMENTS.insert("customers", [], Query(), "minimal", **_PLAIN) is None


@pytest.mark.parametrize(
    ("query", "code"),
    [(parse([("select", "nope")]), "42703"), (parse([("nope", "eq.1")]), "42703"), (parse([("jobs.id", "eq.1")]), "PGRST108")],
)  # fmt: skip
def test_a_name_that_does_not_exist_is_refused(query: Query, code: str) -> None:
    with pytest.raises(RestError) as raised:
        STATEMENTS.read("customers", query, counts=False)

    assert raised.value.body["code"] == code


_PLAIN: dict[str, Any] = {"resolution": None, "fills_defaults": False, "is_single": False}


def _insert(row: dict[str, Any], query: Query | None = None, **options: Any) -> psycopg.sql.Composed | None:
    return STATEMENTS.insert("customers", [row], query or Query(), "minimal", **{**_PLAIN, **options})


def _text(statement: psycopg.sql.Composed | None) -> str:
    assert statement is not None
    return statement.as_string()
