"""The owners of rows, such as accounts: their names, and what each alone sends with."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cronproof.domain.work import texts_in

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Owners:
    """Where the owners of rows are, as it is declared."""

    word: str
    """The word for one in messages."""
    table: str
    key: str
    """The column of their ids."""
    column: str
    """The column of other tables that says whose a row is."""
    name: str
    """The column of the name by which scenarios call one."""
    api_keys: Sequence[str] = ()
    """The columns of keys that services accept."""
    credentials: Sequence[str] = ()
    """The columns of everything that says in whose name something is sent: keys, numbers, bots."""

    def find_names(self, tables: Iterable[Tables]) -> dict[str, Any]:
        """Returns the ids of all owners by name."""
        return {
            row[self.name]: row[self.key]
            for row in self._rows(tables)
            if isinstance(row.get(self.name), str) and self.key in row
        }

    def find_api_keys(self, tables: Iterable[Tables]) -> set[str]:
        """Returns the API keys of all owners."""
        return {row[column] for row in self._rows(tables) for column in self.api_keys if row.get(column)}

    def find_credentials(self, tables: Iterable[Tables]) -> dict[str, frozenset[str]]:
        """Returns the ids of the owners of each credential."""
        found: dict[str, frozenset[str]] = {}
        for row in self._rows(tables):
            for credential in (row[column] for column in self.credentials if row.get(column)):
                if row.get(self.key) is not None:
                    found[credential] = found.get(credential, frozenset()) | {str(row[self.key])}
        return found

    def find_owners(self, rows: Tables, recipient: str) -> frozenset[str]:
        """Returns the ids of the owners of the rows that hold a recipient."""
        return frozenset(
            str(row[self.column])
            for table in rows.values()
            for row in table
            if row.get(self.column) is not None and recipient in texts_in(row)
        )

    def _rows(self, tables: Iterable[Tables]) -> list[Mapping[str, Any]]:
        return [row for table in tables for row in table.get(self.table, ())]
