"""Mutants of the claim functions: one change each, valid SQL, and no duplicates."""

import difflib

import pglast
import pytest

from cronproof.prove import sql_mutants
from cronproof.prove.sql_mutants import SqlMutant
from tests.support import reference

TEXT = reference.LOCKING.read_text()
MUTANTS = list(sql_mutants.mutants(TEXT, sorted(set(reference.SENT_COLUMNS.values()))))


def named(name: str) -> SqlMutant:
    (found,) = [mutant for mutant in MUTANTS if mutant.name == name]
    return found


def test_each_has_a_name_and_a_text_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert len({mutant.text for mutant in MUTANTS} | {TEXT}) == len(MUTANTS) + 1


def test_all_can_still_be_parsed() -> None:
    for mutant in MUTANTS:
        pglast.parse_sql(mutant.text)


def test_all_functions_and_every_kind_of_change_are_there() -> None:
    assert {mutant.function for mutant in MUTANTS} >= {
        "claim_jobs_for_followup",
        "claim_jobs_for_monthly_followup",
        "claim_jobs_for_monthly_reengagement",
        "claim_jobs_for_frequency_nudge",
        None,
    }
    names = " ".join(mutant.name for mutant in MUTANTS)
    kinds = (
        "lock",
        "without",
        "not",
        "minutes",
        "order",
        "limit",
        "sets",
        "join",
        "null for",
        "default",
        "search_path",
        "grants",
    )
    assert [kind for kind in kinds if kind not in names] == []


@pytest.mark.parametrize(
    ("name", "gone", "there"),
    [
        ("claim_jobs_for_followup: no lock", "SKIP LOCKED", None),
        ("claim_jobs_for_followup: lock forshare", None, "FOR SHARE OF j SKIP LOCKED"),
        ("claim_jobs_for_followup: fails on locks", "SKIP LOCKED", "FOR UPDATE OF j NOWAIT"),
        ("claim_jobs_for_monthly_followup: 30 minutes in j.completed_at < now() - CAST('30 days' AS interval)", "30 days", "30 minutes"),
        ("claim_jobs_for_frequency_nudge: no limit", "LIMIT", None),
        ("claim_jobs_for_monthly_reengagement: inner join of customers", "LEFT JOIN", "INNER JOIN public.customers"),
    ],
)  # fmt: skip
def test_a_change_is_what_its_name_says(name: str, gone: str | None, there: str | None) -> None:
    mutant = named(name)
    assert mutant.function is not None
    changed = [line[1:] for line in difflib.ndiff(TEXT.splitlines(), mutant.text.splitlines()) if line.startswith("+")]

    assert changed
    assert gone is None or gone not in " ".join(changed)
    assert there is None or there in " ".join(changed)


def test_everything_but_one_function_stays_as_it_was() -> None:
    before, after = (
        text.split("create or replace function") for text in (TEXT, named("claim_jobs_for_followup: no lock").text)
    )

    assert before[0] == after[0]
    assert before[2:] == after[2:]
