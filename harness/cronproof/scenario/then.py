"""`then`: the checks that must hold."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from cronproof.checks.batch_limit import BatchLimit
from cronproof.checks.body import Body
from cronproof.checks.check import Check
from cronproof.checks.claims_agree import ClaimsAgree
from cronproof.checks.delivery import Delivery
from cronproof.checks.egress import Egress
from cronproof.checks.exclusive import Exclusive
from cronproof.checks.max_attempts import MaxAttempts
from cronproof.checks.never_waits import NeverWaits
from cronproof.checks.no_deadlock import NoDeadlock
from cronproof.checks.no_duplicate import NoDuplicate
from cronproof.checks.no_interference import NoInterference
from cronproof.checks.no_loss import NoLoss
from cronproof.checks.only_eligible import OnlyEligible
from cronproof.checks.rows import Rows
from cronproof.checks.rpc_guarded import RpcGuarded
from cronproof.checks.rpc_present import RpcPresent
from cronproof.checks.sees_rows import SeesRows
from cronproof.checks.status import Status
from cronproof.checks.text import Text
from cronproof.strict_model import StrictModel

CheckName = Literal[
    "exclusive", "no-duplicate", "no-interference", "claims-agree", "never-waits", "sees-rows", "no-deadlock", "egress"
]
BY_NAME: dict[CheckName, type[Check]] = {
    "exclusive": Exclusive,
    "no-duplicate": NoDuplicate,
    "no-interference": NoInterference,
    "claims-agree": ClaimsAgree,
    "never-waits": NeverWaits,
    "sees-rows": SeesRows,
    "no-deadlock": NoDeadlock,
    "egress": Egress,
}


class WithParameters(StrictModel):
    """One check and its parameters."""

    no_loss: Annotated[NoLoss | None, Field(alias="no-loss")] = None
    delivery: Delivery | None = None
    claims_agree: Annotated[ClaimsAgree | None, Field(alias="claims-agree")] = None
    only_eligible: Annotated[OnlyEligible | None, Field(alias="only-eligible")] = None
    batch_limit: Annotated[BatchLimit | None, Field(alias="batch-limit")] = None
    status: Status | None = None
    body: Body | None = None
    text: Text | None = None
    rows: Rows | None = None
    max_attempts: Annotated[MaxAttempts | None, Field(alias="max-attempts")] = None
    no_interference: Annotated[NoInterference | None, Field(alias="no-interference")] = None
    rpc_present: Annotated[RpcPresent | None, Field(alias="rpc-present")] = None
    rpc_guarded: Annotated[RpcGuarded | None, Field(alias="rpc-guarded")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("each item of the list is one check")
        if getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError("this check needs its parameters")
        return self


Expectation = Annotated[
    Annotated[CheckName, Tag("name")] | Annotated[WithParameters, Tag("parameters")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "parameters"),
]
