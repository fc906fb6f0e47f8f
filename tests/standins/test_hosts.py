"""The hosts that have a stand-in."""

import pytest

from cronproof.standins.hosts import stand_in
from tests.support.services import HOSTS


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("api.openphone.com", "openphone"),
        ("API.Quo.com.", "openphone"),
        ("api.telegram.org", "telegram"),
        ("abcdef.supabase.co", "supabase"),
        ("supabase.co", None),
        (".supabase.co", None),
        ("a.b.supabase.co", None),
        ("supabase.co.example.com", None),
        ("evil-api.openphone.com", None),
        ("", None),
    ],
)
def test_only_the_hosts_of_services_have_one(host: str, service: str | None) -> None:
    assert stand_in(host, HOSTS) == service
