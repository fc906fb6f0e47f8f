"""`interleavings` as the command line names them."""

import pytest

from cronproof.scenario.interleavings import parse_interleavings


@pytest.mark.parametrize(
    "text", ["all", "all-unreduced", "preemptions:0", "preemptions:20", "sample:1:1", "sample:500:10"]
)
def test_a_name_is_read_and_written_alike(text: str) -> None:
    assert str(parse_interleavings(text)) == text


def test_the_depth_of_a_sample_has_a_default() -> None:
    assert str(parse_interleavings("sample:500")) == "sample:500:3"


@pytest.mark.parametrize(
    "text",
    ["", "some", "preemptions", "preemptions:21", "preemptions:-1", "sample:0", "sample:5:11", "sample:5:3:1", "all:1"],
)
def test_what_has_no_such_name_or_is_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        parse_interleavings(text)
