"""The container server, with a real Docker engine and the image CRONPROOF_TEST_IMAGE."""

import contextlib
import json
import os
from pathlib import Path

import docker
import pytest

from cronproof.cleanup import CONTAINER_LABEL
from tests.support.command import RACE, Cronproof, Done, cronproof_process
from tests.support.paths import ROOT

pytestmark = pytest.mark.container

MOST = [
    *sorted(str(folder.relative_to(ROOT)) for folder in (ROOT / "scenarios").glob("[1-46]-*")),
    "scenarios/7-faults/post-job-followup.yaml",
]


@pytest.fixture(scope="module")
def image() -> str:
    """The image. Without it, tests fail in CI and are skipped elsewhere."""
    name = os.environ.get("CRONPROOF_TEST_IMAGE")
    if name is None:
        reason = "CRONPROOF_TEST_IMAGE names no image"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return name


def verify(image: str, folder: Path, *arguments: str) -> Done:
    command = ["verify", "--postgres", f"container:{image}", "--out", str(folder), *arguments]
    return cronproof_process(*command, environment={"TMPDIR": str(folder)})


def left_by(folder: Path) -> list[str]:
    """The names of the containers whose run has its temporary files in the folder."""
    with contextlib.closing(docker.from_env()) as client:
        ours = client.containers.list(all=True, filters={"label": CONTAINER_LABEL})
        return [str(one.name) for one in ours if Path(one.labels[CONTAINER_LABEL]).is_relative_to(folder)]


@pytest.mark.slow
def test_a_container_gives_the_same_results_as_the_embedded_server(
    image: str, cronproof: Cronproof, tmp_path: Path
) -> None:
    done = verify(image, tmp_path, "--json", *MOST)
    embedded = cronproof("verify", "--json", "--out", str(tmp_path), *MOST)

    assert (done.returncode, done.stderr) == (0, "")
    assert _what_was_found(done.stdout) == _what_was_found(embedded.stdout)
    assert json.loads(done.stdout)["postgres"].endswith(f"container {image}")
    assert left_by(tmp_path) == []


@pytest.mark.slow
def test_the_crons_before_the_fix_fail_there_too(image: str, tmp_path: Path) -> None:
    done = verify(image, tmp_path, "--target", "legacy", RACE)

    assert done.returncode == 1
    assert "job 32: ********0132 got 2 messages" in done.stdout
    assert left_by(tmp_path) == []


def test_an_image_that_is_not_to_be_had_is_one_line(image: str, tmp_path: Path) -> None:
    done = verify("cronproof-no-such-image:0", tmp_path)

    assert (done.returncode, done.stdout) == (3, "")
    assert "'cronproof-no-such-image:0'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_engine_is_one_line(image: str, tmp_path: Path) -> None:
    no_engine = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    done = cronproof_process("verify", "--postgres", "container", "--out", str(tmp_path), environment=no_engine)

    assert done.returncode == 3
    assert done.stderr.startswith("cronproof: no Docker engine answers")
    assert done.stderr.count("\n") == 1


def _what_was_found(document: str) -> list[tuple[str, list[tuple[str, str, str]]]]:
    return [
        (scenario["id"], [(check["id"], check["verdict"], check["message"]) for check in scenario["checks"]])
        for scenario in json.loads(document)["scenarios"]
    ]
