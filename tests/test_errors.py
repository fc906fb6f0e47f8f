"""Messages about mistakes."""

from pathlib import Path

from cronproof.errors import InvalidScenario, Mistake, nearest


def test_an_unknown_word_gets_the_nearest_or_all() -> None:
    assert nearest("excluzive", ["exclusive", "status"]) == "; did you mean 'exclusive'?"
    assert nearest("x", ["exclusive", "status"]) == "; one of: exclusive, status"
    assert nearest("x", []) == ""


def test_mistakes_are_listed_by_file_and_line() -> None:
    late, early = Mistake(Path("b.yaml"), 1, 1, "late"), Mistake(Path("a.yaml"), 12, 3, "early")

    assert str(InvalidScenario([late, early])) == "a.yaml:12:3: early\nb.yaml:1:1: late"
