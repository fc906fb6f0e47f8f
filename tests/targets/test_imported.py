"""Applications in this process: each instance has modules of its own."""

import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from cronproof.errors import EnvironmentFailed
from cronproof.targets.config import TargetConfig
from cronproof.targets.imported import find_factory, importing

VALUES = {"database_url": "postgresql://a", "cron_secret": "s", "openphone_api_key": "k", "instance": "A"}
ENV = {"WHERE": "{database_url}", "KEY": "{openphone_api_key}"}


def now() -> datetime:
    return datetime.now(UTC)


def written(folder: Path, files: Mapping[str, str], asgi: str) -> TargetConfig:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return TargetConfig(asgi=asgi, cwd=folder, env=ENV)


def made(config: TargetConfig, values: Mapping[str, str] = VALUES, clock: Callable[[], datetime] = now) -> Any:
    with mock.patch.dict(os.environ, config.environment(values)):
        return find_factory(config)(values, clock)


def test_each_instance_has_modules_of_its_own_with_its_environment(tmp_path: Path) -> None:
    files = {
        "of_mine/__init__.py": "",
        "of_mine/state.py": "import os\nWHERE, CALLS = os.environ['WHERE'], []\n",
        "of_mine/web.py": "from of_mine import state\ndef application():\n    return state\n",
    }
    config = written(tmp_path, files, "of_mine.web:application")

    with importing(config):
        one, other = made(config), made(config, {**VALUES, "database_url": "postgresql://b"})

    assert (one.WHERE, other.WHERE) == ("postgresql://a", "postgresql://b")
    assert one.CALLS is not other.CALLS
    assert not any(name.startswith("of_mine") for name in sys.modules)
    assert str(tmp_path) not in sys.path
    assert "WHERE" not in os.environ


def test_a_module_that_is_imported_later_is_found_and_shared_variables_are_there(tmp_path: Path) -> None:
    files = {
        "alone.py": "def web(scope):\n    import os, beside\n    return beside.X, os.environ['KEY'], os.environ.get('WHERE')\n",
        "beside.py": "X = 1\n",
    }
    config = written(tmp_path, files, "alone:web")

    with importing(config):
        assert made(config)(None) == (1, "key-of-the-environment", None)
    sys.modules.pop("beside")


def test_a_module_in_the_place_of_one_that_is_imported_is_the_applications(tmp_path: Path) -> None:
    config = written(
        tmp_path, {"tests/__init__.py": "", "tests/web.py": "app = 'of the application'\n"}, "tests.web:app"
    )
    outer = sys.modules["tests"]

    with importing(config):
        assert made(config) == "of the application"
    assert sys.modules["tests"] is outer


def test_what_leads_to_another_database_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {
        "DATABASE_URL": "postgres://real",
        "PGHOST": "real",
        "WHERE": "of the shell",
        "MONGO": "mongodb://real",
    }
    for variable, value in elsewhere.items():
        monkeypatch.setenv(variable, value)
    config = written(tmp_path, {}, "nowhere:app")

    with importing(config):
        assert not elsewhere.keys() & os.environ.keys()
    assert elsewhere.items() <= os.environ.items()


@pytest.mark.parametrize(
    ("text", "is_called"),
    [
        ("def app(): return 'made'", True),
        ("def app(clock): return clock()", True),
        ("def app(*, clock=None, more=1): return clock()", True),
        ("def app(scope, receive, send): ...", False),
        ("async def app(scope, receive, send): ...", False),
        ("class App:\n    def __call__(self): ...\napp = App()", False),
    ],
)
def test_a_factory_is_called_and_an_application_is_not(text: str, is_called: bool, tmp_path: Path) -> None:
    config = written(tmp_path, {"factory_or_not.py": text}, "factory_or_not:app")

    with importing(config):
        found = made(config)

    assert callable(found) is not is_called


@pytest.mark.parametrize(
    ("asgi", "message"),
    [
        ("nowhere.at_all:app", "nowhere.at_all:app cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("breaks:app", "breaks:app cannot be imported: KeyError: 'NO_SUCH_VARIABLE'"),
        ("fine:app", "fine:app cannot be imported: AttributeError: module 'fine' has no attribute 'app'"),
    ],
)
def test_what_cannot_be_imported_is_told(asgi: str, message: str, tmp_path: Path) -> None:
    files = {"breaks.py": "import os\nos.environ['NO_SUCH_VARIABLE']\n", "fine.py": ""}
    config = written(tmp_path, files, asgi)

    with importing(config), pytest.raises(EnvironmentFailed, match=f"^{message}"):
        made(config)
