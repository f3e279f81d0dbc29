"""Reads what follows `vs`: nothing, the period before, the same days of last year, or a period of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from finops.language.calendar_words import Now
from finops.language.period_words import Spoken, read_amount, read_period, unit_then
from finops.language.tokens import Cursor
from finops.language.words import DIRECTLY_BEFORE, NO_COMPARISON, NOISE, PREVIOUS, PREVIOUS_AFTER, UNIT_WORDS, YEAR_BEFORE
from finops.periods import Period, back, unit_before, year_before


@dataclass(frozen=True)
class Compared:
    """What the asked period is compared with; None: with nothing."""

    period: Period | None


def read_compared(cursor: Cursor, today: date, asked: Spoken) -> Compared:
    """Read the comparison that follows `vs`, as seen from the period asked for."""
    first = cursor.at
    readers: tuple[Callable[[], Compared | None], ...] = (
        lambda: Compared(None) if cursor.take_word(NO_COMPARISON) else None,
        lambda: Compared(year_before(asked.period)) if cursor.says(YEAR_BEFORE) else None,
        lambda: _unit_before(cursor, asked.period.start),
        lambda: _period(cursor, Now(today, near=asked.period.start)),
        lambda: Compared(asked.before(asked.period)) if cursor.says(DIRECTLY_BEFORE) else None,
    )
    while True:
        for read in readers:
            if found := cursor.attempt(read):
                return found
        if cursor.word() not in NOISE or not cursor.word():  # `vs the previous period`
            break
        cursor.take()
    raise cursor.wrong(
        f"'{cursor.since(max(0, first - 1))}' needs something to compare with: previous, last year, none or a period.",
        "vs previous",
        "vs last year",
        first=max(0, first - 1),
        suggestion="last 7d vs previous",
    )


def _period(cursor: Cursor, now: Now) -> Compared | None:
    spoken = read_period(cursor, now)
    return Compared(spoken.period) if spoken else None


def _unit_before(cursor: Cursor, start: date) -> Compared | None:
    """Read `previous week` or `previous 7d`, counted back from the period asked for, not from today."""
    if cursor.take_word(PREVIOUS):
        if amount := read_amount(cursor):
            return Compared(Period(back(start, *amount), start))
        unit = UNIT_WORDS.get(cursor.word())
        cursor.at += 1 if unit else 0
    else:
        unit = unit_then(cursor, PREVIOUS_AFTER)
    return Compared(unit_before(start, unit)) if unit else None
