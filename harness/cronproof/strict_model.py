"""The bases of all models of scenario files and of configurations."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A model that forbids unknown keys, type coercion and later changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ConfigTable(BaseModel):
    """A table of a configuration. Unknown keys are forbidden; TOML has the types. What is written below a field
    describes it to editors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
