"""Writes a small application to try cronproof on: an outbox that sends an email twice."""

import shutil
from pathlib import Path

from cronproof.errors import UsageError

EXAMPLE = Path(__file__).with_name("outbox")


def write_example(folder: Path) -> list[Path]:
    """Writes the files of the example into a folder, which is made if need be. Returns them, relative to it.

    Raises:
        UsageError: one of them is there already, or the folder cannot be written.
    """
    files = sorted(
        file.relative_to(EXAMPLE) for file in EXAMPLE.rglob("*") if file.is_file() and file.parent.name != "__pycache__"
    )
    taken = next((folder / file for file in files if (folder / file).exists()), None)
    if taken is not None:
        raise UsageError(f"{taken} is there already; name a folder of its own: cronproof init --example FOLDER")
    try:
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(EXAMPLE / file, folder / file)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    return files
