"""What mocks and transports share: requests, the clock and rate limits."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cronproof.services.exchange import CallClock, RateLimit, Request, Response, not_found


def test_a_form_has_the_first_value_of_each_name() -> None:
    assert Request("POST", "/", body=b"text=Hi%20Ada&text=Bye&chat_id=7").form() == {"text": "Hi Ada", "chat_id": "7"}
    assert Request("POST", "/", body=b"\xff").form() == {}


def test_json_is_short_and_keeps_its_letters() -> None:
    assert Response.of_json(200, {"text": "Grüße", "to": []}).body.decode() == '{"text":"Grüße","to":[]}'


def test_an_unknown_route_is_answered_by_a_page() -> None:
    response = not_found(Request("PUT", "/v2"))

    assert (response.status, b"Cannot PUT /v2" in response.body) == (404, True)


def test_the_clock_goes_on_with_each_call_and_when_it_is_moved() -> None:
    clock = CallClock(seconds_per_call=0.5)

    assert (clock(), clock()) == (0.5, 1.0)
    clock.shift_time(timedelta(minutes=1))
    assert clock() == 61.5


def test_a_limit_is_for_each_key() -> None:
    limit = RateLimit(requests=2, seconds=1)

    assert [limit.left(key, 0.0) for key in ("a", "a", "a", "b")] == [1, 0, -1, 1]
    assert (limit.wait("a", 0.25), limit.wait("b", 0.25)) == (0.75, 0.0)
    assert limit.left("a", 1.0) == 1


@given(st.lists(st.floats(0, 10), max_size=40))
def test_in_no_second_are_more_requests_allowed_than_the_limit(times: list[float]) -> None:
    limit = RateLimit(requests=3, seconds=1)
    allowed = [time for time in sorted(times) if limit.left("key", time) >= 0]

    assert all(later - first >= 1 or later - 1 >= first for first, later in zip(allowed, allowed[3:], strict=False))
