"""The crons: their names, the purposes of their messages, and their claim functions."""

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
"""The column that records a job's message as sent. Two crons share one: a job gets either."""


def purpose(cron: str) -> str:
    """Returns the purpose of a cron's messages. Crons with the same sent column share one."""
    return SENT_COLUMNS.get(cron, cron)


CLAIM_FUNCTIONS: dict[str, str] = {
    "post-job-followup": "claim_jobs_for_followup",
    "monthly-followup": "claim_jobs_for_monthly_followup",
    "monthly-reengagement": "claim_jobs_for_monthly_reengagement",
    "frequency-nudge": "claim_jobs_for_frequency_nudge",
}
"""The database function with which each cron claims jobs."""

REPORTED_RISKS: dict[CronName, str] = {
    "check-timeouts": "Medium: adequate for Telegram",
    "send-reminders": "Medium: a unique constraint could be added",
    "seasonal-reminders": "Medium: not atomic, but daily and in batches",
    "ghl-followups": "Medium: still to be investigated",
    "process-scheduled-tasks": "Low: locks optimistically",
    "crew-briefing": "Low: duplicates do no harm",
    "unified-daily": "Low: an orchestrator, no more",
}
"""The risk of the remaining crons according to the manual report."""

EXAMPLE_ROWS: dict[str, list[dict[str, object]]] = {
    "customers": [{"id": 1, "first_name": "Ada", "phone_number": "+12125550132"}],
    "jobs": [
        {"id": 32, "customer_id": 1, "status": "completed", "completed_at": "3 hours ago"},
        {"id": 33, "customer_id": 1, "status": "completed", "completed_at": "24 days ago"},
        {"id": 34, "customer_id": 1, "status": "completed", "completed_at": "30 days 12 hours ago"},
    ],
}
"""Rows with work for each cron that claims jobs."""


def called_by(cron: str) -> str | None:
    """Returns the cron that calls this one, if any."""
    return "unified-daily" if cron == "monthly-followup" else None
