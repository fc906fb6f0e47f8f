"""The crons by name, and what each one's messages are for."""

from __future__ import annotations

from typing import Literal, get_args

CronName = Literal[
    "post-job-followup",
    "monthly-followup",
    "monthly-reengagement",
    "frequency-nudge",
    "check-timeouts",
    "seasonal-reminders",
    "process-scheduled-tasks",
    "send-reminders",
    "ghl-followups",
    "crew-briefing",
    "unified-daily",
]
CRON_NAMES: tuple[CronName, ...] = get_args(CronName)

SENT_COLUMNS: dict[str, str] = {
    "post-job-followup": "followup_sent_at",
    "monthly-followup": "monthly_followup_sent_at",
    "monthly-reengagement": "monthly_followup_sent_at",
    "frequency-nudge": "frequency_nudge_sent_at",
}
"""The column by which a cron remembers that a job's message was sent. Two crons share one: a job gets either message."""


def purpose(cron: str) -> str:
    """What a cron's messages are for: crons that remember by the same column send for the same purpose."""
    return SENT_COLUMNS.get(cron, cron)
