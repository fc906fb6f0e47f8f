"""The placeholders that say where the database is: as a URL, and in parts for frameworks that want these."""

from typing import Literal
from urllib.parse import unquote, urlsplit

DatabasePlaceholder = Literal[
    "database_url", "database_host", "database_port", "database_name", "database_user", "database_password"
]


def find_parts(url: str) -> dict[str, str]:
    """Returns the values of the placeholders for a database at a URL."""
    parts = urlsplit(url)
    return {
        "database_url": url,
        "database_host": parts.hostname or "",
        "database_port": str(parts.port),
        "database_name": parts.path.removeprefix("/"),
        "database_user": unquote(parts.username or ""),
        "database_password": unquote(parts.password or ""),
    }
