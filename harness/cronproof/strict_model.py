"""The base of all models of scenario files."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A model that forbids unknown keys, type coercion and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
