"""What the sources of an application show."""

from pathlib import Path

import pytest

from cronproof.setup.sources import Sources, find_calls, sends_mail

ROUTES = """
from fastapi import FastAPI
from . import work
app = FastAPI()

@app.post("/jobs/send-letters")
async def send_letters():
    return await work.send_letters()

@app.get("/jobs/count")
async def count():
    return 1
"""
WORK = '''
PICK = """select id from letters where sent_at is null"""
OTHER = "select 1"

async def send_letters():
    for row in await pool.fetch(PICK):
        await deliver(row)

async def deliver(row):
    await pool.execute("update letters set sent_at = now()")

def unrelated():
    return OTHER
'''


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    for name, text in {
        "app/main.py": ROUTES,
        "app/work.py": WORK,
        "shop/management/commands/send_mails.py": "class Command: pass",
        "shop/management/commands/__init__.py": "",
        "migrations/0001.py": "'/jobs/not-a-route'",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Sources.read(tmp_path)


def test_routes_of_jobs_are_crons(sources: Sources) -> None:
    prefix, crons = sources.routes()

    assert (prefix, sorted(crons)) == ("/jobs/", ["count", "send-letters"])
    assert [sources.method_of(cron, crons[cron]) for cron in sorted(crons)] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("export async function POST() {}", "POST"),
        ("export const POST = withAuth(send)", "POST"),
        ("export const GET = send; export const POST = send", "GET"),
        ("export default send", "GET"),
    ],
)
def test_a_route_that_takes_no_get_is_called_by_post(tmp_path: Path, text: str, method: str) -> None:
    file = tmp_path / "app" / "api" / "cron" / "send" / "route.ts"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    sources = Sources.read(tmp_path)

    assert [sources.method_of("send", found) for found in sources.files] == [method]


def test_the_code_of_a_cron_is_what_it_calls_and_names(sources: Sources) -> None:
    code = sources.code_of("send-letters", sources.routes()[1]["send-letters"])

    assert "where sent_at is null" in code
    assert "update letters set sent_at" in code
    assert "select 1" not in code


def test_management_commands_are_found(sources: Sources) -> None:
    assert list(sources.commands()) == ["send_mails"]


@pytest.mark.parametrize(
    ("code", "request_", "to", "text", "answered"),
    [
        (
            'fetch("https://api.pigeon.example/v1/birds", { method: "POST", body: JSON.stringify({ to: a, text: b }) })',
            "POST /v1/birds",
            "to",
            "text",
            [],
        ),
        (
            """const BASE = process.env.X ?? "https://api.pigeon.example";
            const res = await fetch(`${BASE}/v1/birds/${id}`, { method: 'PUT', body: JSON.stringify({ recipient: a }) });
            const body = await res.json(); return body.bird_id;""",
            "PUT /v1/birds/{part1}",
            "recipient",
            None,
            ["bird_id"],
        ),
        (
            """URL = "https://api.pigeon.example/send"
            answer = requests.post(URL, json={"recipient": {"email": a}, "body": b})
            return answer.json()["id"]""",
            "POST /send",
            "recipient.email",
            "body",
            ["id"],
        ),
        (
            """httpx.post("https://api.pigeon.example/send", json={"recipient": {"email": a}, "content": {"text": b}})""",
            "POST /send",
            "recipient.email",
            "content.text",
            [],
        ),
        (
            """axios({ method: 'post', url: 'https://api.pigeon.example/send', data: { text: b, to: a } })""",
            "POST /send",
            "to",
            "text",
            [],
        ),
    ],
)  # fmt: skip
def test_calls_of_hosts_outside(code: str, request_: str, to: str, text: str | None, answered: list[str]) -> None:
    (call, *_) = find_calls(code)

    assert (call.host, f"{call.method} {call.path}") == ("api.pigeon.example", request_)
    assert (call.to, call.text, list(call.answered)) == (to, text, answered)


def test_a_model_names_its_table(tmp_path: Path) -> None:
    model = 'class Bill(models.Model):\n    class Meta:\n        db_table = "shop_invoices"\nclass Other(Base):\n    __tablename__ = "others"\n'
    files = {"models.py": model, "send.py": "for bill in Bill.objects.all():\n    bill.save()\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    sources = Sources.read(tmp_path)

    code = sources.code_of("send", tmp_path / "send.py")

    assert "shop_invoices" in code
    assert "others" not in code


def test_who_sends_mail_is_known_by_its_library() -> None:
    assert sends_mail("import nodemailer from 'nodemailer'")
    assert not sends_mail("mail = 'ada@example.com'")
