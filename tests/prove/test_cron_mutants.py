"""Mutants of Python code: what is changed, and what is not."""

import pytest

from cronproof.prove import cron_mutants
from tests.support.paths import ROOT
from tests.support.reference import CONFIG

assert CONFIG.prove is not None
PROVE = CONFIG.prove

SOURCE = '''
async def run(cron):
    """Says what it does."""
    sent = 0
    for job in await claim(cron):
        if job.phone is None or await booked(job):
            continue
        await send(job)
        sent += 1
    return {"sent": sent - 0}


def message(job):
    return f"Hi {job.name}!" if job.name else "Hi!"


class Client:
    def send(self, status):
        if status != 202:
            raise ValueError

    def other(self):
        return True
'''


def test_statements_are_dropped_and_moved_conditions_negated_operands_swapped() -> None:
    names = [mutant.name for mutant in cron_mutants.mutants(SOURCE, ["run"])]

    assert set(names) >= {
        "run: without continue",
        "run: without await send(job)",
        "run: without sent += 1",
        "run: sent += 1 before await send(job)",
        "run: not job.phone is None or await booked(job)",
        "run: and in job.phone is None or await booked(job)",
        "run: the opposite of job.phone is None",
        "run: the other sign in sent - 0",
        "run: 1 for 0",
    }


def test_texts_are_nobodys_logic_and_methods_are_named_with_their_class() -> None:
    names = [mutant.name for mutant in cron_mutants.mutants(SOURCE)]

    assert not [name for name in names if name.startswith("message")]
    assert "Client.send: the opposite of status != 202" in names
    assert "Client.other: False" in names
    assert [m.name for m in cron_mutants.mutants(SOURCE, ["Client.other"])] == ["Client.other: False"]


@pytest.mark.parametrize("file", PROVE.files)
def test_those_of_the_reference_differ_compile_and_have_names_of_their_own(file: str) -> None:
    text = (ROOT / file).read_text()
    mutants = list(cron_mutants.mutants(text, PROVE.only.get(file, ())))

    assert mutants
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        compile(mutant.text, file, "exec")
        assert "\n" not in mutant.name
