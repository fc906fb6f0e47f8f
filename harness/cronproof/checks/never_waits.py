"""never-waits: no instance waited for another's lock."""

from __future__ import annotations

from typing import ClassVar

from cronproof.checks.check import Check, Finding, failed, passed
from cronproof.evidence.evidence import Run
from cronproof.strict_model import Parameters


class NeverWaits(Parameters, Check):
    """No instance waits for a lock that another holds: the server was asked whenever one did not go on."""

    id: ClassVar[str] = "never-waits"

    def examine(self, run: Run) -> Finding:
        """Any wait that the scheduler saw is a failure."""
        for wait in run.waits:
            return failed(f"{wait.instance} waited for {' and '.join(wait.blockers)} in {wait.point.label!r}")
        return passed("no lock wait")
