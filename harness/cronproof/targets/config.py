"""Reads `cronproof.toml`, which describes external targets. All mistakes are reported at once."""

import re
import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from cronproof.errors import InvalidConfig, Mistake, UsageError, nearest
from cronproof.input_files import decode
from cronproof.services.placeholders import ServicePlaceholder

DEFAULT_FILE = Path("cronproof.toml")

Placeholder = Literal[
    "port",
    "database_url",
    ServicePlaceholder,
    "supabase_url",
    "supabase_anon_key",
    "supabase_service_role_key",
    "supabase_jwt_secret",
    "cron_secret",
    "instance",
]
PLACEHOLDERS: tuple[Placeholder, ...] = get_args(Placeholder)

_FIELD = re.compile(r"\{(\w+)\}")
_TABLE = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""^(\s*)("[^"]*"|'[^']*'|[\w-]+)\s*=""")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TargetConfig(_Table):
    """A server that has the crons: one process for each instance, or servers that run already."""

    command: Annotated[list[str] | None, Field(min_length=1)] = None
    """Started once for each instance. Placeholders are filled in."""
    url: Annotated[list[str] | None, Field(min_length=1)] = None
    """Servers that run already, one for each instance."""
    ports: Annotated[int | None, Field(ge=1024, le=65000)] = None
    """The first port of the addresses for servers that run already; each instance has ten."""
    cwd: Path = Path()
    """Where the command runs; relative to the file."""
    copy_cwd: bool = False
    """Whether each instance runs in its own copy of `cwd`, as development servers must."""
    ready: str | None = None
    """A path that answers below 500 once the server is ready; by default its port must listen."""
    ready_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0
    """Seconds."""
    path: str = "/api/cron/{cron}"
    migrations: list[str] | None = None
    """Files and patterns, relative to the file, instead of the reference schema."""
    seed: Path | None = None
    """Rows that every scenario has, instead of those of the reference; relative to the file."""
    restart: bool = False
    """Whether every execution starts new processes."""
    cron_secret: str | None = None
    """The secret of servers that run already, or one that is built into the application."""
    env: dict[str, str] = {}
    """Placeholders are filled in."""

    @field_validator("command", "path", "env", mode="after")
    @classmethod
    def _placeholders(cls, value: Any, info: Any) -> Any:
        known = [*PLACEHOLDERS, "cron"] if info.field_name == "path" else PLACEHOLDERS
        texts = [value] if isinstance(value, str) else value.values() if isinstance(value, dict) else value or []
        for text in texts:
            for name in _FIELD.findall(text):
                if name not in known:
                    raise ValueError(f"there is no placeholder {{{name}}}{nearest(name, list(known))}")
        return value

    @field_validator("url", mode="after")
    @classmethod
    def _http(cls, value: list[str] | None) -> list[str] | None:
        for url in value or []:
            if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", url):
                raise ValueError(f"{url!r} is not the address of a server; write for example http://127.0.0.1:3000")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise ValueError("a target has either a `command` or a `url`")
        if (self.url is None) != (self.ports is None):
            raise ValueError(
                "servers that run already need `ports` for their addresses: the first of them, for instance 55400"
            )
        if self.url is not None and (self.restart or self.copy_cwd):
            raise ValueError("a server that runs already cannot be restarted or copied; give a `command` instead")
        if "{cron}" not in self.path:
            raise ValueError("`path` says where a cron is; it must contain {cron}")
        return self


PORTS_OF_AN_INSTANCE = 10
"""The first is for Postgres, the second plain HTTP, the third TLS, the fourth the proxy."""


class Config(_Table):
    """The file: targets by name."""

    targets: Annotated[dict[str, TargetConfig], Field(min_length=1)]


