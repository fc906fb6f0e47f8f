"""rpc-guarded: only service_role may execute the function; a SECURITY DEFINER one has its search_path pinned."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel


class RpcGuarded(StrictModel, Check):
    """anon and authenticated cannot execute the function, service_role can; a definer's search_path is pinned."""

    id: ClassVar[str] = "rpc-guarded"
    of_the_database: ClassVar[bool] = True
    function: Annotated[str, Field(description="Its name, in the schema public.")]

    def examine(self, evidence: Evidence) -> Finding:
        """Asks Postgres itself who may execute it: two separate grants have to be revoked, and it is easy to miss one."""
        found = [function for function in evidence.functions if function.name == self.function]
        if not found:
            return failed(f"there is no function {self.function}")
        for function in found:
            strangers = [role for role in function.executable_by if role != "service_role"]
            if strangers:
                return failed(f"{' and '.join(strangers)} may execute {function.name}({function.arguments})")
            if "service_role" not in function.executable_by:
                return failed(f"service_role may not execute {function.name}({function.arguments})")
            if function.security_definer and function.search_path is None:
                return failed(f"{function.name} is SECURITY DEFINER and its search_path is not pinned")
        return passed(f"only service_role may execute {self.function}")
