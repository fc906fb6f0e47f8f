"""sees-rows: with the service role rows are seen; with any other the cron fails loudly instead of reporting none."""

from __future__ import annotations

import json
from typing import ClassVar

from cronproof.checks.check import Check, Finding, failed, passed
from cronproof.evidence.evidence import Run
from cronproof.strict_model import Parameters


class SeesRows(Parameters, Check):
    """With the service role, messages go out. With another role, the cron answers with an error, and sends nothing."""

    id: ClassVar[str] = "sees-rows"

    def examine(self, run: Run) -> Finding:
        """Row-level security hides rows without an error, so that a blinded cron looks like one with nothing to do."""
        if run.role == "service_role":
            if run.accepted:
                return passed(f"as service_role: {len(run.accepted)} sent")
            return failed("the service role saw no rows: nothing was sent")
        for response in run.responses:
            succeeded = isinstance(response.body, dict) and response.body.get("success") is True
            if response.status < 400 or succeeded:
                body = json.dumps(response.body, ensure_ascii=False)
                return failed(
                    f"as {run.role}, {response.instance} answered {response.status} {body} instead of failing"
                )
        if run.accepted:
            return failed(f"as {run.role}, a message was sent: {run.accepted[0]}")
        answered = run.responses[0].status if run.responses else "nobody answered"
        return passed(f"as {run.role}: {answered}, nothing sent")
