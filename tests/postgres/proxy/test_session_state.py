"""What statements leave in their session."""

import pytest

from cronproof.postgres.proxy.session_state import SessionState


def held_after(*statements: str) -> str | None:
    state = SessionState()
    for statement in statements:
        state.apply(statement)
    return state.find_held()


@pytest.mark.parametrize(
    ("statement", "held"),
    [
        ("set app.tenant = 'northside'", "has set app.tenant"),
        ("select pg_catalog.set_config('app.tenant', $1, false)", "has set app.tenant"),
        ("begin; set role anon; commit", "has set role"),
        ("set session authorization postgres", "has set session_authorization"),
        ("listen jobs", "listens to jobs"),
        ("set local app.tenant = 'northside'", None),
        ("select set_config('app.tenant', 'northside', true)", None),
        ("set statement_timeout = 0", None),
        ("no statement", None),
    ],
)
def test_what_an_application_sets_for_its_session_is_held(statement: str, held: str | None) -> None:
    assert held_after(statement) == held


@pytest.mark.parametrize(
    ("first", "then", "held"),
    [
        ("set app.tenant = 'northside'", "reset app.tenant", None),
        ("set app.tenant = 'northside'", "set app.tenant to default", None),
        ("set app.tenant = 'northside'", "reset all", None),
        ("set role anon", "reset all", "has set role"),
        ("set role anon", "reset role", None),
        ("set role anon", "set role none", None),
        ("set role anon", "discard all", None),
        ("set role anon", "discard plans", "has set role"),
        ("listen jobs", "unlisten jobs", None),
        ("listen jobs", "unlisten *", None),
        ("listen jobs", "reset all", "listens to jobs"),
    ],
)
def test_what_is_given_up_is_held_no_more(first: str, then: str, held: str | None) -> None:
    assert held_after(first, then) == held


def test_what_a_driver_sets_counts_only_once_it_changes() -> None:
    state = SessionState()

    state.apply("set search_path = northside")
    assert (state.find_held(), state.find_held()) == (None, None)
    state.apply("set search_path = northside")
    assert state.find_held() is None
    state.apply("set search_path = dormant")
    assert state.find_held() == "has changed search_path"
    state.apply("reset search_path")
    assert state.find_held() == "has changed search_path"


def test_what_a_process_has_set_at_its_start_no_call_has_left() -> None:
    state = SessionState()
    for statement in ("listen jobs", "set app.version = '1'"):
        state.apply(statement)

    state.accept()
    assert state.find_held() is None
    state.apply("set app.version = '2'")
    assert state.find_held() == "has set app.version"
