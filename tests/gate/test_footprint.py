"""Which steps depend on each other, by what they touched."""

import itertools

import pytest

from cronproof.gate.footprint import EVERYTHING, NOTHING, Access, Footprint

ACCESSES: list[Access] = ["read", "look", "lock", "write"]
MEET = {("read", "write"), ("look", "lock"), ("look", "write"), ("lock", "lock"), ("lock", "write"), ("write", "write")}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations_with_replacement(ACCESSES, 2)))
def test_which_accesses_meet(one: Access, other: Access) -> None:
    first, second = Footprint({"jobs": one}), Footprint({"jobs": other, "tenants": "write"})

    assert first.conflicts(second) == second.conflicts(first) == ((one, other) in MEET)
    assert not first.conflicts(Footprint({"tenants": other}))


def test_of_what_two_things_touch_the_stronger_counts() -> None:
    assert Footprint({"a": "read", "b": "lock"}) | Footprint({"a": "look"}) == Footprint({"a": "look", "b": "lock"})
    assert Footprint({"a": "read"}) | EVERYTHING == EVERYTHING


def test_what_is_not_known_meets_whatever_touches_something() -> None:
    assert EVERYTHING.conflicts(Footprint({"a": "read"}))
    assert EVERYTHING.conflicts(EVERYTHING)
    assert not NOTHING.conflicts(EVERYTHING)


def keyed(access: Access, *keys: str) -> Footprint:
    return Footprint({"jobs": access}, rows={"jobs": frozenset(keys)})


def test_who_reads_one_row_does_not_meet_who_changes_another() -> None:
    assert not keyed("read", "1").conflicts(keyed("write", "2"))
    assert keyed("read", "1", "2").conflicts(keyed("write", "2", "3"))
    assert keyed("read", "1").conflicts(Footprint({"jobs": "write"}))
    assert Footprint({"jobs": "read"}).conflicts(keyed("write", "2"))


def test_who_looks_for_one_row_in_vain_does_not_meet_who_changes_another() -> None:
    assert not keyed("write", "1").conflicts(keyed("look", "2"))
    assert keyed("write", "1").conflicts(keyed("look", "1", "2"))


def test_changes_of_different_rows_meet_for_their_order_shows_where_nobody_sorts() -> None:
    assert keyed("write", "1").conflicts(keyed("write", "2"))
    assert keyed("write", "1").conflicts(keyed("lock", "2"))


def test_rows_of_two_things_are_known_only_where_both_are() -> None:
    assert (keyed("read", "1") | keyed("write", "2")).rows == {"jobs": {"1", "2"}}
    assert (keyed("read", "1") | Footprint({"tenants": "read"})).rows == {"jobs": {"1"}}
    assert (keyed("read", "1") | Footprint({"jobs": "read"})).rows == {}


def test_changes_that_an_invariant_can_see_meet() -> None:
    jobs, tenants = Footprint({"jobs": "write"}), Footprint({"tenants": "write"})

    assert jobs.shown_to(["jobs", "tenants"]).conflicts(tenants.shown_to(["jobs", "tenants"]))
    assert jobs.shown_to(None).conflicts(tenants.shown_to(None))
    assert jobs.shown_to(["jobs"]).conflicts(tenants.shown_to(["jobs"])) is False
    assert Footprint({"jobs": "lock"}).shown_to(["jobs"]) == Footprint({"jobs": "lock"})
