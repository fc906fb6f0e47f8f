"""The built-in targets."""

from pathlib import Path

import pytest

from cronproof.errors import UsageError
from cronproof.targets import reference


def test_each_is_found_by_its_name_and_others_are_told() -> None:
    assert reference.find_built_in("legacy") is reference.BUILT_IN["legacy"]
    with pytest.raises(UsageError, match=r"there is no target 'legcy'.*legacy"):
        reference.find_built_in("legcy")


def test_the_schema_comes_before_the_claim_functions() -> None:
    files = reference.schema()

    assert files == sorted(files)
    assert reference.LOCKING not in files
    assert all(file.name < reference.LOCKING.name for file in files)


def test_edited_crons_are_served_from_a_folder_of_their_own(tmp_path: Path) -> None:
    served = reference.serve_edited({"fixtures/crons/app.py": "edited", "sql/01.sql": "select 1"}, tmp_path / "here")

    assert served.cwd == tmp_path / "here"
    assert (served.cwd / "fixtures/crons/app.py").read_text() == "edited"
    assert (served.cwd / "fixtures/crons/jobs.py").is_file()
    assert not (served.cwd / "sql").exists()


def test_every_file_that_is_mutated_is_there() -> None:
    assert [name for name in reference.MUTATED if not (reference.ROOT / name).is_file()] == []
    assert reference.MUTATED_FUNCTIONS.keys() <= reference.MUTATED.keys()


def test_every_explanation_of_an_equivalent_mutant_says_something() -> None:
    assert all(reason.strip() for reason in reference.find_equivalent().values())
