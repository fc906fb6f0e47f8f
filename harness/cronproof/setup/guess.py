"""Guesses which rows a cron works on, and how they say so, from its source and the schema.

It goes by names: a column that is called as a status or a time is, a table that the source names. So it is told to be a guess.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cronproof.setup.conditions import find_conditions
from cronproof.setup.schema import Column, Schema, Table

STATUS = re.compile(r"(^|_)(status|state|phase)$")
_MARK = re.compile(
    r"(sent|send|mailed|texted|notified|processed|delivered|completed|finished|done|posted|published|claimed|handled|reminded)"
)
_LEASE = re.compile(r"^(locked|leased|lease|claimed|reserved|hidden|invisible)_(until|expires_at)$|^lease_expires_at$")
_DUE_AT = re.compile(
    r"^(run|due|send|process|deliver|publish|available|next_attempt|next_run|scheduled)_(at|on|for|after)$"
)
_RECIPIENT = re.compile(r"(^|_)(e?mail|phone(_num(ber)?)?|mobile|recipient|to_address|address|chat_id|msisdn)$|^to$")
_WAITING = ("pending", "queued", "new", "open", "waiting", "scheduled", "ready", "todo", "created", "unsent")
_BUSY = ("processing", "running", "sending", "in_progress", "claimed", "locked", "working", "started")
_FINISHED = (
    "sent",
    "done",
    "completed",
    "complete",
    "processed",
    "finished",
    "delivered",
    "succeeded",
    "success",
    "published",
    "notified",
)
_WRITES = re.compile(
    r"\bupdate\s+[\w.\"]+(?:\s+(?:as\s+)?\w+)?\s+set\s+((?:(?!\bwhere\b|\bfrom\b|\breturning\b|;).)+)|\b(?:update|data|values|set)\s*[(:]\s*\{([^}]*)\}|\bupdate\(([^)]*)\)",
    re.IGNORECASE | re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_CONSTANT = re.compile(r"""["'`]([a-z][a-z_]{2,24})["'`]|\.([A-Z][A-Z_]{2,24})\b""")
"""A word in quotes, or a member of an enumeration."""


@dataclass(frozen=True)
class Guess:
    """The work of a cron, as it would be declared. Conditions are SQL over a row."""

    cron: str
    table: Table
    due: str
    claimed: str
    done: str | None = None
    since: str | None = None
    recipient: str | None = None
    """Whom a row owes its message to, as SQL."""
    recipient_column: tuple[str, str] | None = None
    """The table and column that has it."""


def guess_work(cron: str, source: str, schema: Schema) -> Guess | None:
    """Guesses what a cron works on. None if its source names no table with a column that could say so."""
    words = set(_WORD.findall(source))
    bodies = [body for name, body in schema.functions if name in words]
    text = "\n".join([source, *bodies])
    mentions = {name: _mentions(table, text) for name, table in schema.tables.items()}
    for name in sorted(filter(mentions.__getitem__, mentions), key=mentions.__getitem__, reverse=True):
        table = schema.tables[name]
        conditions = find_conditions(source, bodies, table)
        guess = _marks(cron, table, text, conditions)
        if guess is not None:
            return _with_recipient(replace(guess, due=_join(conditions, guess.due)), schema.tables)
    return None


def _join(conditions: Sequence[str], due: str) -> str:
    """Joins the conditions by which rows are picked with what was guessed, each once."""
    known = set(_WORD.findall(" ".join(conditions)))
    more = [
        part for part in due.split(" and ") if not known & set(_WORD.findall(part)) - {"is", "null", "not", "or", "now"}
    ]
    parts = [*conditions, *more]
    same = {re.sub(r"\W+", " ", part.lower()).strip(): part for part in reversed(parts)}
    return " and ".join(map(_in_parentheses, reversed(list(same.values()))))


def _in_parentheses(condition: str) -> str:
    """Puts a condition that would fall apart beside others in parentheses."""
    falls_apart = re.search(r"\bor\b", condition.lower()) is not None and not condition.startswith("(")
    return f"({condition})" if falls_apart else condition


def _written(text: str) -> set[str]:
    """Finds the columns that a text writes: in SQL, as fields of an object, or as arguments."""
    clauses = [clause for clauses in _WRITES.findall(text) for clause in clauses]
    names = {name for clause in clauses for name in re.findall(r"[\"']?(\w+)[\"']?\s*[:=](?!=)", clause)}
    return names | set(re.findall(r"\w\.(\w+)\s*=(?!=)", text))


def _mentions(table: Table, text: str) -> int:
    """Counts how often a text names a table: as in SQL, or as a model of it."""
    bare = table.name.rpartition(".")[2].strip('"')
    parts = bare.split("_")
    models = ["".join(part.capitalize() for part in parts[at:]) for at in range(len(parts))]
    singular = [model.removesuffix("s") for model in models]
    names = {bare, *models[:2], *singular[:2]} - {""}
    return len(re.findall(rf"(?<!\w)({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?!\w)", text))


def _marks(cron: str, table: Table, text: str, conditions: Sequence[str]) -> Guess | None:
    """Guesses by which column a row of a table says that it is due, claimed and done: best by one that is written, and
    asked for when rows are picked.
    """
    words, written, asked = set(_WORD.findall(text)), _written(text), set(_WORD.findall(" ".join(conditions)))

    def rank(column: Column) -> tuple[bool, bool]:
        return column.name not in written, column.name not in asked

    for column in sorted(table.columns, key=rank):
        if column.name not in written:
            return None
        guess = (
            _by_status(cron, table, column, text, conditions)
            or _by_time(cron, table, column)
            or _by_flag(cron, table, column)
        )
        if guess is not None:
            return _with_times(guess, words, asked if conditions else words)
    return None


def _by_status(cron: str, table: Table, column: Column, text: str, conditions: Sequence[str]) -> Guess | None:
    if not STATUS.search(column.name) or column.type in {"boolean", "integer"}:
        return None
    name = _quoted(column.name)
    asked = next((found[1] for one in conditions if (found := re.match(rf"{re.escape(name)} = '(\w+)'", one))), None)
    constants = [(quoted or member).lower() for quoted, member in _CONSTANT.findall(text)]
    known = column.words or tuple(dict.fromkeys(constants))
    default = re.match(r"'(\w+)'", column.default or "")
    waiting = asked or (default[1] if default else next((word for word in _WAITING if word in known), None))
    later = [word for word in known if word in _BUSY]
    finished = [word for word in known if word in _FINISHED]
    if waiting is None or waiting in {*_BUSY, *_FINISHED} or not (later or finished):
        return None
    return Guess(
        cron,
        table,
        due=f"{name} = '{waiting}'",
        claimed=_is_one_of(name, [*later, *finished]),
        done=_is_one_of(name, finished) if later and finished else None,
    )


def _by_time(cron: str, table: Table, column: Column) -> Guess | None:
    is_time = column.type.startswith(("timestamp", "date"))
    if not (is_time and column.is_nullable and column.default is None and _MARK.search(column.name)):
        return None
    name = _quoted(column.name)
    return Guess(cron, table, due=f"{name} is null", claimed=f"{name} is not null")


def _by_flag(cron: str, table: Table, column: Column) -> Guess | None:
    if column.type != "boolean" or not _MARK.search(column.name):
        return None
    name = _quoted(column.name)
    return Guess(cron, table, due=f"not {name}", claimed=name)


def _with_times(guess: Guess, words: set[str], asked: set[str]) -> Guess:
    """Adds leases, which the code names, and since when a unit is due, which it asks for."""
    due, claimed, since = guess.due, guess.claimed, None
    for column in guess.table.columns:
        if not column.type.startswith("timestamp"):
            continue
        name = _quoted(column.name)
        if _LEASE.search(column.name) and column.name in words:
            due, claimed = f"{due} and ({name} is null or {name} < now())", f"{claimed} or {name} > now()"
        elif _DUE_AT.search(column.name) and column.name in asked:
            due, since = f"{due} and {name} <= now()", name
    if since is None and guess.table.find("created_at") is not None:
        since = "created_at"
    return replace(guess, due=due, claimed=claimed, since=since)


def _with_recipient(guess: Guess, tables: Mapping[str, Table]) -> Guess:
    """Adds whom a row owes its message to: a column of its own, or of a row that it refers to."""
    for expression, place in _recipients(guess.table, tables):
        return replace(guess, recipient=expression, recipient_column=place)
    return guess


def _recipients(table: Table, tables: Mapping[str, Table]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yields columns with a recipient, as SQL over a row: its own, then those of rows to which it leads in one step or two."""
    for column in table.columns:
        if _RECIPIENT.search(column.name) and column.refers_to is None:
            yield _quoted(column.name), (table.name, column.name)
    here = table.name.rpartition(".")[2]
    parents = list(_parents(table, tables))
    for name, one, key in parents:
        for found in one.columns:
            if _RECIPIENT.search(found.name):
                yield (
                    f"(select r.{_quoted(found.name)} from {one.name} as r where r.{key} = {here}.{name})",  # noqa: S608  (names of the catalog)
                    (one.name, found.name),
                )
    for name, one, key in parents:
        for next_name, two, next_key in _parents(one, tables):
            joined = (
                f"{one.name} as o join {two.name} as r on r.{next_key} = o.{next_name} where o.{key} = {here}.{name}"
            )
            for found in two.columns:
                if _RECIPIENT.search(found.name):
                    yield f"(select r.{_quoted(found.name)} from {joined})", (two.name, found.name)  # noqa: S608  (the same)


def _parents(table: Table, tables: Mapping[str, Table]) -> Iterator[tuple[str, Table, str]]:
    """Yields the tables to which rows of a table refer: by which column, and to which."""
    for column in table.columns:
        if column.refers_to is not None and column.refers_to[0] in tables:
            yield _quoted(column.name), tables[column.refers_to[0]], _quoted(column.refers_to[1])


def _is_one_of(name: str, words: Sequence[str]) -> str:
    if len(words) == 1:
        return f"{name} = '{words[0]}'"
    return f"{name} in ({', '.join(repr(word) for word in words)})"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
