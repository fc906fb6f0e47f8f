"""What is declared about the application under verification."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cronproof.domain.database import Rows
from cronproof.domain.owners import Owners
from cronproof.domain.work import Work, texts_in


@dataclass(frozen=True)
class Alias:
    """A column with another address of a person: the id of a chat, where `person` has the phone number."""

    table: str
    column: str
    person: str


@dataclass(frozen=True)
class Application:
    """The work that the crons do, whose rows are whose, and which rows refer to which."""

    works: Sequence[Work] = ()
    owners: Owners | None = None
    aliases: Sequence[Alias] = ()
    references: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    """By table and column, the table and column that it refers to."""

    def named_columns(self) -> Iterator[tuple[Sequence[str], str, Sequence[str]]]:
        """Yields what is declared of rows of a table besides work: the keys that lead there, the table, and its columns."""
        for number, alias in enumerate(self.aliases):
            yield ["aliases", str(number)], alias.table, [alias.column, alias.person]
        if self.owners is not None:
            of_owner = [self.owners.key, self.owners.name, *self.owners.api_keys, *self.owners.credentials]
            yield ["owners"], self.owners.table, of_owner

    def works_of(self, crons: Sequence[str]) -> list[Work]:
        """Returns the works that these crons do."""
        return [work for work in self.works if not set(crons).isdisjoint(work.crons)]

    def find_person(self, rows: Rows, recipient: str) -> str:
        """Returns whom an address is of, if the rows have it as another one of somebody; else the address."""
        for alias in self.aliases:
            for row in rows.get(alias.table, ()):
                if row.get(alias.column) == recipient and row.get(alias.person):
                    return str(row[alias.person])
        return recipient

    def find_texts(self, rows: Rows, table: str, row: Mapping[str, Any]) -> set[str]:
        """Returns every text in a row and in those to which it refers: its recipient is among them."""
        referred = [
            one
            for column, (other, key) in self.references.get(table, {}).items()
            if row.get(column) is not None and (self.owners is None or other != self.owners.table)
            for one in rows.get(other, ())
            if one.get(key) == row[column]
        ]
        return {text for one in (row, *referred) for text in texts_in(one)}
