"""holds, on evidence made by hand."""

import pytest

from cronproof.checks.holds import Holds
from tests.support.evidence import assert_finding, run

OVERSOLD = Holds(name="no product is oversold", sql="select sku, stock from products where stock < 0")


@pytest.mark.parametrize(
    ("rows", "verdict", "message"),
    [
        ([], "PASS", "no product is oversold"),
        ([{"sku": "a", "stock": -1}], "FAIL", 'violated: no product is oversold: {"sku": "a", "stock": -1}'),
        (
            [{"n": n} for n in range(5)],
            "FAIL",
            'violated: no product is oversold: {"n": 0}, {"n": 1}, {"n": 2} and 2 more',
        ),
    ],
)
def test_finding(rows: list[dict[str, object]], verdict: str, message: str) -> None:
    assert_finding(OVERSOLD, run(answers={OVERSOLD.sql: rows}), verdict, message)


def test_it_asks_its_query() -> None:
    assert OVERSOLD.queries == [OVERSOLD.sql]
