"""Finds what a scenario asks for and no execution has met: a refusal, a fault, an overlap.

A check that passes then has not seen what the scenario is about.
"""

from dataclasses import dataclass, field

from cronproof.evidence.evidence import Evidence
from cronproof.explore.explorer import Coverage
from cronproof.explore.named_orders import ROWS_LOCKED, OrderName
from cronproof.explore.schedule import faults_in, overlaps
from cronproof.gate.fault import SEVERAL_FAULTS, FaultName
from cronproof.scenario.scenario import Scenario

ALONE: frozenset[OrderName] = frozenset({"one-after-the-other", ROWS_LOCKED})
"""The named orders in which instances need not overlap: they come one after the other, or wait."""


@dataclass
class Met:
    """What executions have met so far."""

    refusals: set[int] = field(default_factory=set)
    """The positions of the refusals with which a service has answered."""
    faults: set[FaultName] = field(default_factory=set)
    overlapped: bool = False
    """Whether an instance did something between two steps of another, or it is known that no such
    schedule would differ from one without an overlap.
    """

    def add(self, evidence: Evidence) -> None:
        """Adds one execution with all its evidence."""
        schedule = [step.name for step in evidence.steps if step.point.kind != "start"]
        self.refusals.update(evidence.met_refusals)
        self.faults |= faults_in(schedule)
        self.overlapped |= overlaps(schedule)

    def add_exploration(self, coverage: Coverage) -> None:
        """Adds all executions of an exploration."""
        self.faults |= coverage.faults
        self.overlapped |= coverage.overlapped or coverage.exhausted

    def find_unmet(self, scenario: Scenario) -> str | None:
        """Returns what the scenario asks for and nobody has met, if anything."""
        when = scenario.when
        if when is None:
            return None
        for position, refusal in enumerate(scenario.given.refusals):
            if position not in self.refusals:
                return f"no message met the refusal {refusal.error}: an earlier one answers it, or none was sent"
        named = [fault for fault in when.faults if fault not in SEVERAL_FAULTS | self.faults]
        if named:
            return f"the fault {named[0]} could not happen: no instance does anything that it could befall"
        if when.faults and not self.faults:
            return "no fault could happen: the instances do nothing that one could befall"
        at_once = when.interleavings is not None or not ALONE.issuperset(() if when.faults else when.orders)
        if at_once and len(when.instance_list) > 1 and not self.overlapped:
            return "the instances never overlapped: none did anything between two steps of another"
        return None
