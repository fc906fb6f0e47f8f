"""What the behaviours and the transports share: a request, a response, and a message that was tried."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from cronproof.domain.message import Attempt


@dataclass(frozen=True)
class Request:
    """An HTTP request as a service sees it: `path` begins at the service's root. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body as a form, the first value of each name."""
        return {name: values[0] for name, values in parse_qs(self.body.decode(errors="replace")).items()}


@dataclass(frozen=True)
class Response:
    """What the service answers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
        """A response with a JSON body."""
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, {"content-type": "application/json; charset=utf-8", **(headers or {})})

    @classmethod
    def of_html(cls, status: int, html: str, headers: Mapping[str, str] | None = None) -> Response:
        """A response with an HTML body."""
        return cls(status, html.encode(), {"content-type": "text/html; charset=utf-8", **(headers or {})})


@dataclass
class NoAnswer(Exception):
    """A call is not answered: the caller waits in vain (`hangs`), or its connection breaks."""

    hangs: bool


SECONDS_PER_CALL = 0.125


@dataclass
class CallClock:
    """A clock in which every call takes the same time, so that rate limits do not depend on this machine's speed."""

    seconds_per_call: float = SECONDS_PER_CALL
    now: float = 0.0

    def __call__(self) -> float:
        """The time of the next call, in seconds."""
        self.now += self.seconds_per_call
        return self.now

    def shift_time(self, time: timedelta) -> None:
        """Lets time pass; a negative time turns it back."""
        self.now += time.total_seconds()


@dataclass
class RateLimit:
    """So many requests in so many seconds, counted for each key."""

    requests: int
    seconds: float
    _recent: dict[str, deque[float]] = field(default_factory=dict)

    def left(self, key: str, now: float) -> int:
        """Counts a request, and returns how many are left behind it; negative when there was none left for it."""
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - self.seconds:
            recent.popleft()
        if len(recent) >= self.requests:
            return -1
        recent.append(now)
        return self.requests - len(recent)

    def wait(self, key: str, now: float) -> float:
        """In how many seconds there is one left again."""
        recent = self._recent.setdefault(key, deque())
        return max(recent[0] + self.seconds - now, 0.0) if len(recent) >= self.requests else 0.0


Log = Callable[[Attempt], None]
"""Told of every message that a service finds in a request."""


def not_found(request: Request) -> Response:
    """What Express, which all three services seem to run, answers where there is no route."""
    return Response.of_html(
        404,
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n'
        f"<pre>Cannot {request.method} {request.path}</pre>\n</body>\n</html>\n",
    )
