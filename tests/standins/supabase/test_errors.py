"""Errors of the REST API."""

import psycopg
import pytest

from cronproof.standins.supabase.errors import NotCovered, not_one_row, of_postgres, unparsable


def postgres_error(sqlstate: str, message: str = "no") -> psycopg.Error:
    error = psycopg.errors.lookup(sqlstate)(message) if sqlstate != "PT418" else psycopg.DatabaseError(message)
    error.sqlstate = sqlstate
    return error


@pytest.mark.parametrize(
    ("sqlstate", "status"),
    [("23505", 409), ("23502", 400), ("42P01", 404), ("42501", 403), ("40001", 500), ("P0001", 400), ("PT418", 418)],
)
def test_each_error_of_the_database_has_its_status(sqlstate: str, status: int) -> None:
    error = of_postgres(postgres_error(sqlstate), is_anonymous=False)

    assert (error.status, error.body["code"]) == (status, sqlstate)


def test_who_is_anonymous_is_asked_to_log_in() -> None:
    assert of_postgres(postgres_error("42501"), is_anonymous=True).status == 401


def test_rows_that_are_not_one_have_an_error_of_their_own() -> None:
    expected = not_one_row(2)

    error = of_postgres(postgres_error("22P02", 'invalid input syntax: "rows:2"'), is_anonymous=False)

    assert (error.status, error.body) == (expected.status, expected.body) == (406, error.body)
    assert error.body["details"] == "The result contains 2 rows"


def test_what_is_not_covered_or_cannot_be_parsed_is_named() -> None:
    assert "does not cover spreads" in str(NotCovered("spreads"))
    assert unparsable("filter", "id.1").body["message"] == '"failed to parse filter (id.1)" (line 1, column 1)'
