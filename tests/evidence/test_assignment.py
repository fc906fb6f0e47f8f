"""Assigning messages to units."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cronproof.evidence.assignment import assign

FITTING = st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 5), max_size=4, unique=True), max_size=6)


def test_a_message_that_fits_two_goes_where_it_is_needed() -> None:
    assert assign(["order 1", "order 12"], {"order 1": [0, 1], "order 12": [0]}) == {"order 1": 1, "order 12": 0}


def test_who_comes_first_is_served_first() -> None:
    assert assign(["b", "a"], {"a": [0], "b": [0]}) == {"b": 0}


@given(FITTING)
def test_no_message_is_assigned_twice_and_no_more_could_be(fitting: dict[int, list[int]]) -> None:
    found = assign(list(fitting), fitting)

    assert len(set(found.values())) == len(found)
    assert all(message in fitting[one] for one, message in found.items())
    choices = itertools.product(*([None, *messages] for messages in fitting.values()))
    possible = (list(filter(lambda one: one is not None, choice)) for choice in choices)
    assert len(found) == max(len(choice) for choice in possible if len(set(choice)) == len(choice))
