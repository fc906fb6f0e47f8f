"""Loads named queries from .sql files.

Each query follows a line `-- name: NAME` and a comment that describes it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\n((?:--[^\n]*\n)*)", re.MULTILINE)


def load_queries(module: str) -> Mapping[str, str]:
    """Loads the queries of the .sql file beside a module, given the module's `__file__`.

    Raises:
        ValueError: the file has text before the first name, a name twice, or an incomplete query.
    """
    file = Path(module).with_suffix(".sql")
    before, *parts = _NAME.split(file.read_text(encoding="utf-8"))
    if before.strip():
        raise ValueError(f"{file}: text before the first name")
    queries: dict[str, str] = {}
    for name, description, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if name in queries:
            raise ValueError(f"{file}: {name} is there twice")
        if not description.strip("- \n"):
            raise ValueError(f"{file}: {name} has no description")
        if not text.strip():
            raise ValueError(f"{file}: {name} has no query")
        queries[name] = text.strip()
    return queries
