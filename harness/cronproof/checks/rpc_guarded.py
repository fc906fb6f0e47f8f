"""rpc-guarded: only service_role may execute the function; SECURITY DEFINER pins search_path."""

from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, passed
from cronproof.strict_model import StrictModel


class RpcGuarded(StrictModel, Check):
    """Only service_role may execute the function. SECURITY DEFINER needs a pinned search_path."""

    id: ClassVar[str] = "rpc-guarded"
    needs_only_database: ClassVar[bool] = True
    function: Annotated[str, Field(description="Its name, in the schema public.")]

    def examine(self, evidence: Evidence) -> Finding:
        """Checks the privileges in Postgres. Two grants must be revoked; one is easily missed."""
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
