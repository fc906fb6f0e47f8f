"""The command as users call it: its output, its files and its exit code."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cronproof.postgres.server.server import Server
from tests.conftest import ROOT

pytestmark = pytest.mark.postgres

RACE = "scenarios/3-race/post-job-followup.yaml"


def cronproof(
    *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cronproof", *arguments],
        cwd=folder,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_reference_passes_and_the_report_says_so(tmp_path: Path) -> None:
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
        "| post-job-followup | job 33 | 400 | **NULL** | 400 |",
        "PostgreSQL 18",
        "| sql/06-cron-locking.sql | `",
    ):
        assert part in report
    suites = ET.parse(tmp_path / "x" / "junit.xml").getroot()  # noqa: S314  (our own file)
    assert int(suites.attrib["tests"]) > 150
    assert suites.attrib["failures"] == suites.attrib["errors"] == "0"


def test_what_the_environment_says_of_another_server_is_left_aside(tmp_path: Path) -> None:
    of_another = {"PGHOSTADDR": "127.0.0.9", "PGSSLMODE": "require", "PGCLIENTENCODING": "latin1", "PGPORT": "1"}

    done = cronproof("verify", RACE, "--out", str(tmp_path), environment=of_another)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_is_named_as_our_package_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "cronproof").mkdir()
    (tmp_path / "cronproof" / "__init__.py").write_text("raise ImportError('not this one')")

    done = cronproof("verify", str(ROOT / RACE), folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_crons_before_the_fix_fail_by_name(tmp_path: Path) -> None:
    done = cronproof("verify", RACE, "--target", "legacy", "--out", str(tmp_path), "--junit", str(tmp_path / "j.xml"))

    assert done.returncode == 1
    assert "3-race/post-job-followup: no-duplicate: job 32: ********0132 got 2 messages: #1 by A" in done.stdout
    assert "and #2 by B" in done.stdout
    assert "+12125550132" not in done.stdout
    assert (
        "**FAIL** `3-race/post-job-followup` no-duplicate (A5 B6 A1): job 32"
        in (tmp_path / "latest" / "sign-off.md").read_text()
    )
    assert ET.parse(tmp_path / "j.xml").getroot().attrib["failures"] == "3"  # noqa: S314  (our own file)


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
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
        "strategy", "schedules", "exhausted", "distinct_outcomes", "blocked_waits", "seconds", "ended", "anomalies", "outcomes",
    }  # fmt: skip
    place = (tmp_path / "latest").resolve() / "3-race.post-job-followup.counterexample.yaml"
    assert Path(race["counterexample"]) == place
    assert race["exploration"]["distinct_outcomes"] > 1
    assert (function["verdict"], "reason" in function) == ("PASS", False)


def test_a_broken_migration_is_caught(tmp_path: Path) -> None:
    waiting = tmp_path / "06.sql"
    waiting.write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace(" skip locked\n", "\n"))

    done = cronproof("verify", RACE, "--migration", str(waiting), "--out", str(tmp_path))

    assert done.returncode == 1
    assert "never-waits: B waited for A in 'select job_id" in done.stdout


def test_a_budget_that_ends_is_inconclusive(tmp_path: Path) -> None:
    done = cronproof("verify", RACE, "--budget", "0", "--out", str(tmp_path))

    assert done.returncode == 4
    assert "INCONCLUSIVE  exclusive      the budget had ended" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--target", "legasy"], 2, "cronproof: there is no target 'legasy'; did you mean 'legacy'?"),
        (["scenarios/3-race/post-job.yaml"], 2, "cronproof: no scenario at scenarios/3-race/post-job.yaml; did you mean"),
        (["sql"], 2, "cronproof: no scenario files (*.yaml) in sql"),
        (["--postgres", "embeded"], 2, "cronproof: --postgres 'embeded' is none of: embedded, container, container:IMAGE, a DSN"),
        (["--postgres", "postgresql://u:secret@127.0.0.1:1/x"], 3, "cronproof: no Postgres answers at given 127.0.0.1:1: "),
        (["--postgres", "host=127.0.0.1 port=1 password=secret stray"], 2, "cronproof: --postgres is none of: embedded, "),
        (["--postgres", "postgresql://u:p@secret@127.0.0.1/x"], 3, "cronproof: no Postgres answers at the given DSN; is a character"),
        (["--postgres", "postgresql://u@h/x?password=secret&no=1"], 2, "cronproof: --postgres is none of: embedded, "),
        (["--postgres", ""], 2, "cronproof: --postgres '' is none of: embedded, container, container:IMAGE, a DSN"),
        (["--postgres", "container:"], 2, "cronproof: --postgres is none of: embedded, container, container:IMAGE, a DSN"),
        (["/nowhere.yaml"], 2, "cronproof: no scenario at /nowhere.yaml"),
        (["x" * 300], 2, "cronproof: no scenario at xxx"),
        (["--junit", "sql"], 2, "cronproof: cannot write sql: Is a directory; choose another place with --junit"),
        (["--migration", "nowhere.sql"], 2, "cronproof: cannot read the migration nowhere.sql: "),
        (["--migration", "Makefile"], 2, 'cronproof: Makefile:1:1: syntax error at or near "#"'),
        (["--out", "/dev/null/x"], 2, "cronproof: cannot write /dev/null/x: Not a directory; choose another place with --out"),
        (["--shard", "3/2"], 2, "cronproof: --shard '3/2' is no part of a whole; say 2/5 for the second of five"),
        (["--shard", "600/600"], 2, "cronproof: --shard 600/600: there are 148 scenarios only"),
        (["--sign", "nowhere.pem"], 2, "cronproof: cannot read nowhere.pem: No such file or directory; --sign wants a private key in PEM"),
        (["--sign", "Makefile"], 2, "cronproof: Makefile is no private key in PEM that can sign, without a password: "),
        (["--junit", "/dev/null/x/j.xml"], 2, "cronproof: cannot write /dev/null/x/j.xml: Not a directory; choose another place with --junit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_is_one_clear_line(arguments: list[str], exit_code: int, message: str, tmp_path: Path) -> None:
    done = cronproof("verify", *([] if "--out" in arguments else ["--out", str(tmp_path)]), *arguments)

    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_mistakes_of_scenarios_are_told_before_anything_runs(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text((ROOT / RACE).read_text().replace("completed_at", "complete_at"))

    done = cronproof("verify", RACE, str(bad), "--out", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cronproof: {bad}:12:53: ")
    assert "did you mean 'completed_at'?" in done.stderr


def test_an_empty_folder_of_scenarios_is_said(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()

    done = cronproof("verify", folder=tmp_path)

    assert (done.returncode, done.stderr) == (2, "cronproof: no scenario files (*.yaml) in scenarios\n")


@pytest.mark.parametrize("option", [["--no-such-option"], ["--budget", "-1"], ["--budget", "nan"]])
def test_a_wrong_option_is_a_usage_error(option: list[str]) -> None:
    assert cronproof("verify", *option).returncode == 2


def test_a_reader_that_goes_away_gets_no_verdict(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "cronproof", "verify", RACE, "--out", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()

    assert run.wait() == 141


def test_the_report_shows_no_password(postgres: Server, tmp_path: Path) -> None:
    dsn = f"{postgres.conninfo} password=secret"

    done = cronproof("verify", "scenarios/1-functions", "--postgres", dsn, "--out", str(tmp_path), "--json")

    report = (tmp_path / "latest" / "sign-off.md").read_text()
    assert done.returncode == 0
    assert "--postgres DSN" in report
    assert "secret" not in done.stdout + done.stderr + report


def test_a_run_that_fails_leaves_no_report_of_an_earlier_one(tmp_path: Path) -> None:
    cronproof("verify", "scenarios/1-functions", "--out", str(tmp_path))
    (earlier,) = (folder for folder in tmp_path.iterdir() if not folder.is_symlink())
    assert (tmp_path / "latest" / "sign-off.md").exists()

    cronproof("verify", "--postgres", "host=127.0.0.1 port=1", "--out", str(tmp_path))

    assert list(tmp_path.iterdir()) == [earlier]


def test_list_names_scenarios_and_targets() -> None:
    done = cronproof("list", "scenarios/1-functions")

    assert done.returncode == 0
    assert "1-functions/claim_jobs_for_followup" in done.stdout
    assert done.stdout.endswith("Targets: reference, legacy, hardened\n")


def test_schema_prints_the_committed_schema() -> None:
    assert json.loads(cronproof("schema").stdout) == json.loads(
        (ROOT / "scenarios" / "scenario.schema.json").read_text()
    )


def test_doctor_tries_the_postgres() -> None:
    good, bad = cronproof("doctor"), cronproof("doctor", "--postgres", "host=127.0.0.1 port=1")

    assert (good.returncode, bad.returncode) == (0, 3)
    assert "PostgreSQL 18" in good.stdout
    assert "missing  no Postgres answers at given 127.0.0.1:1" in bad.stdout


def test_every_command_has_help() -> None:
    done = cronproof("--help")

    for command in ("verify", "list", "schema", "doctor"):
        assert command in done.stdout
        assert cronproof(command, "--help").returncode == 0


@pytest.mark.parametrize("colour", [True, False])
def test_on_a_terminal_lines_fit_and_no_color_is_obeyed(colour: bool, tmp_path: Path) -> None:
    of_user = {"TERM": "xterm-256color", "COLUMNS": "72"} | ({} if colour else {"NO_COLOR": "1"})
    command = [sys.executable, "-m", "cronproof", "verify", RACE, "--target", "legacy", "--out", str(tmp_path)]
    terminal, output = os.openpty()
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | of_user, stdout=output, stderr=subprocess.DEVNULL
    ) as process:
        os.close(output)
        printed = b""
        with contextlib.suppress(OSError):  # end of output: the writer has closed the terminal
            while part := os.read(terminal, 4096):
                printed += part
    os.close(terminal)

    text = printed.decode().replace("\r", "")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    checks = [number for number, line in enumerate(plain) if line.startswith("  FAIL  no-duplicate")]
    assert process.returncode == 1
    assert ("\x1b[1;31mFAIL" in text, "\x1b[31m" in text or "\x1b[32m" in text) == (colour, colour)
    assert all(len(line) <= 72 for line in plain[checks[0] : checks[0] + 3])
    assert plain[checks[0] + 1].startswith(" " * 23)
    assert plain[-1].startswith("  cronproof replay ")
