"""What a large report costs: 200 scenarios with a timeline and another one beside it, 10,000 schedules."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from cronproof.report.data.document import RESULTS, Document, read_document
from cronproof.report.folder import write
from cronproof.report.views import html
from tests.support.command import run_command
from tests.support.large import grown

SCENARIOS = ("scenarios/3-race/post-job-followup.yaml", "scenarios/7-faults/post-job-followup.yaml")


def rendering() -> None:
    """How long its formats take, beside writing the same as JSON."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        run_command("verify", *SCENARIOS, "--target", "legacy", "--out", folder)
        run = grown(read_document(place / "latest" / RESULTS), scenarios=200, schedules=10_000)
        json = timed(Document.text, run)
        page = timed(html.render, run)
        whole = timed(lambda one: write(place, one), run)
        print("reports: 200 scenarios, 10,000 schedules")
        print(f"    the page: {page:.1f} s, {len(html.render(run).encode()) / 1e6:.1f} MB; all formats: {whole:.1f} s")
        print(f"    results.json alone: {json:.1f} s; the page / results.json: {page / json:.1f}\n", flush=True)


def timed(render: Callable[[Document], object], run: Document) -> float:
    """Seconds of the second time, when templates are compiled."""
    render(run)
    started = time.monotonic()
    render(run)
    return time.monotonic() - started
