"""What the sources of an application show: its crons, the variables that it reads, the hosts that it calls."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cronproof.domain.instance import CRON_NAME

_VARIABLE = re.compile(
    r"""process\.env\.([A-Z][A-Z0-9_]+)|process\.env\[["']([A-Z][A-Z0-9_]+)|(?:environ(?:\.get)?|getenv)[(\[]["']([A-Z][A-Z0-9_]+)"""
)
_REQUIRED = re.compile(r"""environ\[["']([A-Z][A-Z0-9_]+)""")
_ROUTE = re.compile(r"""["'`](/[\w./-]*?(?:cron|job|task)s?/)([a-z][\w-]*)["'`]""")
_CALL = re.compile(r"""https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/[^\s"'`?#)]*)?)""", re.IGNORECASE)
_METHOD = re.compile(r"""(?:method:\s*["']|\.|method=["'])(post|put|patch|POST|PUT|PATCH)\b""")
_MAIL = re.compile(
    r"\b(smtplib|aiosmtplib|nodemailer|send_mail|EmailMessage|EmailMultiAlternatives|ActionMailer|SmtpClient)\b"
)
_AFTER_BASE = re.compile(r"""(?:\}|["'`]\s*\+\s*["'`])(/[\w./${}-]+)""")
_ANSWER = re.compile(r"""(\w+)\s*=\s*\(?\s*(?:await\s+)?\(?(?:await\s+)?[\w.]+(?:\([^()]*\))?\.json\(\)""")
_DEFINED = re.compile(
    r"^(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:def|function)\s+(\w+)|^(?:export\s+)?(?:const|let)\s+(\w+)\s*="
    r"|^([A-Z][A-Z0-9_]+)\s*(?::[^=\n]+)?=",
    re.MULTILINE,
)
_BODY_OF_FETCH = re.compile(r"\bbody\s*:\s*JSON\.stringify")
_KEY = re.compile(r"""(?:^|[\s{(,])["']?(\w+)["']?\s*[:=](?!=)""", re.MULTILINE)
_PART = re.compile(r"\$?\{[^}]*\}|%s|:\w+")
_IS_PROGRAM = re.compile(r"""^if\s+__name__\s*==\s*["']__main__["']""", re.MULTILINE)
_IMPORTED = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)
SERVERS = (
    *("fastapi", "starlette", "flask", "quart", "sanic", "litestar", "tornado", "bottle", "falcon"),
    *("uvicorn", "hypercorn"),
)
"""The packages by which an application in Python is a server."""
_SERVER = re.compile(rf"^\s*(?:from|import)\s+(?:{'|'.join(SERVERS)})\b", re.MULTILINE)
_USES_DATABASE = re.compile(r"\b(psycopg2?|asyncpg|sqlalchemy|pg8000|aiopg|peewee|DATABASE_URL)\b")
_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx", ".py", ".rb", ".php", ".go"})
_MODEL = re.compile(r"^class (\w+)\b", re.MULTILINE)
_TABLE_OF_MODEL = re.compile(r"""\b(?:db_table|__tablename__)\s*=\s*["']([\w.]+)["']""")
_WHOLE_BODY = frozenset({"data", "json", "body", "payload"})
"""What libraries call the whole body of a request."""
_NOT_SOURCES = frozenset(
    {"node_modules", ".next", ".git", ".venv", "venv", "dist", "build", "tests", "test", "__pycache__", "migrations"}
)
_NOT_CALLED = re.compile(
    r"(^|\.)(w3\.org|schema\.org|github\.com|example\.(com|org)|localhost|djangoproject\.com|nextjs\.org)$"
)
_MAX_BYTES = 500_000
DEPTH = 3
"""How far calls are followed."""
TO = ("to", "recipient", "email", "phone", "phone_number", "to_email", "chat_id", "address")
TEXT = ("text", "body", "content", "message", "html", "html_body")


