"""The hosts that are stood in for, and who stands in."""

from __future__ import annotations

from typing import Literal

from cronproof.domain.service_names import ServiceName
from cronproof.services.hosts import HOSTS

StandIn = ServiceName | Literal["supabase"]

SUPABASE = "supabase.co"
"""A Supabase project is at <reference>.supabase.co: https://supabase.com/docs/guides/api."""

CERTIFIED = (*HOSTS, f"*.{SUPABASE}")
"""The names that the certificate of an interception has."""


def stand_in(host: str) -> StandIn | None:
    """Who answers in place of a host; None for one that cannot be reached."""
    host = host.lower().rstrip(".")
    if host in HOSTS:
        return HOSTS[host]
    project, _, domain = host.partition(".")
    return "supabase" if project and domain == SUPABASE else None
