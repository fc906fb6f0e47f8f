"""What `cronproof.toml` declares, as data: work, targets, crons, and what proves the checks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StrictBool, field_validator

from cronproof.domain.application import Alias, Application
from cronproof.domain.owners import Owners
from cronproof.domain.work import OwedMessage, Work
from cronproof.errors import nearest
from cronproof.services.api import find_installed
from cronproof.services.bundled import BUNDLED, find_hosts, load_bundled
from cronproof.services.declared import Declaration
from cronproof.services.service_config import ServiceConfig
from cronproof.strict_model import ConfigTable
from cronproof.targets.config import TargetConfig


def _check_expression(text: str) -> str:
    if not text.strip():
        raise ValueError("this is SQL over a row; it cannot be empty")
    return text


Expression = Annotated[str, AfterValidator(_check_expression)]
RESERVED = frozenset({"supabase", "rest", "auth", "storage", "functions", "realtime"})
"""Names that no service may have: the first parts of paths of the stand-in for Supabase."""


class ContainedConfig(ConfigTable):
    """A field of a message that need only contain something."""

    contains: Expression
    """SQL over the row of a unit."""


class MessageConfig(ConfigTable):
    """The message that is owed for a unit of work."""

    service: str
    match: Annotated[dict[str, Expression | ContainedConfig], Field(min_length=1)]
    """Fields of the service's messages, each with SQL over the row of a unit."""

    @field_validator("match", mode="before")
    @classmethod
    def _forms(cls, value: Any) -> Any:
        for field, said in value.items() if isinstance(value, dict) else ():
            if not isinstance(said, str) and not (isinstance(said, dict) and said.keys() == {"contains"}):
                raise ValueError(f'{field}: write SQL, "phone", or what it must contain, {{ contains = "code" }}')
        return value

    def owed(self) -> OwedMessage:
        """Returns the message as data."""
        return OwedMessage(
            self.service,
            {name: text for name, text in self.match.items() if isinstance(text, str)},
            {name: text.contains for name, text in self.match.items() if not isinstance(text, str)},
        )


class WorkConfig(ConfigTable):
    """Units of work of one kind: rows of a table. Conditions are SQL over a row."""

    table: str
    """With its schema before it, if that is not `public`."""
    key: list[str] = []
    """The columns that identify a unit; by default those of the primary key."""
    unit: str | None = None
    """The word for a unit in messages; by default the table's name."""
    due: Expression | None = None
    """When a unit is due."""
    since: Expression | None = None
    """Since when it is due. Units that have been due for longer are served first."""
    claimed: Expression | None = None
    """When an instance has taken a unit; by default when its row is gone."""
    done: Expression | None = None
    """When a unit is done; by default when it is claimed."""
    removes: StrictBool = False
    """Whether the row of a unit that is done is removed. So it is where nothing says when one is claimed."""
    crons: Annotated[list[str], Field(min_length=1)]
    """The crons that do it."""
    message: MessageConfig | None = None

    def work(self, name: str) -> Work:
        """Returns the work as data."""
        return Work(
            name=name,
            table=self.table.removeprefix("public."),
            crons=self.crons,
            unit=self.unit or self.table.rpartition(".")[2],
            claimed=self.claimed,
            done=self.done,
            due=self.due,
            since=self.since,
            removes=self.removes or self.claimed is None,
            message=None if self.message is None else self.message.owed(),
            key=self.key,
        )


class OwnersConfig(ConfigTable):
    """Whose rows are whose, where an application serves several: accounts, shops."""

    word: str
    """The word for one in messages."""
    table: str
    key: str = "id"
    column: str
    """The column of other tables that says whose a row is."""
    name: str
    """The column of the name by which scenarios call one."""
    api_keys: list[str] = []
    """The columns with keys that services accept besides that of the environment."""
    credentials: list[str] = []
    """The columns with what says in whose name something is sent: keys, numbers, bots."""


class AliasConfig(ConfigTable):
    """A column with another address of a person, such as the id of a chat."""

    table: str
    column: str
    person: str
    """The column with the address by which the person is known elsewhere."""


class CronConfig(ConfigTable):
    """A cron that is known by name."""

    reported_risk: str | None = None
    """What a report by hand has said of it; it is compared with what is measured."""
    called_by: str | None = None
    """The cron that calls it in turn."""
    claims_by: str | None = None
    """The database function with which it claims units of work."""


class ProveConfig(ConfigTable):
    """What `cronproof prove` tries. Paths are relative to the file."""

    target: str
    """The target that mutants are made of."""
    saboteurs: str
    """The broken implementations that the checks must catch: `package.module:name`."""
    variants: str
    """The right ones that they must accept."""
    scenarios: Path
    copied: Annotated[list[Path], Field(min_length=1)]
    """The folders of which every implementation has an edited copy."""
    equivalent: Path
    """The mutants that no check can catch, each with the reason."""
    functions: Path
    """The migration with the database functions that mutants are made of."""
    marks: list[str] = []
    """The columns that mutants of these functions take for one another."""
    files: dict[str, list[str]] = {}
    """The source files that mutants are made of, each with the crons that test them."""
    only: dict[str, list[str]] = {}
    """The functions of a source file that mutants are made of, where not all are."""
    served: TargetConfig
    """How an implementation is started whose instances are processes of their own."""


