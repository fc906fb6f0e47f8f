"""Edited packages: each import gets its own modules, and nothing leaks elsewhere."""

import sys

from cronproof.targets import reference
from cronproof.targets.edited import import_edited
from fixtures.crons import post_job_followup
from fixtures.crons.app import now

FILE = "fixtures/crons/post_job_followup.py"
VALUES = {
    "database_url": "postgresql://127.0.0.1:1/none",
    "cron_secret": "secret",
    "openphone_api_key": "key",
    "openphone_url": "http://openphone",
    "telegram_url": "http://telegram",
    "ghl_url": "http://ghl",
    "app_url": "http://app",
}


def test_each_import_has_modules_of_its_own_and_the_rest_stays() -> None:
    before = set(sys.modules)
    text = (reference.ROOT / FILE).read_text() + "\nMADE = []\n"

    ((one,), (other,)) = (
        import_edited("fixtures", {FILE: text}, ["fixtures.crons.post_job_followup"]) for _ in range(2)
    )

    assert one.MADE is not other.MADE
    assert not hasattr(post_job_followup, "MADE")
    assert {name for name in set(sys.modules) - before if name.startswith("edited_")} == set()


def test_an_edited_target_is_an_application() -> None:
    make = reference.find_built_in("hardened").edited_application({})

    assert len(make(VALUES, now).routes) == 1
