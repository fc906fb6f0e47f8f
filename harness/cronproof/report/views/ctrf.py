"""CTRF, the Common Test Report Format (https://ctrf.io): a test for each check."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

from cronproof.evidence.finding import Verdict
from cronproof.report.data.document import Document

SPECIFICATION = "0.0.0"
Status = Literal["passed", "failed", "other"]
STATUSES: Mapping[Verdict, Status] = {"PASS": "passed", "FAIL": "failed", "INCONCLUSIVE": "other"}


def render(document: Document) -> str:
    """Renders the file. INCONCLUSIVE is `other`: CTRF has no such status."""
    start = round(document.started.timestamp() * 1000)
    tests = [
        {
            "name": f"{scenario.id}: {check.id}",
            "status": STATUSES[check.verdict],
            "duration": round(scenario.exploration.seconds * 1000 / len(scenario.checks)),
            "suite": [scenario.test, scenario.id],
            "message": check.message,
            "line": check.line,
            "rawStatus": check.verdict,
            "filePath": scenario.file,
        }
        for scenario in document.scenarios
        for check in scenario.checks
    ]
    counts = Counter(str(test["status"]) for test in tests)
    report = {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "reportId": str(uuid5(NAMESPACE_URL, f"cronproof:{document.id}")),
        "runId": document.id,
        "timestamp": document.started.isoformat(),
        "generatedBy": "cronproof",
        "results": {
            "tool": {"name": "cronproof", "version": document.versions.cronproof},
            "summary": {
                "tests": len(tests),
                **{status: counts[status] for status in ("passed", "failed", "skipped", "pending", "other")},
                "suites": len(document.scenarios),
                "start": start,
                "stop": start + round(document.seconds * 1000),
            },
            "tests": tests,
        },
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
