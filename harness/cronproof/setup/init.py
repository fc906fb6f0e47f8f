"""Writes a `cronproof.toml` for an application, from what its folder contains."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cronproof.config.config import Config
from cronproof.config.config_file import DEFAULT_FILE
from cronproof.errors import UsageError
from cronproof.services.placeholders import EXAMPLE_HOST, TITLES, USUAL_VARIABLES

# The first pattern that matches an environment variable's name decides its placeholder.
_MEANINGS: Sequence[tuple[str, str]] = (
    (r"(^|_)(DATABASE|POSTGRES(QL)?|DB|PG)_?(PRISMA_)?UR[IL]$|^POSTGRES(QL)?_UR[IL]_", "database_url"),
    (r"SUPABASE.*(SERVICE|SECRET).*KEY|SERVICE_ROLE", "supabase_service_role_key"),
    (r"SUPABASE.*(ANON|PUBLISHABLE).*KEY", "supabase_anon_key"),
    (r"SUPABASE.*JWT", "supabase_jwt_secret"),
    (r"SUPABASE.*URL", "supabase_url"),
    *USUAL_VARIABLES,
    (r"CRON.*SECRET", "cron_secret"),
    (r"^PORT$", "port"),
)
_OWN_URL = re.compile(r"^(NEXT_PUBLIC_)?(APP|SITE|BASE)_URL$")
_VARIABLE = re.compile(
    r"""process\.env\.([A-Z][A-Z0-9_]+)|process\.env\[["']([A-Z][A-Z0-9_]+)|(?:environ(?:\.get)?|getenv)[(\[]["']([A-Z][A-Z0-9_]+)"""
)
_SOURCES = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx", ".py"})
_NOT_SOURCES = frozenset(
    {"node_modules", ".next", ".git", ".venv", "venv", "dist", "build", "tests", "test", "__pycache__"}
)
_MIGRATIONS = ("supabase/migrations", "migrations", "db/migrations", "prisma/migrations/*", "drizzle", "sql")
_SEEDS = ("seed.yaml", "seed.yml")
SCHEMA = Path("cronproof.schema.json")
PATH = "/api/cron/{cron}"
_MAX_SOURCE_BYTES = 500_000


@dataclass(frozen=True)
class Found:
    """What was found of an application."""

    kind: str
    command: Sequence[str]
    before: str | None
    """What must be done before the command runs."""
    variables: Sequence[str]
    migrations: str | None
    seed: str | None
    crons: Sequence[str]


def write_config(folder: Path) -> tuple[Path, Found]:
    """Writes the file, and its JSON Schema beside it for editors. Returns it with what was found.

    Raises:
        UsageError: there is no such folder, or it has a configuration already.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    file = folder / DEFAULT_FILE
    found = find_application(folder)
    name = re.sub(r"[^a-z0-9-]+", "-", folder.resolve().name.lower()).strip("-") or "app"
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(render_config(name, found))
        schema = json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
        file.with_name(SCHEMA.name).write_text(schema, encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{file} is there already; edit it, or remove it first") from None
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from None
    return file, found


def find_application(folder: Path) -> Found:
    """Detects the application in a folder by its usual files."""
    crons = _crons(folder)
    variables = sorted(_variables(folder))
    migrations = next((f"{place}/*.sql" for place in _MIGRATIONS if any(folder.glob(f"{place}/*.sql"))), None)
    seed = next((name for name in _SEEDS if (folder / name).is_file()), None)
    package = _package(folder)
    needed = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    if "next" in needed:
        command = ["node_modules/.bin/next", "start", "--hostname", "127.0.0.1", "--port", "{port}"]
        return Found("Next.js", command, "npm ci && npm run build", variables, migrations, seed, crons)
    if package:
        start = package.get("scripts", {}).get("start", "")
        command = start.split() if re.fullmatch(r"node [\w./-]+", start) else ["npm", "start"]
        return Found("Node", command, "npm ci", variables, migrations, seed, crons)
    python = _python_dependencies(folder)
    if python is not None:
        server = next((file.stem for file in (folder / "main.py", folder / "app.py") if file.exists()), "main")
        served = "fastapi" in python or "starlette" in python
        command = (
            ["uvicorn", f"{server}:app", "--host", "127.0.0.1", "--port", "{port}"]
            if served
            else ["python", f"{server}.py"]
        )
        if (folder / ".venv").is_dir():
            command[0] = f".venv/bin/{command[0]}"
        return Found("Python", command, None, variables, migrations, seed, crons)
    return Found("unknown", ["./start-my-server", "{port}"], None, variables, migrations, seed, crons)


def render_config(name: str, found: Found) -> str:
    """Renders the configuration, with optional settings as comments."""
    lines = [
        f"#:schema ./{SCHEMA.name}",
        "",
        "# What cronproof verifies. The format is https://toml.io; docs/your-app.md has the settings.",
        f"[targets.{name}]",
        "# Started once for each instance, in `cwd` (this file's folder unless you say otherwise).",
        *([f"# Before: {found.before}"] if found.before else []),
        f"command = {json.dumps(list(found.command))}",
        '# ready = "/healthz"              # a path that answers when the server can be called; else its port must listen',
        "# ready_timeout = 60              # seconds",
        f"path = {json.dumps(PATH)}" + (f"       # found: {', '.join(found.crons)}" if found.crons else ""),
    ]
    if found.migrations:
        lines.append(f"migrations = {json.dumps([found.migrations])}")
    else:
        lines.append('# migrations = ["migrations/*.sql"]  # your schema; without it the database is empty')
    if found.seed:
        lines.append(f"seed = {json.dumps(found.seed)}")
    else:
        lines.append('# seed = "seed.yaml"              # rows that every scenario has')
    lines += [
        "# restart = true                  # new processes for every execution; slow, for servers that keep state",
        *(
            ["# copy_cwd = true                 # `next dev` needs a folder of its own for each instance"]
            if found.kind == "Next.js"
            else []
        ),
        "",
        f"[targets.{name}.env]",
        f"# Each instance has addresses of its own. {TITLES} need none: calls of",
        f"# https://{EXAMPLE_HOST} and so on are led to stand-ins, and every other host is refused.",
    ]
    lines += _environment(found)
    for cron in found.crons:
        lines += ["", f"[crons.{json.dumps(cron) if '.' in cron else cron}]"]
    return "\n".join(lines) + "\n"


def _environment(found: Found) -> Iterator[str]:
    given = {"PORT": "{port}", "DATABASE_URL": "{database_url}", "CRON_SECRET": "{cron_secret}"}
    named = found.variables or list(given)
    if "CRON_SECRET" not in named:
        named = [*named, "CRON_SECRET"]
    for variable in named:
        placeholder = next((meant for pattern, meant in _MEANINGS if re.search(pattern, variable)), None)
        if found.kind == "Next.js" and variable.startswith("NEXT_PUBLIC_") and placeholder == "supabase_url":
            yield f"# {variable} is built into the application; https://<project>.supabase.co is led to the REST API of each instance"
            yield f'{variable} = "{{supabase_url}}"'
        elif placeholder is not None:
            yield f'{variable} = "{{{placeholder}}}"'
        elif _OWN_URL.match(variable):
            yield f'{variable} = "http://127.0.0.1:{{port}}"'
        elif variable not in {"NODE_ENV", "PATH", "HOME"}:
            yield f'# {variable} = ""'


def _package(folder: Path) -> Mapping[str, Any]:
    try:
        package = json.loads((folder / "package.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return package if isinstance(package, dict) else {}


def _python_dependencies(folder: Path) -> str | None:
    """Returns the dependencies of a Python project as text; None if it is none."""
    found = [file.read_text("utf-8", errors="replace") for file in folder.glob("requirements*.txt")]
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
        found.append(" ".join(project.get("project", {}).get("dependencies", [])) or " ")
    except (OSError, ValueError):
        pass
    return "\n".join(found).lower() if found else None


def _crons(folder: Path) -> list[str]:
    """Finds the crons that are route handlers of the App Router or the Pages Router of Next.js."""
    routes = [*folder.glob("app/api/cron/*/route.*"), *folder.glob("src/app/api/cron/*/route.*")]
    pages = [*folder.glob("pages/api/cron/*.*"), *folder.glob("src/pages/api/cron/*.*")]
    return sorted({*(route.parent.name for route in routes), *(page.stem for page in pages)})


def _variables(folder: Path) -> set[str]:
    """Finds the environment variables that the sources read or `.env*` files name."""
    names = set[str]()
    for file in folder.glob(".env*"):
        if file.is_file():
            names |= set(
                re.findall(
                    r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]+)\s*=", file.read_text("utf-8", errors="replace"), re.MULTILINE
                )
            )
    for source in _sources(folder):
        for groups in _VARIABLE.findall(source.read_text("utf-8", errors="replace")):
            names.update(filter(None, groups))
    return names


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir() and path.name not in _NOT_SOURCES and not path.name.startswith("."):
            yield from _sources(path)
        elif path.suffix in _SOURCES and path.is_file() and path.stat().st_size < _MAX_SOURCE_BYTES:
            yield path
