"""A large run made by hand, with as many scenarios as a report must handle."""

from cronproof.engine.timeline import Moment, Note, Timeline
from cronproof.report.data.document import Document


def grown(document: Document, *, scenarios: int, schedules: int) -> Document:
    """A run of many scenarios that fail, with this total of schedules."""
    race = next(one for one in document.scenarios if one.counterexample and not one.faults)
    faults = next(one for one in document.scenarios if one.faults)
    assert race.timeline is not None
    note = Note("message", "message #1 to ********0132 accepted", "A")
    steps = [Moment("AB"[n % 2], f"select jobs, customers, tenants ({n})", [note] * (n % 3)) for n in range(40)]
    each = schedules // scenarios
    return document.model_copy(
        update={
            "scenarios": [
                (faults if number % 10 == 0 else race).model_copy(
                    update={
                        "id": f"3-race/number-{number}",
                        "timeline": Timeline(["A", "B"], steps, race.timeline.broken),
                        "passing": Timeline(["A", "B"], steps[:20] + steps[:20]),
                        "exploration": race.exploration.__class__("all", each, True, 2, 0, 0.1),
                    }
                )
                for number in range(scenarios)
            ]
        }
    )
