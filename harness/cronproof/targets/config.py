"""A target as `cronproof.toml` describes it."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, StrictBool, field_validator, model_validator

from cronproof.errors import nearest
from cronproof.services.placeholders import find_placeholders
from cronproof.services.smtp import NAME as SMTP
from cronproof.strict_model import ConfigTable
from cronproof.targets.database_address import DatabasePlaceholder

Placeholder = Literal[
    "port",
    "app_url",
    DatabasePlaceholder,
    "supabase_url",
    "supabase_anon_key",
    "supabase_service_role_key",
    "supabase_jwt_secret",
    "cron_secret",
    "instance",
    "python",
]
PLACEHOLDERS: tuple[Placeholder, ...] = get_args(Placeholder)
IN_PROCESSES_ONLY = frozenset[Placeholder](
    {"port", "supabase_url", "supabase_anon_key", "supabase_service_role_key", "supabase_jwt_secret"}
)
"""The placeholders that an application in this process has no value for: it has no port, and no REST API."""
PORTS_OF_AN_INSTANCE = 10
"""The first is for Postgres, the second plain HTTP, the third TLS, the fourth the proxy, the fifth mail."""
_FIELD = re.compile(r"\{(\w+|services\.[\w-]+\.(?:url|host|port))\}")
_OPEN = re.compile(r"\{(\w+)(?![\w}])")
"""What may be meant as a placeholder, and is not closed."""
_SERVICE = re.compile(r"\{(services?\b[^{}]*)\}")
"""What is meant as the placeholder of a service."""
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def _check_placeholders(text: str, *more: str) -> str:
    """Checks that all placeholders of a text are known, and `more`, and returns it."""
    known = [*PLACEHOLDERS, *sorted(find_placeholders()), *more]
    for name in _OPEN.findall(text):
        if name in known:
            raise ValueError(f"the brace of {{{name} is not closed")
    for name in _SERVICE.findall(text):
        if _FIELD.fullmatch(f"{{{name}}}") is None:
            raise ValueError(f"there is no placeholder {{{name}}}; a service has {{services.NAME.url}}")
    for name in _FIELD.findall(text):
        if name.startswith("services."):  # which there are, the whole file says
            _, service, attribute = name.split(".")
            if attribute != "url" and service != SMTP:
                raise ValueError(f"a service has a `url`; {{{name}}} is there for {SMTP} alone")
        elif name not in known:
            raise ValueError(f"there is no placeholder {{{name}}}{nearest(name, known)}")
    return text


Filled = Annotated[str, AfterValidator(_check_placeholders)]
"""A text whose placeholders are filled in."""
FilledForCron = Annotated[str, AfterValidator(lambda text: _check_placeholders(text, "cron"))]
"""The same, with `{cron}`."""


class TargetConfig(ConfigTable):
    """An application that has the crons: in this process, one process for each instance, or servers that run already."""

    description: str = ""
    """One line for the report: what it is."""
    asgi: str | None = None
    """An application in this process, or what makes it: `package.module:name`. Made once for each instance."""
    command: Annotated[list[Filled] | None, Field(min_length=1)] = None
    """Started once for each instance. Placeholders are filled in."""
    run: Annotated[list[FilledForCron] | None, Field(min_length=1)] = None
    """Started once for each call; `{cron}` is the cron. Its exit status and output are the response."""
    url: Annotated[list[str] | None, Field(min_length=1)] = None
    """Servers that run already, one for each instance."""
    ports: Annotated[int | None, Field(ge=1024, le=65000)] = None
    """The first port of the addresses for servers that run already; each instance has ten."""
    cwd: Path = Path()
    """Where the command runs, or modules are imported from; relative to the file."""
    copy_cwd: StrictBool = False
    """Whether each instance runs in its own copy of `cwd`, as development servers must."""
    ready: str | None = None
    """A path that answers below 500 once the server is ready; by default its port must listen."""
    ready_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """Seconds."""
    path: FilledForCron = "/api/cron/{cron}"
    migrations: list[str] = []
    """Files and patterns, relative to the file. They make the schema."""
    migrate: Annotated[list[Filled] | None, Field(min_length=1)] = None
    """A command that makes the schema, after `migrations`: that of a framework. It has the environment of an instance."""
    replaceable_migrations: list[str] = []
    """Those that are applied last, unless `--migration` names others."""
    seed: Path | None = None
    """Rows that every scenario has; relative to the file."""
    restart: StrictBool = False
    """Whether every execution starts new processes."""
    cron_secret: str | None = None
    """The secret of servers that run already, or one that is built into the application."""
    env: dict[str, Filled] = {}
    """Placeholders are filled in."""

    @field_validator("url", mode="after")
    @classmethod
    def _http(cls, value: list[str] | None) -> list[str] | None:
        for url in value or []:
            if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
                raise ValueError(f"{url!r} is not the address of a server; write for example http://127.0.0.1:3000")
        return value

    @field_validator("asgi", mode="after")
    @classmethod
    def _importable(cls, value: str | None) -> str | None:
        if value is not None and not _FACTORY.fullmatch(value):
            raise ValueError(f"{value!r} names no application; write `package.module:name`")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.command, self.run, self.url, self.asgi)) != 1:
            raise ValueError("a target has one of `command`, `run`, `url` and `asgi`")
        if self.run is not None and (self.ready or self.cron_secret):
            raise ValueError("`ready` and `cron_secret` are about servers; a `run` command is none")
        if (self.url is None) != (self.ports is None):
            raise ValueError(
                "servers that run already need `ports` for their addresses: the first of them, for instance 55400"
            )
        if self.url is not None and (self.restart or self.copy_cwd):
            raise ValueError("a server that runs already cannot be restarted or copied; give a `command` instead")
        if self.asgi is not None and (self.restart or self.copy_cwd or self.ready):
            raise ValueError("`restart`, `copy_cwd` and `ready` are about processes; an `asgi` application has none")
        if self.asgi is not None:
            used = {name for text in self.env.values() for name in _FIELD.findall(text)}
            for name in sorted(used & IN_PROCESSES_ONLY):
                raise ValueError(f"{{{name}}} has no value for an `asgi` application; give a `command` instead")
        if "{cron}" not in self.path:
            raise ValueError("`path` says where a cron is; it must contain {cron}")
        return self

    @property
    def services(self) -> set[str]:
        """The services whose address its environment or command has."""
        names = [name for text in (*self.env.values(), *self._words) for name in _FIELD.findall(text)]
        return {name.split(".")[1] for name in names if "." in name}

    @property
    def _words(self) -> list[str]:
        return [*(self.command or self.run or ()), *(self.migrate or ())]

    @property
    def is_external(self) -> bool:
        """Whether its instances are processes of their own."""
        return self.asgi is None

    def environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """Returns the environment of an instance, given the values of the placeholders."""
        return {variable: fill_placeholders(text, values) for variable, text in self.env.items()}

    def arguments(self, values: Mapping[str, str]) -> list[str]:
        """Returns the command of an instance, given the values of the placeholders."""
        return [fill_placeholders(word, values) for word in self.command or self.run or ()]

    def shared_environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """Returns the part of the environment that every instance has."""
        return {
            variable: fill_placeholders(text, values)
            for variable, text in self.env.items()
            if values.keys() >= set(_FIELD.findall(text))
        }


_DATABASE_URL = re.compile(r"^(postgres|postgresql|mysql|mongodb)(\+\w+)?://")


def leads_elsewhere(variable: str, value: str) -> bool:
    """Whether a variable of our environment configures another database."""
    return variable.startswith("PG") or _DATABASE_URL.match(value) is not None


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replaces the placeholders in a text. Other braces stay."""
    for placeholder, value in ({"python": sys.executable} | dict(values)).items():
        text = text.replace(f"{{{placeholder}}}", value)
    return text
