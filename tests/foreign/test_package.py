"""The package, installed from its wheel into an environment of its own, in a folder that is not this repository."""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.foreign.test_foreign import APPS, WRONG
from tests.support.paths import ROOT

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the package and what it depends on, no extras, in the versions of the lock file."""
    folder = tmp_path_factory.mktemp("package")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    pinned = re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pinned))
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    (wheel,) = folder.glob("*.whl")
    install = [str(folder / "venv/bin/pip"), "install", "--quiet", "--constraint", str(constraints), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return folder


@pytest.fixture
def run(package: Path, tmp_path: Path) -> Run:
    """Runs a command of the environment in a copy of the workers' folder."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(APPS, elsewhere, ignore=shutil.ignore_patterns("__pycache__", "reports"))

    def run(command: str, *arguments: str, folder: Path = elsewhere) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(package / "venv/bin" / command), *arguments],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_wheel_holds_the_package_alone(package: Path) -> None:
    (wheel,) = package.glob("*.whl")

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {"cronproof"}
    assert "cronproof/py.typed" in names


def test_right_workers_pass_and_wrong_ones_fail(run: Run) -> None:
    files = [f"scenarios/races/{name}.yaml" for name in WRONG]

    right, wrong = (run("cronproof", "verify", *files, "--target", target) for target in ("right", "wrong"))

    assert right.returncode == 0, right.stdout + right.stderr
    assert "PASS  5 scenarios" in right.stdout
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    for check, message in WRONG.values():
        assert re.search(rf"FAIL  {check} +{re.escape(message)}", wrong.stdout), wrong.stdout


def test_its_plugin_collects_scenarios_and_gives_tests_its_power(run: Run) -> None:
    passed = run("pytest", "-q", "scenarios/races/tasks.yaml", "race_tests.py")
    failed = run("pytest", "-q", "race_tests.py", "--cronproof-target", "wrong")

    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "5 passed" in passed.stdout
    assert failed.returncode == 1
    assert "FAIL  no-duplicate: email 1: ********0132 got 2 messages" in failed.stdout
    assert "the shortest schedule:" in failed.stdout


def test_its_example_fails_at_once_and_passes_after_the_fix(run: Run, tmp_path: Path) -> None:
    made = run("cronproof", "init", "--example", "mine", folder=tmp_path)
    sends_twice, claims = (
        run("cronproof", "verify", *target, folder=tmp_path / "mine") for target in ([], ["--target", "claims"])
    )

    assert made.returncode == 0, made.stderr
    assert (sends_twice.returncode, claims.returncode) == (1, 0), sends_twice.stderr + claims.stderr


def test_what_needs_an_extra_says_which(run: Run, tmp_path: Path) -> None:
    (tmp_path / "cronproof.toml").write_text('[targets.a]\nasgi = "a:b"\n[services.shop]\nopenapi = "shop.yaml"\n')
    (tmp_path / "a.yaml").write_text("title: t\nwhy: w\ntest: race\nwhen: {call: c}\nthen: [egress]\n")

    container = run("cronproof", "verify", "--postgres", "container")
    document = run("cronproof", "verify", "a.yaml", folder=tmp_path)

    assert (container.returncode, container.stderr) == (
        2,
        'cronproof: containers need `pip install "cronproof[container]"`\n',
    )
    assert document.returncode == 2
    assert "cronproof.toml:4:1: OpenAPI documents need `pip install cronproof[openapi]`" in document.stderr
