"""The schema that the REST API serves."""

import pytest

from cronproof.standins.supabase.errors import NotCovered, RestError
from cronproof.standins.supabase.query import Embed
from cronproof.standins.supabase.schema import Function, Reference, Schema


def reference(name: str, table: str, column: str, to: str, *, is_unique: bool = False) -> Reference:
    return Reference(name, table, (column,), to, ("id",), is_unique)


def function(*arguments: str, defaults: int = 0) -> Function:
    return Function("claim", tuple((name, "integer") for name in arguments), defaults, True, "composite", True)


SCHEMA = Schema(
    tables={"jobs": {"id": "integer"}, "customers": {"id": "integer"}, "notes": {"id": "integer"}, "totals": {}},
    primary_keys={"jobs": ("id",)},
    references=[
        reference("jobs_customer_id_fkey", "jobs", "customer_id", "customers"),
        reference("jobs_billed_to_fkey", "jobs", "billed_to", "customers"),
        reference("notes_job_id_fkey", "notes", "job_id", "jobs", is_unique=True),
    ],
    functions=[function("tenant", "at_most", defaults=1), function("day")],
    views=frozenset({"totals"}),
)


def embed(relation: str, hint: str | None = None) -> Embed:
    return Embed(relation, None, hint, False, ())


def refused(error: pytest.ExceptionInfo[RestError]) -> tuple[int, str]:
    return error.value.status, str(error.value.body["code"])


def test_a_relationship_leads_both_ways() -> None:
    to_one, to_unique = SCHEMA.relationship("notes", embed("jobs")), SCHEMA.relationship("jobs", embed("notes"))

    assert (to_one.is_one, to_one.columns) == (True, (("job_id", "id"),))
    assert (to_unique.is_one, to_unique.columns) == (True, (("id", "job_id"),))


@pytest.mark.parametrize("hint", ["jobs_billed_to_fkey", "billed_to"])
def test_of_several_relationships_the_hint_names_one(hint: str) -> None:
    assert SCHEMA.relationship("jobs", embed("customers", hint)).name == "jobs_billed_to_fkey"


def test_a_relationship_to_one_row_can_be_named_by_its_column() -> None:
    assert SCHEMA.relationship("jobs", embed("billed_to")).table == "customers"


def test_several_that_fit_are_told_with_hints() -> None:
    with pytest.raises(RestError) as error:
        SCHEMA.relationship("jobs", embed("customers"))

    assert refused(error) == (300, "PGRST201")
    assert "'customers!jobs_billed_to_fkey'" in str(error.value.body["hint"])


def test_what_is_not_related_is_told() -> None:
    with pytest.raises(RestError) as error:
        SCHEMA.relationship("notes", embed("customers"))
    with pytest.raises(NotCovered, match="a view"):
        SCHEMA.relationship("jobs", embed("totals"))

    assert refused(error) == (400, "PGRST200")


def test_a_table_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(RestError) as error:
        SCHEMA.columns("job")

    assert (refused(error), error.value.body["hint"]) == (
        (404, "PGRST205"),
        "Perhaps you meant the table 'public.jobs'",
    )


@pytest.mark.parametrize("given", [{"tenant"}, {"tenant", "at_most"}, {"day"}])
def test_a_function_is_chosen_by_its_arguments(given: set[str]) -> None:
    names = {name for name, _ in SCHEMA.function("claim", frozenset(given)).arguments}

    assert given <= names


@pytest.mark.parametrize(("name", "given", "hint"), [
    ("claim", {"at_most"}, "public.claim(tenant, at_most)"),
    ("clam", {"day"}, "public.claim(tenant, at_most)"),
    ("else", set(), None),
])  # fmt: skip
def test_a_function_that_is_not_there_names_the_nearest(name: str, given: set[str], hint: str | None) -> None:
    with pytest.raises(RestError) as error:
        SCHEMA.function(name, frozenset(given))

    assert refused(error) == (404, "PGRST202")
    assert error.value.body["hint"] == (hint and f"Perhaps you meant to call the function {hint}")
