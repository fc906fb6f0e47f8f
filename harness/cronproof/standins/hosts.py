"""The hosts that are stood in for, and who stands in."""

from __future__ import annotations

from typing import Literal

from cronproof.services.exchange import ServiceName

StandIn = ServiceName | Literal["supabase"]

SERVICES: dict[str, ServiceName] = {
    "api.openphone.com": "openphone",
    "api.quo.com": "openphone",
    "api.telegram.org": "telegram",
    "services.leadconnectorhq.com": "ghl",
}
"""The mocked APIs. The first two are one: https://www.quo.com/docs still serves v1 at both."""

SUPABASE = "supabase.co"
"""A Supabase project is at <reference>.supabase.co: https://supabase.com/docs/guides/api."""

CERTIFIED = (*SERVICES, f"*.{SUPABASE}")
"""The names that the certificate of an interception has."""


def stand_in(host: str) -> StandIn | None:
    """Who answers in place of a host; None for one that cannot be reached."""
    host = host.lower().rstrip(".")
    if host in SERVICES:
        return SERVICES[host]
    project, _, domain = host.partition(".")
    return "supabase" if project and domain == SUPABASE else None
