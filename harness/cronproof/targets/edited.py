"""Imports modules of a package with some of its files edited, under another package name.

Each instance gets its own modules, as it would in its own process, so instances share no state.
"""

import importlib
import importlib.abc
import importlib.machinery
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType

_numbers = itertools.count(1)


def import_edited(package: str, sources: Mapping[str, str], names: Sequence[str]) -> list[ModuleType]:
    """Imports modules of a package. `sources` are edited texts by path from its parent."""
    alias = f"edited_{next(_numbers)}"
    finder = _Finder(package, alias, sources)
    sys.meta_path.insert(0, finder)
    try:
        return [importlib.import_module(alias + name.removeprefix(package)) for name in names]
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name == alias or name.startswith(f"{alias}.")]:
            del sys.modules[name]


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, package: str, alias: str, sources: Mapping[str, str]) -> None:
        self._package = package
        self._alias = alias
        self._sources = sources
        self._folder = Path(str(importlib.import_module(package).__file__)).parent

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  (the protocol's)
        target: ModuleType | None = None,  # noqa: ARG002  (as above)
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._alias and not fullname.startswith(f"{self._alias}."):
            return None
        folder = self._folder.joinpath(*fullname.split(".")[1:])
        file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        if not file.exists():
            return None
        name = str(Path(self._package) / file.relative_to(self._folder))
        text = self._sources.get(name, file.read_text(encoding="utf-8"))
        loader = _Loader(text.replace(f"from {self._package}", f"from {self._alias}"), str(file))
        return importlib.machinery.ModuleSpec(fullname, loader, is_package=folder.is_dir())


class _Loader(importlib.abc.InspectLoader):
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    def get_source(self, fullname: str) -> str:  # noqa: ARG002  (it has one module)
        return self._text

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  (as above)
        return compile(self._text, self._file, "exec", dont_inherit=True)
