"""A test server with one cron: it claims in the database and sends through OpenPhone.

`python server.py PORT [MISTAKE]`; httpx and psycopg are configured by the environment.
"""

import contextlib
import fcntl
import itertools
import json
import os
import signal
import smtplib
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psycopg

MISTAKE = sys.argv[2] if len(sys.argv) > 2 else ""
CLAIM = "select job_id, customer_phone from public.claim_jobs_for_followup('00000000-0000-4000-8000-000000000001')"


def note(job_id: int) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "insert into public.system_events (source, event_type, job_id) values ('test', 'at once', %s)", [job_id]
        )


CLAIM_THAT_EXPIRES = """
update public.jobs as j set followup_sent_at = now()
from public.customers as c
where c.id = j.customer_id and j.status = 'completed'
    and (j.followup_sent_at is null or j.followup_sent_at < now() - interval '1 minute')
    and not exists (select from public.system_events as e where e.job_id = j.id::text)
returning j.id, c.phone_number
"""
RENEW = "update public.jobs set followup_sent_at = now() where id = %s"
RENEWAL_SECONDS = 0.2


CALLS = itertools.count(1)
SENT = set[int]()
TLS = httpx.create_ssl_context()  # the slowest part of a call, so made once


def cron() -> dict[str, object]:
    match MISTAKE:
        case "contacts-nothing":
            return {"success": True, "processed": 0}
        case "at-once":
            with ThreadPoolExecutor() as threads:
                list(threads.map(note, [1, 2]))
            return {"success": True, "processed": 2}
        case stranger if stranger.startswith("asks-"):
            with socket.create_connection(("127.0.0.1", int(stranger.removeprefix("asks-")))) as connection:
                connection.sendall(b"lock\n")
                return follow_up()
        case "locks-a-file":
            with Path(__file__).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                return follow_up()
        case killed if killed.startswith("killed-in-call-"):
            # Each process counts its own calls; the file counts those that were killed.
            number, _, place = killed.removeprefix("killed-in-call-").partition("-")
            if str(next(CALLS)) == number and not Path(place).exists():
                with contextlib.suppress(FileNotFoundError):
                    Path(place).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "late":
            threading.Timer(0.05, note, [3]).start()
        case forgets if forgets.startswith("forgets-in-call-"):
            if str(next(CALLS)) in forgets.removeprefix("forgets-in-call-").split(","):
                with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
                    connection.execute("select count(*) from public.tenants")
    return follow_up()


@contextlib.contextmanager
def renewed(job_id: int) -> Iterator[None]:
    """Renews the claim of a job every now and then, as long as the block lasts."""
    is_over = threading.Event()

    def renew() -> None:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            while not is_over.wait(RENEWAL_SECONDS):
                connection.execute(RENEW, [job_id])

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    yield
    is_over.set()
    thread.join()


def follow_up() -> dict[str, object]:
    expires = MISTAKE in {"expires", "renews"}
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        jobs = connection.execute(CLAIM_THAT_EXPIRES if expires else CLAIM).fetchall()
        for job_id, phone in jobs:
            if MISTAKE == "remembers" and job_id in SENT:
                continue
            SENT.add(job_id)
            if MISTAKE == "reads-rest":
                read_rest(job_id)
            if MISTAKE == "phones-home":
                try:
                    httpx.get("https://telemetry.example.com/jobs", timeout=5, verify=TLS)
                except httpx.HTTPError as error:
                    print(error, flush=True)  # noqa: T201  (what it writes is a part of the test)
            if MISTAKE == "dies":
                os._exit(7)
            if MISTAKE == "mails":
                with smtplib.SMTP(os.environ["MAIL_HOST"], int(os.environ["MAIL_PORT"])) as server:
                    server.sendmail("crons@example.com", ["ada@example.com"], "Subject: Hi\r\n\r\nHi!")
            with renewed(job_id) if MISTAKE == "renews" else contextlib.nullcontext():
                response = httpx.post(
                    f"{os.environ.get('OPENPHONE_API_URL', 'https://api.openphone.com')}/v1/messages",
                    json={"content": "Hi!", "from": "PN0000000001", "to": [phone]},
                    headers={"Authorization": os.environ["OPENPHONE_API_KEY"]},
                    timeout=60,
                    verify=TLS,
                )
            if response.status_code != 202:
                connection.execute("update public.jobs set followup_sent_at = null where id = %s", [job_id])
            elif expires:
                note(job_id)
    return {"success": True, "processed": len(jobs)}


def read_rest(job_id: int) -> None:
    key = os.environ["SUPABASE_SERVICE_ROLE_KEY"]
    httpx.get(
        f"{os.environ['SUPABASE_URL']}/rest/v1/jobs",
        params={"select": "id", "id": f"eq.{job_id}"},
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
        verify=TLS,
    ).raise_for_status()


def work_at_start() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for _ in range(20):
            connection.execute("select count(*) from public.tenants")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status, body = 200, cron() if self.authorized() else {"success": False}
        if not self.authorized():
            status = 401
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def authorized(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {os.environ['CRON_SECRET']}"


match MISTAKE:
    case "crashes":
        sys.exit("cannot go on: no such module")
    case "never-listens":
        time.sleep(60)
    case "works-at-start":
        work_at_start()
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    case _:
        ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
