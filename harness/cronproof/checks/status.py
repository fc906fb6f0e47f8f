"""status: the status of every response."""

import json
from typing import Annotated, ClassVar

from pydantic import Field, RootModel

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed

BODY_CHARACTERS = 160


class Status(RootModel[Annotated[int, Field(ge=0, le=599, strict=True)]], Check):
    """Every response has this HTTP status or, of a command, this exit status."""

    id: ClassVar[str] = "status"
    judges_answers: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Compares each instance's response."""
        for response in evidence.responses:
            if response.status != self.root:
                body = json.dumps(response.body, ensure_ascii=False)[:BODY_CHARACTERS]
                return failed(f"{response.instance} answered {response.status}, not {self.root}: {body}")
        if not evidence.responses:
            return inconclusive("no instance was left to answer")
        return passed(f"{len(evidence.responses)} × {self.root}" if len(evidence.responses) > 1 else str(self.root))
