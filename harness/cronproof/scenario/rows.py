"""Turns a scenario's rows into SQL: values by the type of their column, times relative to now."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cronproof.domain.application import Application
from cronproof.domain.owners import Owners
from cronproof.errors import InvalidScenario, Mistake, UsageError, nearest
from cronproof.input_files import decode
from cronproof.postgres.catalog import Catalog
from cronproof.scenario.given import Row, rows_of
from cronproof.scenario.reader import ScenarioFile

_AMOUNTS = r"(?P<amounts>\d+ (?:second|minute|hour|day|week|month|year)s?(?: \d+ (?:second|minute|hour|day|week|month|year)s?)*)"
_TIME = re.compile(rf"^(?:(?P<now>now)|{_AMOUNTS} ago|in {_AMOUNTS.replace('amounts', 'ahead')})$")
_TIME_TYPES = frozenset({"timestamp with time zone", "timestamp without time zone", "date"})
_CHANGED = re.compile(r"updat|modif|chang", re.IGNORECASE)
"""Matches the names of columns that say when a row was changed last."""
_PHONE = re.compile(r"^\+\d{5,15}$")


@dataclass(frozen=True)
class Seed:
    """The rows that every scenario of a target has."""

    file: Path
    rows: Mapping[str, list[Row]]

    @classmethod
    def read(cls, file: Path | None) -> Seed:
        """Reads the rows from a file, if there is one.

        Raises:
            UsageError: the file holds no rows.
        """
        if file is None:
            return cls(Path(), {})
        try:
            rows = YAML(typ="safe", pure=True).load(decode(file, file.read_bytes()))
        except (OSError, YAMLError, RecursionError, ValueError) as error:
            raise UsageError(f"cannot read the rows of {file}: {' '.join(str(error).split())}") from None
        tables = rows.values() if isinstance(rows, dict) else [None]
        if not all(isinstance(table, list) and all(isinstance(row, dict) for row in table) for table in tables):
            raise UsageError(f"{file}: rows are given by table, each a list: `table: [{{column: value}}]`")
        return cls(file, rows)


@dataclass(frozen=True)
class OwnerNames:
    """The owners of rows by the names that scenarios use, and the column that says whose a row is."""

    column: str = ""
    word: str = ""
    ids: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def find(cls, owners: Owners | None, tables: Sequence[Mapping[str, Sequence[Row]]]) -> OwnerNames:
        """Finds the owners among given rows."""
        return cls() if owners is None else cls(owners.column, owners.word, owners.find_names(tables))


@dataclass(frozen=True)
class Insert:
    """One row as a statement, and where the file gives it."""

    statement: bytes
    mistake: Callable[[str], Mistake]
    """The mistake to report where the database refuses the row."""


def inserts(file: ScenarioFile, seed: Seed, catalog: Catalog, owners: Owners | None = None) -> list[Insert]:
    """Builds the statements that insert the seed's and the scenario's rows into empty tables, and put
    back those of the migrations.

    Raises:
        InvalidScenario: a table or column that the database does not have, or a value that does not fit its column.
    """
    given = file.scenario.given.rows
    asked_for = [
        (("then", number, check.id, table), table)
        for number, check in enumerate(file.scenario.checks)
        for table in check.tables
    ]
    mistakes = [
        file.source.mistake(path, f"there is no table {table!r}{nearest(table, list(catalog.columns))}")
        for path, table in [*asked_for, *((("given", "rows", table), table) for table in given)]
        if table not in catalog.columns
    ]
    mistakes += _unknown_columns(file, catalog)
    clock = file.scenario.given.clock
    now = sql.SQL("now()") if clock is None else sql.Literal(clock)
    names = OwnerNames.find(owners, [seed.rows, file.scenario.given.flat_rows])
    found: list[Insert] = []
    for place in catalog.insertable:
        columns = catalog.columns[place.title]
        for row in seed.rows.get(place.title, []):  # the seed may have columns that are not there
            known = {column: value for column, value in row.items() if column in columns}
            statement = _insert(place.title, known, catalog, names, now)
            found.append(Insert(statement, functools.partial(Mistake, seed.file, 1, 1)))
        found += _of_table(file, place.title, catalog, names, now, mistakes)
        if place in catalog.kept:
            found.append(Insert(catalog.kept[place], functools.partial(Mistake, seed.file, 1, 1)))
    if mistakes:
        raise InvalidScenario(mistakes)
    return found


def _of_table(
    file: ScenarioFile,
    table: str,
    catalog: Catalog,
    names: OwnerNames,
    now: sql.Composable,
    mistakes: list[Mistake],
) -> Iterator[Insert]:
    """Yields the statements for the scenario's rows of one table. Adds mistakes to the list."""
    for position, repetition, row in rows_of(file.scenario.given.rows.get(table, [])):
        path: list[str | int] = ["given", "rows", table, position]
        if "repeat" in file.source.root["given"]["rows"][table][position]:
            path.append("row")
        wrong = list(_mistakes(table, row, catalog, names)) if repetition == 0 else []
        mistakes += [file.source.mistake([*path, column], message) for column, message in wrong]
        if mistakes:
            continue
        mistake = functools.partial(file.source.mistake, path)
        try:
            yield Insert(_insert(table, row, catalog, names, now, repetition), mistake)
        except (TypeError, ValueError, psycopg.Error) as error:
            mistakes.append(mistake(f"this row cannot be written as SQL: {error}"))


