"""What differs between two executions, and what of it may."""

from typing import Any

import pytest

from cronproof.evidence.variation import Difference, find_differences, mask

ONE = {"rows": {"jobs": [{"id": 1, "token": "a1b2c3d4", "state": "open"}]}, "messages": []}


def with_(**changes: Any) -> dict[str, Any]:
    return {"rows": {"jobs": [{**ONE["rows"]["jobs"][0], **changes}]}, "messages": []}  # type: ignore[index]


def test_the_innermost_value_is_named() -> None:
    (difference,) = find_differences(ONE, with_(token="e5f6a7b8"))

    assert difference == Difference(("rows", "jobs", "*", "token"), "a1b2c3d4", "e5f6a7b8")
    assert str(difference) == "rows jobs * token was 'a1b2c3d4', then 'e5f6a7b8'"


@pytest.mark.parametrize(
    ("path", "one", "other", "may_vary"),
    [
        (("rows", "jobs", "*", "token"), "a1b2c3d4", "e5f6a7b8", True),
        (("rows", "jobs", "*", "attempts"), 1, 2, True),
        (("responses", "A", "body", "took"), 0.3, 0.4, True),
        (("rows", "jobs", "*", "state"), "open", "sent", False),
        (("rows", "jobs", "*", "token"), "a1b2c3d4", None, False),
        (("rows", "jobs", "*", "paid"), True, False, False),
        (("responses", "A", "status"), 200, 500, False),
        (("messages", "*", "content"), "at 9:59 AM", "at 10:00 AM", True),
        (("messages", "*", "content"), "since 2026-11-28T09:59:59.9Z", "since 2026-11-28T10:00:00.0Z", True),
        (("messages", "*", "content"), "in 120 minutes", "in 119 minutes", True),
        (
            ("messages", "*", "content"),
            "https://x.example/a1b2c3d4e5f6a7b8?u=1",
            "https://x.example/b1b2c3d4e5f6a7b9?u=1",
            True,
        ),
        (("messages", "*", "content"), "Order K-10047", "Order K-10048", False),
        (("messages", "*", "more", "subject"), "Run 9:59", "Run 9:58", True),
        (("messages", "*", "content"), "2 jobs are left", "1 jobs are left", False),
        (("messages", "*", "content"), "at 9:59 for Ada", "at 9:58 for Ben", False),
        (("messages", "*", "to"), "+12125550132", "+12125550133", False),
        (("rows",), "d41d8cd98f00b204", "e9800998ecf8427e", False),
    ],
)
def test_only_what_may_be_generated_may_vary(path: tuple[str, ...], one: object, other: object, may_vary: bool) -> None:
    assert Difference(path, one, other).may_vary == may_vary


def test_what_has_another_shape_differs_as_a_whole() -> None:
    assert [one.path for one in find_differences({"rows": [1]}, {"rows": [1, 2]})] == [("rows",)]
    assert list(find_differences(ONE, with_())) == []


def test_of_a_message_only_what_varies_is_masked() -> None:
    early, late, other = ({"messages": [{"content": text}]} for text in ("Ada, 9:58", "Ada, 9:59", "Ben, 9:59"))
    varying = {one.path for one in find_differences(early, late)}

    assert mask(early, varying) == mask(late, varying) != mask(other, varying)


def test_a_mask_makes_executions_equal() -> None:
    varying = {one.path for one in find_differences(ONE, with_(token="e5f6a7b8"))}

    assert mask(ONE, varying) == mask(with_(token="e5f6a7b8"), varying) != mask(with_(state="sent"), varying)
