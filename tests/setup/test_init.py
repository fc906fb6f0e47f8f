"""`cronproof init`: what it detects in an application, and that it writes valid config."""

import json
from pathlib import Path

import pytest

from cronproof.config.config_file import ConfigFile
from cronproof.errors import UsageError
from cronproof.setup.init import write_config
from cronproof.setup.sources import Sources
from tests.support.command import run_command


def application(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder


def test_a_next_js_application_with_supabase(tmp_path: Path) -> None:
    folder = application(
        tmp_path,
        {
            "package.json": json.dumps({"dependencies": {"next": "16"}}),
            "app/api/cron/post-job-followup/route.ts": "process.env.CRON_SECRET; process.env.SUPABASE_SERVICE_ROLE_KEY!",
            "src/lib/db.ts": 'process.env.NEXT_PUBLIC_SUPABASE_URL; process.env["OPENPHONE_API_KEY"]; process.env.STRIPE_KEY; process.env.STRIPE_REGION',
            "node_modules/next/index.js": "process.env.DATABASE_URL",
            "supabase/migrations/0001.sql": "",
            ".env.example": "NEXT_PUBLIC_SUPABASE_ANON_KEY=\nSITE_URL=http://localhost:3000\n",
        },
    )

    file, found = write_config(Sources.read(folder))

    assert (found.kind, list(found.crons)) == ("Next.js", ["post-job-followup"])
    (target,) = ConfigFile(file).targets.values()
    assert target.command == ["node_modules/.bin/next", "start", "--hostname", "127.0.0.1", "--port", "{port}"]
    assert target.migrations == ["supabase/migrations/*.sql"]
    assert target.env == {
        "CRON_SECRET": "{cron_secret}",
        "NEXT_PUBLIC_SUPABASE_ANON_KEY": "{supabase_anon_key}",
        "NEXT_PUBLIC_SUPABASE_URL": "{supabase_url}",
        "OPENPHONE_API_KEY": "{openphone_api_key}",
        "SITE_URL": "http://127.0.0.1:{port}",
        "STRIPE_KEY": "made-up",
        "SUPABASE_SERVICE_ROLE_KEY": "{supabase_service_role_key}",
    }
    assert '# STRIPE_REGION = ""' in file.read_text()


@pytest.mark.parametrize(
    ("files", "kind", "command"),
    [
        ({"package.json": '{"scripts": {"start": "node src/server.js"}}'}, "Node", ["node", "src/server.js"]),
        ({"package.json": '{"scripts": {"start": "tsx watch x"}}'}, "Node", ["npm", "start"]),
        (
            {"pyproject.toml": '[project]\nname = "x"\ndependencies = ["fastapi"]', "app.py": ""},
            "Python",
            ["uvicorn", "app:app", "--host", "127.0.0.1", "--port", "{port}"],
        ),
        (
            {"requirements.txt": "starlette==1\n", "main.py": "", ".venv/bin/uvicorn": ""},
            "Python",
            [".venv/bin/uvicorn", "main:app", "--host", "127.0.0.1", "--port", "{port}"],
        ),
        ({"requirements.txt": "flask\n", "main.py": ""}, "Python", ["python", "main.py"]),
        (
            {"pyproject.toml": "[tool.poetry]", "main.py": "from fastapi import FastAPI\nDATABASE_URL = 1\n"},
            "Python",
            ["python", "main.py"],
        ),
        ({"main.go": ""}, "unknown", ["./start-my-server", "{port}"]),
        ({"package.json": "not JSON"}, "unknown", ["./start-my-server", "{port}"]),
    ],
)
def test_applications_of_other_kinds(files: dict[str, str], kind: str, command: list[str], tmp_path: Path) -> None:
    file, found = write_config(Sources.read(application(tmp_path, files)))

    (target,) = ConfigFile(file).targets.values()
    assert (found.kind, target.command) == (kind, command)
    assert target.env["CRON_SECRET"] == "{cron_secret}"


SCRIPT = 'import os, psycopg\npsycopg.connect(os.environ["DATABASE_URL"])\n'
MAIN = f'{SCRIPT}if __name__ == "__main__":\n    main()\n'
SCRIPTS = '[project]\nname = "x"\n[project.scripts]\nsend-mail = "shop.mail:main"\n'


@pytest.mark.parametrize(
    ("files", "run", "crons"),
    [
        ({"send.py": SCRIPT, "helper.py": "", "schema.sql": ""}, ["python", "{cron}.py"], ["send"]),
        ({"jobs/a.py": MAIN, "jobs/b.py": MAIN, "lib.py": SCRIPT}, ["python", "jobs/{cron}.py"], ["a", "b"]),
        ({"pyproject.toml": SCRIPTS, "src/shop/mail.py": SCRIPT, "x.py": MAIN}, ["{cron}"], ["send-mail"]),
        ({"pyproject.toml": SCRIPTS, "shop/mail.py": "", ".venv/x": ""}, [".venv/bin/{cron}"], ["send-mail"]),
        (
            {"pyproject.toml": SCRIPTS.replace("shop.mail", "shop"), "src/shop/__init__.py": ""},
            ["{cron}"],
            ["send-mail"],
        ),
        ({"db.py": SCRIPT, "send.py": f"import db\n{SCRIPT}", "_old.py": SCRIPT}, ["python", "{cron}.py"], ["send"]),
        ({"requirements.txt": "psycopg", "send.py": MAIN}, ["python", "{cron}.py"], ["send"]),
    ],
)
def test_programs_are_run_for_each_call(
    files: dict[str, str], run: list[str], crons: list[str], tmp_path: Path
) -> None:
    file, found = write_config(Sources.read(application(tmp_path, files)))

    (target,) = ConfigFile(file).targets.values()
    assert (found.kind, target.run, sorted(found.crons)) == ("Python", run, crons)
    assert target.migrations == (["schema.sql"] if "schema.sql" in files else [])


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SUPABASE_DB_URL", "{database_url}"),
        ("POSTGRES_PRISMA_URL", "{database_url}"),
        ("POSTGRES_URL_NON_POOLING", "{database_url}"),
        ("SUPABASE_URL", "{supabase_url}"),
        ("SUPABASE_SECRET_KEY", "{supabase_service_role_key}"),
        ("QUO_API_KEY", "{openphone_api_key}"),
        ("QUOTE_API_KEY", "made-up"),
        ("MONGODB_URL", None),
        ("OPENPHONE_WEBHOOK_KEY", "made-up"),
    ],
)
def test_what_a_variable_means(variable: str, value: str | None, tmp_path: Path) -> None:
    file, _ = write_config(Sources.read(application(tmp_path, {"package.json": "{}", ".env": f"{variable}=x"})))

    (target,) = ConfigFile(file).targets.values()
    assert target.env.get(variable) == value


