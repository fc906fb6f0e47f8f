"""Limits that are known: something is not as it should be, and why is said in the scenario. They pass, and are told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cronproof.strict_model import Parameters


class Limit(Parameters):
    """A limit that is known, and why it is so. It does not fail; when it is gone, that does."""

    reason: Annotated[str, Field(min_length=1, description="Why nothing better can be had, or is not had yet.")]
    targets: Annotated[list[str], Field(description="Of these targets; of any, when left out.")] = []

    def is_of(self, target: str) -> bool:
        """Whether the limit is one of a target."""
        return not self.targets or target in self.targets
