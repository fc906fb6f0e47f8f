"""What mocks and transports share: requests, responses, the clock and rate limits."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from cronproof.domain.message import Attempt


def parse_json(body: bytes) -> Any:
    """Parses a body as JSON. A lone surrogate becomes `?`, since no text that leaves may hold one.

    Raises:
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        content = json.loads(body)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if b"\\ud" in body.lower():
        content = json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
    return content


@dataclass(frozen=True)
class Request:
    """An HTTP request as a service sees it: `path` begins at the service's root. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Parses the body as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return parse_json(self.body)

    def form(self) -> dict[str, str]:
        """Parses the body as a form, with the first value of each name."""
        return {name: values[0] for name, values in parse_qs(self.body.decode(errors="replace")).items()}


@dataclass(frozen=True)
class Response:
    """What the service answers."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
        """Builds a response with a JSON body."""
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, body, {"content-type": "application/json; charset=utf-8", **(headers or {})})

    @classmethod
    def of_html(cls, status: int, html: str, headers: Mapping[str, str] | None = None) -> Response:
        """Builds a response with an HTML body."""
        return cls(status, html.encode(), {"content-type": "text/html; charset=utf-8", **(headers or {})})


@dataclass
class NoAnswer(Exception):
    """A call gets no answer: it hangs (`hangs`), or its connection breaks."""

    hangs: bool


SECONDS_PER_CALL = 0.125


@dataclass
class CallClock:
    """A clock that advances with each call, so that rate limits do not depend on real time."""

    seconds_per_call: float = SECONDS_PER_CALL
    now: float = 0.0

    def __call__(self) -> float:
        """Advances to the next call, and returns its time in seconds."""
        self.now += self.seconds_per_call
        return self.now

    def shift_time(self, time: timedelta) -> None:
        """Moves the clock forward, or back if `time` is negative."""
        self.now += time.total_seconds()


@dataclass
class RateLimit:
    """At most `requests` in `seconds`, counted for each key."""

    requests: int
    seconds: float
    _recent: dict[str, deque[float]] = field(default_factory=dict)

    def left(self, key: str, now: float) -> int:
        """Counts a request, and returns how many are left; negative if it exceeds the limit."""
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - self.seconds:
            recent.popleft()
        if len(recent) >= self.requests:
            return -1
        recent.append(now)
        return self.requests - len(recent)

    def wait(self, key: str, now: float) -> float:
        """Returns in how many seconds a request is allowed again."""
        recent = self._recent.setdefault(key, deque())
        return max(recent[0] + self.seconds - now, 0.0) if len(recent) >= self.requests else 0.0


Log = Callable[[Attempt], None]
"""Called with every message that a service finds in a request."""


def not_found(request: Request) -> Response:
    """Builds the answer of Express to an unknown route."""
    return Response.of_html(
        404,
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n'
        f"<pre>Cannot {request.method} {request.path}</pre>\n</body>\n</html>\n",
    )
