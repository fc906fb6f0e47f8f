"""Tables of a report in Markdown."""

import re

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cronproof.report.views.table import Cell, Code, Link, Strong, cell, table


def test_a_table_has_a_head_and_a_line_for_each_row() -> None:
    assert list(table(("Cron", "Runs"), [("a", 1), (Strong("b"), 2)])) == [
        "| Cron | Runs |",
        "|---|---|",
        "| a | 1 |",
        "| **b** | 2 |",
    ]


def test_values_are_rendered_by_their_kind() -> None:
    values: list[Cell] = [Code("x"), Code("a`b"), Code("`"), Link("A6 B7", "x/a+b:1 (2).yaml"), ("by ", Code("A"), 3)]

    assert [cell(value) for value in values] == [
        "`x`",
        "``a`b``",
        "`` ` ``",
        "[`A6 B7`](x/a+b:1%20%282%29.yaml)",
        "by `A`3",
    ]


def test_markup_in_text_is_only_text() -> None:
    assert cell("*bold* <b> [link](x) `code` sent_at __x__ &lt; \\|") == (
        r"\*bold\* \<b> \[link](x) \`code\` sent_at \_\_x\_\_ \&lt; \\\|"
    )


MARKUP = st.text(st.sampled_from("|\\`*_~<>[]()&!# ab\n\t\x85") | st.characters(codec="utf-8"), min_size=1)


def shown(value: Cell) -> str:
    """What a reader sees in a cell, as a parser of Markdown understands the table."""
    tokens = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse("\n".join(table(("one", "two"), [(value, 1)])))
    )
    first, second = [token for token in tokens if token.type == "inline"][2:]
    assert second.content == "1"
    assert all(child.type in {"text", "code_inline", "strong_open", "strong_close"} for child in first.children or ())
    return "".join(child.content for child in first.children or ())


@given(MARKUP)
@example("\\|")
@example("__x__ ~~y~~ &amp;")
def test_text_is_shown_as_it_is(text: str) -> None:
    one_line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)

    assert shown(text).split() == one_line.split()
    assert shown(Strong(f"a{text}b")).split() == f"a{one_line}b".split()


@given(MARKUP)
@example("``")
@example("\\|")
def test_code_is_shown_as_it_is_but_for_backslashes(text: str) -> None:
    one_line = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)

    assert shown(Code(text)).replace("\\", "").split() == one_line.replace("\\", "").split()
