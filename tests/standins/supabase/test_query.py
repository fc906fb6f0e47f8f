"""The query string: its meaning, and that invalid input is only ever refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronproof.standins.supabase.errors import RestError
from cronproof.standins.supabase.query import Column, Embed, Field, Filter, Group, Order, parse
from cronproof.standins.supabase.schema import Schema
from cronproof.standins.supabase.statement import Statements


def test_columns_of_all_kinds() -> None:
    text = 'id,name:first_name,total::text,data->a->>b,inner:data->x,*,"odd,name"'

    assert parse([("select", text)]).select == (
        Column(Field("id")),
        Column(Field("first_name"), "name"),
        Column(Field("total"), None, "text"),
        Column(Field("data", (("->", "a"), ("->>", "b"))), "b"),
        Column(Field("data", (("->", "x"),)), "inner"),
        Column(Field("*")),
        Column(Field("odd,name")),
    )


def test_related_tables_of_all_kinds() -> None:
    text = "id, jobs!inner(id, customers(name)), who:customers!jobs_customer_id_fkey!left(*), none()"

    assert parse([("select", text)]).select[1:] == (
        Embed("jobs", None, None, True, (Column(Field("id")), Embed("customers", None, None, False, (Column(Field("name")),)))),
        Embed("customers", "who", "jobs_customer_id_fkey", False, (Column(Field("*")),)),
        Embed("none", None, None, False, ()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("id", "eq.1", Filter(Field("id"), "eq", "1")),
        ("id", "not.in.(1,2)", Filter(Field("id"), "in", ("1", "2"), negated=True)),
        ("name", 'in.("a,b",c,"d\\"e",)', Filter(Field("name"), "in", ("a,b", "c", 'd"e', ""))),
        ("at", "eq.a.b.c", Filter(Field("at"), "eq", "a.b.c")),
        ("data->>key", "is.null", Filter(Field("data", (("->>", "key"),)), "is", "null")),
        ("or", "(a.eq.1,b.is.null)", Group("or", (Filter(Field("a"), "eq", "1"), Filter(Field("b"), "is", "null")))),
        (
            "not.and",
            '(a.not.in.(1,2),or(b.eq."x,y",c.lt.2026-10-15T00:00:00Z))',
            Group(
                "and",
                (
                    Filter(Field("a"), "in", ("1", "2"), negated=True),
                    Group("or", (Filter(Field("b"), "eq", "x,y"), Filter(Field("c"), "lt", "2026-10-15T00:00:00Z"))),
                ),
                negated=True,
            ),
        ),
    ],
)  # fmt: skip
def test_conditions(name: str, value: str, condition: Filter | Group) -> None:
    assert parse([(name, value)]).conditions == (condition,)


def test_what_is_asked_of_related_rows() -> None:
    query = parse([("jobs.status", "eq.completed"), ("jobs.order", "id.desc.nullslast"), ("jobs.limit", "2")])

    inner = query.embedded["jobs"]
    assert inner.conditions == (Filter(Field("status"), "eq", "completed"),)
    assert (inner.order, inner.limit) == ((Order(Field("id"), "desc", "nullslast"),), 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("select", "id,"), ("select", "a(b"), ("select", "a)"), ("select", "a!b"), ("select", "->a"), ("id", "eq"),
        ("id", "foo.1"), ("id", "in.1,2"), ("id", "is.maybe"), ("or", "a.eq.1"), ("or", "(a.eq.1"), ("or", "(a)"),
        ("order", "id.sideways"), ("limit", "-1"), ("limit", "many"), ("offset", "1.5"), ("data->", "eq.1"),
    ],
)  # fmt: skip
def test_what_says_nothing_is_refused(name: str, value: str) -> None:
    with pytest.raises(RestError) as refused:
        parse([(name, value)])
    assert (refused.value.status, refused.value.body["code"]) == (400, "PGRST100")


NAMES = st.sampled_from(["select", "order", "limit", "or", "not.and", "columns", "id", "jobs.id", "data->>a"])
TEXTS = st.text(alphabet="abc.,()\"\\!:*->{} '$;%éeqinotrsu1", max_size=40)


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(NAMES, TEXTS), max_size=3))
def test_nothing_else_than_a_refusal_comes_of_nonsense(parameters: list[tuple[str, str]]) -> None:
    schema = Schema({"jobs": {"id": "integer", "data": "jsonb"}}, {"jobs": ("id",)}, [], [])

    with contextlib.suppress(RestError):
        Statements(schema).read("jobs", parse(parameters), counts=True).as_string()
