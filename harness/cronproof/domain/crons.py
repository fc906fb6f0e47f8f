"""The crons: their names, and the purposes of their messages."""

from typing import Annotated

from pydantic import Field

CronName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.:-]*$")]

SENT_COLUMNS: dict[str, str] = {
    "post-job-followup": "followup_sent_at",
    "monthly-followup": "monthly_followup_sent_at",
    "monthly-reengagement": "monthly_followup_sent_at",
    "frequency-nudge": "frequency_nudge_sent_at",
}
"""The column that records a job's message as sent. Two crons share one: a job gets either."""


def purpose(cron: str) -> str:
    """Returns the purpose of a cron's messages. Crons with the same sent column share one."""
    return SENT_COLUMNS.get(cron, cron)
