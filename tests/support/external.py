"""A target in a process of its own: a server that is written for the tests."""

import sys

from cronproof.targets.config import TargetConfig
from tests.support.paths import ROOT

SERVER = ROOT / "tests" / "support" / "server.py"


ENV = {
    "DATABASE_URL": "{database_url}",
    "OPENPHONE_API_KEY": "{openphone_api_key}",
    "CRON_SECRET": "{cron_secret}",
}


def target(mistake: str = "", **changes: object) -> TargetConfig:
    command = [sys.executable, str(SERVER), "{port}", mistake]
    return TargetConfig.model_validate({"command": command, "env": ENV, "cwd": ROOT, **changes})


SERVES_FILES = [sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
"""A server that finds nothing at the path of a cron."""
