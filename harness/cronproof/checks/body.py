"""body: what every response must contain."""

import json
from typing import Any, ClassVar

from pydantic import JsonValue, RootModel

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed


class Body(RootModel[dict[str, JsonValue]], Check):
    """Every response is a JSON object that contains at least these values."""

    id: ClassVar[str] = "body"
    judges_answers: ClassVar[bool] = True

    def examine(self, evidence: Evidence) -> Finding:
        """Compares each instance's response, member by member."""
        for response in evidence.responses:
            difference = _difference("", self.root, response.body)
            if difference:
                return failed(
                    f"{response.instance} answered {json.dumps(response.body, ensure_ascii=False)}: {difference}"
                )
        if not evidence.responses:
            return inconclusive("no instance was left to answer")
        return passed(json.dumps(self.root, ensure_ascii=False, separators=(",", ":")))


def _difference(path: str, expected: Any, actual: Any) -> str | None:
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            if key not in actual:
                return f"{path}{key} is missing"
            difference = _difference(f"{path}{key}.", value, actual[key])
            if difference:
                return difference
        return None
    if type(expected) is type(actual) and expected == actual:  # in JSON, true is not 1
        return None
    return f"{path.rstrip('.') or 'the body'} is {json.dumps(actual)}, not {json.dumps(expected)}"
