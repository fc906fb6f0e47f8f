"""A session: what is kept warm between scenarios."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cronproof.domain.application import Alias, Application
from cronproof.engine.session import Session, open_session_on
from cronproof.errors import InvalidConfig, InvalidScenario
from cronproof.postgres.server.server import Server
from cronproof.scenario import reader
from cronproof.scenario.reader import ScenarioFile
from tests.support import reference
from tests.support.command import RACE
from tests.support.database import Await
from tests.support.paths import ROOT

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def opened(postgres: Server) -> AsyncIterator[Session]:
    async with open_session_on(postgres, reference.plan()) as session:
        yield session


def race(folder: Path, *changes: tuple[str, str], name: str = "race.yaml") -> ScenarioFile:
    """The race, with some text replaced."""
    text = (ROOT / RACE).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / name).write_text(text)
    return reader.read_scenario(folder / name)


def test_rows_that_the_database_refuses_are_told_of_all_files(postgres: Server, await_: Await, tmp_path: Path) -> None:
    wrong = [race(tmp_path, ("status: completed", "status: finished"), name=f"{name}.yaml") for name in "ab"]

    async def main() -> None:
        async with opened(postgres) as session:
            await session.compile([race(tmp_path)])
            await session.compile([race(tmp_path), *wrong])

    with pytest.raises(InvalidScenario) as invalid:
        await_(main())

    assert [mistake.file.name for mistake in invalid.value.mistakes] == ["a.yaml", "b.yaml"]


def test_a_cron_that_the_configuration_does_not_name_is_told(postgres: Server, await_: Await, tmp_path: Path) -> None:
    wrong = race(
        tmp_path, ("call: post-job-followup", "call: [post-job-followup, crew-briefin]"), ("  instances: 2\n", "")
    )

    async def main() -> None:
        async with opened(postgres) as session:
            await session.compile([wrong])

    with pytest.raises(
        InvalidScenario,
        match=r"race.yaml:14:29: 'crew-briefin' is no cron of the configuration; did you mean 'crew-briefing'",
    ):
        await_(main())


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("  instances: 2\n", "  instances: 2\n  faults: [dyes]\n", "there is no fault 'dyes'; did you mean 'dies'"),
        ("  instances: 2\n", "  instances: 2\n  faults: pair\n", "there is no fault 'pair'"),
        (
            "given:\n",
            "given:\n  services: {openphon: {refuses: []}}\n",
            "there is no service 'openphon'; did you mean 'openphone'",
        ),
        (
            "given:\n",
            "given:\n  services: {telegram: {refuses: [{error: conflict}]}}\n",
            "telegram has no error 'conflict'; one of: unauthorized, rate-limited, unknown-error, bad-gateway",
        ),
        (
            "given:\n",
            "given:\n  services: {openphone: {options: {envelope: round}}}\n",
            "openphone has no option envelope: round; it has envelope: flat | wrapped",
        ),
        (
            "then:\n",
            "then:\n  - delivery: {units: [32], known: [{fault: [dyes], outcome: twice, reason: so it is}]}\n",
            "there is no fault 'dyes'",
        ),
    ],
)
def test_a_fault_or_a_service_that_there_is_not_is_told(
    old: str, new: str, mistake: str, postgres: Server, await_: Await, tmp_path: Path
) -> None:
    wrong = race(tmp_path, (old, new))

    async def main() -> None:
        async with opened(postgres) as session:
            await session.compile([wrong])

    with pytest.raises(InvalidScenario) as invalid:
        await_(main())

    assert [mistake in one.message for one in invalid.value.mistakes] == [True], str(invalid.value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("delete from jobs returning id", "; it must be a query, and cannot write"),
        ("select idd from jobs", 'column "idd" does not exist'),
    ],
)
def test_a_query_that_is_none_is_told(query: str, said: str, postgres: Server, await_: Await, tmp_path: Path) -> None:
    wrong = race(tmp_path, ("then:\n", f"then:\n  - holds: {{name: x, sql: {query}}}\n"))

    async def main() -> None:
        async with opened(postgres) as session:
            await session.compile([wrong])

    with pytest.raises(InvalidScenario) as invalid:
        await_(main())

    (mistake,) = invalid.value.mistakes
    assert said in mistake.message
    assert "LINE" not in mistake.message


def test_a_column_of_owners_or_aliases_has_to_be_there(postgres: Server, await_: Await) -> None:
    application = reference.CONFIG.application
    assert application.owners is not None
    wrong_alias = replace(application, aliases=[Alias("customers", "chat", "phone_number")])
    wrong_owner = replace(application, owners=replace(application.owners, name="slugg"))

    async def main(wrong: Application) -> None:
        async with open_session_on(postgres, reference.plan(application=wrong)):
            pass

    for wrong, said in ((wrong_alias, "the table customers has no column 'chat'"), (wrong_owner, "no column 'slugg'")):
        with pytest.raises(InvalidConfig, match=said):
            await_(main(wrong))


def test_scenarios_share_the_proxies_of_their_instances(postgres: Server, await_: Await, tmp_path: Path) -> None:
    async def main() -> tuple[list[int], list[int]]:
        async with opened(postgres) as session:
            two = await session.prepare(race(tmp_path))
            three = await session.prepare(race(tmp_path, ("instances: 2", "instances: 3")))
            return [proxy.port for proxy in two.rig.proxies], [proxy.port for proxy in three.rig.proxies]

    of_two, of_three = await_(main())

    assert (of_three[:2], len(set(of_three))) == (of_two, 3)


def test_after_a_restart_of_the_database_every_instance_must_reconnect(
    postgres: Server, await_: Await, tmp_path: Path
) -> None:
    async def main() -> set[tuple[str, str]]:
        async with opened(postgres) as session:
            runner = await session.prepare(race(tmp_path))
            before = [pid for proxy in runner.rig.proxies for pid in proxy.pids]
            await session._connections.restart()
            assert before
            assert [pid for proxy in runner.rig.proxies for pid in proxy.pids if pid in before] == []
            return {place for place in session._connections.must_reconnect if place[1] == "service_role"}

    assert await_(main()) == {("A", "service_role"), ("B", "service_role")}
