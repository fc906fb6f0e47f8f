"""A command that sends what is in the outbox: it keeps the rows locked while it sends. `WRONG=1`: it does not."""

import json
import os
import sys
import urllib.request

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


if __name__ == "__main__":
    if sys.argv[1] != "mail":
        sys.exit(f"there is no {sys.argv[1]}")
    print(json.dumps({"sent": mail()}))  # noqa: T201  (its response)
