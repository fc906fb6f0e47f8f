"""Choices: several values for one field of a scenario."""

import pytest

from cronproof.scenario import choices
from cronproof.scenario.scenario import Scenario

SCENARIO = Scenario.model_validate(
    {
        "title": "t",
        "why": "w",
        "test": "race",
        "given": {
            "rows": {
                "customers": [{"id": 1, "first_name": {"any": ["Ada", None]}}],
                "jobs": [
                    {"repeat": 3, "row": {"id": 1, "paid": {"any": [True, False, None]}}},
                    {"id": 9, "metadata": {"any": "thing"}},
                ],
            }
        },
        "when": {"call": "post-job-followup", "instances": 2, "interleavings": {"sample": 10}},
        "then": ["no-duplicate"],
    }
)


def test_choices_are_named_by_where_they_stand() -> None:
    assert [choice.name for choice in choices.find_choices(SCENARIO)] == ["customers.0.first_name", "jobs.0.paid"]


def test_without_a_choice_a_value_is_the_first() -> None:
    chosen = choices.apply_choice(SCENARIO, ())

    assert chosen.given.rows["customers"] == [{"id": 1, "first_name": "Ada"}]
    assert chosen == choices.apply_choice(SCENARIO, (0, 0)) != choices.apply_choice(SCENARIO, (1, 0))
    assert chosen.given.rows["jobs"][1] == {"id": 9, "metadata": {"any": "thing"}}


def test_each_value_comes_once_in_the_alternatives() -> None:
    assert list(choices.alternatives(SCENARIO)) == [(0, 0), (1, 1), (1, 2)]


def test_what_was_chosen_is_found_again_by_its_values() -> None:
    for data in ((0, 1), (1, 0), (1, 2)):
        named = choices.name_choice(SCENARIO, data)
        assert choices.find_choice(SCENARIO, named) == data
    assert choices.name_choice(SCENARIO, (0, 2)) == {"jobs.0.paid": None}
    assert choices.find_choice(SCENARIO, {}) == ()
    assert choices.name_choice(SCENARIO, (0, 0)) == choices.name_choice(SCENARIO, ()) == {}


def test_values_that_are_not_there_any_more_are_told() -> None:
    with pytest.raises(ValueError, match=r"^jobs\.1\.paid is not a choice of the scenario$"):
        choices.find_choice(SCENARIO, {"jobs.1.paid": True})
    with pytest.raises(ValueError, match=r"^jobs\.0\.paid cannot be 'yes'$"):
        choices.find_choice(SCENARIO, {"jobs.0.paid": "yes"})
