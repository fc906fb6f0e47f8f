"""The services that the package describes, one file each. Those that need rules of their own are modules beside."""

import functools
import tomllib
from pathlib import Path

from cronproof.services.api import find_installed_hosts
from cronproof.services.declared import Declaration
from cronproof.services.service_config import ServiceConfig

_FOLDER = Path(__file__).parent
BUNDLED = tuple(sorted(file.stem for file in _FOLDER.glob("*.toml")))
"""Their names."""


@functools.cache
def load_bundled(name: str) -> Declaration:
    """Reads one of them."""
    text = (_FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    return ServiceConfig.model_validate(tomllib.loads(text)).declaration(name)


def find_hosts() -> dict[str, str]:
    """Finds the hosts of every service that needs no declaration, installed or bundled: the service at each."""
    return find_installed_hosts() | {host: name for name in BUNDLED for host in load_bundled(name).hosts}
