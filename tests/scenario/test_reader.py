"""The reader reports every mistake with its position and the nearest valid word."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronproof.errors import InvalidScenario, UsageError
from cronproof.scenario import reader

VALID = """\
title: A title
why: A reason
test: race
given:
  rows:
    jobs:
      - {id: 32, status: completed}
when:
  call: post-job-followup
  instances: 2
then:
  - exclusive
  - no-loss: {units: [32]}
  - status: 200
"""


def mistakes(text: str, folder: Path) -> list[str]:
    """The mistakes reported for a file with this text, without the file's name."""
    file = folder / "scenario.yaml"
    file.write_text(text)
    with pytest.raises(InvalidScenario) as raised:
        reader.read_scenario(file)
    lines = str(raised.value).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "scenario.yaml"
    file.parent.mkdir()
    file.write_text(VALID)

    read = reader.read_scenario(file)

    assert read.id == "folder/scenario"
    assert [check.id for check in read.scenario.checks] == ["exclusive", "no-loss", "status"]
    assert read.scenario.when is not None
    assert [(i.name, i.cron) for i in read.scenario.when.instance_list] == [
        ("A", "post-job-followup"),
        ("B", "post-job-followup"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("title: A title\n", "", ["1:1: 'title' is missing"]),
        ("title:", "titel:", ["1:1: 'title' is missing", "1:1: unknown word 'titel'; did you mean 'title'?"]),
        ("test: race", "test: races", ["3:1: 'races' is not known; did you mean 'race'?"]),
        ("  rows:", "  row:", ["5:3: unknown word 'row'; did you mean 'rows'?"]),
        ("call: post-job-followup", "call: post job followup", None),
        ("  instances: 2", "  instances: 27", ["10:3: input should be less than or equal to 26, not 27"]),
        (
            "given:",
            "given:\n  telegram: {refuses: []}",
            ["5:3: unknown word 'telegram'; how a service behaves stands under `services`"],
        ),
        (
            "  instances: 2",
            "  instances: 2\n  faults: [each, dies]",
            ["11:3: `each` stands for every fault; name nothing beside it"],
        ),
        (
            "  instances: 2",
            "  instances: 2\n  faults: each\n  interleavings: {sample: 9}",
            ["11:3: a sample cannot have faults; say `interleavings: all`, or leave them out"],
        ),
        (
            "  instances: 2",
            "  instances: 2\n  again: soon",
            ["11:3: say how long, for example `15 minutes`, `2 hours`, `1 day`"],
        ),
        ("  instances: 2", "  instance: 2", ["10:3: unknown word 'instance'; did you mean 'instances'?"]),
        ("  - exclusive", "  - exclusiv", ["12:5: 'exclusiv' is not known; did you mean 'exclusive'?"]),
        ("no-loss: {units: [32]}", "no-los: {units: [32]}", ["13:5: unknown word 'no-los'; did you mean 'no-loss'?"]),
        (
            "{units: [32]}",
            "{unit: [32]}",
            ["13:15: unknown word 'unit'; did you mean 'units'?"],
        ),
        ("status: 200", "status: ok", None),
        ("  - status: 200", "  - exclusive", ["14:5: exclusive is there twice"]),
        ("  - status: 200", "  - {status: 200, body: {}}", ["14:5: each item of the list is one check"]),
        (
            "  instances: 2",
            "  orders: [step-by-step]",
            ["10:3: one instance cannot be interleaved; say `instances: 2`, or more"],
        ),
        (
            "  instances: 2",
            "  instances: 2\n  interleavings: {sample: 0}",
            ["11:19: input should be greater than or equal to 1, not 0"],
        ),
        (
            "  instances: 2",
            "  instances: 2\n  interleavings: {samples: 5}",
            ["11:3: 'preemptions' is missing", "11:19: unknown word 'samples'; did you mean 'sample'?"],
        ),
        (
            "status: completed",
            "status: {any: [completed, pending]}",
            ["7:18: only a sample draws a value of `any`; say `interleavings: {sample: 1000}`"],
        ),
        (
            "status: completed",
            "status: {any: [completed]}",
            ["7:18: `any` chooses from two values or more"],
        ),
        ("call: post-job-followup", "call: [post-job-followup, monthly-followup]", None),
        (
            "no-loss: {units: [32]}",
            "no-loss: {units: {followup: []}}",
            ["13:23: list should have at least 1 item after validation, not 0, not []"],
        ),
        ("no-loss: {units: [32]}", "no-loss: {units: 32}", ["13:15: input should be a valid list, not 32"]),
        (
            "  instances: 2",
            "  faults: [dies, slow-after]",
            [
                "10:18: nobody does anything while the only instance waits for slow-after; say `instances: 2`, or leave it out"
            ],
        ),
        (
            "no-loss: {units: [32]}",
            "delivery: {units: [32]}\n  - delivery: {units: [32]}",
            ["14:24: another delivery counts the messages of 32 already"],
        ),
        ("no-loss: {units: [32]}", "delivery", ["13:5: delivery needs parameters; write `- delivery: …`"]),
        ("  - exclusive", "  - exclusive: {}", ["12:5: exclusive takes no parameters; write `- exclusive`"]),
        ("  instances: 2", "  instances: '2'", ["10:3: input should be a valid integer, not '2'"]),
        ("then:", "then: [", None),
        ("title: A title", "title: A title\ntitle: another", None),
    ],
)
def test_a_mistake_is_told_where_it_stands(old: str, new: str, expected: list[str] | None, tmp_path: Path) -> None:
    assert old in VALID
    found = mistakes(VALID.replace(old, new, 1), tmp_path)

    if expected is None:
        assert len(found) == 1
        assert found[0][0].isdigit()
    else:
        assert sorted(found) == sorted(expected)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = VALID.replace("test: race", "test: rase").replace("- exclusive", "- exclusiv").replace("title:", "titl:")

    assert [line.rpartition(": ")[0].partition(":")[0] for line in mistakes(text, tmp_path)] == ["1", "1", "3", "12"]


