"""The schema of an application as guesses need it: tables, columns, what they allow and refer to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cronproof.postgres.database import Database
from cronproof.sql_files import load_queries
from cronproof.strict_model import StrictModel

_SQL = load_queries(__file__)


class Column(StrictModel):
    """A column."""

    name: str
    type: str
    is_required: bool
    """Whether every row must give it a value."""
    is_nullable: bool
    is_made: bool
    """Whether the database makes its values."""
    default: str | None
    words: tuple[str, ...]
    """The texts that it allows, if it allows only some."""
    refers_to: tuple[str, str] | None
    """The table and column whose values it has."""
    is_key: bool


class Table(StrictModel):
    """A table. The name has its schema before it, if that is not `public`."""

    name: str
    columns: tuple[Column, ...]

    def find(self, name: str) -> Column | None:
        """Returns a column by its name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Schema:
    """All tables by name, and the bodies of all functions by name."""

    tables: Mapping[str, Table]
    functions: Sequence[tuple[str, str]]


async def read_schema(database: Database) -> Schema:
    """Reads the schema of a migrated database."""
    ((found,),) = await database.fetch(_SQL["tables"].encode())
    tables = [Table.model_validate(table, strict=False) for table in found or ()]
    return Schema({table.name: table for table in tables}, await database.fetch(_SQL["functions"].encode()))
