"""The schema that the REST API serves: tables with their keys and references, and functions."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronproof.sql_files import load_queries
from cronproof.standins.supabase.errors import NotCovered, RestError
from cronproof.standins.supabase.query import Embed

_SQL = load_queries(__file__)

Fetch = Callable[[str], Awaitable[Sequence[tuple[Any, ...]]]]


@dataclass(frozen=True)
class Reference:
    """A foreign key: rows of `table` refer to one row of `to`."""

    name: str
    table: str
    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]
    is_unique: bool
    """Whether at most one row refers to each."""


@dataclass(frozen=True)
class Relationship:
    """How the rows of an embedded table are found: by pairs of columns, the outer one first."""

    table: str
    columns: tuple[tuple[str, str], ...]
    is_one: bool
    """Whether there is at most one row."""
    name: str
    description: str


@dataclass(frozen=True)
class Function:
    """A function. `arguments` are names and types; the last `defaults` of them are optional."""

    name: str
    arguments: tuple[tuple[str, str], ...]
    defaults: int
    is_set: bool
    result: str
    """`void`, `scalar` or `composite`."""
    is_volatile: bool

    @property
    def required(self) -> frozenset[str]:
        """The arguments that must be given."""
        return frozenset(name for name, _ in self.arguments[: len(self.arguments) - self.defaults])


@dataclass(frozen=True)
class Schema:
    """The schema `public`. `tables` has the columns of tables and views with their types."""

    tables: Mapping[str, Mapping[str, str]]
    primary_keys: Mapping[str, tuple[str, ...]]
    references: Sequence[Reference]
    functions: Sequence[Function]
    views: frozenset[str] = frozenset()

    def columns(self, table: str) -> Mapping[str, str]:
        """Returns the columns of a table.

        Raises:
            RestError: there is no such table.
        """
        if table not in self.tables:
            near = _nearest(table, list(self.tables))
            hint = f"Perhaps you meant the table 'public.{near}'" if near else None
            raise RestError(
                404, "PGRST205", f"Could not find the table 'public.{table}' in the schema cache", hint=hint
            )
        return self.tables[table]

    def relationship(self, table: str, embed: Embed) -> Relationship:
        """Finds the relationship of an embedded table to the outer one.

        Raises:
            RestError: there is none, or more than one that matches.
        """
        found = [relationship for relationship in self._relationships(table) if _is_meant(relationship, embed)]
        if len(found) == 1:
            return found[0]
        if found:
            details = [
                {
                    "cardinality": _cardinality(one),
                    "embedding": f"{table} with {one.table}",
                    "relationship": one.description,
                }
                for one in found
            ]
            hints = ", ".join(f"'{embed.relation}!{one.name}'" for one in found)
            message = (
                f"Could not embed because more than one relationship was found for '{table}' and '{embed.relation}'"
            )
            hint = f"Try changing '{embed.relation}' to one of the following: {hints}. Find the desired relationship in the 'details' key."
            raise RestError(300, "PGRST201", message, details, hint)
        if {table, embed.relation} & self.views:
            raise NotCovered(f"embedding from or into a view ({table}, {embed.relation})")
        if any({table, embed.relation} <= {reference.to for reference in pair} for pair in self._junctions()):
            raise NotCovered(f"the many-to-many relationship of {table} and {embed.relation}")
        hinted = f" using the hint '{embed.hint}'" if embed.hint else ""
        message = f"Could not find a relationship between '{table}' and '{embed.relation}' in the schema cache"
        details_text = f"Searched for a foreign key relationship between '{table}' and '{embed.relation}'{hinted} in the schema 'public', but no matches were found."
        raise RestError(400, "PGRST200", message, details_text)

    def function(self, name: str, given: frozenset[str]) -> Function:
        """Finds the function of this name that takes these arguments.

        Raises:
            RestError: there is none, or more than one.
        """
        named = [function for function in self.functions if function.name == name]
        found = [
            function
            for function in named
            if function.required <= given <= {argument for argument, _ in function.arguments}
        ]
        if len(found) == 1:
            return found[0]
        if found:
            shown = ", ".join(
                f"public.{name}({', '.join(f'{argument} => {kind}' for argument, kind in one.arguments)})"
                for one in found
            )
            message = f"Could not choose the best candidate function between: {shown}"
            advice = "Try renaming the parameters or the function itself in the database so function overloading can be resolved"
            raise RestError(300, "PGRST203", message, hint=advice)
        arguments = ", ".join(sorted(given))
        called = f"public.{name}({arguments})" if given else f"public.{name} without parameters"
        with_arguments = f"with parameter{'s' if len(given) > 1 else ''} {arguments}" if given else "without parameters"
        details = f"Searched for the function public.{name} {with_arguments} or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache."
        near = name if named else _nearest(name, [function.name for function in self.functions])
        like = next((function for function in self.functions if function.name == near), None)
        hint = None
        if like is not None:
            hint = f"Perhaps you meant to call the function public.{like.name}" + (
                f"({', '.join(argument for argument, _ in like.arguments)})" if like.arguments else ""
            )
        raise RestError(404, "PGRST202", f"Could not find the function {called} in the schema cache", details, hint)

    def _relationships(self, table: str) -> list[Relationship]:
        found = []
        for reference in self.references:
            pairs = tuple(zip(reference.columns, reference.to_columns, strict=True))
            using = f"{reference.name} using {reference.table}({', '.join(reference.columns)})"
            described = f"{using} and {reference.to}({', '.join(reference.to_columns)})"
            if reference.table == table:
                found.append(Relationship(reference.to, pairs, is_one=True, name=reference.name, description=described))
            if reference.to == table:
                turned = tuple((to, of) for of, to in pairs)
                found.append(Relationship(reference.table, turned, reference.is_unique, reference.name, described))
        return found

    def _junctions(self) -> list[tuple[Reference, Reference]]:
        return [
            (one, other)
            for one in self.references
            for other in self.references
            if one != other and one.table == other.table
        ]


def _is_meant(relationship: Relationship, embed: Embed) -> bool:
    columns = {column for pair in relationship.columns for column in pair}
    if relationship.table == embed.relation:
        return embed.hint is None or embed.hint == relationship.name or embed.hint in columns
    # A relationship can be named by its constraint or, where it leads to one row, by its column.
    outer = {column for column, _ in relationship.columns}
    by_column = relationship.is_one and outer == {embed.relation}
    return (relationship.name == embed.relation or by_column) and embed.hint in (None, relationship.table)


def _cardinality(relationship: Relationship) -> str:
    return "many-to-one" if relationship.is_one else "one-to-many"


def _nearest(word: str, words: Sequence[str]) -> str | None:
    import difflib  # noqa: PLC0415  (for the hint of an error only)

    near = difflib.get_close_matches(word, words, n=1, cutoff=0.75)
    return near[0] if near else None


async def read_schema(fetch: Fetch) -> Schema:
    """Reads the schema from the catalog of a database."""
    tables: dict[str, dict[str, str]] = {}
    for table, column, kind in await fetch(_SQL["columns"]):
        tables.setdefault(table, {})[column] = kind
    return Schema(
        tables,
        {table: tuple(columns) for table, columns in await fetch(_SQL["primary_keys"])},
        [
            Reference(name, table, tuple(columns), to, tuple(to_columns), is_unique)
            for name, table, columns, to, to_columns, is_unique in await fetch(_SQL["references"])
        ],
        [
            Function(name, tuple(zip(names, kinds, strict=True)), defaults, is_set, result, is_volatile)
            for name, names, kinds, defaults, is_set, result, is_volatile in await fetch(_SQL["functions"])
        ],
        frozenset(name for (name,) in await fetch(_SQL["views"])),
    )
