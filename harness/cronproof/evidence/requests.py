"""Counts the rows that ask for the same message: two tasks may send one text to one person."""

from cronproof.domain.work import texts_of
from cronproof.evidence.evidence import Evidence


def count_requests(evidence: Evidence, to: str, content: str) -> int:
    """Returns how many given rows of one table ask for a message; at least 1.

    A row asks for it if it names the recipient, itself or through the person that it refers to, and
    the crons have worked on it: they changed or removed it, or it holds the text.
    """
    now = evidence.recovered or evidence.after
    return (
        max(
            (
                sum(
                    to in texts and (content in texts or row not in now.get(table, ()))
                    for row in rows
                    for texts in [texts_of(evidence.before, row)]
                )
                for table, rows in evidence.before.items()
            ),
            default=0,
        )
        or 1
    )
