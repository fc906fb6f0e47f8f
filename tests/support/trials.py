"""Trials of a proof, made by hand."""

from collections.abc import Sequence
from typing import Any

from cronproof.prove.proof import Proof
from cronproof.prove.trial import Outcome, Subject, Trial


def trial(name: str, kind: Any, outcome: Outcome, *, proves: str | None = None, failed: Sequence[str] = (),
          doubts: Sequence[str] = ()) -> Trial:  # fmt: skip
    subject = Subject(name, kind, {}, proves=proves, bug="A1" if proves else "")
    return Trial(
        subject, outcome, failed, "3-race/x" if failed else None, "so it failed" if failed else None, 0.1, doubts
    )


CAUGHT = trial("one", "saboteur", "caught", proves="exclusive", failed=["no-duplicate", "exclusive"])


RIGHT = trial("right", "variant", "missed")


MUTANTS = [trial(f"m{number}", "mutant", "caught", failed=["status"]) for number in range(98)]


ALIVE = trial("alive", "mutant", "missed")


EXPLAINED = trial("same", "mutant", "missed")


WHOLE = [CAUGHT, RIGHT, *MUTANTS, ALIVE, EXPLAINED, trial("refused", "mutant", "broken")]


def proof(*trials: Trial) -> Proof:
    return Proof([*WHOLE, *trials], {"same": "it is the same"}, 1.0)
