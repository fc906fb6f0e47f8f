"""JUnit XML: a suite for each scenario, a case for each check."""

import re
from xml.dom import minidom

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from cronproof.report.data.document import Document


def render(document: Document) -> str:
    """Renders the file. INCONCLUSIVE is an error, so that no tool takes it for a pass."""
    xml = JUnitXml("cronproof")
    for scenario in document.scenarios:
        suite = TestSuite(_legal(scenario.id))
        seconds = round(scenario.exploration.seconds / len(scenario.checks), 6)
        for check in scenario.checks:
            case = TestCase(check.id, classname=_legal(scenario.id), time=seconds)
            text = _legal(check.message if check.order is None else f"{check.order}: {check.message}")
            if check.verdict == "FAIL":
                case.result = [Failure(text, "FAIL")]
            elif check.verdict == "INCONCLUSIVE":
                case.result = [Error(text, "INCONCLUSIVE")]
            suite.add_testcase(case)
        xml.add_testsuite(suite)
    xml.update_statistics()  # type: ignore[no-untyped-call]  # the package is typed except for this
    text = xml.tostring()  # type: ignore[no-untyped-call]  # as above
    parsed = minidom.parseString(text)  # noqa: S318  (our own text)
    assert parsed.documentElement is not None  # noqa: S101  (for the type checker: what was parsed has a root)
    parsed.documentElement.removeAttribute("skipped")  # Jenkins' schema has it for suites only
    return parsed.toprettyxml(encoding="utf-8").decode()


def _legal(text: str) -> str:
    """Replaces the characters that XML 1.0 does not allow."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
