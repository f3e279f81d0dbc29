"""Reads the period a question about what is to come names: `this month`, `next 30 days`, `2026-12`, `until 2026-12-31`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from finops.language.calendar_words import CalendarName, Now, calendar_name
from finops.language.period_words import read_amount
from finops.language.tokens import Cursor, Misread
from finops.language.words import BETWEEN, FROM, LAST, PAST, PREVIOUS, SINCE, THIS, TO, TO_DATE_WORDS, UNIT_WORDS
from finops.periods import DAY, MONTHS_IN, Period, Unit, add_months, unit_of

NEXT: Final = frozenset({"next", "coming", "following", "upcoming", "proximo", "proxima", "proximos", "proximas"})
LEADS: Final = frozenset({"for", "over", "in", "during", "the", "para", "em", "no", "na", "nos", "nas", "os", "as", "o", "a"})
WHOLE: Final[dict[str, Unit]] = {
    **dict.fromkeys(("month end", "end of month", "end of the month", "rest of the month", "fim do mes"), "month"),
    **dict.fromkeys(("quarter end", "end of quarter", "fim do trimestre"), "quarter"),
    **dict.fromkeys(("year end", "end of year", "fim do ano"), "year"),
}
BEHIND: Final = LAST | PAST | PREVIOUS | SINCE
TOMORROW: Final = frozenset({"tomorrow", "amanha"})
NEAR: Final = 6  # months: a name without a year means the coming one within them, else the last one


@dataclass(frozen=True)
class Ahead:
    """The period that was named (None: none was), in which words, and what else was said."""

    period: Period | None
    words: str
    rest: str


def read_ahead(text: str, today: date) -> Ahead:
    """Take the first period out of a question; its other words are left as they were. Raises Misread about a period that cannot be."""
    cursor = Cursor(text)
    while cursor.peek():
        first = cursor.at
        period = _attempt(cursor, today) if _may_begin(cursor) else None
        if period is not None:
            return Ahead(period, cursor.since(first), _without(cursor, first))
        cursor.at = first + 1
    return Ahead(None, "", text.strip())


def _may_begin(cursor: Cursor) -> bool:
    """A value of a filter is no period, and what comes after `last` lies behind us."""
    is_value = cursor.is_sign("=", "!=", "==", ",", ahead=-1) or cursor.is_sign("=", "!=", "==", ahead=1)
    return not is_value and cursor.word(-1) not in BEHIND


def _attempt(cursor: Cursor, today: date) -> Period | None:
    first = cursor.at
    try:
        return next((found for form in FORMS if (found := cursor.attempt(partial(form, cursor, today)))), None)
    except (OverflowError, ValueError):  # what `date` raises beyond the years 1 to 9999
        raise Misread(f"'{cursor.since(first)}' reaches beyond the calendar.", 0, 0, suggestion="next month") from None


def _without(cursor: Cursor, first: int) -> str:
    """What was said around the period, without the words that led to it."""
    while first > 0 and cursor.tokens[first - 1].word in LEADS and not (first > 1 and cursor.tokens[first - 2].kind == "sign"):
        first -= 1
    before = cursor.text[: cursor.tokens[first].start]
    after = cursor.text[cursor.tokens[cursor.at - 1].end :]
    return " ".join(f"{before} {after}".split())


def _days_ahead(cursor: Cursor, today: date) -> Period | None:
    """`30d`, `next 30 days`: from the day of the question on."""
    if cursor.word() in NEXT:
        cursor.take()
    amount = read_amount(cursor)
    if amount is None:
        return None
    number, unit = amount
    if unit in MONTHS_IN:
        return Period(today, add_months(today, number * MONTHS_IN[unit]))
    return Period(today, today + DAY * number * (7 if unit == "week" else 1))


def _unit_ahead(cursor: Cursor, today: date) -> Period | None:
    """`next month`, `este mês`: whole units of the calendar."""
    lead, unit = cursor.word(), UNIT_WORDS.get(cursor.word(1))
    if lead not in NEXT | THIS or unit is None or len(cursor.word(1)) < 2:
        return None
    cursor.at += 2
    here = unit_of(today, unit)
    return unit_of(here.end, unit) if lead in NEXT else here


def _whole(cursor: Cursor, today: date) -> Period | None:
    unit = cursor.phrase(WHOLE) or cursor.phrase(TO_DATE_WORDS)
    return unit_of(today, unit) if unit else None


def _until(cursor: Cursor, today: date) -> Period | None:
    if cursor.word() not in {"until", "till", "by", "through", "ate"}:
        return None
    first = cursor.at
    cursor.take()
    name = calendar_name(cursor, Now(today))
    if name is None:
        return None
    end = _coming(name, today).end
    if end <= today:
        raise cursor.wrong(f"'{cursor.since(first)}' is over; a forecast needs days to come.", "next month", first=first)
    return Period(today, end)


def _range(cursor: Cursor, today: date) -> Period | None:
    if cursor.word() in FROM | BETWEEN:
        cursor.take()
    start = calendar_name(cursor, Now(today))
    if start is None or not (cursor.take_word(TO) or cursor.take_word(frozenset({"and", "e"}))):
        return None
    end = calendar_name(cursor, Now(today))
    if end is None:
        return None
    first, last = start.period.start, _coming(end, today).end
    if last <= first:
        raise cursor.wrong(f"{first}..{last - DAY} ends before it begins; give the first day first.", "next month")
    return Period(first, last)


def _named(cursor: Cursor, today: date) -> Period | None:
    if cursor.word() in TOMORROW:
        cursor.take()
        return Period(today + DAY, today + DAY * 2)
    name = calendar_name(cursor, Now(today))
    return _coming(name, today) if name else None


def _coming(name: CalendarName, today: date) -> Period:
    """Of a name without a year the coming one, unless that is far and the last one is not over long."""
    if not name.yearless or name.period.end > today:
        return name.period
    coming = name.first_from(today).period if name.months else name.period
    return coming if coming.start < add_months(today, NEAR) else name.period


FORMS: Final[tuple[Callable[[Cursor, date], Period | None], ...]] = (_range, _until, _days_ahead, _unit_ahead, _whole, _named)
