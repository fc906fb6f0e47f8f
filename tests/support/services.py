"""The services as tests look at them."""

from typing import TypeVar

from cronproof.services.api import Api
from cronproof.services.bundled.openphone import OpenPhone
from cronproof.services.services import Services

HOSTS = Services(frozenset()).hosts
"""The service at each host."""

Kind = TypeVar("Kind", bound=Api)


def api_of(services: Services, name: str, kind: type[Kind]) -> Kind:
    api = services.apis[name]
    assert isinstance(api, kind)
    return api


def openphone_of(services: Services) -> OpenPhone:
    return api_of(services, "openphone", OpenPhone)
