"""egress: the target contacted nothing but the database and the mocks."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from cronproof.checks.check import Check, Finding, failed, passed
from cronproof.evidence.evidence import Run
from cronproof.strict_model import Parameters


class Egress(Parameters, Check):
    """No instance called a host other than the database and the mocked APIs. Such calls are refused and noted."""

    id: ClassVar[str] = "egress"

    def examine(self, run: Run) -> Finding:
        """Names the first host that was called."""
        for escape in run.escapes:
            return failed(
                f"{escape.instance or 'an instance'} called {urlsplit(escape.url).netloc}; the call was refused"
            )
        return passed("database and mocks only")
