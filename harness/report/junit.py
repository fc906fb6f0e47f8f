"""JUnit XML: a suite for each scenario, a case for each check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from harness.runner import ScenarioResult


def write(file: Path, results: Sequence[ScenarioResult]) -> None:
    """Writes the file. A FAIL is a failure; an INCONCLUSIVE is an error, so that no tool takes it for a pass."""
    xml = JUnitXml("cronproof")
    for result in results:
        suite = TestSuite(result.file.id)
        for check in result.checks:
            case = TestCase(check.id, classname=result.file.id, time=result.seconds / len(result.checks))
            text = check.message if check.order is None else f"{check.order}: {check.message}"
            if check.verdict == "FAIL":
                case.result = [Failure(text, "FAIL")]
            elif check.verdict == "INCONCLUSIVE":
                case.result = [Error(text, "INCONCLUSIVE")]
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]  # the package is typed but for this
    file.parent.mkdir(parents=True, exist_ok=True)
    xml.write(str(file), pretty=True)
