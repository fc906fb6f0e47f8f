"""The placeholders for services in a configuration, and the variables that usually hold them."""

from collections.abc import Callable, Iterable, Iterator

from cronproof.services.api import Meaning, find_installed
from cronproof.services.smtp import NAME

_ENDINGS: dict[Meaning, str] = {"url": "(API_)?(URL|HOST|BASE|BASE_URL)$", "key": "(API_)?(KEY|TOKEN)$"}
_MAIL = (
    (r"(^|_)(SMTP|E?MAIL)_(HOST|SERVER)$", f"services.{NAME}.host"),
    (r"(^|_)(SMTP|E?MAIL)_PORT$", f"services.{NAME}.port"),
    (r"(^|_)(SMTP|MAILER)_(URL|DSN)$", f"services.{NAME}.url"),
)


def find_placeholders() -> dict[str, tuple[str, Meaning]]:
    """Finds the short placeholders that installed services have: the service of each, and what it stands for."""
    return {
        placeholder: (name, meaning)
        for name, api in find_installed().items()
        for placeholder, meaning in api.placeholders.items()
    }


def usual_variables(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields patterns of environment variables, each with the placeholder for their value, for services of these names."""
    installed, short = find_installed(), find_placeholders()
    for placeholder, (name, meaning) in short.items():
        yield _pattern([name, *installed[name].words], meaning), placeholder
    for name in names:
        if (name, "url") not in short.values():
            yield _pattern([name], "url"), f"services.{name}.url"
    yield from _MAIL


def _pattern(words: Iterable[str], meaning: Meaning) -> str:
    return rf"(^|_)({'|'.join(word.upper() for word in words)})_{_ENDINGS[meaning]}"


def fill_in_mail(port: int) -> dict[str, str]:
    """Returns the values of the placeholders for the mail server at a port of this machine."""
    return {
        f"services.{NAME}.host": "127.0.0.1",
        f"services.{NAME}.port": str(port),
        f"services.{NAME}.url": f"{NAME}://127.0.0.1:{port}",
    }


def fill_in(address: Callable[[str], str], api_key: str, names: Iterable[str]) -> dict[str, str]:
    """Returns the values of the placeholders, given each service's address, for services of these names."""
    short = {
        placeholder: address(name) if meaning == "url" else api_key
        for placeholder, (name, meaning) in find_placeholders().items()
    }
    return {**{f"services.{name}.url": address(name) for name in names}, **short}
