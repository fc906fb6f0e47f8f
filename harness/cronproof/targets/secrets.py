"""The secrets of a run: they open nothing but its own crons and mocks."""

from __future__ import annotations

CRON_SECRET = "secret-of-this-run"  # noqa: S105  (opens nothing but the crons of a run)
DATABASE_PASSWORD = "cronproof"  # noqa: S105  (of servers that run already, which cannot be told another)
API_KEY = "key-of-the-environment"


def api_key(instance: str) -> str:
    """The key of the services that an instance in a process of its own has in its environment."""
    return f"{API_KEY}-{instance}"
