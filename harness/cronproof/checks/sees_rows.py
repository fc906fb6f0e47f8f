"""sees-rows: with the service role rows are seen; with any other the cron fails loudly instead of reporting none."""

from __future__ import annotations

import json
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel


class SeesRows(StrictModel, Check):
    """With the service role, messages go out. With another role, the cron answers with an error, and sends nothing."""

    id: ClassVar[str] = "sees-rows"

    def examine(self, evidence: Evidence) -> Finding:
        """Row-level security hides rows without an error, so that a blinded cron looks like one with nothing to do."""
        if evidence.role == "service_role":
            if evidence.accepted:
                return passed(f"as service_role: {len(evidence.accepted)} sent")
            return failed("the service role saw no rows: nothing was sent")
        for response in evidence.responses:
            succeeded = isinstance(response.body, dict) and response.body.get("success") is True
            if response.status < 400 or succeeded:
                body = json.dumps(response.body, ensure_ascii=False)
                return failed(
                    f"as {evidence.role}, {response.instance} answered {response.status} {body} instead of failing"
                )
        if evidence.accepted:
            return failed(f"as {evidence.role}, a message was sent: {evidence.accepted[0]}")
        answered = evidence.responses[0].status if evidence.responses else "nobody answered"
        return passed(f"as {evidence.role}: {answered}, nothing sent")
