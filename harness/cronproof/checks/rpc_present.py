"""rpc-present: a function exists, with these arguments, types, defaults and returned columns."""

import re
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel


class RpcPresent(StrictModel, Check):
    """The function exists once, with exactly these arguments and returned columns."""

    id: ClassVar[str] = "rpc-present"
    needs_only_database: ClassVar[bool] = True
    function: Annotated[str, Field(description="Its name, in the schema public.")]
    arguments: Annotated[
        list[str],
        Field(description="Each as `name type` or `name type = default`, in order, with Postgres' names of the types."),
    ]
    returns: Annotated[list[str], Field(description="The columns that it returns, each as `name type`, in order.")]

    def examine(self, evidence: Evidence) -> Finding:
        """Compares the function with its entry in Postgres' catalog."""
        found = [function for function in evidence.functions if function.name == self.function]
        if not found:
            return failed(f"there is no function {self.function}")
        if len(found) > 1:
            signatures = " and ".join(f"({function.arguments})" for function in found)
            return failed(f"{self.function} exists {len(found)} times, {signatures}: a call by REST would be ambiguous")
        arguments = found[0].arguments.replace(" DEFAULT ", " = ")
        columns = re.sub(r"^TABLE\((.*)\)$", r"\1", found[0].result)
        for what, expected, actual in (
            ("takes", ", ".join(self.arguments), arguments),
            ("returns", ", ".join(self.returns), columns),
        ):
            if expected != actual:
                return failed(f"{self.function} {what} ({actual}), not ({expected})")
        return passed(f"{self.function}({arguments})")
