"""What has changed from one run to another: failures, outcomes, coverage, time."""

from dataclasses import dataclass, field

from cronproof.report.data.document import Document, ScenarioEntry

SLOWER_TIMES = 1.5
SLOWER_SECONDS = 0.5
"""A slowdown is reported if it exceeds both limits; less is noise."""

Change = tuple[str, str]
"""A scenario's id, and what has changed."""


@dataclass
class Changes:
    """The changes between two runs, by kind."""

    before: Document
    after: Document
    failures: list[Change] = field(default_factory=list)
    lost: list[Change] = field(default_factory=list)
    outcomes: list[Change] = field(default_factory=list)
    fixed: list[Change] = field(default_factory=list)
    gained: list[Change] = field(default_factory=list)
    slower: list[Change] = field(default_factory=list)

    @property
    def is_worse(self) -> bool:
        """Whether something fails that did not, or less is covered."""
        return bool(self.failures or self.lost)


def compare(before: Document, after: Document) -> Changes:
    """Finds the changes from one run to another."""
    changes = Changes(before, after)
    was = {scenario.id: scenario for scenario in before.scenarios}
    now = {scenario.id: scenario for scenario in after.scenarios}
    for name, scenario in was.items():
        if name not in now:
            changes.lost.append((name, f"is gone, with {len(scenario.checks)} checks"))
        else:
            _compare(changes, scenario, now[name])
    for name, scenario in now.items():
        if name not in was:
            changes.gained.append((name, "is new"))
            if scenario.verdict != "PASS":
                changes.failures.append((name, f"{scenario.verdict}: {scenario.reason}"))
    return changes


def _compare(changes: Changes, was: ScenarioEntry, now: ScenarioEntry) -> None:
    """Adds the changes of one scenario."""
    before, after = ({check.id: check for check in one.checks} for one in (was, now))
    for name, check in after.items():
        passed_before = name not in before or before[name].verdict == "PASS"
        if check.verdict != "PASS" and passed_before:
            changes.failures.append((now.id, f"{check.verdict} {name}: {check.message}"))
        elif check.verdict == "PASS" and not passed_before:
            changes.fixed.append((now.id, f"{name} passes now; it was {before[name].verdict}: {before[name].message}"))
    changes.lost += [(now.id, f"the check {name} is gone") for name in before if name not in after]
    changes.gained += [(now.id, f"the check {name} is new") for name in after if name not in before]
    _compare_exploration(changes, was, now)


def _compare_exploration(changes: Changes, was: ScenarioEntry, now: ScenarioEntry) -> None:
    old, new = was.exploration, now.exploration
    if new.schedules < old.schedules and now.verdict == "PASS":
        changes.lost.append((now.id, f"{new.schedules} schedules, not {old.schedules}"))
    if old.exhausted and not new.exhausted and now.verdict == "PASS":
        changes.lost.append((now.id, "is no longer exhausted"))
    if new.schedules > old.schedules and was.verdict == "PASS":
        changes.gained.append((now.id, f"{new.schedules} schedules, not {old.schedules}"))
    appeared = [outcome for outcome in new.outcomes if outcome not in old.outcomes]
    changes.outcomes += [(now.id, f"{outcome} (in {new.outcomes[outcome]})") for outcome in appeared]
    for word, count in new.anomalies.items():
        if count > old.anomalies.get(word, 0):
            changes.outcomes.append((now.id, f"{word} in {count} schedules, not {old.anomalies.get(word, 0)}"))
    if new.seconds > old.seconds * SLOWER_TIMES and new.seconds - old.seconds > SLOWER_SECONDS:
        changes.slower.append((now.id, f"{new.seconds:.1f} s, not {old.seconds:.1f}"))
