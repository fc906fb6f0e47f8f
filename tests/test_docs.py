"""README and guide show what is really printed. Every check, order and command is explained."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from cronproof.checks import CHECKS
from cronproof.cli.app import app
from cronproof.explore.named_orders import DESCRIPTIONS
from cronproof.scenario import reader
from tests.support.command import run_command
from tests.support.paths import ROOT

VERIFIED = "CRONPROOF_VERIFIED"
"""The variable that names a file with the output of `make verify`."""
README, GUIDE = ((ROOT / name).read_text() for name in ("README.md", "docs/guide.md"))
BLOCK = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```", re.DOTALL | re.MULTILINE)
CONSOLE = [
    pytest.param(command, shown, marks=[pytest.mark.slow] if page is GUIDE or command == "make verify" else [])
    for page in (README, GUIDE)
    for command, shown in BLOCK.findall(page)
    if "../my-app" not in command
]
YOUR_APP = [block for block in BLOCK.findall(README) if "../my-app" in block[0]]
TIMES = re.compile(r"\d+(\.\d+)? m?s\b")
FOLDER = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z-[0-9a-f]{6}")
"""The name of the folder of a run."""


@pytest.mark.postgres
@pytest.mark.parametrize(("command", "shown"), CONSOLE, ids=lambda text: text[:24])
def test_what_is_shown_is_what_is_printed(command: str, shown: str, tmp_path: Path) -> None:
    if command == "make verify" and VERIFIED in os.environ:  # CI has just run it
        assert_printed(shown, Path(os.environ[VERIFIED]).read_text())
        return
    program, *arguments = shlex.split(command.replace("make verify", ".venv/bin/cronproof verify"))
    assert program == ".venv/bin/cronproof"
    # A separate folder, so that the user's own reports are not overwritten.
    done = run_command(*arguments, "--out", str(tmp_path))
    printed = done.stdout.replace(str(tmp_path), "reports")

    assert_printed(shown, printed)


def assert_printed(shown: str, printed: str) -> None:
    """Asserts that all shown lines are printed in order. `[...]` and times match anything."""
    shown, rest = (FOLDER.sub("RUN", TIMES.sub("TIME", text)) for text in (shown, printed))
    parts = [part.strip("\n") for part in re.split(r"\[\.\.\.\]", shown)]
    for part in parts:
        assert part in rest
        rest = rest[rest.index(part) + len(part) :]


@pytest.mark.postgres
@pytest.mark.examples
def test_your_own_app_is_verified_as_the_readme_says(tmp_path: Path) -> None:
    app = tmp_path / "my-app"
    example = ROOT / "fixtures" / "targets" / "nextjs-supabase"
    shutil.copytree(example, app, symlinks=True, ignore=shutil.ignore_patterns("cronproof.toml"))
    shutil.copytree(ROOT / "sql", app / "sql")
    shutil.copy(ROOT / "fixtures" / "seed.yaml", app)

    for command, shown in YOUR_APP:
        words = shlex.split(command.replace("../my-app", str(app)))
        words[0] = str(ROOT / words[0])
        out = [] if words[1] == "init" else ["--out", str(tmp_path / "reports")]
        if words[1] == "doctor":
            (declared,) = re.findall(r"^```toml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
            config = app / "cronproof.toml"
            config.write_text(config.read_text() + declared)
        done = subprocess.run([*words, *out], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert_printed(shown, done.stdout.replace(str(app), "../my-app"))


def test_the_scenario_of_the_guide_is_valid(tmp_path: Path) -> None:
    (yaml,) = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    file = tmp_path / "guide.yaml"
    file.write_text(yaml)

    assert reader.read_scenario(file).scenario.title


def test_every_check_and_order_is_explained() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text()

    for name in (*(check.id for check in CHECKS), *DESCRIPTIONS):
        assert f"`{name}`" in text


def test_every_command_is_in_the_guide() -> None:
    for command in typer.main.get_group(app).commands:
        assert f"| `cronproof {command}" in GUIDE, command


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()

    for page in (ROOT / "docs").glob("*.md"):
        assert f"]({page.name})" in index or page.name == "README.md"


@pytest.mark.parametrize(
    "file",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda file: file.name,
)
def test_links_lead_somewhere(file: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text()):
        assert link.startswith("https://") or (file.parent / link).exists(), link