def test_what_is_there_already_is_kept(tmp_path: Path) -> None:
    (tmp_path / "cronproof.toml").write_text("mine")

    with pytest.raises(UsageError, match="is there already; edit it, or remove it first"):
        write_config(Sources(tmp_path))
    assert (tmp_path / "cronproof.toml").read_text() == "mine"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        write_config(Sources(tmp_path / "nowhere"))


def test_a_file_without_work_is_kept_and_added_to(tmp_path: Path) -> None:
    folder = application(
        tmp_path,
        {
            "requirements.txt": "fastapi",
            "main.py": '@app.post("/jobs/send-letters")\ndef send_letters():\n    post("https://api.letters.example/x", json={"to": a})\n    db.execute("update letters set sent_at = now()")\n',
            "sql/1.sql": "create table letters (id int primary key, email text, sent_at timestamptz);",
            "cronproof.toml": '[targets.mine]\ncommand = ["x"]\nmigrations = ["sql/*.sql"]\npath = "/jobs/{cron}"\n[services.letters]\nhosts = ["api.letters.example"]\n[[services.letters.routes]]\nrequest = "POST /x"\nmessage = { to = "to" }\n',
        },
    )

    done = run_command("init", str(folder))
    again = run_command("init", str(folder))

    assert (done.returncode, "send-letters works on letters, where sent_at is null" in done.stdout) == (0, True)
    file = ConfigFile(folder / "cronproof.toml")
    assert list(file.targets) == ["mine"]
    assert [work.crons for work in file.application.works] == [["send-letters"]]
    assert "method: POST" in (folder / "scenarios" / "send-letters.yaml").read_text()
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def test_a_schema_that_does_not_apply_is_told(tmp_path: Path) -> None:
    files = {"requirements.txt": "fastapi", "main.py": '@app.get("/jobs/a")\n', "sql/1.sql": "create tabel x ();"}
    folder = application(tmp_path, files)

    done = run_command("init", str(folder))

    assert done.returncode == 0
    assert "could not be guessed" in done.stdout
    assert 'syntax error at or near "tabel"' in done.stdout
    assert "and run `cronproof init` again" in done.stdout


def test_without_a_service_the_first_scenario_asks_for_no_message(tmp_path: Path) -> None:
    files = {
        "schema.sql": "create table exports (id int primary key, email text not null, exported_at timestamptz, done_at timestamptz);",
        "export.py": 'import psycopg\nDATABASE_URL = 1\ndb.execute("update exports set done_at = now() where done_at is null")\n',
    }
    folder = application(tmp_path, files)

    done = run_command("init", str(folder))

    assert "export works on exports, where done_at IS NULL" in done.stdout
    text = (folder / "scenarios" / "export.yaml").read_text()
    assert "- exclusive" in text
    assert "no-loss" not in text
    assert "message" not in (folder / "cronproof.toml").read_text()
