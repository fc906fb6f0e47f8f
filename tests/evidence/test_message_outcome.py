"""The outcome of one message."""

import pytest

from cronproof.evidence.message_outcome import Anomaly, Delivered, ExpectedMessage, MessageOutcome, RowState


@pytest.mark.parametrize(
    ("delivered", "row", "anomaly"),
    [
        ("once", "claimed", None),
        ("once", "free", None),
        ("twice", "claimed", "duplicate"),
        ("never", "free", "lost"),
        ("never", "stuck", "stuck"),
    ],
)
def test_how_often_a_message_came_and_its_row_make_the_anomaly(
    delivered: Delivered, row: RowState, anomaly: Anomaly | None
) -> None:
    assert MessageOutcome("crew-briefing", [], "job 32", delivered, row, []).anomaly == anomaly


def test_an_expected_message_is_named_without_the_whole_number() -> None:
    assert str(ExpectedMessage(to="+12125550132")) == "the message to ********0132"
    assert str(ExpectedMessage(to="+12125550132", says="Hi")) == "the message to ********0132 that says 'Hi'"
