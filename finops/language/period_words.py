"""Reads periods as people say them: `last 7d`, `mês passado`, `2026-03`, `from 2026-03-01 until 2026-03-15`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from finops.language.calendar_words import CalendarName, Now, calendar_name
from finops.language.tokens import Cursor, Misread
from finops.language.words import (
    BETWEEN,
    DAY_WORDS,
    FROM,
    HOUR_WORDS,
    LAST,
    LAST_AFTER,
    NUMBER_WORDS,
    PAST,
    PREVIOUS,
    PREVIOUS_AFTER,
    SINCE,
    THIS,
    THIS_AFTER,
    TO,
    TO_DATE_WORDS,
    TO_MEANS_ONLY_A_RANGE,
    UNIT_WORDS,
)
from finops.periods import (
    DAY,
    MONTHS_IN,
    Period,
    Unit,
    back,
    months_before,
    preceding,
    same_days_before,
    to_date,
    unit_before,
)


@dataclass(frozen=True)
class Spoken:
    """A period as asked, and how to find what it is compared with when nobody says."""

    period: Period
    before: Callable[[Period], Period] = preceding


@dataclass(frozen=True)
class Form:
    """One way to say a period: an example, what it means, and its reader."""

    example: str
    about: str
    read: Callable[[Cursor, Now], Spoken | None]


def read_period(cursor: Cursor, now: Now) -> Spoken | None:
    """Read the period that begins here, in the first form that understands it."""
    first = cursor.at
    for form in FORMS:
        try:
            spoken = cursor.attempt(partial(form.read, cursor, now))
        except (OverflowError, ValueError):  # what `date` raises beyond the years 1 to 9999
            raise cursor.wrong(f"'{cursor.since(first)}' reaches beyond the calendar.", "last 7d", first=first) from None
        if spoken:
            return spoken
    return None


def last_seven_days(today: date) -> Spoken:
    """Return what a question is about that names no period."""
    try:
        return Spoken(Period(back(today, 7, "day"), today))
    except OverflowError:
        raise Misread("The calendar does not reach seven days back; name a period.", 0, 0) from None


def read_amount(cursor: Cursor) -> tuple[int, Unit] | None:
    """Read `7d`, `7 days` or `seven days`; hours and zero are refused, for bills are daily."""
    first = cursor.at
    fused = re.fullmatch(r"([0-9]+)([a-z]+)", cursor.word())
    number, unit = (fused[1], fused[2]) if fused else (cursor.word(), cursor.word(1))
    if (unit not in UNIT_WORDS and unit not in HOUR_WORDS) or not (number in NUMBER_WORDS or re.fullmatch("[0-9]+", number)):
        return None
    cursor.at += 1 if fused else 2
    amount = NUMBER_WORDS.get(number) or int(number)
    if unit in HOUR_WORDS:
        raise cursor.wrong(
            f"Bills are daily, so '{cursor.since(first)}' has no answer; ask for yesterday or the last 1d.", "1d", first=first
        )
    if amount == 0:
        raise cursor.wrong(f"'{cursor.since(first)}' is no time at all; the shortest period is 1d.", "1d", first=first)
    return amount, UNIT_WORDS[unit]


def _rolling(cursor: Cursor, now: Now) -> Spoken | None:
    """Read `last 7d`, `7d`, and `past week`, which rolls while `last week` does not."""
    lead = cursor.take().word if cursor.word() in LAST | PAST | PREVIOUS else ""
    amount = read_amount(cursor)
    if amount is None and lead in PAST and cursor.word() in UNIT_WORDS:
        amount = 1, UNIT_WORDS[cursor.take().word]
    return Spoken(Period(back(now.today, *amount), now.today)) if amount else None


def _so_far(cursor: Cursor, now: Now) -> Spoken | None:
    unit = cursor.phrase(TO_DATE_WORDS) or _unit_after(cursor, THIS) or unit_then(cursor, THIS_AFTER)
    if unit is None or unit == "day":
        return None
    return Spoken(to_date(now.today, unit), partial(same_days_before, unit=unit))


def _unit_gone(cursor: Cursor, now: Now) -> Spoken | None:
    unit = _unit_after(cursor, LAST | PREVIOUS) or unit_then(cursor, LAST_AFTER | PREVIOUS_AFTER)
    return _whole(unit_before(now.today, unit), unit) if unit else None


def _whole(period: Period, unit: Unit) -> Spoken:
    return Spoken(period, partial(months_before, months=MONTHS_IN[unit])) if unit in MONTHS_IN else Spoken(period)


def _unit_after(cursor: Cursor, lead: frozenset[str]) -> Unit | None:
    """Read `last month`: a leading word and a unit spelled out."""
    unit = UNIT_WORDS.get(cursor.word(1)) if cursor.word() in lead and len(cursor.word(1)) > 1 else None
    cursor.at += 2 if unit else 0
    return unit


def unit_then(cursor: Cursor, tail: frozenset[str]) -> Unit | None:
    """Read `mês passado` or `month to date`: a unit and what says which."""
    unit = UNIT_WORDS.get(cursor.word())
    before = cursor.at
    cursor.at += 1 if unit else 0
    if unit and cursor.says(tail):
        return unit
    cursor.at = before
    return None


def _single_day(cursor: Cursor, now: Now) -> Spoken | None:
    days = cursor.phrase(DAY_WORDS)
    return None if days is None else Spoken(Period(now.today + DAY * days, now.today + DAY * (days + 1)))


def _calendar(cursor: Cursor, now: Now) -> Spoken | None:
    name = calendar_name(cursor, now)
    if name is None:
        return None
    return Spoken(name.period, partial(months_before, months=name.months)) if name.months else Spoken(name.period)


def _since(cursor: Cursor, now: Now) -> Spoken | None:
    first = cursor.at
    if not cursor.says(SINCE):
        return None
    name = calendar_name(cursor, now)
    if name is None:
        raise cursor.wrong(f"'{cursor.since(first)}' needs a first day, as in since 2026-03-01.", "last 7d", first=first)
    if name.period.start > now.today:
        raise not_begun(cursor, first)
    return Spoken(Period(name.period.start, max(now.today, name.period.start + DAY)))


def _range(cursor: Cursor, now: Now) -> Spoken | None:
    """Read `A..B`, `A to B`, `from A until B`, `between A and B`; both ends are included."""
    first = cursor.at
    opener = cursor.take().word if cursor.word() in FROM | BETWEEN else ""
    start = calendar_name(cursor, now)
    if start is None:
        return None
    joined = cursor.at
    if not _takes_connector(cursor, between=opener in BETWEEN):
        _refuse_open_range(cursor, first, opener)
        return None
    end = calendar_name(cursor, now)
    if end is None:
        _refuse_missing_end(cursor, first, joined, opener)
        return None
    return _spanned(cursor, first, *_same_years(start, end, now))


def _takes_connector(cursor: Cursor, *, between: bool) -> bool:
    if between and cursor.word() in {"and", "e"}:
        return bool(cursor.take())
    return cursor.take_word(TO)


def _refuse_open_range(cursor: Cursor, first: int, opener: str) -> None:
    """`de março` is "of March"; `from March` alone may mean two things."""
    if opener in {"", "de"}:
        return
    day = cursor.since(first + 1)
    raise cursor.wrong(
        f"'{cursor.since(first)}' has no end; say 'since {day}' or give the last day after 'to'.", f"since {day}", day, first=first
    )


def _refuse_missing_end(cursor: Cursor, first: int, joined: int, opener: str) -> None:
    sign = cursor.tokens[joined].word
    if not opener and sign not in TO_MEANS_ONLY_A_RANGE:
        return
    start = cursor.text[cursor.tokens[first + bool(opener)].start : cursor.tokens[joined - 1].end]
    raise cursor.wrong(f"'{cursor.since(first)}' needs a last day, as in 2026-03-01..2026-03-15.", f"since {start}", first=first)


def _same_years(start: CalendarName, end: CalendarName, now: Now) -> tuple[CalendarName, CalendarName]:
    """Let a month without a year borrow it from the other end: `january to march 2025`."""
    if start.yearless:
        last_start = end.period.start
        return start.latest_before(last_start + DAY), end
    if end.yearless:
        return start, end.first_from(start.period.start)
    return start, end


def _spanned(cursor: Cursor, first: int, start: CalendarName, end: CalendarName) -> Spoken:
    if end.period.end <= start.period.start:
        turned = f"{end.period.start}..{start.period.end - DAY}"
        raise cursor.wrong(f"'{cursor.since(first)}' ends before it begins; did you mean {turned}?", turned, first=first)
    period = Period(start.period.start, end.period.end)
    if not (start.months and end.months):
        return Spoken(period)
    months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
    return Spoken(period, partial(months_before, months=months))


def not_begun(cursor: Cursor, first: int, instead: str = "this month") -> Exception:
    """Return the error about a period that lies in the future."""
    return cursor.wrong(f"'{cursor.since(first)}' has not begun yet, so nothing was spent.", instead, first=first, suggestion="this month")


FORMS: Final = (
    Form("2026-03-01..2026-03-15", "both days included; also `2026-01..2026-03`, `from … until …`, `de … a …`", _range),
    Form("since 2026-03-01", "up to yesterday; also `desde …`", _since),
    Form("last 7d", "the 7 whole days before today; also `4w`, `3m`, `2q`, `1y`, `últimos 7 dias`", _rolling),
    Form("this month", "from its first day, today included though it is not over; also `mtd`, `wtd`, `qtd`, `ytd`, `este mês`", _so_far),
    Form("last month", "the whole one before; also week, quarter, year, `mês passado`", _unit_gone),
    Form("yesterday", "or `today`, so far; also `ontem`, `hoje`", _single_day),
    Form("2026-03", "a month; also `2026`, `2026-Q1`, `2026-W12`, `2026-03-05`, `march`, `março 2026`", _calendar),
)