@dataclass(frozen=True)
class Call:
    """A request to a host outside, as the sources write it."""

    host: str
    path: str
    method: str
    to: str | None
    """The name of the field with the recipient, if one looks like it."""
    text: str | None
    answered: Sequence[str] = ()
    """The fields that are read of the answer."""


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

    def required(self) -> set[str]:
        """Finds the environment variables without which Python fails."""
        return {name for text in self.files.values() for name in _REQUIRED.findall(text)}

    def commands(self) -> dict[str, Path]:
        """Finds the management commands of Django, by name."""
        return {
            file.stem: file
            for file in self.files
            if file.parent.parts[-2:] == ("management", "commands") and not file.stem.startswith("_")
        }

    def scripts(self) -> tuple[Path, dict[str, Path]]:
        """Finds the Python files that are run as they are and use a database: the folder of most of them, and those in it,
        by name.
        """
        programs = [file for file, text in self.files.items() if file.suffix == ".py" and _USES_DATABASE.search(text)]
        guarded = [file for file in programs if _IS_PROGRAM.search(self.files[file])]
        imported = {name for text in self.files.values() for name in _IMPORTED.findall(text)}
        at_the_top = [file for file in programs if file.parent == self.folder and file.stem not in imported]
        found = guarded or at_the_top
        folders = Counter(file.parent for file in found).most_common(1)
        usual = folders[0][0] if folders else self.folder
        return usual, {file.stem: file for file in found if file.parent == usual and re.fullmatch(CRON_NAME, file.stem)}

    @property
    def have_server(self) -> bool:
        """Whether they import what makes an application in Python a server."""
        return any(_SERVER.search(text) for file, text in self.files.items() if file.suffix == ".py")

    def modules(self, entry_points: Mapping[str, str]) -> dict[str, Path]:
        """Finds the files of entry points, by name: `package.module:function` is in `package/module.py`."""
        named = {name: value for name, value in entry_points.items() if re.fullmatch(CRON_NAME, name)}
        found = {name: self._find_module(value.partition(":")[0]) for name, value in named.items()}
        return {name: file for name, file in found.items() if file is not None}

    def _find_module(self, name: str) -> Path | None:
        place = Path(*name.split("."))
        in_package = (place.with_suffix(".py"), place / "__init__.py")
        files = (*in_package, *("src" / file for file in in_package))
        return next((self.folder / file for file in files if self.folder / file in self.files), None)

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

    def method_of(self, cron: str, file: Path) -> str:
        """Returns the HTTP method of a cron's route: POST where it takes no GET."""
        text = self.files[file]
        of_route = re.search(rf"""\.(get|post)\(\s*["'`][^"'`]*{re.escape(cron)}["'`]""", text)
        if of_route is not None:
            return of_route[1].upper()
        methods = set(re.findall(r"\b(?:function|const)\s+(GET|POST)\b", text))
        return "POST" if methods == {"POST"} else "GET"

    def code_of(self, cron: str, file: Path) -> str:
        """Returns the code of a cron: of the file that is its own, else of the functions of its name; and what that calls
        or names in turn.
        """
        parts = self._parts()
        names = {cron.replace("-", "_"), re.sub(r"[-_](\w)", lambda part: part[1].upper(), cron)}
        own = [part for name in sorted(names) for part in parts.get(name, ())]
        code = [self.files[file]] if cron in {file.stem, file.parent.name} or not own else own
        for _ in range(DEPTH):
            named = set(re.findall(r"\b(\w+)\(|\b([A-Z][A-Z0-9_]{2,})\b", "\n".join(code)))
            more = [part for pair in sorted(named) for name in pair for part in parts.get(name, ()) if part not in code]
            code += list(dict.fromkeys(more))
        return "\n".join([*code, *self._named_tables("\n".join(code))])

    def _named_tables(self, code: str) -> Iterator[str]:
        """Yields the table of each model that code names, where the model says another name than its own."""
        for text in self.files.values():
            starts = [*_MODEL.finditer(text)]
            ends = [model.start() for model in starts[1:]] + [len(text)]
            for model, end in zip(starts, ends, strict=False):
                table = _TABLE_OF_MODEL.search(text, model.end(), end)
                yield from [table[1]] * len(re.findall(rf"\b{model[1]}\b", code)) if table else []

    def _parts(self) -> Mapping[str, list[str]]:
        """Finds the functions and constants at the top of files, by name."""
        parts: dict[str, list[str]] = {}
        for text in self.files.values():
            found = list(_DEFINED.finditer(text))
            ends = [definition.start() for definition in found[1:]]
            for definition, end in zip(found, [*ends, len(text)], strict=False):
                name = next(filter(None, definition.groups()))
                parts.setdefault(name, []).append(text[definition.start() : end])
        return parts


def sends_mail(code: str) -> bool:
    """Whether code sends mail by SMTP."""
    return _MAIL.search(code) is not None


def find_calls(code: str) -> Iterator[Call]:
    """Yields the requests to hosts outside in code."""
    for match in _CALL.finditer(code):
        host, path = match[1].lower(), match[2]
        if _NOT_CALLED.search(host):
            continue
        start, end = match.span()
        if path in {"", "/"} and (later := _AFTER_BASE.search(code, end) or _AFTER_BASE.search(code)):
            path = later[1]  # the host is a constant, to which the path is added
            start, end = later.span()
        after = code[end : end + 600]
        keys = [key.lower() for key in _KEY.findall(after)]
        if _BODY_OF_FETCH.search(after):
            keys = [key for key in keys if key != "body"]
        method = _METHOD.search(code[max(start - 80, 0) : start] + after)
        numbers = itertools.count(1)
        anywhere = [key.lower() for key in _KEY.findall(code)]  # where the address is a constant
        yield Call(
            host,
            _PART.sub(lambda _, n=numbers: f"{{part{next(n)}}}", path) or "/",
            method[1].upper() if method else "POST",
            _nested(
                next((name for name in TO if name in keys), None)
                or next((name for name in TO if name in anywhere), None),
                code,
            ),
            _within(next((name for name in TEXT if name in keys), None), code),
            _answered(code),
        )


def _nested(name: str | None, code: str) -> str | None:
    """Returns the name of a field, with that of the first field in it if it is an object."""
    inner = re.search(rf"""["']?\b{name}["']?\s*:\s*\{{\s*["']?(\w+)""", code) if name else None
    return f"{name}.{inner[1]}" if inner else name


def _within(name: str | None, code: str) -> str | None:
    """Returns the name of a field, after that of the object that it is the first field of, if there is one."""
    outer = re.search(rf"""["']?\b(\w+)["']?\s*:\s*\{{\s*["']?{name}\b["']?\s*:""", code) if name else None
    return f"{outer[1]}.{name}" if outer and outer[1] not in _WHOLE_BODY else name


def _answered(text: str) -> list[str]:
    """Finds the fields that are read of a JSON answer."""
    names = _ANSWER.findall(text)
    found = re.findall(r"""\.json\(\)\)?(?:\.(\w+)|\[["'](\w+)["']\]|\.get\(["'](\w+))""", text)
    for name in names:
        found += re.findall(rf"""\b{name}(?:\??\.(?!get\b)(\w+)|\[["'](\w+)["']\]|\.get\(["'](\w+))""", text)
    return list(dict.fromkeys(name for groups in found for name in groups if name))


def _find(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir() and path.name not in _NOT_SOURCES and not path.name.startswith("."):
            yield from _find(path)
        elif path.suffix in _SUFFIXES and path.is_file() and path.stat().st_size < _MAX_BYTES:
            yield path