class ConfigFile:
    """A `cronproof.toml`, and the folder to which its paths are relative."""

    def __init__(self, file: Path) -> None:
        """Reads the file.

        Raises:
            InvalidConfig: with every mistake of the file.
            UsageError: it cannot be read.
        """
        self.file = file
        self.folder = file.resolve().parent
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}; `cronproof init` writes one") from None
        text = decode(file, content)
        try:
            config = Config.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InvalidConfig([_not_toml(file, text, str(error))]) from None
        except ValidationError as invalid:
            raise InvalidConfig([_mistake(file, text, error) for error in invalid.errors()]) from None
        except (RecursionError, ValueError) as error:  # nested too deep, or a number of too many digits
            raise InvalidConfig([Mistake(file, 1, 1, f"not TOML: {error}")]) from None
        self.targets: Mapping[str, TargetConfig] = config.targets

    def find_target(self, name: str) -> TargetConfig:
        """Returns a target with its paths resolved.

        Raises:
            UsageError: there is no such target, or its `cwd` does not exist.
        """
        if name not in self.targets:
            raise UsageError(f"there is no target {name!r} in {self.file}{nearest(name, list(self.targets))}")
        target = self.targets[name]
        cwd = self.folder / target.cwd
        if not cwd.is_dir():
            raise UsageError(f"{self.file}: [targets.{name}] cwd = {str(target.cwd)!r}: there is no folder {cwd}")
        seed = None if target.seed is None else self.folder / target.seed
        return target.model_copy(update={"cwd": cwd, "seed": seed})

    def find_migrations(self, name: str) -> list[Path] | None:
        """Finds the migrations that replace the reference schema; None if the target names none.

        Raises:
            UsageError: a pattern matches no file.
        """
        patterns = self.targets[name].migrations
        if patterns is None:
            return None
        found: list[Path] = []
        for pattern in patterns:
            files = sorted(self._glob(pattern))
            if not files:
                raise UsageError(f"{self.file}: [targets.{name}] migrations: no file fits {pattern!r}")
            found += files
        return list(dict.fromkeys(found))

    def _glob(self, pattern: str) -> Iterator[Path]:
        path = self.folder / pattern
        fixed = Path(path.anchor)
        parts = list(path.parts[1:])
        while parts and not any(character in parts[0] for character in "*?["):
            fixed /= parts.pop(0)
        if not parts:
            return iter([fixed] if fixed.is_file() else [])
        return (file for file in fixed.glob("/".join(parts)) if file.is_file())


def find_config(file: Path | None) -> ConfigFile | None:
    """Reads the named configuration, or else that of the working directory; None if there is none.

    Raises:
        InvalidConfig: with every mistake of the file.
        UsageError: it cannot be read.
    """
    if file is None and DEFAULT_FILE.is_file():
        file = DEFAULT_FILE
    return None if file is None else ConfigFile(file)


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replaces the placeholders in a text. Other braces stay."""
    for placeholder, value in values.items():
        text = text.replace(f"{{{placeholder}}}", value)
    return text


def _not_toml(file: Path, text: str, said: str) -> Mistake:
    place = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", said)
    reason = said[: place.start()].strip().rstrip(".") if place else said
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (text.count("\n") + 1, 1)
    return Mistake(file, line, column, f"not TOML: {reason[:1].lower()}{reason[1:]}")


def _mistake(file: Path, text: str, error: ErrorDetails) -> Mistake:
    path = [str(part) for part in error["loc"]]
    match error["type"]:
        case "extra_forbidden":
            words = [*TargetConfig.model_fields] if len(path) > 2 else [*Config.model_fields]
            message = f"unknown word {path[-1]!r}{nearest(path[-1], words)}"
        case "missing":
            message = f"{path[-1]!r} is missing; a target begins with `[targets.NAME]`"
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            said = error["msg"]
            message = f"{'.'.join(path[2:]) or path[-1]}: {said[:1].lower()}{said[1:]}"
    line, column = _place(text, path)
    return Mistake(file, line, column, message)


def _place(text: str, path: Sequence[str]) -> tuple[int, int]:
    """Finds the line and column, from 1, of a key or of the deepest table above it."""
    place, deepest, table = (1, 1), 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = [part.strip(string.whitespace + "\"'") for part in header[1].split(".")]
            here, column = table, line.index("[") + 1
        elif key := _KEY.match(line):
            here, column = [*table, key[2].strip("\"'")], len(key[1]) + 1
        else:
            continue
        common = next((n for n, (one, other) in enumerate(zip(here, path, strict=False)) if one != other), None)
        common = min(len(here), len(path)) if common is None else common
        if common > deepest:
            place, deepest = (number, column), common
    return place
