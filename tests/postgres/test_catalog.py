"""The catalog of a migrated database."""

import pytest

from cronproof.postgres.database import Database

pytestmark = pytest.mark.postgres


def test_rows_that_refer_go_before_those_they_refer_to(database: Database) -> None:
    order = [table.name for table in database.catalog.deletable]

    assert order.index("cleaner_assignments") < order.index("jobs") < order.index("customers") < order.index("tenants")
