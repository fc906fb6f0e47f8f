"""`interleavings`: which schedules are explored besides the named orders."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from cronproof.strict_model import StrictModel

MAX_PREEMPTIONS = 20
MAX_SAMPLE = 1_000_000
MAX_DEPTH = 10
DEPTH = 3


class Preemptions(StrictModel):
    """Every schedule with at most N preemptions. A preemption leaves an instance that could go on."""

    preemptions: Annotated[int, Field(ge=0, le=MAX_PREEMPTIONS, description="How many.")]

    def __str__(self) -> str:
        return f"preemptions:{self.preemptions}"


class Sample(StrictModel):
    """N schedules drawn at random, each with values drawn for `{any: [a, b]}`."""

    sample: Annotated[int, Field(ge=1, le=MAX_SAMPLE, description="How many.")]
    depth: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_DEPTH,
            description="The failures that the sample aims at: those that need this many ordered pairs of steps.",
        ),
    ] = DEPTH

    def __str__(self) -> str:
        return f"sample:{self.sample}:{self.depth}"


def _form_of_interleavings(value: Any) -> str:
    if isinstance(value, Sample) or (isinstance(value, dict) and "sample" in value):
        return "sampled"
    return "bounded" if isinstance(value, dict | Preemptions) else "word"


INTERLEAVINGS = "all|all-unreduced|preemptions:N|sample:N[:DEPTH]"
"""How the command line names them."""
BOUNDS = f"at most {MAX_PREEMPTIONS} preemptions, {MAX_SAMPLE} samples, a depth of {MAX_DEPTH}"

Unbounded = Literal["all", "all-unreduced"]
Interleavings = Annotated[
    Annotated[Unbounded, Tag("word")] | Annotated[Preemptions, Tag("bounded")] | Annotated[Sample, Tag("sampled")],
    Discriminator(_form_of_interleavings),
]
_INTERLEAVINGS: TypeAdapter[Interleavings] = TypeAdapter(Interleavings)


def parse_interleavings(text: str) -> Interleavings:
    """Parses the interleavings that the command line names.

    Raises:
        ValueError: there are none of this name, or a number is out of its range.
    """
    given: object = text
    match text.split(":"):
        case ["preemptions", count]:
            given = {"preemptions": count}
        case ["sample", count]:
            given = {"sample": count}
        case ["sample", count, depth]:
            given = {"sample": count, "depth": depth}
    return _INTERLEAVINGS.validate_strings(given)
