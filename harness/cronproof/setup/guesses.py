"""Adds to a new configuration what each cron probably works on, and a first scenario for it, tried on the real schema."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from cronproof.config.config_file import ConfigFile
from cronproof.engine.plan import Plan
from cronproof.errors import CronproofError
from cronproof.postgres import lifecycle
from cronproof.postgres.connect import one_line
from cronproof.postgres.database import Database
from cronproof.postgres.server import server
from cronproof.scenario import reader
from cronproof.scenario.rows import Seed, inserts
from cronproof.services.bundled import find_hosts
from cronproof.services.smtp import NAME as SMTP
from cronproof.setup.first_scenario import Rows, make_rows, write_scenario
from cronproof.setup.guess import Guess, guess_work
from cronproof.setup.init import Found
from cronproof.setup.schema import Schema, read_schema
from cronproof.setup.sources import Call, Sources, find_calls, sends_mail
from cronproof.targets.schema_command import make_schema


@dataclass(frozen=True)
class _Service:
    """The service by which a cron sends, and what it takes to declare it."""

    name: str
    declared: Sequence[str] = ()
    is_known: bool = True
    """Whether it is known which field of a request is the recipient."""


async def add_guesses(file: Path, found: Found, sources: Sources) -> list[str]:
    """Appends the guesses to the file, and writes the scenarios beside it. Returns what it did, in lines to read."""
    if not found.crons:
        return ["No cron was found: declare what yours work on, docs/work.md says how."]
    config = ConfigFile(file)
    name = next(iter(config.targets))
    plan = Plan.for_target(config, name)
    try:
        async with server.open_server("embedded") as postgres, lifecycle.create_database(postgres) as database:
            await database.migrate([*plan.schema, *plan.migrations])
            await make_schema(name, plan.target_config, database)
            await database.prepare()
            declared = {service.name for service in config.services}
            return await _guess_each(file, found, sources, database, Seed.read(plan.seed_rows), declared)
    except CronproofError as error:
        return [
            f"What the crons work on could not be guessed: {error}",
            f"Mend {file}, and run `cronproof init` again.",
        ]


async def _guess_each(
    file: Path, found: Found, sources: Sources, database: Database, seed: Seed, declared: set[str]
) -> list[str]:
    """Guesses the work of each cron. `declared`: the services that are declared already."""
    schema = await read_schema(database)
    if not schema.tables:
        return [
            "The schema is empty, so nothing could be guessed: say `migrations` or `migrate`, docs/your-app.md has both."
        ]
    said, guesses, services = list[str](), list[Guess](), dict[str, _Service | None]()
    folder = file.parent / reader.SCENARIOS
    for cron, source in found.crons.items():
        guess = guess_work(cron, sources.code_of(cron, source), schema)
        if guess is None:
            said.append(
                f"{cron}: no table that it names has a column that it writes to say what is done; declare its work, "
                "`[work.NAME]`, as docs/work.md says, and write a scenario"
            )
            continue
        guesses.append(guess)
        service = services[cron] = _find_service_of(cron, found, sources)
        if service is None or not service.is_known:
            guess = replace(guess, recipient=None)  # nobody knows how it is sent, so no message can be asked for
        folder.mkdir(exist_ok=True)
        method = None if found.is_run else sources.method_of(cron, source)
        doubt = await _write_scenario(folder / f"{cron}.yaml", guess, schema, database, seed, method)
        what = f"{cron} works on {guess.table.name}, where {guess.due}: {reader.SCENARIOS / cron}.yaml"
        said.append(f"{what}, which is not right yet: {doubt}" if doubt else what)
    labels = {cron: source.relative_to(sources.folder) for cron, source in found.crons.items()}
    lines = list(_declare_all(guesses, labels, services, declared))
    with file.open("a", encoding="utf-8") as output:
        output.write("\n".join(["", *lines]) + "\n" if lines else "")
    return said


def _declare_all(
    guesses: Sequence[Guess], labels: Mapping[str, Path], services: Mapping[str, _Service | None], declared: set[str]
) -> Iterator[str]:
    """Yields the lines that declare all works. Crons that claim in the same way do the same one. By cron: its source, and
    the service by which it sends.
    """
    works: dict[tuple[str, str], list[Guess]] = {}
    for guess in guesses:
        works.setdefault((guess.table.name, guess.claimed), []).append(guess)
    for of_work in works.values():
        guess = min(of_work, key=lambda one: len(one.due))
        service = services[guess.cron] if guess.recipient else None
        if service is not None and service.name not in declared:
            declared.add(service.name)
            yield from service.declared
        yield f"# A guess from {labels[guess.cron]}: read it through. docs/work.md explains each line."
        yield from _declare(guess, [one.cron for one in of_work], service)


def _declare(guess: Guess, crons: Sequence[str], service: _Service | None) -> Iterator[str]:
    """Yields the lines that declare a work."""
    name = re.sub(r"[^\w-]", "-", guess.cron)
    yield f"[work.{name}]"
    yield f"table = {json.dumps(guess.table.name)}"
    yield f"unit = {json.dumps(_singular(guess.table.name))}"
    for key, value in (("due", guess.due), ("since", guess.since), ("claimed", guess.claimed), ("done", guess.done)):
        if value is not None:
            yield f"{key} = {json.dumps(value)}"
    yield f"crons = {json.dumps(list(crons))}"
    yield ""
    if guess.recipient is not None and service is not None:
        mark = "" if service.is_known else "# "
        yield f"{mark}[work.{name}.message]"
        yield f"{mark}service = {json.dumps(service.name)}"
        yield f"{mark}match = {{ to = {json.dumps(guess.recipient)} }}"
        yield ""


def _singular(table: str) -> str:
    """Returns the word for a row of a table: the last one of its name."""
    word = re.split(r"[._]", table.replace('"', ""))[-1]
    return f"{word[:-3]}y" if word.endswith("ies") else word if word.endswith("ss") else word.removesuffix("s")


def _find_service_of(cron: str, found: Found, sources: Sources) -> _Service | None:
    """Finds by which service a cron sends: what its own code calls, else what any code does."""
    source = found.crons[cron]
    codes = (sources.code_of(cron, source), "\n".join(sources.files.values()))
    label = source.relative_to(sources.folder)
    return next(filter(None, (_find_service(code, label) for code in codes)), None)


def _find_service(code: str, source: Path) -> _Service | None:
    """Finds by which service code sends, if it calls one."""
    if sends_mail(code):
        return _Service(SMTP)
    of_host = find_hosts()
    calls = list(find_calls(code))
    known = next((call for call in calls if call.host in of_host), None)
    if known is not None:
        return _Service(of_host[known.host])
    return next((_own_service(call, source) for call in calls), None)


def _own_service(call: Call, source: Path) -> _Service:
    labels = [label for label in call.host.split(".")[:-1] if label not in {"api", "www"}]
    name = re.sub(r"[^a-z0-9-]", "-", labels[-1] if labels else call.host.split(".", maxsplit=1)[0])
    fields = {"to": call.to, "text": call.text}
    message = ", ".join(f'{field} = "{found}"' for field, found in fields.items() if found)
    answer = ", ".join(f'{field} = "{{uuid}}"' for field in call.answered or ["id"])
    declared = [
        f"# A guess from {source}: which fields of the request are the message, and what is answered. docs/services.md",
        f"[services.{name}]",
        f"hosts = {json.dumps([call.host])}",
        "",
        f"[[services.{name}.routes]]",
        f'request = "{call.method} {call.path}"',
        f"message = {{ {message} }}" if call.to else '# message = { to = "…", text = "…" }',
        f"answer = {{ status = 200, body = {{ {answer} }} }}",
        "",
    ]
    return _Service(name, declared, is_known=call.to is not None)


async def _write_scenario(
    file: Path, guess: Guess, schema: Schema, database: Database, seed: Seed, method: str | None
) -> str | None:
    """Writes the scenario of a cron unless it is there, and tries its rows. Returns what is wrong with them. A command has no
    `method`.
    """
    if file.exists():
        return None
    rows = make_rows(guess, schema.tables, seed.rows)
    file.write_text(write_scenario(guess, rows, method=method, doubt=None), encoding="utf-8")
    doubt = await _find_doubt(file, guess, rows, database, seed)
    if doubt is not None:
        file.write_text(write_scenario(guess, rows, method=method, doubt=doubt), encoding="utf-8")
    return doubt


async def _find_doubt(file: Path, guess: Guess, rows: Rows, database: Database, seed: Seed) -> str | None:
    try:
        read = reader.read_scenario(file)
        await database.script([row.statement for row in inserts(read, seed, database.catalog, None)])
        query = f"select count(*) from {guess.table.name} where {guess.due}"  # noqa: S608  (our own guess, in a database of ours)
        ((due,),) = await database.fetch(query.encode())
    except psycopg.Error as error:
        return one_line(error)
    except CronproofError as error:
        return str(error)
    given = len(rows[guess.table.name])
    return None if due >= given else f"of its {given} rows, {due} are due"
