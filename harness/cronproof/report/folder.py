"""The folder of a run: its report in every format, its counterexamples, and the logs of its target.

reports/2026-11-25T142311Z-3f9a2c/    results.json, and the formats rendered from it
reports/latest                        links to the last one that is finished
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]  # it says so in a way of its own

from cronproof.errors import EnvironmentFailed, UsageError
from cronproof.redaction import redacted
from cronproof.report.data.document import RESULTS, Document
from cronproof.report.views import attestation, ctrf, html, junit, markdown

LATEST = "latest"
LOGS = "logs"
PAGE = "sign-off.html"
ATTESTATION = "attestation.json"
FORMATS: Mapping[str, Callable[[Document], str]] = {
    RESULTS: Document.text,
    PAGE: html.render,
    "sign-off.md": markdown.render,
    "junit.xml": junit.render,
    "ctrf.json": ctrf.render,
}


def make_folder(out: Path, started: datetime) -> Path:
    """Creates a run's folder.

    Raises:
        UsageError: the folder cannot be created.
    """
    folder = out / f"{started:%Y-%m-%dT%H%M%SZ}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot write {out}: {reason}; choose another place with --out") from None
    return folder


def write(folder: Path, document: Document, signer: CryptoSigner | None = None) -> None:
    """Writes every format and the counterexamples. A signature that still matches is kept.

    Raises:
        EnvironmentFailed: a file cannot be written.
    """
    texts = {name: render(document) for name, render in FORMATS.items()}
    texts |= {name: counterexample.text() for name, counterexample in document.schedules.items()}
    statement = folder / ATTESTATION
    if signer is not None or not (statement.exists() and attestation.is_signed(statement.read_text("utf-8"), document)):
        texts[ATTESTATION] = attestation.render(document, signer)
    try:
        for name, text in texts.items():
            write_whole(folder / name, text)
    except OSError as error:
        raise EnvironmentFailed(f"cannot write the report {folder}: {error.strerror or error}") from None


def publish(folder: Path) -> None:
    """Points `latest` at the folder."""
    link = folder.with_name(f".{LATEST}.{os.getpid()}")
    with contextlib.suppress(OSError):  # a file system without links, or something else of that name
        link.unlink(missing_ok=True)
        link.symlink_to(folder.name)
        link.replace(folder.with_name(LATEST))
    link.unlink(missing_ok=True)


@contextlib.contextmanager
def keep_if_filled(folder: Path, values: Collection[str]) -> Iterator[None]:
    """Redacts the logs when the block ends. If the block fails, an empty folder is removed."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # it is not empty
            folder.rmdir()
        raise
    finally:
        _redact_logs(folder, values)


def _redact_logs(folder: Path, values: Collection[str]) -> None:
    for log in (folder / LOGS).glob("*"):
        text = log.read_text("utf-8", errors="backslashreplace")
        try:
            write_whole(log, "".join(redacted(line, values) for line in text.splitlines(keepends=True)))
        except OSError:  # a full disk: a log that cannot be redacted is not kept
            log.unlink()


def write_whole(file: Path, text: str) -> None:
    """Writes a file atomically, so that no reader sees half of it."""
    if file.exists() and not file.is_file():  # a pipe, a terminal
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        return
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
    unfinished.replace(file)
