"""What is verified, by the options of a command."""

from pathlib import Path

import pytest

from cronproof.engine.plan import Plan
from cronproof.errors import UsageError
from tests.support import reference
from tests.support.paths import ROOT

CONFIG = '[targets.mine]\ncommand = ["serve"]\nmigrations = ["own.sql"]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "own.sql").write_text("select 1;")
    file = tmp_path / "cronproof.toml"
    file.write_text(CONFIG)
    return file


def test_the_first_target_of_a_configuration_is_the_default(config: Path) -> None:
    plan = Plan.from_options(None, config, None)

    assert (plan.target, list(plan.schema), list(plan.migrations)) == ("mine", [config.with_name("own.sql")], [])
    assert plan.target_config.command == ["serve"]


def test_a_given_migration_replaces_the_claim_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)

    assert Plan.from_options(None, None, [Path("own.sql")]).migrations == [Path("own.sql")]
    assert Plan.from_options(None, None, None).migrations == [reference.LOCKING]


def test_a_target_that_does_not_exist_is_found_out_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="^there is no target 'referense' in .*; did you mean 'reference'"):
        reference.plan("referense")


def test_without_a_configuration_there_is_nothing_to_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match="^cannot read cronproof.toml: No such file or directory; `cronproof init`"):
        Plan.from_options(None, None, None)
