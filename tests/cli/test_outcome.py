"""What the commands that verify share: secrets, next steps, and the exit code."""

import io
from pathlib import Path

import pytest
import typer

from cronproof.cli import outcome
from cronproof.cli.console import Console
from cronproof.report.data.document import KnownEntry
from cronproof.targets.config import TargetConfig
from tests.support import reference
from tests.support.documents import RESULT, documented


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["verify", "--postgres", "embedded"], "cronproof verify --postgres embedded"),
        (["verify", "--postgres", "container:postgres:15"], "cronproof verify --postgres container:postgres:15"),
        (["verify", "--postgres", "postgresql://u:secret@h/d", "--json"], "cronproof verify --postgres DSN --json"),
        (["verify", "--postgres=host=h password=secret"], "cronproof verify --postgres=DSN"),
        (["replay", "a file.yaml"], "cronproof replay 'a file.yaml'"),
    ],
)
def test_the_command_is_shown_without_its_dsn(arguments: list[str], shown: str) -> None:
    assert outcome.display_command(arguments) == shown


def test_secrets_are_those_of_this_process_the_target_and_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "of-this-process")
    config = TargetConfig(command=["serve"], env={"OTHER_TOKEN": "of-the-target"}, cron_secret="of-the-cron")
    plan = reference.plan_of_server(config, postgres="postgresql://u:of-postgres@h/d")

    assert outcome.find_secrets(plan) >= {"of-this-process", "of-the-target", "of-the-cron", "of-postgres"}
    assert "" not in outcome.find_secrets(reference.plan())


def said(*counterexamples: str, known: tuple[str, ...] = ()) -> str:
    document = documented(RESULT)
    entries = [
        document.scenarios[0].model_copy(
            update={
                "counterexample": counterexample,
                "known": [KnownEntry.model_construct(reason="it is so", counterexample=one) for one in known],
            }
        )
        for counterexample in (*counterexamples, None)
    ]
    text = io.StringIO()
    outcome.say_what_next(document.model_copy(update={"scenarios": entries}), Console(file=text, width=200))
    return text.getvalue()


def test_failing_schedules_are_followed_by_their_commands() -> None:
    assert said("reports/a b.yaml", "c.yaml").strip().splitlines() == [
        "The failing schedules are saved. Run one again:",
        "  cronproof replay 'reports/a b.yaml'",
        "  cronproof replay c.yaml",
    ]


def test_of_known_limits_one_command_is_enough() -> None:
    lines = said(known=("reports/a.known-1.yaml", "reports/a.known-2.yaml")).strip().splitlines()

    assert lines == [
        "Schedules that show known limits. Run one again:",
        "  cronproof replay reports/a.known-1.yaml",
        "  (2 of them, reports/*.known-*.yaml)",
    ]


def test_without_a_schedule_nothing_is_said() -> None:
    assert said() == ""


def test_an_interrupted_run_has_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    document = documented(RESULT)
    codes = []
    for run in (document, document.model_copy(update={"interrupted": True})):
        with pytest.raises(typer.Exit) as ended:
            outcome.finish(run, tmp_path / "junit.xml", as_json=False)
        codes.append(ended.value.exit_code)

    assert codes == [1, 130]
    assert "interrupted; nothing was left behind" in capsys.readouterr().err
    assert (tmp_path / "junit.xml").read_text().startswith("<?xml")
