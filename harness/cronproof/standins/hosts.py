"""The hosts that have a stand-in."""

from collections.abc import Mapping, Sequence

SUPABASE = "supabase.co"
"""A Supabase project is at <reference>.supabase.co: https://supabase.com/docs/guides/api."""


def find_certified(hosts: Mapping[str, str]) -> Sequence[str]:
    """Returns the host names in the stand-ins' certificate, given the service at each host."""
    return (*hosts, f"*.{SUPABASE}")


def stand_in(host: str, hosts: Mapping[str, str]) -> str | None:
    """Returns the stand-in of a host; None if it has none and is refused. `hosts`: the service at each."""
    host = host.lower().rstrip(".")
    if host in hosts:
        return hosts[host]
    project, _, domain = host.partition(".")
    return "supabase" if project and domain == SUPABASE else None
