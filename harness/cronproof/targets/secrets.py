"""The secrets of a run: they open nothing but its own crons and mocks."""

CRON_SECRET = "secret-of-this-run"  # noqa: S105  (opens nothing but the crons of a run)
DATABASE_PASSWORD = "cronproof"  # noqa: S105  (of servers that run already, which cannot be told another)
API_KEY = "key-of-the-environment"


def api_key(instance: str) -> str:
    """Returns the services' API key in the environment of an external instance."""
    return f"{API_KEY}-{instance}"
