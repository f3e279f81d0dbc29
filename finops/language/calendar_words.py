"""Reads the names the calendar gives to days, weeks, months, quarters and years: `2026-03-05`, `2026-W10`, `março de 2026`."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from finops.language.tokens import Cursor
from finops.language.words import DAY_WORDS, MONTH_WORDS, MONTHS_ONLY_WITH_YEAR, UNIT_WORDS
from finops.periods import DAY, Period, Unit, add_months, unit_of


@dataclass(frozen=True)
class Now:
    """The day the question is asked, and the day a month without a year shall be close to (None: the latest that has begun)."""

    today: date
    near: date | None = None


@dataclass(frozen=True)
class CalendarName:
    """A named stretch of the calendar; `months` is 0 for days and weeks, `yearless` tells that nobody said the year."""

    period: Period
    months: int = 0
    yearless: bool = False

    def latest_before(self, day: date) -> "CalendarName":
        """Return the latest such month or quarter that begins before `day`."""
        year = day.year if self._in(day.year).start < day else day.year - 1
        return CalendarName(self._in(year), self.months)

    def first_from(self, day: date) -> "CalendarName":
        """Return the first such month or quarter that begins on or after `day`."""
        year = day.year if self._in(day.year).start >= day else day.year + 1
        return CalendarName(self._in(year), self.months)

    def nearest(self, day: date, today: date) -> "CalendarName":
        """Return the one closest to `day`, other than the one that begins there, that has begun by `today`."""
        years = range(max(day.year - 1, 1), day.year + 2)
        begun = [period for period in map(self._in, years) if period.start <= today]
        others = [period for period in begun if period.start != day] or [self.period]
        return CalendarName(min(others, key=lambda period: abs(period.start - day)), self.months, yearless=True)

    def _in(self, year: int) -> Period:
        start = add_months(self.period.start, (year - self.period.start.year) * 12)
        return Period(start, add_months(start, self.months) if self.months else start + DAY)


_QUARTER: Final = r"[qt]([1-4])"
_DAY: Final = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_OTHER_WAY: Final = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")
_MONTH: Final = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})")
_ORDINAL: Final = re.compile(r"([0-9]{1,2})(?:st|nd|rd|th|o)?")
_YEAR: Final = re.compile(r"[0-9]{4}")
_QUARTER_OF_YEAR: Final = re.compile(rf"([0-9]{{4}})-?{_QUARTER}")
_WEEK: Final = re.compile(r"([0-9]{4})-?w([0-9]{1,2})")
_MONTH_NAME: Final = re.compile(r"([a-z]+)(?:[-/]([0-9]{4}))?")
_QUARTER_NAME: Final = re.compile(rf"{_QUARTER}(?:[-/]([0-9]{{4}}))?")


def calendar_name(cursor: Cursor, now: Now) -> CalendarName | None:
    """Read the day, week, month, quarter or year named here."""
    return (
        _number(cursor)
        or _relative_day(cursor, now)
        or cursor.attempt(partial(_day_of_month, cursor, now))
        or _month_or_quarter(cursor, now)
    )


def _number(cursor: Cursor) -> CalendarName | None:
    word = cursor.word()
    if found := _DAY.fullmatch(word):
        cursor.take()
        return CalendarName(unit_of(_day(cursor, cursor.at - 1, *map(int, found.groups())), "day"))
    if found := _QUARTER_OF_YEAR.fullmatch(word):
        cursor.take()
        return _months(int(found[1]), int(found[2]) * 3 - 2, 3)
    if found := _WEEK.fullmatch(word):
        cursor.take()
        return CalendarName(_week(cursor, int(found[1]), int(found[2])))
    if found := _MONTH.fullmatch(word):
        cursor.take()
        return _month(cursor, int(found[1]), int(found[2]))
    if _YEAR.fullmatch(word):
        cursor.take()
        return _months(int(word), 1, 12)
    if found := _OTHER_WAY.fullmatch(word):
        raise _ambiguous_day(cursor, *map(int, found.groups()))
    return None


def _day(cursor: Cursor, first: int, year: int, month: int, day: int) -> date:
    if not 1 <= month <= 12:
        raise _no_month(cursor, month)
    if year == 0:
        raise OverflowError
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        last = date(year, month, min(max(day, 1), days))
        raise cursor.wrong(
            f"'{cursor.since(first)}' is not in the calendar: {calendar_month(last)} has {days} days.", f"{last}", first=first
        )
    return date(year, month, day)


def _month(cursor: Cursor, year: int, month: int) -> CalendarName:
    if not 1 <= month <= 12:
        raise _no_month(cursor, month)
    return _months(year, month, 1)


def _week(cursor: Cursor, year: int, week: int) -> Period:
    weeks = date(year, 12, 28).isocalendar().week  # 28 December is always in the last ISO week
    if not 1 <= week <= weeks:
        raise cursor.wrong(f"'{cursor.since(cursor.at - 1)}' is not in the calendar: {year} has {weeks} weeks.", f"{year:04}-W{weeks}")
    return unit_of(date.fromisocalendar(year, week, 1), "week")


def _no_month(cursor: Cursor, month: int) -> Exception:
    return cursor.wrong(f"'{cursor.since(cursor.at - 1)}' is not in the calendar: there is no month {month}.", "last month")


def _months(year: int, month: int, months: int, *, yearless: bool = False) -> CalendarName:
    start = date(year, month, 1)
    return CalendarName(Period(start, add_months(start, months)), months, yearless)


def _ambiguous_day(cursor: Cursor, first: int, second: int, year: int) -> Exception:
    cursor.take()
    readings = dict.fromkeys([(second, first), (first, second)])
    days = [f"{year:04}-{month:02}-{day:02}" for month, day in readings if _exists(year, month, day)]
    return cursor.wrong(f"'{cursor.since(cursor.at - 1)}' can be read in two ways; write days as 2026-03-05.", *days)


def _exists(year: int, month: int, day: int) -> bool:
    return year > 0 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def _relative_day(cursor: Cursor, now: Now) -> CalendarName | None:
    days = cursor.phrase(DAY_WORDS)
    return None if days is None else CalendarName(unit_of(now.today + DAY * days, "day"))


def _month_or_quarter(cursor: Cursor, now: Now) -> CalendarName | None:
    """Read `march`, `march 2026`, `março de 2026`, `mar/2026`, `q1`, `q1 2026`."""
    word, months = cursor.word(), 1
    found = _MONTH_NAME.fullmatch(word)
    month = MONTH_WORDS.get(found[1]) if found else None
    if month is None and (found := _QUARTER_NAME.fullmatch(word)):
        month, months = int(found[1]) * 3 - 2, 3
    if month is None or found is None:
        return None
    cursor.take()
    year = int(found[2]) if found[2] else _year_after(cursor)
    if year is not None:
        return _months(year, month, months)
    return None if word in MONTHS_ONLY_WITH_YEAR else _latest(month, months, now)


def _day_of_month(cursor: Cursor, now: Now) -> CalendarName | None:
    """Read `5 march 2026`, `5 de março`, `march 5`; without a year the latest one that has begun."""
    first = cursor.at
    number = cursor.take().word if _ORDINAL.fullmatch(cursor.word()) else ""
    of = number != "" and cursor.take_word(frozenset({"of", "de"}))
    month = MONTH_WORDS.get(cursor.word())
    if month is None or (cursor.word() in MONTHS_ONLY_WITH_YEAR and not of and not _YEAR.fullmatch(cursor.word(1))):
        return None
    cursor.take()
    if not number and cursor.word(1) not in UNIT_WORDS and _ORDINAL.fullmatch(cursor.word()):
        number = cursor.take().word
    found = _ORDINAL.fullmatch(number)
    if found is None:
        return None
    year = _year_after(cursor)
    if year is not None:
        return CalendarName(unit_of(_day(cursor, first, year, month, int(found[1])), "day"))
    latest = now.today.year - (date(now.today.year, month, 1) > now.today)
    day = CalendarName(unit_of(_day(cursor, first, latest, month, int(found[1])), "day")).latest_before(now.today + DAY)
    return day.nearest(now.near, now.today) if now.near else CalendarName(day.period, yearless=True)


def _year_after(cursor: Cursor) -> int | None:
    ahead = 1 if cursor.word() in {"of", "de", "do"} else 0
    if not _YEAR.fullmatch(cursor.word(ahead)):
        return None
    cursor.at += ahead + 1
    return int(cursor.tokens[cursor.at - 1].word)


def _latest(month: int, months: int, now: Now) -> CalendarName:
    unit: Unit = "month" if months == 1 else "quarter"
    this_year = CalendarName(unit_of(date(now.today.year, month, 1), unit), months)
    latest = this_year.latest_before(now.today + DAY)
    return latest.nearest(now.near, now.today) if now.near else CalendarName(latest.period, months, yearless=True)


def calendar_month(day: date) -> str:
    """Return `February 2026`, whatever the locale."""
    return f"{MONTH_NAMES[day.month - 1]} {day.year}"


MONTH_NAMES: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
