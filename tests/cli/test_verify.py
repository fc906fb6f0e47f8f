"""`cronproof verify`: its output, its files and its exit code."""

import errno
import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cronproof.postgres.server.server import Server
from tests.support.command import RACE, Cronproof, run_command
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_the_reference_passes_and_the_report_says_so(cronproof: Cronproof, tmp_path: Path) -> None:
    folders = [f"scenarios/{name}" for name in ("1-functions", "2-responses", "3-race", "4-retry")]
    done = cronproof("verify", *folders, "--out", str(tmp_path), "--junit", str(tmp_path / "x" / "junit.xml"))

    assert (done.returncode, done.stderr) == (0, "")
    assert "\nPASS  Test 3: Race condition prevention" in done.stdout
    assert "FAIL" not in done.stdout
    report = (tmp_path / "latest" / "sign-off.md").read_text()
    for part in (
        "**Verdict:** PASS",
        "| `claim_jobs_for_followup` | **Yes** | PASS |",
        '| post-job-followup | 200 | `{"success":true,"processed":0}` |',
        "| 3-race/post-job-followup | held-after-claim | A: **1** (job 32); B: **0** | 1 | none |",
        "| post-job-followup | job 33 | 400 | **free** | 400 |",
        "PostgreSQL 18",
        "| sql/06-cron-locking.sql | `",
    ):
        assert part in report
    suites = ET.parse(tmp_path / "x" / "junit.xml").getroot()  # noqa: S314  (our own file)
    assert int(suites.attrib["tests"]) > 150
    assert suites.attrib["failures"] == suites.attrib["errors"] == "0"


