"""The command: mistakes, help, and where it prints."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import RACE, cronproof_process, run_command
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


def test_a_folder_that_is_named_as_our_package_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "cronproof").mkdir()
    (tmp_path / "cronproof" / "__init__.py").write_text("raise ImportError('not this one')")

    done = cronproof_process("verify", str(ROOT / RACE), "--config", str(ROOT / "cronproof.toml"), folder=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--target", "legasy"], 2, "cronproof: there is no target 'legasy' in cronproof.toml; did you mean 'legacy'?"),
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
        (["--shard", "3/2"], 2, "cronproof: --shard '3/2' is not of the form K/N; write 2/5 for the second of five"),
        (["--shard", "600/600"], 2, "cronproof: --shard 600/600: there are "),
        (["--sign", "nowhere.pem"], 2, "cronproof: cannot read nowhere.pem: No such file or directory; --sign wants a private key in PEM"),
        (["--sign", "Makefile"], 2, "cronproof: Makefile is no private key in PEM that can sign, without a password: "),
        (["--junit", "/dev/null/x/j.xml"], 2, "cronproof: cannot write /dev/null/x/j.xml: Not a directory; choose another place with --junit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_bad_input_is_one_clear_line(arguments: list[str], exit_code: int, message: str, tmp_path: Path) -> None:
    is_about_one = arguments[0].startswith("--") and arguments[0] != "--shard"
    others = [RACE] * is_about_one + ["--out", str(tmp_path)] * ("--out" not in arguments)

    done = run_command("verify", *others, *arguments)

    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize("option", [["--no-such-option"], ["--budget", "-1"], ["--budget", "nan"]])
def test_a_wrong_option_is_a_usage_error(option: list[str]) -> None:
    assert run_command("verify", *option).returncode == 2


def test_a_reader_that_goes_away_gets_no_verdict(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "cronproof", "verify", RACE, "--out", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    run.stdout.readline()
    run.stdout.close()

    assert run.wait() == 141


def test_every_command_has_help() -> None:
    done = run_command("--help")

    for command in ("verify", "list", "schema", "doctor"):
        assert command in done.stdout
        assert run_command(command, "--help").returncode == 0


@pytest.mark.parametrize("colour", [True, pytest.param(False, marks=pytest.mark.slow)])
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


@pytest.mark.parametrize(
    "closed",
    ["<&-", pytest.param(">&-", marks=pytest.mark.slow), pytest.param("2>&-", marks=pytest.mark.slow), "<&- >&- 2>&-"],
)
def test_standard_files_may_be_closed(closed: str, tmp_path: Path) -> None:
    """The next socket would get the number of the closed file, and everything that is written to it."""
    command = f"exec {sys.executable} -P -m cronproof verify scenarios/1-functions --out {tmp_path} {closed}"

    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, check=False, capture_output=True)

    assert done.returncode == 0
    assert (tmp_path / "latest" / "sign-off.md").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is always full")
def test_a_full_disk_is_told_in_a_line(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -P -m cronproof verify scenarios/1-functions --out {tmp_path} >/dev/full"

    done = subprocess.run(["/bin/sh", "-c", command], cwd=ROOT, check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (3, "cronproof: nothing more can be written: No space left on device\n")
