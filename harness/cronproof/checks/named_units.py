"""How a scenario names units of work: by id, or by work and id."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from cronproof.domain.work import UnitId

BY_ID, BY_WORK = "by id", "by work"
TAGS_OF_UNITS = (BY_ID, BY_WORK)


def _form(value: Any) -> str:
    return BY_WORK if isinstance(value, Mapping) else BY_ID


def _form_of_words(value: Any) -> str:
    is_by_work = isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values())
    return BY_WORK if is_by_work else BY_ID


UnitsField = Annotated[
    Annotated[list[UnitId], Tag(BY_ID)]
    | Annotated[
        dict[str, Annotated[list[UnitId], Field(min_length=1)]],
        Field(description="Units by the name of their work, where several works have the same ids."),
        Tag(BY_WORK),
    ],
    Discriminator(_form),
]
"""Units: `[32, 34]`, or `{receipt: [32], reminder: [32]}`."""

Words = Annotated[dict[UnitId, list[str]], Field(min_length=1)]
WordsField = Annotated[
    Annotated[Words, Tag(BY_ID)] | Annotated[dict[str, Words], Tag(BY_WORK)], Discriminator(_form_of_words)
]
"""Words for each unit: `{32: [Ada]}`, or `{receipt: {32: [Ada]}}`."""
