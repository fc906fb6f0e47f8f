"""The kill matrix."""

from cronproof.prove import kill_matrix
from tests.support.trials import proof, trial


def test_the_matrix_says_which_check_caught_what() -> None:
    missed = trial("two", "saboteur", "caught by another check", proves="egress", failed=["status"])

    lines = list(kill_matrix.lines(proof(missed)))

    one, two = (next(line for line in lines if line.startswith(f"A1    {name}")) for name in ("one", "two"))
    assert (one.count("●"), one.count("○"), two.count("✗"), two.count("○")) == (1, 1, 1, 1)
    assert "1 of 2 saboteurs caught by the check that they name" in lines
    assert "  two (egress): caught by another check (3-race/x: so it failed)" in lines
    assert "98 of 99 mutants caught (99.0 %, at least 98 % are asked for)" in lines
    assert "  not caught: alive" in lines
    assert "  1 more are refused by Postgres, or cannot be imported" in lines
