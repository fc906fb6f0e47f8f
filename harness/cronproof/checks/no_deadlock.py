"""no-deadlock: Postgres detected no deadlock."""

from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel

DEADLOCK_DETECTED = "40P01"


class NoDeadlock(StrictModel, Check):
    """Postgres reports a deadlock to no instance."""

    id: ClassVar[str] = "no-deadlock"
    needs_several_instances: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Looks for SQLSTATE 40P01 among the errors that the server sent."""
        for error in evidence.errors:
            if error.sqlstate == DEADLOCK_DETECTED:
                return failed(f"{error.instance} was the victim of a deadlock: {error.message}")
        return passed("no deadlock")
