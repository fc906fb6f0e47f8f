"""Imports an application, with modules of its own for each instance.

Instances share no state of their modules then, as if each were a process of its own.
"""

import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from unittest import mock

from starlette.types import ASGIApp

import cronproof
from cronproof.errors import EnvironmentFailed
from cronproof.targets.config import TargetConfig, leads_elsewhere
from cronproof.targets.in_process import Clock, Factory, shared_values

PACKAGE = Path(cronproof.__file__).parent
_INSTALLED = frozenset({"site-packages", "dist-packages"})


def find_factory(config: TargetConfig) -> Factory:
    """Returns what makes the application of an instance of a target with `asgi`.

    The module is imported anew for each instance, with every other module below `cwd`. Its environment is that of the
    instance then.
    """

    def make(_: Mapping[str, str], clock: Clock) -> ASGIApp:
        module, name = str(config.asgi).split(":")
        try:
            with _own_modules(config.cwd):
                return _call(getattr(importlib.import_module(module), name), clock)
        except (Exception, SystemExit) as error:
            raise EnvironmentFailed(f"{config.asgi} cannot be imported: {type(error).__name__}: {error}") from error

    return make


@contextlib.contextmanager
def importing(config: TargetConfig) -> Iterator[None]:
    """Lets an application import modules of its folder while the block runs, and read the variables of
    its environment that are the same for every instance. Variables that lead to another database, and those that
    each instance has for itself, are not there.
    """
    shared = config.shared_environment(shared_values())
    with mock.patch.dict(os.environ, shared):
        for variable in [name for name, value in os.environ.items() if leads_elsewhere(name, value)]:
            del os.environ[variable]
        for variable in config.env.keys() - shared.keys():
            os.environ.pop(variable, None)
        sys.path.insert(0, str(config.cwd))
        try:
            yield
        finally:
            sys.path.remove(str(config.cwd))


@contextlib.contextmanager
def _own_modules(folder: Path) -> Iterator[None]:
    """Imports the modules of a folder anew in the block. Those that others have imported stay as they are."""
    outer = {name: sys.modules.pop(name) for name in _find_own(folder)}
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name in _find_own(folder):
            del sys.modules[name]
        sys.modules.update(outer)


def _find_own(folder: Path) -> list[str]:
    """Returns which of the imported modules are the application's: their file is in the folder, and is no
    installed package's. Or they have the place of one that is.
    """
    below, ours = f"{folder}{os.sep}", f"{PACKAGE}{os.sep}"
    tops = {path.parent.name for path in folder.glob("*/__init__.py")} | {path.stem for path in folder.glob("*.py")}

    def is_own(name: str, module: ModuleType) -> bool:
        if name.partition(".")[0] in tops:
            return True
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
        return file.startswith(below) and not file.startswith(ours) and _INSTALLED.isdisjoint(Path(file).parts)

    return [name for name, module in list(sys.modules.items()) if is_own(name, module)]


def _call(made: Any, clock: Clock) -> ASGIApp:
    """Returns the application: the object itself, or what it returns if it is a factory.

    A factory that has a parameter `clock` is given the clock of the run.
    """
    if inspect.isfunction(made) and not inspect.iscoroutinefunction(made):
        parameters = inspect.signature(made).parameters
        needed = [p for p in parameters.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
        if "clock" in parameters or not needed:
            return cast("ASGIApp", made(**({"clock": clock} if "clock" in parameters else {})))
    return cast("ASGIApp", made)
