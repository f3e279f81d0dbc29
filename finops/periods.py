"""Days and months: half-open periods in the ledger's time zone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Grain = Literal["day", "week", "month"]
Unit = Literal["day", "week", "month", "quarter", "year"]
DAY = timedelta(days=1)
MONTHS_IN: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, order=True)
class Period:
    """Days from `start` up to, but not including, `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period must end after it starts, not {self.start} to {self.end}")

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + DAY * n for n in range(self.days))

    def overlaps(self, other: "Period") -> bool:
        return self.start < other.end and other.start < self.end

    def steps(self, grain: Grain) -> list[date]:
        """Return the first days of the days, ISO weeks or months this period touches."""
        return sorted({floor(day, grain) for day in self})


def floor(day: date, grain: Grain) -> date:
    """Return the first day of the day, ISO week (Monday) or month that holds `day`."""
    if grain == "month":
        return day.replace(day=1)
    return day - DAY * day.weekday() if grain == "week" else day


def month_of(day: date) -> Period:
    return Period(day.replace(day=1), add_months(day.replace(day=1), 1))


def add_months(day: date, months: int) -> date:
    """Return the same day `months` later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - DAY).day
    return date(year, month + 1, min(day.day, last))


def unit_of(day: date, unit: Unit) -> Period:
    """Return the whole day, ISO week, month, quarter or year that holds `day`."""
    if unit not in MONTHS_IN:
        first = floor(day, "week") if unit == "week" else day
        return Period(first, first + DAY * (7 if unit == "week" else 1))
    months = MONTHS_IN[unit]
    first = date(day.year, (day.month - 1) // months * months + 1, 1)
    return Period(first, add_months(first, months))


def unit_before(day: date, unit: Unit) -> Period:
    """Return the whole unit before the one that holds `day`."""
    return unit_of(unit_of(day, unit).start - DAY, unit)


def to_date(today: date, unit: Unit) -> Period:
    """Return this week, month, quarter or year up to and including `today`, which is not over yet."""
    return Period(unit_of(today, unit).start, today + DAY)


def back(day: date, amount: int, unit: Unit) -> date:
    """Return the day `amount` units earlier; months keep the day of the month where they can."""
    if unit in MONTHS_IN:
        return add_months(day, -amount * MONTHS_IN[unit])
    return day - DAY * (amount * 7 if unit == "week" else amount)


def preceding(period: Period) -> Period:
    """Return the period of equal length directly before."""
    return Period(period.start - DAY * period.days, period.start)


def months_before(period: Period, months: int) -> Period:
    """Return the `months` whole months directly before."""
    return Period(add_months(period.start, -months), period.start)


def same_days_before(period: Period, unit: Unit) -> Period:
    """Return as many first days of the unit before, or all of it when it is shorter."""
    before = unit_before(period.start, unit)
    return Period(before.start, min(before.end, before.start + DAY * period.days))


def year_before(period: Period) -> Period:
    """Return the same days a year earlier: whole months stay whole, 29 February becomes the 28th."""
    start = add_months(period.start, -12)
    if period.start.day == period.end.day == 1:
        return Period(start, add_months(period.end, -12))
    return Period(start, add_months(period.end - DAY, -12) + DAY)


def default_grain(period: Period) -> Grain:
    """Return the step that keeps a chart readable: days up to 45, weeks up to 200 days, then months."""
    if period.days <= 45:
        return "day"
    return "week" if period.days <= 200 else "month"


def runs(days: Iterable[date]) -> tuple[Period, ...]:
    """Return the fewest periods that hold exactly these days, in order."""
    found: list[Period] = []
    for day in sorted(set(days)):
        if found and found[-1].end == day:
            found[-1] = Period(found[-1].start, day + DAY)
        else:
            found.append(Period(day, day + DAY))
    return tuple(found)
