"""Commands that send what is in the outbox, and letters by mail: they keep the rows locked meanwhile. `WRONG=1`: they do not."""

import json
import os
import signal
import smtplib
import sys
import urllib.request
from email.message import EmailMessage

import psycopg

SENDS = "https://api.texts.example/v2/senders/12125550100/messages"
WRONG = os.environ.get("WRONG") == "1"


def send(to: str, text: str) -> None:
    """Sends a text message."""
    content = json.dumps({"recipients": [{"phone": to}], "body": text}).encode()
    request = urllib.request.Request(SENDS, content, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  (the same)
        response.read()


def mail() -> int:
    """Sends the messages of the outbox, and returns how many."""
    lock = "" if WRONG else "for update skip locked"
    with psycopg.connect(os.environ["DATABASE_URL"]) as db:
        query = f"select id, recipient, order_number from outbox where state = 'pending' order by id limit 10 {lock}"
        found = db.execute(query.encode()).fetchall()
        for number, recipient, order in found:
            send(recipient, f"Order {order} is on its way")
            db.execute("update outbox set state = 'sent' where id = %s", [number])
    return len(found)


def post() -> int:
    """Sends the letters that are written, and returns how many."""
    lock = "" if WRONG else "for update skip locked"
    with (
        psycopg.connect(os.environ["DATABASE_URL"]) as db,
        smtplib.SMTP(os.environ["MAIL_HOST"], int(os.environ["MAIL_PORT"])) as server,
    ):
        server.login("shop", "secret")
        query = f"select id, recipient, subject from letters where not is_posted order by id {lock}"
        found = db.execute(query.encode()).fetchall()
        for number, recipient, subject in found:
            if asked_to_end:
                break
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"] = "shop@example.com", recipient, subject
            letter.set_content(f"{subject}: see for yourself")
            server.send_message(letter)
            db.execute("update letters set is_posted = true where id = %s", [number])
    return len(found)


asked_to_end: list[int] = []
"""The signals that asked it to end: it finishes the letter that it has begun."""

COMMANDS = {"mail": mail, "post": post}

if __name__ == "__main__":
    if not WRONG:
        signal.signal(signal.SIGTERM, lambda number, _: asked_to_end.append(number))
    if sys.argv[1] not in COMMANDS:
        sys.exit(f"there is no {sys.argv[1]}")
    print(json.dumps({"sent": COMMANDS[sys.argv[1]]()}))  # noqa: T201  (its response)
