"""What is verified, by the options of a command."""

from pathlib import Path

import pytest

from cronproof.engine.plan import Plan
from cronproof.errors import UsageError
from cronproof.targets import reference

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
    assert plan.external is not None


def test_a_built_in_target_is_found_beside_a_configuration(config: Path) -> None:
    plan = Plan.from_options("hardened", config, None)

    assert (plan.external, len(plan.migrations)) == (None, 3)


def test_a_given_migration_replaces_the_claim_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert Plan.from_options(None, None, [Path("own.sql")]).migrations == [Path("own.sql")]
    assert Plan.from_options(None, None, None).migrations == (reference.LOCKING,)


def test_a_target_that_does_not_exist_is_found_out_before_anything_starts() -> None:
    with pytest.raises(UsageError, match="^there is no target 'referense'; did you mean 'reference'"):
        Plan("referense").check()
