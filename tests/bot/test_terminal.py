"""Answers and errors on a terminal."""

import subprocess
import sys
from dataclasses import replace
from io import StringIO

from hypothesis import given, settings
from rich.console import Console

from bot.terminal import print_answer, print_error
from finops.answers import Answer, Row
from tests.finops.answer_samples import TODAY, answer, any_answer, by_model, money, week


def printed(given_answer: Answer, *, width: int = 100, colour: bool = False) -> list[str]:
    console = Console(file=StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None)
    print_answer(given_answer, TODAY, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_an_answer_is_a_headline_a_table_and_small_print() -> None:
    lines = printed(replace(by_model(), notes=("prices are estimates",)))
    assert lines[0] == "team ml spent $21.00 (effective) in the last 7 days, 13–19 Nov, down $129.00 (−86 %) on the 7 days before."
    assert lines[1:3] == ["▼ opus −$76.00 (−84 %)", "▼ haiku −$83.00 (−92 %)"]
    assert [line.split() for line in lines if line.strip().startswith(("model", "opus"))] == [
        ["model", "cost", "USD", "before", "change", "share"],
        ["opus", "$14.00", "$90.00", "−$76.00", "67", "%"],
    ]
    assert lines[-3:] == [
        "note: prices are estimates",
        "Data as of 20 Nov 06:00 UTC · complete through 19 Nov · bill of aws to 19 Nov",
        "question Q-AB12CD",
    ]


def test_amounts_end_in_one_column() -> None:
    rows = [line for line in printed(by_model(("opus", "haiku"), days=7, previous="12345.67")) if "$12,345.67" in line]
    assert len({line.index("$12,345.67") + len("$12,345.67") for line in rows}) == 1


def test_what_has_no_row_of_its_own_is_summed_below() -> None:
    sums = replace(by_model().sums[0], rest=Row((None,), money("1.5"), None, None), rest_groups=27)
    assert any(line.split()[:3] == ["27", "others", "$1.50"] for line in printed(replace(by_model(), sums=(sums,))))


def test_without_a_breakdown_there_is_no_table() -> None:
    assert len(printed(answer(week()))) == 3


def test_totals_are_bold_on_a_terminal() -> None:
    assert "\x1b[1m$700.00\x1b[0m" in printed(answer(week()), colour=True)[0]


def test_a_bill_can_neither_colour_nor_move_the_terminal() -> None:
    text = "\n".join(printed(by_model(("[red]x[/red]", "\x1b[2Jgone", None))))
    assert ("[red]x[/red]" in text, "\x1b" in text, "(no model)" in text) == (True, False, True)


def test_an_error_says_what_would_work() -> None:
    console = Console(file=StringIO(), width=80)
    print_error(console, "'tem' is not a dimension.\nsecond", "team=ml last 7d", ("team=ml",))
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [
        "'tem' is not a dimension.",
        "second",
        "  did you mean: team=ml",
        "  try: team=ml last 7d",
    ]


@settings(max_examples=50, deadline=None)
@given(any_answer())
def test_any_answer_can_be_printed_on_a_narrow_terminal(given_answer: Answer) -> None:
    assert printed(given_answer, width=40)[-1] == f"question {given_answer.id}"


def test_nothing_is_imported_before_something_is_printed() -> None:
    code = "import bot.terminal, bot.blocks, finops.charts, sys; print({'rich', 'matplotlib', 'numpy', 'slack_bolt'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
