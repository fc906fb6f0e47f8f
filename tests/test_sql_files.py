"""Named queries in .sql files."""

from pathlib import Path

import pytest

import cronproof
from cronproof.setup.example import EXAMPLE
from cronproof.sql_files import load_queries

PACKAGE = Path(cronproof.__file__).parent
FILES = sorted(file for file in PACKAGE.rglob("*.sql") if not file.is_relative_to(EXAMPLE))  # an application of its own


def test_each_query_is_found_by_its_name_without_its_comment(tmp_path: Path) -> None:
    (tmp_path / "module.sql").write_text(
        "-- name: first\n-- Counts rows.\nselect count(*)\n  from t;\n\n-- name: second\n-- Nothing.\nselect 1\n"
    )

    assert load_queries(str(tmp_path / "module.py")) == {"first": "select count(*)\n  from t;", "second": "select 1"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("select 1\n-- name: a\n-- A.\nselect 1\n", "text before the first name"),
        ("-- name: a\n-- A.\nselect 1\n-- name: a\n-- A.\nselect 2\n", "a is there twice"),
        ("-- name: a\nselect 1\n", "a has no description"),
        ("-- name: a\n-- A.\n\n", "a has no query"),
    ],
)
def test_an_incomplete_file_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "module.sql").write_text(text)

    with pytest.raises(ValueError, match=f"module.sql: {reason}$"):
        load_queries(str(tmp_path / "module.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_query_of_the_package_is_used_by_the_module_beside_it(file: Path) -> None:
    module = file.with_suffix(".py")
    text = module.read_text()

    for name in load_queries(str(module)):
        assert f'"{name}"' in text, name
