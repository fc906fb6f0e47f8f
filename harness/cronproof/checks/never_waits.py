"""never-waits: no instance waited for another's lock."""

from collections.abc import Sequence
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class NeverWaits(StrictModel, Check):
    """No instance waits for a lock that another one holds, according to the server."""

    id: ClassVar[str] = "never-waits"

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if the executor recorded a wait, and names the first one."""
        for wait in evidence.waits:
            return failed(f"{wait.instance} waited for {' and '.join(wait.blockers)} in {wait.point.label!r}")
        return passed("no lock wait")

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:  # noqa: ARG002  (any)
        """Is inconclusive about a single instance: it has nobody to wait for."""
        return inconclusive("a single instance has nobody to wait for") if len(evidence[0].instances) < 2 else None
