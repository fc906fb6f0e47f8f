"""The checks, one module each. Everything above `evidence` may import them."""

from cronproof.checks.batch_limit import BatchLimit
from cronproof.checks.body import Body
from cronproof.checks.check import Check
from cronproof.checks.claims_agree import ClaimsAgree
from cronproof.checks.delivery import Delivery
from cronproof.checks.egress import Egress
from cronproof.checks.exclusive import Exclusive
from cronproof.checks.holds import Holds
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

CHECKS: tuple[type[Check], ...] = (
    Exclusive,
    NoDuplicate,
    NoLoss,
    Delivery,
    ClaimsAgree,
    OnlyEligible,
    BatchLimit,
    NeverWaits,
    Status,
    Body,
    Text,
    Rows,
    Holds,
    MaxAttempts,
    NoInterference,
    RpcPresent,
    RpcGuarded,
    SeesRows,
    NoDeadlock,
    Egress,
)

__all__ = ["CHECKS", "Check"]
