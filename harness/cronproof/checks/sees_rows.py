"""sees-rows: the service role sees rows; with any other role the cron answers with an error."""

import json
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.strict_model import StrictModel


class SeesRows(StrictModel, Check):
    """With the service role, messages are sent. With another, the cron answers with an error."""

    id: ClassVar[str] = "sees-rows"
    judges_answers: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Checks responses and messages, because row-level security hides rows without an error."""
        if evidence.role == "service_role":
            if evidence.accepted:
                return passed(f"as service_role: {len(evidence.accepted)} sent")
            return failed("the service role saw no rows: nothing was sent")
        for response in evidence.responses:
            succeeded = isinstance(response.body, dict) and response.body.get("success") is True
            if not response.is_refused or succeeded:
                body = json.dumps(response.body, ensure_ascii=False)
                return failed(
                    f"as {evidence.role}, {response.instance} answered {response.status} {body} instead of failing"
                )
        if evidence.accepted:
            return failed(f"as {evidence.role}, a message was sent: {evidence.accepted[0]}")
        if not evidence.responses:
            return inconclusive("no instance was left to answer")
        return passed(f"as {evidence.role}: {evidence.responses[0].status}, nothing sent")
