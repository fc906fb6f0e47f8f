"""Known limits: violations that the scenario explains. They pass, and are reported."""

from typing import Annotated

from pydantic import Field

from cronproof.strict_model import StrictModel


class KnownLimit(StrictModel):
    """A known limit and its reason. The check passes with it, and fails once it is gone."""

    reason: Annotated[str, Field(min_length=1, description="Why the limit exists.")]
    targets: Annotated[list[str], Field(description="Only of these targets; of any when left out.")] = []

    def applies_to(self, target: str) -> bool:
        """Whether a target has the limit."""
        return not self.targets or target in self.targets