def _mistakes(table: str, row: Row, catalog: Catalog, names: OwnerNames) -> Iterator[tuple[str, str]]:
    columns = catalog.columns[table]
    yield from catalog.find_unknown(table, row)
    for column, value in row.items():
        kind = columns.get(column)
        if kind is None:
            continue
        if kind in _TIME_TYPES and isinstance(value, str) and not (_TIME.match(value) or _is_date(value)):
            yield column, f"{value!r} is not a time; write for example `3 hours ago`, `in 2 days`, `now`, `2026-11-01`"
        elif column == names.column and value is not None and str(value) not in names.ids and not _is_uuid(value):
            yield column, f"there is no {names.word} {value!r}{nearest(str(value), list(names.ids))}"
        elif kind == "integer" and (isinstance(value, bool) or not isinstance(value, int | None)):
            yield column, f"{column} is a whole number, not {value!r}"
        elif kind == "boolean" and not isinstance(value, bool | None):
            yield column, f"{column} is true or false, not {value!r}"
        elif kind == "text" and not isinstance(value, str | None):
            yield column, f"{column} is a text; put {value!r} in quotes"


def _insert(
    table: str, row: Row, catalog: Catalog, names: OwnerNames, now: sql.Composable, repetition: int = 0
) -> bytes:
    columns, name = catalog.columns[table], catalog.by_title[table].identifier
    if names.ids and names.column in columns and names.column not in row:
        row = {**row, names.column: next(iter(names.ids))}
    values = {column: _value(column, columns[column], value, names, now, repetition) for column, value in row.items()}
    if not values:
        return sql.SQL("insert into {} default values").format(name).as_bytes()
    values |= _times_of_old_rows(row, values, columns, catalog.defaults.get(table, ()), now)
    statement = sql.SQL("insert into {} ({}) overriding system value values ({})").format(
        name, sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(values.values())
    )
    return statement.as_bytes()


def _times_of_old_rows(
    row: Row,
    values: Mapping[str, sql.Composable],
    columns: Mapping[str, str],
    defaults: Collection[str],
    now: sql.Composable,
) -> dict[str, sql.Composable]:
    """Returns the times that a row leaves to their default, where it tells of the past.

    A row that was completed yesterday was not created just now: it was created at its earliest
    time, and changed last at its latest one. Times to come do not count.
    """
    given = [
        sql.SQL("({})::timestamptz").format(values[column])
        for column, value in row.items()
        if columns[column] in _TIME_TYPES - {"date"} and value is not None
    ]
    left = [column for column in defaults if columns[column] in _TIME_TYPES and column not in row] if given else []
    past = sql.SQL("select t from (values {}) as given (t) where t <= {}").format(
        sql.SQL(", ").join(sql.SQL("({})").format(time) for time in given), now
    )
    return {
        column: sql.SQL("coalesce((select {}(t) from ({}) as past), {})").format(
            sql.SQL("max" if _CHANGED.search(column) else "min"), past, now
        )
        for column in left
    }


def _value(
    column: str, kind: str, value: Any, names: OwnerNames, now: sql.Composable, repetition: int
) -> sql.Composable:
    if kind in _TIME_TYPES and isinstance(value, str) and (time := _TIME.match(value)):
        amount, sign = (time["ahead"], sql.SQL("+")) if time["ahead"] else (time["amounts"] or "0 hours", sql.SQL("-"))
        back = sql.Literal(f"{repetition} minutes")
        return sql.SQL("{} {} {}::interval - {}::interval").format(now, sign, sql.Literal(amount), back)
    if column == names.column:
        return sql.Literal(names.ids.get(str(value), value))
    if isinstance(value, dict | list):
        return sql.Literal(json.dumps(value, default=str))
    return sql.Literal(repeat_value(column, value, repetition))


def repeat_value(column: str, value: Any, repetition: int) -> Any:
    """Returns what a value is in a repeated row: keys and phone numbers go up by one."""
    if repetition and isinstance(value, int) and (column == "id" or column.endswith("_id")):
        return value + repetition
    if repetition and isinstance(value, str) and _PHONE.match(value):
        return f"+{int(value) + repetition}"
    return value


def _is_date(value: str) -> bool:
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_uuid(value: Any) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True


def _unknown_columns(file: ScenarioFile, catalog: Catalog) -> Iterator[Mistake]:
    """Yields the columns that checks name, and that their tables do not have."""
    for number, check in enumerate(file.scenario.checks):
        for place, table, columns in check.named_columns:
            if table in catalog.columns:  # else that is told
                for column, message in catalog.find_unknown(table, columns):
                    yield file.source.mistake(["then", number, check.id, *place, column], message)


def tables(file: ScenarioFile, seed: Seed, catalog: Catalog, application: Application) -> Sequence[str]:
    """Returns the tables that checks look at: those they name, those with given rows, those of the work, and
    those of the seed to which these refer.
    """
    looked_at = {table for check in file.scenario.checks for table in check.tables}
    looked_at |= {*file.scenario.given.rows, *(work.table for work in application.works)}
    referred = {other for table in looked_at for other, _ in catalog.references.get(table, {}).values()}
    if application.owners is not None:
        referred -= {application.owners.table}
    return [table for table in catalog.columns if table in looked_at | (referred & seed.rows.keys())]
