"""Tables of a report in Markdown."""

from hypothesis import given
from hypothesis import strategies as st

from cronproof.report.views.table import Cell, Code, Link, Strong, cell, table


def test_a_table_has_a_head_and_a_line_for_each_row() -> None:
    assert list(table(("Cron", "Runs"), [("a", 1), (Strong("b"), 2)])) == [
        "| Cron | Runs |",
        "|---|---|",
        "| a | 1 |",
        "| **b** | 2 |",
    ]


def test_values_are_rendered_by_their_kind() -> None:
    values: list[Cell] = [Code("x"), Code("a`b"), Link("A6 B7", "a.yaml"), ("by ", Code("A"), 3)]

    assert [cell(value) for value in values] == ["`x`", "``a`b``", "[`A6 B7`](a.yaml)", "by `A`3"]


def test_markup_in_text_is_only_text() -> None:
    assert cell("*bold* <b> [link](x) `code`") == r"\*bold\* \<b> \[link](x) \`code\`"


@given(st.text())
def test_no_text_ends_its_cell_or_its_line(text: str) -> None:
    for value in (text, Code(text), Strong(text), Link(text, "a.yaml")):
        (line,) = list(table(("one",), [(value,)]))[2:]
        assert len(line.replace("\\|", "").split("|")) == 3
        assert len(line.splitlines()) == 1