def test_mistakes_of_several_files_are_told_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("title: only this\n")

    with pytest.raises(InvalidScenario) as raised:
        reader.read_scenarios(reader.find_files([tmp_path]))

    assert {mistake.file.stem for mistake in raised.value.mistakes} == {"a", "b"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just text",
        "- a list",
        "\t",
        "a: &a [*a]",
        "a: *b",
        "? [x]\n: y",
        "title: !!int ''",
        "title: !!bool maybe",
        "title: !!omap 5",
        "title: 2026-13-45",
        "\x00",
        "%YAML 9",
    ],
)
def test_what_is_no_scenario_is_one_clear_line(text: str, tmp_path: Path) -> None:
    assert all("\n" not in line for line in mistakes(text, tmp_path))


def test_a_file_in_another_encoding_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"title: \xe9\n")

    with pytest.raises(InvalidScenario, match="latin.yaml:1:8: not UTF-8"):
        reader.read_scenario(file)


YAML_VALUES = st.recursive(
    st.sampled_from(["null", "true", "7", "-1", "1.5", "text", '""', "2026-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["jobs", "id", "repeat", "row", "x"]), inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=6,
)


@given(line=st.integers(0, len(VALID.splitlines()) - 1), value=YAML_VALUES)
@settings(max_examples=150)
def test_any_value_anywhere_is_either_read_or_a_mistake(
    line: int, value: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = VALID.splitlines()
    key, _, _ = lines[line].partition(": ")
    lines[line] = f"{key.rstrip(':')}: {value}"
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text("\n".join(lines))

    try:
        reader.read_scenario(file)
    except InvalidScenario as invalid:
        assert invalid.mistakes  # noqa: PT017  (whichever of the two it is, there is nothing else to come out)


def test_a_file_that_would_take_long_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("given: " + "[" * 3000 + "]" * 3000)
    (tmp_path / "large.yaml").write_text("why: " + "x" * reader.MAX_BYTES)

    with pytest.raises(InvalidScenario) as invalid:
        reader.read_scenarios(reader.find_files([tmp_path]))
    assert [str(mistake) for mistake in invalid.value.mistakes] == [
        f"{tmp_path / 'deep.yaml'}:1:1: not YAML: nested too deep",
        f"{tmp_path / 'large.yaml'}:1:1: has more than 512 KiB; a scenario is shorter",
    ]


def test_a_path_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "frequency-nudge.yaml").write_text(VALID)

    with pytest.raises(UsageError, match="did you mean .*frequency-nudge.yaml"):
        reader.find_files([tmp_path / "frequency-nugde.yaml"])


def test_a_folder_without_scenarios_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^no scenario files \(\*.yaml\) in "):
        reader.find_files([tmp_path])


def test_what_a_test_in_python_says_is_checked_like_a_file(tmp_path: Path) -> None:
    root = {
        "title": "t",
        "why": "w",
        "test": "race",
        "when": {"call": "send-emails", "each_pair": True},
        "then": ["no-loss"],
    }

    with pytest.raises(InvalidScenario, match="test_mail.py:1:1: name three crons under `call`"):
        reader.make_scenario(reader.Source(tmp_path / "test_mail.py", root))
