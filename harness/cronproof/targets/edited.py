"""The crons of this repository with some of their files edited: as a package of its own, once for each instance.

An instance is a process elsewhere. Here each has modules of its own, so that what one remembers the others do not know.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType

from starlette.applications import Starlette

import fixtures
from fixtures.crons.app import Clock
from fixtures.crons.settings import Settings

FOLDER = Path(fixtures.__file__).parent
PACKAGE = fixtures.__name__

_numbers = itertools.count(1)

Sources = Mapping[str, str]
"""The texts of files that differ, by their names from the root of the repository: `fixtures/crons/jobs.py`."""


def application(sources: Sources, crons: str) -> Callable[[Settings, Clock], Starlette]:
    """What makes an instance's application, with the `CRONS` of a module, given by its name."""

    def make(settings: Settings, clock: Clock) -> Starlette:
        alias = f"edited_{next(_numbers)}"
        finder = _Finder(alias, sources)
        sys.meta_path.insert(0, finder)
        try:
            app = importlib.import_module(finder.renamed("fixtures.crons.app"))
            chosen = importlib.import_module(finder.renamed(crons))
        finally:
            sys.meta_path.remove(finder)
            for name in [name for name in sys.modules if name == alias or name.startswith(f"{alias}.")]:
                del sys.modules[name]
        made: Starlette = app.create_app(settings, chosen.CRONS, clock)
        return made

    return make


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, alias: str, sources: Sources) -> None:
        self._alias = alias
        self._sources = sources

    def renamed(self, name: str) -> str:
        """A module of `fixtures` by its name in the package that stands for it."""
        return self._alias + name.removeprefix(PACKAGE)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  (the protocol's)
        target: ModuleType | None = None,  # noqa: ARG002  (as above)
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._alias and not fullname.startswith(f"{self._alias}."):
            return None
        parts = fullname.split(".")[1:]
        folder = FOLDER.joinpath(*parts)
        file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        if not file.exists():
            return None
        text = self._sources.get(str(Path(PACKAGE) / file.relative_to(FOLDER)), file.read_text(encoding="utf-8"))
        loader = _Loader(text.replace(f"from {PACKAGE}", f"from {self._alias}"), str(file))
        return importlib.machinery.ModuleSpec(fullname, loader, is_package=folder.is_dir())


class _Loader(importlib.abc.InspectLoader):
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    def get_source(self, fullname: str) -> str:  # noqa: ARG002  (it has one module)
        return self._text

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  (as above)
        return compile(self._text, self._file, "exec", dont_inherit=True)
