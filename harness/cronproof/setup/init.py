"""Writes a `cronproof.toml` for an application, from what its folder contains."""

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cronproof.config.config import Config
from cronproof.config.config_file import DEFAULT_FILE
from cronproof.errors import UsageError
from cronproof.services.bundled import BUNDLED
from cronproof.services.placeholders import usual_variables
from cronproof.setup.sources import SERVERS, Sources

_PROOF_OF_CALLER = r"(CRON|SCHEDULER|TASK).*(SECRET|TOKEN|KEY)"
_MEANINGS: Sequence[tuple[str, str]] = (
    (r"(^|_)(DATABASE|POSTGRES(QL)?|DB|PG)_?(PRISMA_)?UR[IL]$|^POSTGRES(QL)?_UR[IL]_", "database_url"),
    (r"SUPABASE.*(SERVICE|SECRET).*KEY|SERVICE_ROLE", "supabase_service_role_key"),
    (r"SUPABASE.*(ANON|PUBLISHABLE).*KEY", "supabase_anon_key"),
    (r"SUPABASE.*JWT", "supabase_jwt_secret"),
    (r"SUPABASE.*URL", "supabase_url"),
    (r"^(DB|DATABASE|POSTGRES|PG|SQL)_?HOST$", "database_host"),
    (r"^(DB|DATABASE|POSTGRES|PG|SQL)_?PORT$", "database_port"),
    (r"^(DB|DATABASE|POSTGRES|PG|SQL)_?(NAME|DB|DATABASE)$", "database_name"),
    (r"^(DB|DATABASE|POSTGRES|PG|SQL)_?USER(NAME)?$", "database_user"),
    (r"^(DB|DATABASE|POSTGRES|PG|SQL)_?PASS(WORD)?$", "database_password"),
    (_PROOF_OF_CALLER, "cron_secret"),
    (r"^PORT$", "port"),
)
_SECRET = re.compile(r"_(KEY|TOKEN|SECRET|PASSWORD)$")
_OWN_URL = re.compile(r"^(NEXT_PUBLIC_)?(APP|SITE|BASE)_URL$")
_SERVERS = re.compile(rf"\b({'|'.join([*SERVERS, 'django', 'gunicorn'])})\b")
_MIGRATIONS = (
    *(f"{place}/*.sql" for place in ("supabase/migrations", "migrations", "db/migrations", "prisma/migrations/*")),
    *("drizzle/*.sql", "sql/*.sql", "db/structure.sql", "db/schema.sql", "schema.sql"),
)
_SEEDS = ("seed.yaml", "seed.yml")
SCHEMA = Path("cronproof.schema.json")
PATH = "/api/cron/{cron}"


@dataclass(frozen=True)
class Found:
    """What was found of an application."""

    kind: str
    command: Sequence[str]
    variables: Sequence[str]
    required: Collection[str]
    """The variables without which it does not start."""
    migrations: str | None
    seed: str | None
    crons: Mapping[str, Path]
    """The source file of each cron, by its name."""
    path: str = PATH
    before: str | None = None
    """What must be done before the command runs."""
    migrate: Sequence[str] | None = None
    """The command that makes the schema."""

    @property
    def is_run(self) -> bool:
        """Whether each call is a process."""
        return any("{cron}" in word for word in self.command)


def write_config(sources: Sources) -> tuple[Path, Found]:
    """Writes the file, and its JSON Schema beside it for editors. Returns it with what was found.

    Raises:
        UsageError: there is no such folder, or it has a configuration already.
    """
    folder = sources.folder
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    file = folder / DEFAULT_FILE
    found = find_application(sources)
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


def find_application(sources: Sources) -> Found:
    """Detects the application in a folder by its usual files."""
    folder = sources.folder
    prefix, crons = sources.routes()
    found = Found(
        "unknown",
        ["./start-my-server", "{port}"],
        sorted(sources.variables()),
        sources.required(),
        next((pattern for pattern in _MIGRATIONS if any(folder.glob(pattern))), None),
        next((name for name in _SEEDS if (folder / name).is_file()), None),
        crons,
        PATH if prefix is None else f"{prefix}{{cron}}",
    )
    package = _package(folder)
    needed = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    migrate = ["npx", "knex", "migrate:latest"] if any(folder.glob("knexfile.*")) else None
    if "next" in needed:
        command = ["node_modules/.bin/next", "start", "--hostname", "127.0.0.1", "--port", "{port}"]
        return replace(found, kind="Next.js", command=command, before="npm ci && npm run build", migrate=migrate)
    if package:
        start = package.get("scripts", {}).get("start", "")
        command = start.split() if re.fullmatch(r"node [\w./-]+", start) else ["npm", "start"]
        return replace(found, kind="Node", command=command, before="npm ci", migrate=migrate)
    return _of_python(found, sources)


def _of_python(found: Found, sources: Sources) -> Found:
    folder = sources.folder
    needed = _python_dependencies(folder)
    place = ".venv/bin/" if (folder / ".venv").is_dir() else ""
    migrate = [f"{place}alembic", "upgrade", "head"] if (folder / "alembic.ini").is_file() else None
    if (folder / "manage.py").is_file():
        manage = [f"{place}python", "manage.py"]
        return replace(
            found,
            kind="Django",
            command=[*manage, "{cron}"],
            crons=sources.commands(),
            migrate=[*manage, "migrate"],
        )
    if not found.crons and not sources.have_server and not _SERVERS.search(needed or ""):
        if commands := sources.modules(_entry_points(folder)):
            before = None if all((folder / place / name).is_file() for name in commands) else "pip install -e ."
            return replace(
                found, kind="Python", command=[f"{place}{{cron}}"], crons=commands, migrate=migrate, before=before
            )
        top, scripts = sources.scripts()
        if scripts:
            script = (top.relative_to(folder) / "{cron}.py").as_posix()
            return replace(found, kind="Python", command=[f"{place}python", script], crons=scripts, migrate=migrate)
    if needed is None:
        return found
    servers = ("main.py", "app.py", "app/main.py", "src/main.py")
    server = next((name[:-3].replace("/", ".") for name in servers if (folder / name).is_file()), "main")
    command = [f"{place}python", f"{server.replace('.', '/')}.py"]
    if "fastapi" in needed or "starlette" in needed:
        command = [f"{place}uvicorn", f"{server}:app", "--host", "127.0.0.1", "--port", "{port}"]
    return replace(found, kind="Python", command=command, migrate=migrate)


