"""Other plans for the statements of instances: which one Postgres takes depends on statistics.

`LIMIT … FOR UPDATE SKIP LOCKED` in a subquery locks more rows than the limit if a nested loop runs
the subquery again for each outer row. With few rows and fresh statistics Postgres takes another plan,
so that nobody sees it before production.
"""

from collections.abc import Mapping, Sequence

NO_STATISTICS = "no statistics"
DISABLED: Mapping[str, Sequence[str]] = {
    "nested loops": (
        "enable_hashjoin",
        "enable_mergejoin",
        "enable_hashagg",
        "enable_material",
        "enable_memoize",  # since Postgres 14
        "enable_sort",
    ),
    "hash joins": ("enable_nestloop", "enable_mergejoin"),
    "no sequential scans": ("enable_seqscan",),
    NO_STATISTICS: (),
}
"""For each other plan, the settings that are off. Every other plan follows from what is left."""
