"""The hosts that have a stand-in."""

from typing import Literal

from cronproof.domain.service_names import ServiceName
from cronproof.services.hosts import HOSTS

StandIn = ServiceName | Literal["supabase"]

SUPABASE = "supabase.co"
"""A Supabase project is at <reference>.supabase.co: https://supabase.com/docs/guides/api."""

CERTIFIED = (*HOSTS, f"*.{SUPABASE}")
"""The host names in the stand-ins' certificate."""


def stand_in(host: str) -> StandIn | None:
    """Returns the stand-in of a host; None if it has none and is refused."""
    host = host.lower().rstrip(".")
    if host in HOSTS:
        return HOSTS[host]
    project, _, domain = host.partition(".")
    return "supabase" if project and domain == SUPABASE else None
