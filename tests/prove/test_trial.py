"""Trials: what counts as catching an implementation, and what does not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from cronproof.checks import CHECKS
from cronproof.postgres.server.server import Server
from cronproof.prove import trial
from cronproof.prove.proof import read_declared, subject_of
from cronproof.prove.trial import Subject, Trial, in_order, try_subject
from cronproof.scenario.reader import ScenarioFile
from fixtures.saboteurs import SABOTEURS, VARIANTS, Saboteur, Variant
from fixtures.saboteurs.saboteur import Edit, edited
from tests.support.database import Await
from tests.support.paths import ROOT
from tests.support.reference import CONFIG

OnTrial = Callable[..., Trial]
DECLARED = read_declared(CONFIG)
FOLLOWUP = "fixtures/crons/post_job_followup.py"
BY_NAME = {saboteur.name: saboteur for saboteur in SABOTEURS}


def of(name: str) -> Subject:
    return subject_of(BY_NAME[name])


def test_every_check_has_a_saboteur_and_every_name_and_doubt_is_its_own() -> None:
    assert {saboteur.proves for saboteur in SABOTEURS} == {check.id for check in CHECKS}
    assert [saboteur.name for saboteur in SABOTEURS if (saboteur.verdict != "FAIL") != bool(saboteur.message)] == []
    names = [*(saboteur.name for saboteur in SABOTEURS), *(variant.name for variant in VARIANTS)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("one", [*SABOTEURS, *VARIANTS], ids=lambda one: one.name)
def test_each_edits_something_and_can_be_compiled(one: Saboteur | Variant) -> None:
    sources = one.sources()
    for file, text in sources.items():
        assert text != (ROOT / file).read_text()
        if file.endswith(".py"):
            compile(text, file, "exec")


def test_the_catalogue_in_the_docs_names_them_all() -> None:
    text = (ROOT / "docs" / "proof.md").read_text()

    for saboteur in SABOTEURS:
        assert f"| {saboteur.bug} | `{saboteur.name}` | `{saboteur.proves}` | {saboteur.what} |" in text
    assert f"{len(SABOTEURS)} broken implementations" in (ROOT / "README.md").read_text()
    for variant in VARIANTS:
        assert f"| `{variant.name}` | {variant.what} |" in text


def test_an_edit_of_what_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match=r"post_job_followup.py has no 'nothing of the kind'"):
        edited([Edit(FOLLOWUP, "nothing of the kind", "")])


def test_scenarios_with_the_check_that_is_named_come_first_then_the_cheap_ones(
    scenario_files: list[ScenarioFile],
) -> None:
    ordered = in_order(scenario_files, of("newest_first"), CONFIG.crons)

    wants_footprint = [any(check.id == "batch-limit" for check in file.scenario.checks) for file in ordered]
    assert wants_footprint == sorted(wants_footprint, reverse=True)
    assert ordered[-1].scenario.test == "remaining"
    assert {file.id for file in ordered} >= {"1-functions/claim_jobs_for_followup", "3-race/post-job-followup"}
    others = [file.id for file in ordered if "monthly" in file.id]
    assert all("6-roles" in name or "post-job-followup" in name for name in others)


def test_what_is_explained_is_tried_on_neither_races_nor_faults(scenario_files: list[ScenarioFile]) -> None:
    ordered = in_order(scenario_files, replace(of("newest_first"), is_explained=True), CONFIG.crons)

    assert not {"race", "faults"} & {file.scenario.test for file in ordered}


def test_what_is_served_by_processes_is_tried_where_that_matters(scenario_files: list[ScenarioFile]) -> None:
    ordered = in_order(scenario_files, of("locks_a_file"), CONFIG.crons)

    assert {file.scenario.test for file in ordered} == {"race", "faults"}
    every: list[Saboteur | Variant] = [*SABOTEURS, *VARIANTS]
    assert {one.target for one in every if one.in_processes} == {"reference"}


@pytest.fixture
def put_on_trial(await_: Await, postgres: Server, tmp_path: Path) -> OnTrial:
    def on_trial(subject: Subject, files: Sequence[str] = ()) -> Trial:
        chosen = [file for file in DECLARED.course.files if not files or file.id in files]
        found: Trial = await_(try_subject(postgres, subject, replace(DECLARED.course, files=chosen), tmp_path))
        return found

    return on_trial


@pytest.mark.postgres
@pytest.mark.parametrize(
    "name",
    ["no_limit", "gives_back_twice", "open_to_anon", "never_takes_over", "remembers_in_memory", "keeps_its_lock"],
)
def test_a_saboteur_is_caught_by_the_check_that_it_names(name: str, put_on_trial: OnTrial) -> None:
    found = put_on_trial(of(name))

    assert found.outcome == "caught"
    assert BY_NAME[name].proves in found.failed
    assert found.scenario is not None


@pytest.mark.slow
@pytest.mark.postgres
def test_a_saboteur_in_processes_of_its_own_is_caught(put_on_trial: OnTrial) -> None:
    found = put_on_trial(of("remembers_beside_the_claim"), ["3-race/post-job-followup-refused-once"])

    assert (found.outcome, found.failed) == ("caught", ["no-loss"])


@pytest.mark.postgres
def test_another_message_does_not_count(put_on_trial: OnTrial) -> None:
    found = put_on_trial(replace(of("keeps_its_lock"), message="another"), ["3-race/post-job-followup"])

    assert (found.outcome, len(found.doubts)) == ("missed", 1)


@pytest.mark.postgres
def test_another_check_does_not_count(put_on_trial: OnTrial) -> None:
    found = put_on_trial(replace(of("no_limit"), proves="egress"), ["5-rules/post-job-followup-batch"])

    assert (found.outcome, found.failed) == ("caught by another check", ["batch-limit"])


@pytest.mark.postgres
def test_what_is_right_is_not_accused(put_on_trial: OnTrial) -> None:
    variant = next(variant for variant in VARIANTS if variant.name == "update_of_a_subquery")

    found = put_on_trial(
        Subject(variant.name, "variant", variant.sources(), variant.crons, variant.target),
        ["3-race/post-job-followup", "5-rules/post-job-followup-batch", "1-functions/claim_jobs_for_followup"],
    )

    assert (found.outcome, found.failed, found.doubts) == ("missed", [], [])


@pytest.mark.postgres
def test_what_postgres_refuses_is_broken_and_what_takes_too_long_timed_out(
    put_on_trial: OnTrial,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = put_on_trial(Subject("x", "mutant", {"sql/06-cron-locking.sql": "select nonsense"}, target="reference"))
    monkeypatch.setattr(trial, "TRIAL_SECONDS", 0.01)
    late = put_on_trial(of("no_limit"))

    assert broken.outcome == "broken"
    assert str(broken.message).endswith('/sql/06-cron-locking.sql:1:8: column "nonsense" does not exist')
    assert late.outcome == "timed out"
