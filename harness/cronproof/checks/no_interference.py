"""no-interference: crons that run at the same time do not send to the same people."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from cronproof.checks.check import Check
from cronproof.checks.known_limit import KnownLimit
from cronproof.domain.message import SentMessage
from cronproof.evidence.evidence import Evidence
from cronproof.evidence.finding import Finding, failed, inconclusive, passed
from cronproof.redaction import masked
from cronproof.strict_model import StrictModel


class Interference(KnownLimit):
    """Crons that are known to interfere: any cron of one list with any of the other."""

    between: Annotated[list[str], Field(min_length=1, description="Any of these crons.")]
    and_: Annotated[list[str], Field(alias="and", min_length=1, description="And any of these.")]

    def covers(self, evidence: Evidence) -> bool:
        """Whether the limit applies to the target and the crons of an execution."""
        pairs = itertools.permutations([instance.cron for instance in evidence.instances], 2)
        is_pair = any(one in self.between and other in self.and_ for one, other in pairs)
        return self.applies_to(evidence.target) and is_pair


class NoInterference(StrictModel, Check):
    """Nobody gets messages from two instances at once. Who gets which message does not depend on
    the order of the instances' steps.
    """

    id: ClassVar[str] = "no-interference"
    known: Annotated[list[Interference], Field(description="Which crons are known to interfere.")] = []

    def examine(self, evidence: Evidence) -> Finding:
        """Looks for people messaged by several instances. A chat or contact counts by its phone."""
        at_once = _at_once(evidence)
        if not at_once:
            return inconclusive("no message was accepted")
        received: dict[str, list[SentMessage]] = defaultdict(list)
        for sent in at_once:
            received[evidence.application.find_person(evidence.before, sent.message.to)].append(sent)
        for person, messages in received.items():
            if len({sent.message.instance for sent in messages}) > 1:
                crons = " and ".join(sorted({sent.cron for sent in messages}))
                texts = len({sent.message.content for sent in messages})
                same = ", the same text" if texts < len(messages) else ""
                return self._interference_finding(
                    evidence, f"{masked(person)} gets {len(messages)} messages at once, of {crons}{same}"
                )
        return passed("nobody gets messages of two at once")

    def conclude(self, evidence: Sequence[Evidence], findings: Sequence[Finding]) -> Finding | None:
        """Compares the messages of all orders, and fails if a known limit never showed."""
        if doubled := next((finding for finding in findings if finding.known), None):
            return doubled
        message_sets = {
            frozenset(
                (one.application.find_person(one.before, sent.message.to), sent.message.content)
                for sent in _at_once(one)
            )
            for one in evidence
        }
        if len(message_sets) > 1:
            always = frozenset.intersection(*message_sets)
            people = " and ".join(sorted({masked(person) for one in message_sets for person, _ in one - always}))
            return self._interference_finding(evidence[0], f"which messages {people} gets depends on who is first")
        if any(known.covers(one) for known in self.known for one in evidence[:1]):
            return failed("a known limit no longer shows, remove it: they do not interfere any more")
        return None

    def _interference_finding(self, evidence: Evidence, message: str) -> Finding:
        reasons = [known.reason for known in self.known if known.covers(evidence)]
        return Finding("PASS", message, tuple(reasons)) if reasons else failed(message)


def _at_once(evidence: Evidence) -> list[SentMessage]:
    """Returns the accepted messages of the execution itself, without those of the recovery."""
    return [sent for sent in evidence.delivered if not sent.recovering]