class Config(ConfigTable):
    """The file."""

    targets: Annotated[dict[str, TargetConfig], Field(min_length=1)]
    work: dict[str, WorkConfig] = {}
    services: dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")], ServiceConfig] = {}
    owners: OwnersConfig | None = None
    aliases: list[AliasConfig] = []
    crons: dict[str, CronConfig] = {}
    prove: ProveConfig | None = None

    def find_contradictions(self) -> Iterator[tuple[Sequence[str], str]]:
        """Yields what does not fit together: the keys that lead to it, and what is wrong."""
        yield from self._wrong_services()
        yield from self._contested_hosts()
        if self.prove is not None and self.prove.target not in self.targets:
            yield (
                ["prove", "target"],
                f"there is no target {self.prove.target!r}{nearest(self.prove.target, list(self.targets))}",
            )
        known = list(dict.fromkeys([*find_installed(), *BUNDLED, *self.services]))
        for name, work in self.work.items():
            if work.message is not None and work.message.service not in known:
                said = f"there is no service {work.message.service!r}{nearest(work.message.service, known)}"
                yield ["work", name, "message", "service"], said
            elif work.message is not None:
                yield from (
                    (["work", name, "message", *keys], said) for keys, said in self._unknown_fields(work.message)
                )
        for name, target in self.targets.items():
            for unknown in sorted(target.services - set(known)):
                yield ["targets", name, "env"], f"there is no service {unknown!r}{nearest(unknown, known)}"

    def _wrong_services(self) -> Iterator[tuple[Sequence[str], str]]:
        declared = [name for name, service in self.services.items() if service.routes or service.openapi]
        for name, service in self.services.items():
            is_bundled = name in {*find_installed(), *BUNDLED}
            if name in RESERVED or (is_bundled and service != ServiceConfig()):
                yield ["services", name], f"{name} is there already; give your own service another name"
            elif not is_bundled and not service.routes and service.openapi is None:
                yield (
                    ["services", name],
                    f"{name} has no routes, and no service of this name is bundled{nearest(name, [*declared, *BUNDLED])}",
                )
            yield from ((["services", name, *keys], message) for keys, message in service.find_mistakes())

    def _contested_hosts(self) -> Iterator[tuple[Sequence[str], str]]:
        of_host = find_hosts()
        for name, service in self.services.items():
            if any(service.find_mistakes()):
                continue
            for host in service.declaration(name).hosts:
                if (other := of_host.setdefault(host.lower(), name)) != name:
                    yield ["services", name, "hosts"], f"{host} is a host of {other} already; each has one service"

    def _unknown_fields(self, message: MessageConfig) -> Iterator[tuple[Sequence[str], str]]:
        """Yields the fields that no message of the service has."""
        name = message.service
        service = self.services.get(name, ServiceConfig())
        if name in (installed := find_installed()):
            fields = installed[name].fields
        elif service.routes or service.openapi:
            if any(service.find_mistakes()):
                return
            fields = service.declaration(name).message_fields
        elif name in BUNDLED:
            fields = load_bundled(name).message_fields
        else:
            return  # it has no routes, which is told already
        if not fields:
            yield ["service"], f"{name} has no message: say what in a request is one, `message` in one of its routes"
            return
        for field in message.match:
            if field not in fields:
                yield ["match", field], f"a message of {name} has no field {field!r}; it has {', '.join(fields)}"

    def with_paths(self, folder: Path) -> Self:
        """Returns it with paths of documents that are relative to a folder resolved."""
        services = {
            name: service
            if service.openapi is None
            else service.model_copy(update={"openapi": (folder / service.openapi).resolve()})
            for name, service in self.services.items()
        }
        return self.model_copy(update={"services": services})

    @property
    def declarations(self) -> list[Declaration]:
        """The services as data: those that are declared, and the bundled ones that are named anywhere."""
        named = {work.message.service for work in self.work.values() if work.message is not None}
        named |= {service for target in self.targets.values() for service in target.services} | self.services.keys()
        own = [
            service.declaration(name) for name, service in self.services.items() if service.routes or service.openapi
        ]
        return [*own, *(load_bundled(name) for name in BUNDLED if name in named)]

    @property
    def application(self) -> Application:
        """What is declared about the application."""
        return Application(
            works=[work.work(name) for name, work in self.work.items()],
            owners=None if self.owners is None else Owners(**self.owners.model_dump()),
            aliases=[Alias(**alias.model_dump()) for alias in self.aliases],
        )
