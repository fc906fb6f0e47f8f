"""never-waits: no instance waited for another's lock."""

import re
from typing import ClassVar

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.gate.gate import SOMEBODY_ELSE
from cronproof.strict_model import StrictModel

_LOCKS_ROWS = re.compile(
    r"\bfor\s+(no\s+key\s+)?update\b|\bfor\s+(key\s+)?share\b|^\s*lock\b", re.IGNORECASE | re.MULTILINE
)


class NeverWaits(StrictModel, Check):
    """No instance waits for a lock that another one holds, according to the server. Somebody else's
    row locks count only in statements that lock rows to claim them. Whoever is held inside a statement
    makes others wait that would otherwise wait no longer than the statement takes: this does not count.
    """

    id: ClassVar[str] = "never-waits"
    needs_several_instances: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Fails if the executor recorded a wait, and names the first one."""
        if evidence.is_inside:
            return passed("no lock wait, except for a statement")
        # Where nobody locks rows to claim them, somebody else's lock stands for no instance. Who waits
        # for it makes others wait, too.
        is_locked_by_us = any(SOMEBODY_ELSE in wait.blockers for wait in evidence.waits)
        for wait in evidence.waits:
            if not is_locked_by_us or _locks_rows(wait.point.text, evidence):
                return failed(f"{wait.instance} waited for {' and '.join(wait.blockers)} in {wait.point.label!r}")
        return passed("no lock wait")


def _locks_rows(statement: str, evidence: Evidence) -> bool:
    """Whether a statement, or a function that it calls however indirectly, locks rows before it changes them."""
    texts, left = [statement], list(evidence.functions)
    for text in texts:  # grows with each function that is called
        called = [one for one in left if re.search(rf"\b{re.escape(one.name)}\b", text, re.IGNORECASE)]
        texts += [function.body for function in called]
        left = [function for function in left if function not in called]
    return any(map(_LOCKS_ROWS.search, texts))
