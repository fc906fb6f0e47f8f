"""The proxy: which backends belong to which instance."""

import pytest

from cronproof.postgres.database import Database
from tests.support.database import Await
from tests.support.proxies import connected, proxied

pytestmark = pytest.mark.postgres


def test_the_backends_are_known_while_they_live(database: Database, await_: Await) -> None:
    async def main() -> tuple[int, int, int]:
        async with proxied(database) as (proxy, _), connected(database, proxy), connected(database, proxy):
            during = len(proxy.pids)
        return during, len(proxy.pids), len(proxy.all_pids)

    assert await_(main()) == (2, 0, 2)
