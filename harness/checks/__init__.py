"""The checks: properties that must hold in every run, one module for each kind."""

from harness.checks.batch_limit import BatchLimit
from harness.checks.body import Body
from harness.checks.check import Check, Finding, Verdict
from harness.checks.delivery import Delivery
from harness.checks.egress import Egress
from harness.checks.exclusive import Exclusive
from harness.checks.flag_agrees import FlagAgrees
from harness.checks.never_waits import NeverWaits
from harness.checks.no_deadlock import NoDeadlock
from harness.checks.no_duplicate import NoDuplicate
from harness.checks.no_interference import NoInterference
from harness.checks.no_loss import NoLoss
from harness.checks.only_eligible import OnlyEligible
from harness.checks.rows import Rows
from harness.checks.rpc_guarded import RpcGuarded
from harness.checks.rpc_present import RpcPresent
from harness.checks.sees_rows import SeesRows
from harness.checks.status import Status
from harness.checks.text import Text
from harness.checks.tries import Tries

CHECKS: tuple[type[Check], ...] = (
    Exclusive,
    NoDuplicate,
    NoLoss,
    Delivery,
    FlagAgrees,
    OnlyEligible,
    BatchLimit,
    NeverWaits,
    Status,
    Body,
    Text,
    Rows,
    Tries,
    NoInterference,
    RpcPresent,
    RpcGuarded,
    SeesRows,
    NoDeadlock,
    Egress,
)

__all__ = ["CHECKS", "Check", "Finding", "Verdict"]
