"""A cron that sends the emails of an outbox: an ASGI application of one file.

As it is, two runs at once send an email twice. With `CLAIMS=1` each run takes rows for itself first.
"""

import os
from typing import Any

import httpx
import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

DATABASE_URL = os.environ["DATABASE_URL"]
CLAIMS = os.environ.get("CLAIMS") == "1"

READ = "select id, recipient, subject from outbox where mailed_at is null order by id limit 5"
CLAIM = """
    update outbox set mailed_at = now()
    where id in (select id from outbox where mailed_at is null order by id limit 5 for update skip locked)
    returning id, recipient, subject
"""
MARK = "update outbox set mailed_at = now() where id = %s"
GIVE_BACK = "update outbox set mailed_at = null where id = %s"


async def send_emails(_: Request) -> JSONResponse:
    """Sends up to five emails, and says how many."""
    sent = 0
    async with await psycopg.AsyncConnection.connect(DATABASE_URL, autocommit=True) as db, httpx.AsyncClient() as http:
        for email, recipient, subject in await (await db.execute(CLAIM if CLAIMS else READ)).fetchall():
            if await is_accepted(http, {"to": [recipient], "subject": subject}):
                sent += 1
                if not CLAIMS:
                    await db.execute(MARK, [email])
            elif CLAIMS:
                await db.execute(GIVE_BACK, [email])
    return JSONResponse({"sent": sent})


async def is_accepted(http: httpx.AsyncClient, email: dict[str, Any]) -> bool:
    """Sends an email by Resend, and returns whether it was accepted."""
    content = {"from": "shop@example.com", "text": "Your order is on its way.", **email}
    headers = {"Authorization": f"Bearer {os.environ.get('RESEND_API_KEY', '')}"}
    response = await http.post("https://api.resend.com/emails", json=content, headers=headers)
    return response.is_success


app = Starlette(routes=[Route("/api/cron/send-emails", send_emails)])
