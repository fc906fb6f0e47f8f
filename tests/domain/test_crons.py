"""What is known of each cron."""

from cronproof.domain.crons import SENT_COLUMNS, purpose
from tests.support.reference import CLAIM_FUNCTIONS


def test_crons_with_the_same_sent_column_share_a_purpose() -> None:
    assert purpose("monthly-followup") == purpose("monthly-reengagement") == "monthly_followup_sent_at"
    assert purpose("crew-briefing") == "crew-briefing"


def test_each_cron_that_claims_jobs_has_a_function_for_it() -> None:
    assert SENT_COLUMNS.keys() == CLAIM_FUNCTIONS.keys()
