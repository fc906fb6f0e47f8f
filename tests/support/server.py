"""A test server with one cron: it claims in the database and sends through OpenPhone.

`python server.py PORT [MISTAKE]`; httpx and psycopg are configured by the environment.
"""

import fcntl
import itertools
import json
import os
import socket
import sys
import threading
import time
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


CALLS = itertools.count(1)
SENT = set[int]()


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
        case "late":
            threading.Timer(0.05, note, [3]).start()
        case forgets if forgets.startswith("forgets-in-call-"):
            if str(next(CALLS)) in forgets.removeprefix("forgets-in-call-").split(","):
                with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
                    connection.execute("select count(*) from public.tenants")
    return follow_up()


def follow_up() -> dict[str, object]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        jobs = connection.execute(CLAIM).fetchall()
        for job_id, phone in jobs:
            if MISTAKE == "remembers" and job_id in SENT:
                continue
            SENT.add(job_id)
            if MISTAKE == "phones-home":
                try:
                    httpx.get("https://telemetry.example.com/jobs", timeout=5)
                except httpx.HTTPError as error:
                    print(error, flush=True)  # noqa: T201  (what it writes is a part of the test)
            if MISTAKE == "dies":
                os._exit(7)
            response = httpx.post(
                f"{os.environ.get('OPENPHONE_API_URL', 'https://api.openphone.com')}/v1/messages",
                json={"content": "Hi!", "from": "PN0000000001", "to": [phone]},
                headers={"Authorization": os.environ["OPENPHONE_API_KEY"]},
                timeout=60,
            )
            if response.status_code != 202:
                connection.execute("update public.jobs set followup_sent_at = null where id = %s", [job_id])
    return {"success": True, "processed": len(jobs)}


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
