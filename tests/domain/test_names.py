"""Only a few folders of the package may name tables, columns, crons or services."""

import re
from pathlib import Path

import pytest

import cronproof
from cronproof.services.api import find_installed
from tests.support.paths import ROOT
from tests.support.reference import CLAIM_FUNCTIONS, CRONS, SENT_COLUMNS

PACKAGE = Path(cronproof.__file__).parent
ROOMS = (PACKAGE / "services" / "bundled", PACKAGE / "setup" / "sources.py")
"""Where services are described, and the words that paths of many applications have."""
TABLES = set(re.findall(r"create table (?:if not exists )?public\.(\w+)", (ROOT / "sql" / "02-schema.sql").read_text()))
NAMES = {
    *(TABLES - {"messages"}),  # also a word of the package
    *(table.removesuffix("s") for table in TABLES - {"messages"}),
    *SENT_COLUMNS.values(),
    *CLAIM_FUNCTIONS.values(),
    *CRONS,
    *(find_installed().keys() - {"smtp"}),  # which is a protocol
    "GoHighLevel",
    "completed_at",
    "phone_number",
    "tenant_id",
    "telegram_id",
}
FILES = [
    file
    for file in sorted(PACKAGE.rglob("*"))
    if file.suffix in {".py", ".sql", ".jinja", ".js", ".css", ".cjs", ".toml", ".yaml"}
    and not any(file.is_relative_to(room) for room in ROOMS)
]
PATTERN = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(NAMES)))})(?![\w-])|\w+_sent_at", re.IGNORECASE)


def test_there_is_something_to_look_for() -> None:
    assert len(TABLES) > 5
    assert PATTERN.search((ROOT / "cronproof.toml").read_text())
    assert len(FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_nothing_of_the_application_is_named(file: Path) -> None:
    lines = enumerate(file.read_text().splitlines(), start=1)

    assert [f"{number}: {line.strip()}" for number, line in lines if PATTERN.search(line)] == []
