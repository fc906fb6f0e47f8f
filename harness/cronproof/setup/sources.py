"""What the sources of an application show: its crons, the variables that it reads, the hosts that it calls."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_VARIABLE = re.compile(
    r"""process\.env\.([A-Z][A-Z0-9_]+)|process\.env\[["']([A-Z][A-Z0-9_]+)|(?:environ(?:\.get)?|getenv)[(\[]["']([A-Z][A-Z0-9_]+)"""
)
_ROUTE = re.compile(r"""["'`](/[\w./-]*?(?:cron|crons|jobs|tasks)/)([a-z][\w-]*)["'`]""")
_CALL = re.compile(r"""https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/[^\s"'`?#)]*)?)""", re.IGNORECASE)
_METHOD = re.compile(r"""(?:method:\s*["']|\.|method=["'])(post|put|patch|POST|PUT|PATCH)\b""")
_MAIL = re.compile(
    r"\b(smtplib|aiosmtplib|nodemailer|send_mail|EmailMessage|EmailMultiAlternatives|ActionMailer|SmtpClient)\b"
)
_KEY = re.compile(r"""(?:^|[\s{(,])["']?(\w+)["']?\s*[:=](?!=)""", re.MULTILINE)
_PART = re.compile(r"\$?\{[^}]*\}|%s|:\w+")
_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx", ".py", ".rb", ".php", ".go"})
_NOT_SOURCES = frozenset(
    {"node_modules", ".next", ".git", ".venv", "venv", "dist", "build", "tests", "test", "__pycache__", "migrations"}
)
_NOT_CALLED = re.compile(
    r"(^|\.)(w3\.org|schema\.org|github\.com|example\.(com|org)|localhost|djangoproject\.com|nextjs\.org)$"
)
_MAX_BYTES = 500_000
TO = ("to", "recipient", "email", "phone", "phone_number", "to_email", "chat_id", "address")
TEXT = ("text", "body", "content", "message", "html", "html_body")


@dataclass(frozen=True)
class Call:
    """A request to a host outside, as the sources write it."""

    host: str
    path: str
    method: str
    file: Path
    to: str | None
    """The name of the field with the recipient, if one looks like it."""
    text: str | None


@dataclass(frozen=True)
class Sources:
    """The source files of an application, by path."""

    folder: Path
    files: Mapping[Path, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "Sources":
        """Reads them, except what others wrote and what is large."""
        return cls(folder, {file: file.read_text("utf-8", errors="replace") for file in _find(folder)})

    def variables(self) -> set[str]:
        """Finds the environment variables that they read, or that `.env*` files name."""
        names = {name for text in self.files.values() for groups in _VARIABLE.findall(text) for name in groups if name}
        for file in self.folder.glob(".env*"):
            if file.is_file():
                text = file.read_text("utf-8", errors="replace")
                names |= set(re.findall(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]+)\s*=", text, re.MULTILINE))
        return names

    def commands(self) -> dict[str, Path]:
        """Finds the management commands of Django, by name."""
        return {
            file.stem: file
            for file in self.files
            if file.parent.parts[-2:] == ("management", "commands") and not file.stem.startswith("_")
        }

    def routes(self) -> tuple[str | None, dict[str, Path]]:
        """Finds the crons that are routes, by name, and the path before their names; None if there are none."""
        found: dict[str, Path] = {}
        for file in self.files:
            parts = file.relative_to(self.folder).parts
            if parts[-4:-2] == ("api", "cron") and file.stem == "route":
                found[parts[-2]] = file
            elif parts[-3:-1] == ("api", "cron") and "pages" in parts:
                found[file.stem] = file
        if found:
            return "/api/cron/", found
        named = [(prefix, name, file) for file, text in self.files.items() for prefix, name in _ROUTE.findall(text)]
        if not named:
            return None, {}
        ((usual, _),) = Counter(prefix for prefix, _, _ in named).most_common(1)
        return usual, {name: file for prefix, name, file in named if prefix == usual}

    def calls(self, files: Sequence[Path]) -> Iterator[Call]:
        """Yields the requests in these files."""
        for file in files:
            text = self.files[file]
            for match in _CALL.finditer(text):
                host = match[1].lower()
                if _NOT_CALLED.search(host):
                    continue
                after = text[match.end() : match.end() + 600]
                keys = [key.lower() for key in _KEY.findall(after)]
                method = _METHOD.search(text[max(match.start() - 40, 0) : match.start()] + after)
                numbers = iter(range(1, 100))
                path = _PART.sub(lambda _, n=numbers: f"{{part{next(n)}}}", match[2]) or "/"
                yield Call(
                    host,
                    path,
                    method[1].upper() if method else "POST",
                    file.relative_to(self.folder),
                    next((name for name in TO if name in keys), None),
                    next((name for name in TEXT if name in keys), None),
                )

    def sends_mail(self, files: Sequence[Path]) -> bool:
        """Whether these files send mail by SMTP."""
        return any(_MAIL.search(self.files[file]) for file in files)


def _find(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir() and path.name not in _NOT_SOURCES and not path.name.startswith("."):
            yield from _find(path)
        elif path.suffix in _SUFFIXES and path.is_file() and path.stat().st_size < _MAX_BYTES:
            yield path
