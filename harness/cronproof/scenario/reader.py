"""Reads scenario files. All mistakes of a file are reported at once, each with its place."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
import reprlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from cronproof.checks.named_units import TAGS_OF_UNITS
from cronproof.domain.instance import CronName
from cronproof.errors import InvalidFile, InvalidScenario, Mistake, UsageError, nearest
from cronproof.input_files import decode
from cronproof.scenario.contradictions import find_contradictions
from cronproof.scenario.scenario import Scenario
from cronproof.scenario.then import BY_NAME

MAX_BYTES = 512 * 1024
"""Some five thousand rows. The time to read a file grows with its size: this one takes five seconds."""
SCENARIOS = Path("scenarios")
"""The folder of the scenarios, beside the configuration."""
SUFFIXES = frozenset({".yaml", ".yml"})
# The tags of unions, which are in an error's location, but not in the file.
TAGS = frozenset({"name", "parameters", "row", "repeated", "word", "bounded", "sampled"})

OTHER_TAGS = frozenset({"listed-rows", "counted-rows", *TAGS_OF_UNITS})


@dataclass(frozen=True)
class Source:
    """A file: what is in it, the SHA-256 of its content, and its YAML nodes, which know their places."""

    file: Path
    root: Any
    sha256: str = ""
    node: Node | None = None

    def mistake(self, path: Sequence[str | int], message: str) -> Mistake:
        """Makes a mistake at the deepest part of `path` that is in the file."""
        node, line, column = self.node, 0, 0
        for part in path:
            place, node = _step(node, part)
            if place is None:
                break
            line, column = place.start_mark.line, place.start_mark.column
        return Mistake(self.file, line + 1, column + 1, message)


def _step(node: Node | None, part: str | int) -> tuple[Node | None, Node | None]:
    """Returns the node at a key or position below a node, after the node that says where it is."""
    if isinstance(node, MappingNode):
        # Merged keys come first, and those of the node itself override them.
        return next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), (None, None))
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None, None


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario and the file that it was read from. The id is the folder's and the file's name."""

    scenario: Scenario
    source: Source
    pair: tuple[CronName, CronName] | None = None
    """The crons that are called, if the file calls every pair of several."""

    @property
    def id(self) -> str:
        """The scenario's name in reports and on the command line."""
        of_pair = f":{'+'.join(self.pair)}" if self.pair else ""
        return f"{self.source.file.parent.name}/{self.source.file.stem}{of_pair}"

    def each(self) -> list[ScenarioFile]:
        """Returns the scenarios to execute: one, or one for each pair."""
        when = self.scenario.when
        if when is None or not when.each_pair:
            return [self]
        return [self.of(pair) for pair in itertools.combinations(when.call, 2)]

    def of(self, pair: tuple[CronName, CronName]) -> ScenarioFile:
        """Returns the scenario of one pair."""
        made = self.with_when(call=list(pair), each_pair=False)
        title = f"{self.scenario.title}: {pair[0]} and {pair[1]}"
        return replace(made, pair=pair, scenario=made.scenario.model_copy(update={"title": title}))

    def with_when(self, **changes: object) -> ScenarioFile:
        """Returns the scenario with other calls, if it makes any."""
        if self.scenario.when is None:
            return self
        when = self.scenario.when.model_copy(update=changes)
        return replace(self, scenario=self.scenario.model_copy(update={"when": when}))


def find_files(paths: Sequence[Path]) -> list[Path]:
    """Finds the scenario files at and below the paths, in order.

    Raises:
        UsageError: a path does not exist, or there is no scenario there.
    """
    found: list[Path] = []
    for path in paths:
        try:
            if path.is_dir():
                files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and not file.is_dir())
                if not files:
                    raise UsageError(f"no scenario files (*.yaml) in {path}")
                found += files
            elif path.is_file():
                found.append(path)
            else:
                raise UsageError(f"no scenario at {path}{_nearest_file(path)}")
        except OSError as error:
            raise UsageError(f"no scenario at {path}: {error.strerror}") from None
    return list(dict.fromkeys(found))


def find_file(path: Path) -> Path:
    """Returns the scenario file that a path names.

    Raises:
        UsageError: it names none, or a folder.
    """
    files = find_files([path])
    if files != [path]:
        raise UsageError(f"{path} is a folder; name one scenario file in it")
    return path


def read_scenarios(files: Sequence[Path]) -> list[ScenarioFile]:
    """Reads the scenarios of files.

    Raises:
        InvalidScenario: with every mistake of every file.
    """
    read_files, mistakes = [], []
    for file in files:
        try:
            read_files += read_scenario(file).each()
        except InvalidScenario as invalid:
            mistakes += invalid.mistakes
    if mistakes:
        raise InvalidScenario(mistakes)
    return read_files


