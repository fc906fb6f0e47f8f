"""Services that packages offer by an entry point."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cronproof.domain.message import Attempt
from cronproof.errors import UsageError
from cronproof.services.api import find_installed
from cronproof.services.exchange import Request
from cronproof.services.services import Services

CODE = """
from cronproof.domain.message import Attempt
from cronproof.services.api import Api
from cronproof.services.exchange import Response

class Pigeons(Api):
    hosts = ("api.pigeons.example",)
    refusals = ("unauthorized", "rate-limited", "unknown-error", "bad-gateway", "storm")

    def refusal(self, name):
        return Response(503, b"")

    def handle(self, request, log, refusal=None):
        log(Attempt(request.path, "coo", 200 if refusal is None else refusal.status))
        return refusal or Response(200, b"")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    find_installed.cache_clear()
    yield tmp_path
    find_installed.cache_clear()


def offer(site: Path, value: str) -> None:
    """Installs a package that offers a service."""
    about = site / "loft-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: loft\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[cronproof.services]\npigeons = {value}\n")


def test_a_package_can_offer_a_service(site: Path) -> None:
    (site / "loft.py").write_text(CODE)
    offer(site, "loft:Pigeons")
    services, logged = Services(frozenset()), list[Attempt]()

    response = services.apis["pigeons"].handle(Request("POST", "/home"), logged.append)

    assert (response.status, [attempt.to for attempt in logged]) == (200, ["/home"])
    assert services.hosts["api.pigeons.example"] == "pigeons"
    assert services.apis["pigeons"].refuse("storm").status == 503


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nowhere:Pigeons", "cannot be imported: No module named 'nowhere'"),
        ("json:JSONDecoder", "is no subclass of cronproof.services.api.Api"),
    ],
)
def test_what_is_no_service_is_one_clear_line(value: str, message: str, site: Path) -> None:
    offer(site, value)

    with pytest.raises(UsageError, match=f"the service pigeons, which loft offers as {value}, {message}"):
        find_installed()
