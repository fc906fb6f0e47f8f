"""Reads `cronproof.toml`. All mistakes are reported at once, each with its place."""

import re
import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cronproof.config.config import Config, CronConfig, ProveConfig
from cronproof.errors import InvalidConfig, Mistake, UsageError, nearest
from cronproof.input_files import decode
from cronproof.targets.config import TargetConfig

DEFAULT_FILE = Path("cronproof.toml")

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""^(\s*)("[^"]*"|'[^']*'|[\w-]+)\s*=""")


class ConfigFile:
    """A `cronproof.toml`, and the folder to which its paths are relative."""

    def __init__(self, file: Path) -> None:
        """Reads the file.

        Raises:
            InvalidConfig: with every mistake of the file.
            UsageError: it cannot be read.
        """
        self.file = file
        self._text = ""
        self.folder = file.resolve().parent
        try:
            content = file.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror}; `cronproof init` writes one") from None
        text = self._text = decode(file, content)
        try:
            config = Config.model_validate(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InvalidConfig([_not_toml(file, text, str(error))]) from None
        except ValidationError as invalid:
            raise InvalidConfig([_mistake(file, text, error) for error in invalid.errors()]) from None
        except (RecursionError, ValueError) as error:  # nested too deep, or a number of too many digits
            raise InvalidConfig([Mistake(file, 1, 1, f"not TOML: {error}")]) from None
        config = config.with_paths(self.folder)
        if mistakes := [self.mistake(path, message) for path, message in config.find_contradictions()]:
            raise InvalidConfig(mistakes)
        self.targets: Mapping[str, TargetConfig] = config.targets
        of_work = [cron for work in config.work.values() for cron in work.crons]
        self.crons: Mapping[str, CronConfig] = {**dict.fromkeys(of_work, CronConfig()), **config.crons}
        self.application = config.application
        self.services = config.declarations
        self.prove: ProveConfig | None = config.prove

    def mistake(self, path: Sequence[str], message: str) -> Mistake:
        """Makes a mistake at a key, or at the deepest table above it."""
        line, column = _place(self._text, path)
        return Mistake(self.file, line, column, message)

    def find_target(self, name: str) -> TargetConfig:
        """Returns a target with its paths resolved.

        Raises:
            UsageError: there is no such target, or its `cwd` does not exist.
        """
        if name not in self.targets:
            raise UsageError(f"there is no target {name!r} in {self.file}{nearest(name, list(self.targets))}")
        target = self.targets[name]
        cwd = (self.folder / target.cwd).resolve()
        if not cwd.is_dir():
            raise UsageError(f"{self.file}: [targets.{name}] cwd = {str(target.cwd)!r}: there is no folder {cwd}")
        seed = None if target.seed is None else self.folder / target.seed
        return target.model_copy(update={"cwd": cwd, "seed": seed})

    def find_migrations(self, name: str) -> tuple[list[Path], list[Path]]:
        """Finds a target's migrations: those that it always has, and those that others may replace.

        Raises:
            UsageError: a pattern matches no file.
        """
        target = self.targets[name]
        return (
            self._find_files(name, "migrations", target.migrations),
            self._find_files(name, "replaceable_migrations", target.replaceable_migrations),
        )

    def _find_files(self, name: str, key: str, patterns: Sequence[str]) -> list[Path]:
        found: list[Path] = []
        for pattern in patterns:
            files = sorted(self._glob(pattern))
            if not files:
                raise UsageError(f"{self.file}: [targets.{name}] {key}: no file fits {pattern!r}")
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


def find_config(file: Path | None) -> ConfigFile:
    """Reads the named configuration, or else that of the working directory.

    Raises:
        InvalidConfig: with every mistake of the file.
        UsageError: it cannot be read.
    """
    return ConfigFile(file or DEFAULT_FILE)


def _not_toml(file: Path, text: str, said: str) -> Mistake:
    place = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", said)
    reason = said[: place.start()].strip().rstrip(".") if place else said
    line, column = (int(place[1]), int(place[2])) if place and place[1] else (text.count("\n") + 1, 1)
    return Mistake(file, line, column, f"not TOML: {reason[:1].lower()}{reason[1:]}")


def _mistake(file: Path, text: str, error: ErrorDetails) -> Mistake:
    path = [str(part) for part in error["loc"]]
    match error["type"]:
        case "extra_forbidden":
            message = f"unknown word {path[-1]!r}{nearest(path[-1], _words_at(path[:-1]))}"
        case "missing":
            hint = "; a target begins with `[targets.NAME]`" if path == ["targets"] else ""
            message = f"{path[-1]!r} is missing{hint}"
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            said = error["msg"]
            message = f"{'.'.join(path[2:]) or path[-1]}: {said[:1].lower()}{said[1:]}"
    line, column = _place(text, path)
    return Mistake(file, line, column, message)


def _words_at(path: Sequence[str]) -> list[str]:
    """Returns the words that the JSON Schema allows in a table."""
    schema = Config.model_json_schema()
    place = schema
    for part in path:
        more = place.get("additionalProperties")
        place = place.get("properties", {}).get(part) or (more if isinstance(more, dict) else {})
        references = [one for one in (place, *place.get("anyOf", ())) if "$ref" in one]
        place = schema["$defs"][references[0]["$ref"].rpartition("/")[2]] if references else place
    return list(place.get("properties", {}))


def _place(text: str, path: Sequence[str]) -> tuple[int, int]:
    """Finds the line and column, from 1, of a key or of the deepest table above it."""
    place, deepest, table, last = (1, 1), 0, list[str](), dict[tuple[str, ...], int]()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = []
            *parents, name = [part.strip(string.whitespace + "\"'") for part in header[2].split(".")]
            for part in parents:  # of an array of tables, the last one is meant
                table.append(part)
                table += [str(last[tuple(table)])] if tuple(table) in last else []
            table.append(name)
            if header[1] == "[[":
                last[tuple(table)] = last.get(tuple(table), -1) + 1
                table.append(str(last[tuple(table)]))
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
