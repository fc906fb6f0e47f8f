"""The database as scenarios and checks see it: roles, rows, functions, errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["service_role", "anon", "authenticated"]
ROLES: tuple[Role, ...] = ("service_role", "anon", "authenticated")

Rows = dict[str, list[dict[str, Any]]]
"""Rows by table, with values as in JSON."""


@dataclass(frozen=True)
class Function:
    """A function in the schema public. `executable_by` are the roles that may execute it."""

    name: str
    arguments: str
    result: str
    executable_by: Sequence[str]
    security_definer: bool
    search_path: str | None
    body: str = ""
    """What it executes, if it is written in SQL or PL/pgSQL."""


@dataclass(frozen=True)
class SqlError:
    """An error that the server sent to an instance."""

    instance: str
    sqlstate: str
    message: str
