"""What is known of each cron."""

from cronproof.domain.crons import (
    CLAIM_FUNCTIONS,
    CRON_NAMES,
    EXAMPLE_ROWS,
    REPORTED_RISKS,
    SENT_COLUMNS,
    called_by,
    purpose,
)


def test_crons_with_the_same_sent_column_share_a_purpose() -> None:
    assert purpose("monthly-followup") == purpose("monthly-reengagement") == "monthly_followup_sent_at"
    assert purpose("crew-briefing") == "crew-briefing"


def test_each_cron_either_claims_jobs_or_has_a_reported_risk() -> None:
    assert SENT_COLUMNS.keys() == CLAIM_FUNCTIONS.keys()
    assert sorted([*CLAIM_FUNCTIONS, *REPORTED_RISKS]) == sorted(CRON_NAMES)


def test_the_daily_cron_calls_the_monthly_one() -> None:
    assert {cron: called_by(cron) for cron in CRON_NAMES if called_by(cron)} == {"monthly-followup": "unified-daily"}


def test_the_example_rows_belong_together() -> None:
    customers = {row["id"] for row in EXAMPLE_ROWS["customers"]}

    assert {row["customer_id"] for row in EXAMPLE_ROWS["jobs"]} <= customers
