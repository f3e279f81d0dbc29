"""An answer or an error on a terminal."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from finops.answers import Answer, Row, Sums
from finops.money import percent, show, signed
from finops.telling.names import clean, cut, dimension_words, label, others
from finops.telling.sentences import before, freshness, headline_parts, moved, notes, used

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

UNKNOWN = "–"


def print_answer(answer: Answer, today: date, console: "Console") -> None:
    """Print the headline, what moved, the rows, and how far all of it can be trusted."""
    console.print(_headline(answer, today), soft_wrap=True)
    for line in moved(answer):
        console.print(_plain(line, "red" if line.startswith("▲") else "green"), soft_wrap=True)
    for line in used(answer):
        console.print(_plain(line), soft_wrap=True)
    for sums in answer.sums:
        if answer.query.by and (sums.rows or sums.rest):
            console.print()
            console.print(_table(sums, answer))
    for line, style in _small_print(answer, today):
        console.print(_plain(line, style), soft_wrap=True)


def print_error(console: "Console", message: str, suggestion: str | None = None, did_you_mean: tuple[str, ...] = ()) -> None:
    """Print what was wrong, line by line, and what would work."""
    for line in message.splitlines() or [message]:
        console.print(_plain(line, "bold red"), soft_wrap=True)
    for word in did_you_mean:
        console.print(_plain(f"  did you mean: {word}", "yellow"), soft_wrap=True)
    if suggestion:
        console.print(_plain(f"  try: {suggestion}", "dim"), soft_wrap=True)


def _headline(answer: Answer, today: date) -> "Text":
    from rich.text import Text

    return Text.assemble(*((part.text, "bold" if part.strong else "") for part in headline_parts(answer, today)))


def _table(sums: Sums, answer: Answer) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    compared = answer.query.compare is not None
    table.add_column(_plain(" / ".join(map(dimension_words, answer.query.by))), overflow="ellipsis", no_wrap=True)
    counted = (dimension_words(answer.query.count),) if answer.query.count else ()
    for name in (f"cost {clean(sums.currency)}", *(("before", "change") if compared else ()), "share", *counted):
        table.add_column(_plain(name), justify="right", no_wrap=True)
    for row in sums.rows:
        table.add_row(*_cells(label(row.key, answer.query.by), row, sums, compared=compared, counted=bool(counted)))
    if sums.rest is not None:
        table.add_row(*_cells(others(sums.rest_groups), sums.rest, sums, compared=compared, counted=bool(counted)), style="dim")
    return table


def _cells(name: str, row: Row, sums: Sums, *, compared: bool, counted: bool) -> "Iterator[Text]":
    yield _plain(cut(name, 60))
    yield _plain(_amount(row.cost, sums.currency))
    if compared:
        previous = before(row, sums)
        yield _plain(_amount(previous, sums.currency))
        yield _plain(UNKNOWN if previous is None else signed(row.change, clean(sums.currency)))
    yield _plain(percent(row.share))
    if counted:
        yield _plain(UNKNOWN if row.count is None else f"{row.count:,}")


def _amount(amount: Decimal | None, currency: str) -> str:
    return UNKNOWN if amount is None else show(amount, clean(currency))


def _small_print(answer: Answer, today: date) -> Iterator[tuple[str, str]]:
    yield from ((f"note: {note}", "yellow") for note in notes(answer))
    yield freshness(answer, today), "dim"
    yield f"question {answer.id}", "dim"


def _plain(text: str, style: str = "") -> "Text":
    """Text that rich takes as it is: neither markup nor escape sequences of a bill reach the terminal."""
    from rich.text import Text

    indent = len(text) - len(text.lstrip(" "))
    return Text(" " * indent + clean(text), style=style)
