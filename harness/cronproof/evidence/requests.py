"""Counts the rows that ask for the same message: two tasks may send one text to one person."""

from cronproof.evidence.evidence import Evidence

UNKNOWN_TEXT = "and nothing is known of what they say: is `text` in `message` of the service's route right?"


def count_requests(evidence: Evidence, to: str, content: str) -> int:
    """Returns how many given rows of one table ask for a message; at least 1.

    A row asks for it if it names the recipient, itself or through a row that it refers to, and
    holds the text. If none holds it, those that the crons have changed or removed may: one for each
    other text that the recipient was sent is taken off.
    """
    others = {sent.message.content for sent in evidence.sent if sent.message.to == to} - {content}
    return max((_count(evidence, table, to, content, len(others)) for table in evidence.before), default=1)


def _count(evidence: Evidence, table: str, to: str, content: str, others: int) -> int:
    find_texts = evidence.application.find_texts
    rows = [(row, find_texts(evidence.before, table, row)) for row in evidence.before[table]]
    holding = sum(to in texts and content in texts for _, texts in rows)
    now = (evidence.recovered or evidence.after).get(table, ())
    changed = sum(to in texts and row not in now for row, texts in rows)
    return max(holding or changed - others, 1)