def read_scenario(file: Path) -> ScenarioFile:
    """Reads the scenario of one file.

    Raises:
        InvalidScenario: with every mistake of the file.
    """
    try:
        content = _read(file)
        text = decode(file, content)
        with warnings.catch_warnings(action="ignore"):  # a reused anchor is no mistake
            yaml = YAML(typ="safe", pure=True)
            node = yaml.compose(text)
            data = yaml.constructor.construct_document(node) if node is not None else None
    except InvalidFile as error:
        raise InvalidScenario(error.mistakes) from None
    except RecursionError:
        raise InvalidScenario([Mistake(file, 1, 1, "not YAML: nested too deep")]) from None
    except OSError as error:
        raise InvalidScenario([Mistake(file, 1, 1, f"cannot be read: {error.strerror}")]) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = (error.problem or str(error)).splitlines()[0]
        raise InvalidScenario([Mistake(file, line, column, f"not YAML: {problem}")]) from None
    except Exception as error:  # noqa: BLE001  (the parser can raise any error on a strange scalar)
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidScenario([Mistake(file, 1, 1, f"not YAML: {reason}")]) from None
    source = Source(file, data, hashlib.sha256(content).hexdigest(), node)
    if not isinstance(data, dict):
        raise InvalidScenario([Mistake(file, 1, 1, "a scenario begins with `title:`; this file has none")])
    return make_scenario(source)


def make_scenario(source: Source) -> ScenarioFile:
    """Makes the scenario of what was read, or of what a test in Python says.

    Raises:
        InvalidScenario: with every mistake of it.
    """
    try:
        scenario = Scenario.model_validate(source.root)
    except ValidationError as invalid:
        raise InvalidScenario([_mistake(source, error) for error in invalid.errors()]) from None
    found = [source.mistake(path, message) for path, message in find_contradictions(scenario)]
    if found:
        raise InvalidScenario(found)
    return ScenarioFile(scenario, source)


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise InvalidFile([Mistake(file, 1, 1, f"has more than {MAX_BYTES // 1024} KiB; a scenario is shorter")])
    return content


def _mistake(source: Source, error: ErrorDetails) -> Mistake:
    location = error["loc"]
    path = [part for part, before in zip(location, (None, *location), strict=False) if not _is_tag(part, before)]
    given = error["input"]
    match error["type"]:
        case "extra_forbidden":
            *parent, word = path
            message = f"unknown word {_shown(word)}{nearest(str(word), list(_words_at(parent)))}"
            if word in BY_NAME:
                message = f"{word} takes no parameters; write `- {word}`"
            if parent == ["given"] and isinstance(given, dict) and not given.keys().isdisjoint({"refuses", "options"}):
                message = f"unknown word {_shown(word)}; how a service behaves stands under `services`"
        case "missing":
            message = f"{path[-1]!r} is missing"
        case "literal_error":
            words = re.findall(r"'([^']*)'", error["ctx"]["expected"])
            message = f"{_shown(given)} is not known{nearest(str(given), words)}"
            if given in _words_at(["then", 0]):
                message = f"{given} needs parameters; write `- {given}: …`"
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            said = error["msg"].replace(" or instance of WithParameters", "")
            message = f"{said[0].lower()}{said[1:]}, not {_shown(given)}"
    return source.mistake(path, message)


def _shown(value: Any) -> str:
    """Returns a value as text, shortened if it is long."""
    return reprlib.repr(value)


def _is_tag(part: str | int, before: str | int | None) -> bool:
    """Whether a part of an error's location is the tag of a union, which is not in the file."""
    return ((isinstance(before, int) or before == "interleavings") and part in TAGS) or part in OTHER_TAGS


def _words_at(path: Sequence[str | int]) -> Iterator[str]:
    """Yields the words that the JSON Schema allows at a place in the file."""
    schema = Scenario.model_json_schema()
    places = [schema]
    for part in path:
        places = [
            child
            for place in _alternatives(schema, places)
            for child in (
                place.get("items") if isinstance(part, int) else place.get("properties", {}).get(part),
                place.get("additionalProperties"),
            )
            if isinstance(child, dict)
        ]
    for place in _alternatives(schema, places):
        yield from place.get("properties", {})


def _alternatives(schema: dict[str, Any], places: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for place in places:
        resolved = schema["$defs"][place["$ref"].rpartition("/")[2]] if "$ref" in place else place
        branches = resolved.get("anyOf") or resolved.get("oneOf")
        if branches:
            yield from _alternatives(schema, branches)
        else:
            yield resolved


def _nearest_file(path: Path) -> str:
    """Suggests a file of the same folder in place of a path that does not exist."""
    folder = path.parent
    names = [file.name for file in folder.iterdir() if file.suffix in SUFFIXES] if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, [name for name in names if name != path.name], n=1)
    return f"; did you mean {folder / near[0]}?" if near else ""
