"""The sign-off page in a real browser: steps, comparison, no requests, accessible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cronproof.report.data.document import read_document
from cronproof.report.views import html
from tests.support.command import cronproof_process
from tests.support.large import grown
from tests.support.paths import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.postgres

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
LIGHT: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
VIEWS: dict[str, dict[str, Any]] = {
    "light": LIGHT,
    "dark": LIGHT | {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True},
}


@pytest.fixture
def page_file(run_once: Path) -> Path:
    """The page of a run in which a race and messages under faults fail."""
    return run_once / "sign-off.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium here")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (installed only where there is a Chromium)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


def opened(browser: Browser, file: Path, **view: Any) -> tuple[Page, list[str]]:
    """The page, and a growing list of its console messages, errors and requests."""
    page = browser.new_context(**(view or LIGHT)).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url != file.as_uri() else None)
    page.goto(file.as_uri())
    return page, complaints


def test_a_failure_is_gone_through_step_by_step_beside_what_passes(browser: Browser, page_file: Path) -> None:
    page, complaints = opened(browser, page_file)
    player = page.locator("details.scenario[open] .player").first
    failing, passing = player.locator(".timeline").all()
    now, at = player.locator(".now"), failing.locator("tr.at")

    assert "steps; with Next" in now.inner_text()
    player.get_by_role("button", name="First").click()
    assert now.inner_text().startswith("Step 1 of ")
    for _ in range(4):
        player.get_by_role("button", name="Next").click()
    assert "call openphone POST /v1/messages" in now.inner_text()
    assert "message #1 to ********0132 accepted" in player.locator(".so-far").inner_text()
    assert (at.count(), passing.locator("tr.at").count()) == (1, 1)
    assert at.get_attribute("aria-current") == "step"
    player.get_by_role("button", name="Last").focus()
    page.keyboard.press("ArrowLeft")
    assert now.inner_text().startswith("Step 4 of ")
    broken = failing.locator("tr.broken")
    assert not broken.is_visible()
    player.get_by_role("button", name="Last").click()
    assert broken.is_visible()
    assert "no-duplicate breaks here: job 32" in broken.inner_text()
    assert player.get_by_role("button", name="Next").is_disabled()
    player.get_by_role("button", name="All steps").click()
    assert failing.locator("tr.later").count() == at.count() == 0
    shared = failing.locator("tr.shared").count()
    assert shared == passing.locator("tr.shared").count() > 2
    assert complaints == []


def test_a_lock_wait_is_a_bar_that_says_for_whom(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "locking.sql").write_text((ROOT / "sql" / "06-cron-locking.sql").read_text().replace("skip locked", ""))
    race = str(ROOT / "scenarios" / "3-race" / "post-job-followup.yaml")
    cronproof_process("verify", race, "--migration", str(tmp_path / "locking.sql"), "--out", str(tmp_path))

    page, _ = opened(browser, (tmp_path / "latest" / "sign-off.html").resolve())

    bar = page.locator(".timeline td > .wait").first
    assert "waits for A" in bar.inner_text()
    assert page.locator("tr.broken").first.inner_text().startswith("✗ never-waits")


def test_a_stranger_finds_what_was_tested_what_is_not_covered_and_how_to_see_it_fail(
    browser: Browser, page_file: Path
) -> None:
    page, _ = opened(browser, page_file)

    assert page.title() == "FAIL: cron verification of legacy"
    assert "2 failed of 16 scenarios" in page.get_by_role("heading", level=1).inner_text()
    page.locator(".failures a").first.click()
    assert page.locator("details.scenario:target").is_visible()
    assert page.locator("#not-covered").get_by_text("crew-briefing").count() > 0
    again = page.locator(".command", has_text="cronproof replay").first
    assert "3-race.post-job-followup.counterexample.yaml" in again.inner_text()
    again.get_by_role("button", name="Copy").click()
    again.get_by_role("button", name="Copied").wait_for(timeout=5000)
    assert "cronproof verify" in page.locator("#verified .command").inner_text()
    assert page.locator("#faults .matrix td.anomaly").count() > 0


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(view: str, browser: Browser, page_file: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415  (as playwright)

    page, _ = opened(browser, page_file, bypass_csp=True, **VIEWS[view])  # axe is injected into the page
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.locator(".stepping button[data-go=next]").first.click()

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_in_print_all_steps_are_there_and_no_buttons(browser: Browser, page_file: Path) -> None:
    page, _ = opened(browser, page_file)
    page.locator(".stepping button[data-go=first]").first.click()
    page.emulate_media(media="print")

    assert page.locator(".stepping").first.is_hidden()
    assert page.locator("tr.later").first.is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_large_run_is_less_than_five_megabytes(run_once: Path) -> None:
    run = grown(read_document(run_once / "results.json"), scenarios=200, schedules=10_000)

    text = html.render(run)

    assert len(text.encode()) < 5_000_000
    assert text.count('<figure class="timeline"') > 300
