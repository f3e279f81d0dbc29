"""YAML as people write it is read without surprises; anything else is refused with its line."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.errors import ConfigError
from finops.yamlfile import Node, Table, load, parse, plain


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse(text, "b.yaml")
    return caught.value.problems


OTHERWISE = ["no", "yes", "on", "off", "True", "010", "12:30", "1_000", "1e3", "0x1F", "1.2.3", "2026-01-01T00:00:00Z", "1.", "="]


@pytest.mark.parametrize("word", OTHERWISE)
def test_words_other_readers_turn_into_something_else_stay_text(word: str) -> None:
    assert plain(parse(f"a: {word}", "b.yaml")) == {"a": word}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-17", -17),
        ("'17'", "17"),
        ("2026-02-28", date(2026, 2, 28)),
        ("'2026-02-28'", "2026-02-28"),
        ("|\n  two\n  lines", "two\nlines"),
    ],
)
def test_a_value_means_what_it_looks_like(word: str, expected: object) -> None:
    value = plain(parse(f"a: {word}", "b.yaml"))
    assert value == {"a": expected}
    assert isinstance(value, dict)
    assert type(value["a"]) is type(expected)


def test_a_decimal_is_exact() -> None:
    value = parse("0.1000000000000000000000000001", "b.yaml").value
    assert value == Decimal("0.1000000000000000000000000001")


def test_what_is_too_long_to_be_a_number_is_text() -> None:
    assert plain(parse("9" * 5000, "b.yaml")) == "9" * 5000


def test_field_names_are_always_text() -> None:
    assert plain(parse("{on: 1, no: 2, 1: 3, 2026-01-01: 4, true: 5}", "b.yaml")) == {"on": 1, "no": 2, "1": 3, "2026-01-01": 4, "true": 5}


def test_every_value_keeps_its_line_and_how_it_was_written() -> None:
    root = parse("a: 007\nb:\n  - 1.50\n  - {c: x}\n", "b.yaml").value
    assert isinstance(root, Table)
    assert [(entry.name, entry.key.line, entry.value.line) for entry in root] == [("a", 1, 1), ("b", 2, 3)]
    items = root.get("b")
    assert items is not None
    assert isinstance(items.value, tuple)
    assert [(item.line, item.text) for item in items.value] == [(3, "1.50"), (4, "")]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff"])
def test_an_empty_file_has_no_value(text: str) -> None:
    assert plain(parse(text, "b.yaml")) is None


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert plain(parse("\ufeffa: 1\n", "b.yaml")) == {"a": 1}


def test_every_problem_is_told_at_once_in_the_order_of_lines() -> None:
    text = "a: .nan\na: 1\nb: &x 2026-02-30\nc: !!python/object/apply:os.system [ls]\nd: *x\ne: [1\n"
    assert problems(text) == (
        "b.yaml:1: '.nan' is not an amount of anything; write a number, or quotes around it when it is text",
        "b.yaml:2: 'a' stands here twice, first on line 1; keep one of them",
        "b.yaml:3: '2026-02-30' is no day of the calendar; write a real date, or quotes around it when it is text",
        "b.yaml:3: anchors and aliases ('&', '*') are not read; write the value out, or put quotes around one that begins with '*'",
        "b.yaml:4: tags ('!…') are not read; write the plain value, or put quotes around it when it begins with '!'",
        "b.yaml:5: anchors and aliases ('&', '*') are not read; write the value out, or put quotes around one that begins with '*'",
        "b.yaml:6: a ',' or ']' is missing in the list that begins on line 6",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1", "b.yaml:2: a tab cannot stand here; indent with spaces"),
        ("a: @x", "b.yaml:1: a value cannot begin with '@', '`' or '%'; put quotes around it"),
        ("a: b: c", "b.yaml:1: a ':' with a space cannot stand here; put quotes around the text, or check the indentation"),
        ("a: 1\nb: 'x\nc: 2\n", "b.yaml:2: the quote that opens here is never closed"),
        ("a: 1\nb\n", "b.yaml:2: a field is written 'name: value'; here the ':' is missing"),
        ("a:\n  b: 1\n c: 2", "b.yaml:3: this does not line up with what began on line 1; check the indentation and the quotes"),
        ("a: {b: 1\n", "b.yaml:1: a ',' or '}' is missing in the group that begins on line 1"),
        ('a: "\\q"', "b.yaml:1: after '\\' in double quotes only known letters may stand; use single quotes to keep it as it is"),
        ('a: "\\UFFFFFFFF"', "b.yaml:1: an escape in double quotes names no character; write the character itself"),
        ('a: "\\ud800"', "b.yaml:1: the character U+D800 cannot stand in a text; remove it"),
        ('a: "\\e[31m"', "b.yaml:1: the character U+001B cannot stand in a text; remove it"),
        ("a: 1\nb: \x00", "b.yaml:2: the character U+0000 cannot stand in a text file; remove it"),
        ("a: 1\n---\nb: 2", "b.yaml:2: a second document begins here; keep one document in a file"),
        ("%YAML 1.1\n---\na: 1", "b.yaml:1: lines that begin with '%' are not read; remove them"),
        ("? [a]\n: 1", "b.yaml:1: a field's name must be a word, not a list or a group of fields"),
        ("'': 1", "b.yaml:1: a field has no name; write one before the ':'"),
        ("<<: {a: 1}", "b.yaml:1: merging with '<<' is not read; write the fields out"),
        ("{a: 1}}", "b.yaml:1: this does not belong to what stands before it; check the indentation and the brackets"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(text: str, expected: str) -> None:
    assert problems(text) == (expected,)


@pytest.mark.parametrize("text", ["[" * 3000, "{a: " * 3000, "- " * 3000, "\n".join(" " * n + "a:" for n in range(600))])
def test_deep_nesting_is_refused_before_it_costs_anything(text: str) -> None:
    assert [problem.partition(": ")[2] for problem in problems(text)] == ["this is nested more than 40 levels deep; make it flatter"]


def test_forty_levels_are_read() -> None:
    value = plain(parse("[" * 40 + "]" * 40, "b.yaml"))
    for _ in range(39):
        assert isinstance(value, list)
        value = value[0]
    assert value == []


def test_too_many_values_are_refused() -> None:
    assert problems("- x\n" * 50_000) == ("b.yaml:50000: the file holds more than 50,000 values; keep configuration apart from data",)


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"# " + b"x" * 10_000_000)
    with pytest.raises(ConfigError, match=r"^b\.yaml:1: the file is larger than 1 MB; keep configuration apart from data$"):
        load(tmp_path / "b.yaml")


def test_an_alias_bomb_costs_nothing() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    told = problems("l0: &l0 x\n" + "\n".join(levels))
    assert [problem.split(":")[1] for problem in told] == [str(line) for line in range(1, 31)]


def test_a_file_wrong_everywhere_is_told_by_its_first_hundred_problems() -> None:
    told = problems("\n".join(f"a{n}: !x y" for n in range(130)))
    assert (len(told), told[-1]) == (101, "and 30 more problems")


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"a: 1\nb: Z\xfcrich\n")
    with pytest.raises(ConfigError, match=r"^b\.yaml:2: this line is not UTF-8; save the file in that encoding$"):
        load(tmp_path / "b.yaml")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^{tmp_path.name}:1: the file cannot be read: "):
        load(tmp_path)


def test_a_long_or_hostile_word_is_shortened_in_a_problem() -> None:
    name = "\u202e" + "x" * 300
    assert problems(f"{name}: 1\n{name}: 2") == (f"b.yaml:2: '�{'x' * 59}…' stands here twice, first on line 1; keep one of them",)


def told(text: str) -> tuple[str, ...]:
    try:
        return () if isinstance(parse(text, "b.yaml"), Node) else ("no node",)
    except ConfigError as error:
        return error.problems


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    assert all(problem.startswith("b.yaml:") and problem.split(":")[1].isdigit() for problem in told(text))


@settings(deadline=None)
@given(st.text(alphabet="ab:-,[]{}\"'\\#&*!|>%@ \n\t?<=0.", max_size=40))
def test_any_punctuation_is_read_or_refused_with_a_line_that_exists(text: str) -> None:
    lines = range(1, (len(text.splitlines()) or 1) + 1)
    assert all(int(problem.split(":")[1]) in lines for problem in told(text))


WORDS = st.text(alphabet=st.characters(exclude_categories=["C", "Z"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | WORDS
NAMES = st.from_regex("[a-z]{1,5}", fullmatch=True)


@settings(deadline=None)
@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4)))
def test_what_json_says_is_read_as_said(value: object) -> None:
    """JSON is YAML in quotes and brackets, so a script may write it."""
    assert plain(parse(json.dumps(value, ensure_ascii=False), "b.yaml")) == value
