"""Messages that instances tried to send."""

from cronproof.domain.message import Attempt
from tests.support.evidence import ADA, sent


def test_only_a_message_with_an_id_was_accepted() -> None:
    without_id = Attempt(ADA, "Hi!", 202)

    assert (sent(ADA).message.accepted, sent(ADA, status=500).message.accepted, without_id.accepted) == (
        True,
        False,
        False,
    )


def test_a_message_is_named_by_who_sent_it() -> None:
    assert str(sent(ADA, "B", number=3)) == "#3 by B (post-job-followup) 'Hi!'"
    assert str(sent(ADA, recovering=True)) == "#1 by post-job-followup again 'Hi!'"


def test_what_is_known_of_a_message_has_names() -> None:
    attempt = Attempt(ADA, "Hi!", 202, more={"subject": "Order 5"})

    assert attempt.fields == {"to": ADA, "text": "Hi!", "subject": "Order 5"}
