"""Edited crons: modules of their own for each instance, and nothing of them elsewhere."""

from __future__ import annotations

import sys

from cronproof.targets import edited
from fixtures.crons import post_job_followup
from fixtures.crons.app import now
from fixtures.crons.settings import Settings

FILE = "fixtures/crons/post_job_followup.py"
SETTINGS = Settings("postgresql://127.0.0.1:1/none", "secret", "key")


def test_each_instance_has_modules_of_its_own_and_the_rest_stays() -> None:
    before = set(sys.modules)
    text = (edited.FOLDER / "crons" / "post_job_followup.py").read_text() + "\nMADE = []\n"
    make = edited.application({FILE: text}, "fixtures.crons.app")

    one, other = make(SETTINGS, now), make(SETTINGS, now)

    assert one is not other
    assert not hasattr(post_job_followup, "MADE")
    assert {name for name in set(sys.modules) - before if name.startswith("edited_")} == set()


def test_the_crons_are_those_of_the_module_that_is_named() -> None:
    routes = edited.application({}, "fixtures.hardened")(SETTINGS, now).routes

    assert len(routes) == 1