def test_what_the_environment_says_of_another_server_is_left_aside(tmp_path: Path) -> None:
    of_another = {"PGHOSTADDR": "127.0.0.9", "PGSSLMODE": "require", "PGCLIENTENCODING": "latin1", "PGPORT": "1"}

    done = run_command("verify", RACE, "--out", str(tmp_path), environment=of_another)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_crons_before_the_fix_fail_by_name(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("verify", RACE, "--target", "legacy", "--out", str(tmp_path), "--junit", str(tmp_path / "j.xml"))

    assert done.returncode == 1
    assert "3-race/post-job-followup: no-duplicate: job 32: ********0132 got 2 messages: #1 by A" in done.stdout
    assert "and #2 by B" in done.stdout
    assert "+12125550132" not in done.stdout
    assert (
        "**FAIL** `3-race/post-job-followup` no-duplicate (A5 B6 A1): job 32"
        in (tmp_path / "latest" / "sign-off.md").read_text()
    )
    assert ET.parse(tmp_path / "j.xml").getroot().attrib["failures"] == "2"  # noqa: S314  (our own file)


def test_json_is_one_document_and_nothing_else(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("verify", RACE, "scenarios/1-functions", "--target", "legacy", "--json", "--out", str(tmp_path))

    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert (document["verdict"], document["target"]) == ("FAIL", "legacy")
    assert document["postgres"].startswith("PostgreSQL 18")
    race, function = document["scenarios"][0], document["scenarios"][1]
    assert (race["id"], race["file"], race["verdict"]) == ("3-race/post-job-followup", RACE, "FAIL")
    assert race["reason"].startswith("exclusive: job 32 was claimed by ")
    assert race["checks"][0].keys() >= {"id", "verdict", "message"}
    assert race["exploration"].keys() == {
        "strategy", "schedules", "exhausted", "distinct_outcomes", "blocked_waits", "seconds", "ended", "anomalies", "inside", "outcomes",
    }  # fmt: skip
    place = (tmp_path / "latest").resolve() / "3-race.post-job-followup.counterexample.yaml"
    assert Path(race["counterexample"]) == place
    assert race["exploration"]["distinct_outcomes"] > 1
    assert (function["verdict"], "reason" in function) == ("PASS", False)


OF_ANOTHER_SCHEMA = """
title: rows of another schema
why: a queue keeps its state in a schema of its own
test: responses
given:
  rows:
    queue.settings: [{{name: batch, value: 5, changed_at: 2 hours ago}}]
when:
  call: post-job-followup
then:
  - rows:
      {table}: [{{name: batch, value: 5}}, {{name: wait, value: 1}}]
"""


@pytest.mark.parametrize(
    ("table", "code", "said"),
    [
        ("queue.settings", 0, "2 in queue.settings"),
        ("queue.setings", 2, "there is no table 'queue.setings'; did you mean 'queue.settings'?"),
    ],
)
def test_rows_can_be_given_for_every_schema(
    table: str, code: int, said: str, cronproof: Cronproof, tmp_path: Path
) -> None:
    migration, file = tmp_path / "queue.sql", tmp_path / "other.yaml"
    migration.write_text(
        "create schema queue;"
        "create table queue.settings (name text primary key, value int, changed_at timestamptz default now());"
        "insert into queue.settings values ('batch', 3), ('wait', 1);"
    )
    file.write_text(OF_ANOTHER_SCHEMA.format(table=table))
    migrations = (f"--migration={one}" for one in (ROOT / "sql" / "06-cron-locking.sql", migration))

    done = cronproof("verify", str(file), *migrations, "--out", str(tmp_path))

    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done


def test_a_broken_migration_is_caught(cronproof: Cronproof, tmp_path: Path) -> None:
    waiting = tmp_path / "06.sql"
    waiting.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace(" skip locked\n", "\n"))

    done = cronproof("verify", RACE, "--migration", str(waiting), "--out", str(tmp_path))

    assert done.returncode == 1
    assert "never-waits: B waited for A in 'select job_id" in done.stdout


def test_a_budget_that_ends_is_inconclusive(cronproof: Cronproof, tmp_path: Path) -> None:
    done = cronproof("verify", RACE, "--budget", "0", "--out", str(tmp_path))

    assert done.returncode == 4
    assert "INCONCLUSIVE  exclusive      the time budget was used up" in done.stdout


def test_mistakes_of_scenarios_are_told_before_anything_runs(cronproof: Cronproof, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((ROOT / RACE).read_text().replace("completed_at", "complete_at"))

    done = cronproof("verify", RACE, str(bad), "--out", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cronproof: {bad}:12:53: ")
    assert "did you mean 'completed_at'?" in done.stderr


def test_an_empty_folder_of_scenarios_is_said(cronproof: Cronproof, tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()

    done = cronproof("verify", folder=tmp_path)

    assert (done.returncode, done.stderr) == (2, "cronproof: no scenario files (*.yaml) in scenarios\n")


def test_the_report_shows_no_password(cronproof: Cronproof, postgres: Server, tmp_path: Path) -> None:
    dsn = f"{postgres.conninfo} password=secret"

    done = cronproof("verify", "scenarios/1-functions", "--postgres", dsn, "--out", str(tmp_path), "--json")

    report = (tmp_path / "latest" / "sign-off.md").read_text()
    assert done.returncode == 0
    assert "--postgres DSN" in report
    assert "secret" not in done.stdout + done.stderr + report


def test_a_run_without_a_report_leaves_that_of_an_earlier_one(cronproof: Cronproof, tmp_path: Path) -> None:
    cronproof("verify", "scenarios/1-functions", "--out", str(tmp_path))
    (earlier,) = (folder for folder in tmp_path.iterdir() if not folder.is_symlink())
    assert (tmp_path / "latest" / "sign-off.md").exists()

    cronproof("verify", "--postgres", "host=127.0.0.1 port=1", "--out", str(tmp_path))

    assert {path.name for path in tmp_path.iterdir()} == {earlier.name, "latest"}
    assert (tmp_path / "latest").resolve() == earlier


def test_a_report_that_cannot_be_written_does_not_lose_the_verdict(
    cronproof: Cronproof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("cronproof.report.folder.write_whole", full)

    done = cronproof("verify", "scenarios/1-functions", "--json", "--out", str(tmp_path))

    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (3, "PASS")
    assert "cannot write the report" in done.stderr
    assert done.stderr.endswith(": No space left on device\n")
