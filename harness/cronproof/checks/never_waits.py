"""never-waits: no instance waited for another's lock."""

from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel


class NeverWaits(StrictModel, Check):
    """No instance waits for a lock that another one holds, according to the server."""

    id: ClassVar[str] = "never-waits"

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if the executor recorded a wait, and names the first one."""
        for wait in evidence.waits:
            return failed(f"{wait.instance} waited for {' and '.join(wait.blockers)} in {wait.point.label!r}")
        return passed("no lock wait")
