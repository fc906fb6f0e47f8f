"""egress: the target contacted nothing but the database and the declared services."""

from typing import ClassVar
from urllib.parse import urlsplit

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel


class Egress(StrictModel, Check):
    """No instance calls a host other than the database and the services. Such calls are blocked."""

    id: ClassVar[str] = "egress"
    is_about_refused_hosts: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if a call was blocked, and names the host of the first one."""
        for call in evidence.blocked_calls:
            parts = urlsplit(call.url)
            host = parts.hostname or parts.netloc
            return failed(
                f"{call.instance or 'an instance'} called {host}; the call was refused. "
                f'To answer it, declare it: [services.NAME] hosts = ["{host}"]'
            )
        return passed("database and services only")