def render_config(name: str, found: Found) -> str:
    """Renders the configuration, with optional settings as comments."""
    lines = [
        f"#:schema ./{SCHEMA.name}",
        "",
        "# What cronproof verifies. The format is https://toml.io; docs/your-app.md has the settings.",
        f"[targets.{name}]",
        *_started(found),
    ]
    if found.migrate:
        lines.append(f"migrate = {json.dumps(list(found.migrate))}          # makes the schema")
    if found.migrations:
        lines.append(f"migrations = {json.dumps([found.migrations])}")
    elif not found.migrate:
        lines.append('# migrations = ["migrations/*.sql"]  # your schema; without it the database is empty')
    if found.seed:
        lines.append(f"seed = {json.dumps(found.seed)}")
    else:
        lines.append('# seed = "seed.yaml"              # rows that every scenario has')
    lines += [
        *(
            []
            if found.is_run
            else [
                "# restart = true                  # new processes for every execution; slow, for servers that keep state"
            ]
        ),
        *(
            ["# copy_cwd = true                 # `next dev` needs a folder of its own for each instance"]
            if found.kind == "Next.js"
            else []
        ),
        "",
        f"[targets.{name}.env]",
        "# Each instance has addresses of its own. A service whose host is built into the application needs none: calls of",
        "# the hosts of services, bundled or declared, are led to stand-ins, and every other host is refused.",
    ]
    lines += _environment(found)
    for cron in found.crons:
        lines += ["", f"[crons.{cron if re.fullmatch(r'[A-Za-z0-9_-]+', cron) else json.dumps(cron)}]"]
    return "\n".join(lines) + "\n"


def _started(found: Found) -> Iterator[str]:
    if found.is_run:
        yield "# Started once for each call, in `cwd` (this file's folder unless you say otherwise). {cron} is the command."
        if found.before:
            yield f"# Before: {found.before}"
        yield f"run = {json.dumps(list(found.command))}" + (
            f"       # found: {', '.join(found.crons)}" if found.crons else ""
        )
        return
    yield "# Started once for each instance, in `cwd` (this file's folder unless you say otherwise)."
    if found.before:
        yield f"# Before: {found.before}"
    yield f"command = {json.dumps(list(found.command))}"
    yield '# ready = "/healthz"              # a path that answers when the server can be called; else its port must listen'
    yield "# ready_timeout = 60              # seconds"
    yield f"path = {json.dumps(found.path)}" + (f"       # found: {', '.join(found.crons)}" if found.crons else "")


def _environment(found: Found) -> Iterator[str]:
    given = {"PORT": "{port}", "DATABASE_URL": "{database_url}", "CRON_SECRET": "{cron_secret}"}
    named = found.variables or (["DATABASE_URL"] if found.is_run else list(given))
    if not found.is_run and not any(re.search(_PROOF_OF_CALLER, variable) for variable in named):
        named = [*named, "CRON_SECRET"]
    # The first pattern that matches a variable's name decides its placeholder.
    meanings = [*_MEANINGS, *usual_variables(BUNDLED)]
    for variable in named:
        placeholder = next((meant for pattern, meant in meanings if re.search(pattern, variable)), None)
        if found.kind == "Next.js" and variable.startswith("NEXT_PUBLIC_") and placeholder == "supabase_url":
            yield f"# {variable} is built into the application; https://<project>.supabase.co is led to the REST API of each instance"
            yield f'{variable} = "{{supabase_url}}"'
        elif placeholder is not None:
            yield f'{variable} = "{{{placeholder}}}"'
        elif _OWN_URL.match(variable):
            yield f'{variable} = "http://127.0.0.1:{{port}}"'
        elif variable in found.required or _SECRET.search(variable):
            yield f'{variable} = "made-up"'
        elif variable not in {"NODE_ENV", "PATH", "HOME"}:
            yield f'# {variable} = ""'


def _package(folder: Path) -> Mapping[str, Any]:
    try:
        package = json.loads((folder / "package.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return package if isinstance(package, dict) else {}


def _project(folder: Path) -> Mapping[str, Any] | None:
    """Returns `[project]` of a `pyproject.toml`; None if there is no such file, or it cannot be read."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    return project if isinstance(project, dict) else {}


def _entry_points(folder: Path) -> Mapping[str, str]:
    """Returns the commands that a Python project installs: what each calls, by its name."""
    scripts = (_project(folder) or {}).get("scripts", {})
    found = scripts.items() if isinstance(scripts, dict) else ()
    return {name: value for name, value in found if isinstance(value, str)}


def _python_dependencies(folder: Path) -> str | None:
    """Returns the dependencies of a Python project as text; None if it is none."""
    found = [file.read_text("utf-8", errors="replace") for file in folder.glob("requirements*.txt")]
    if (project := _project(folder)) is not None:
        found.append(" ".join(project.get("dependencies", [])) or " ")
    return "\n".join(found).lower() if found else None
