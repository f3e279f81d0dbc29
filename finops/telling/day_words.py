"""Periods as people say them: `in the last 7 days, 13–19 Nov`."""

from datetime import date
from typing import Final

from finops.periods import DAY, Period, add_months, floor, month_of

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FULL_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ASKED_AS_DAYS: Final = frozenset({7, 14, 28, 30, 60, 90})  # rather `the last 7 days` than `this month so far` on the 8th


def day_name(day: date, today: date | None) -> str:
    """Name a day, without its year where that is this year."""
    year = f" {day.year}" if today is None or day.year != today.year else ""
    return f"{day.day} {MONTHS[day.month - 1]}{year}"


def span(period: Period, today: date | None) -> str:
    """Name the first and the last day: `13–19 Nov`."""
    first, last = period.start, period.end - DAY
    if first == last:
        return day_name(last, today)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day_name(last, today)}"
    if first.year == last.year:
        return f"{first.day} {MONTHS[first.month - 1]} – {day_name(last, today)}"
    return f"{first.day} {MONTHS[first.month - 1]} {first.year} – {last.day} {MONTHS[last.month - 1]} {last.year}"


def during(period: Period, today: date) -> str:
    """Say when, relative to today where people would: `in the last 7 days, 13–19 Nov`."""
    whole = calendar_name(period, today)
    if period.days == 1:
        return _one_day(period.start, today)
    if whole:
        return f"in {whole}{_so_far(period, today)}"
    if period.end == today and (period.start.day != 1 or period.days in _ASKED_AS_DAYS):
        return f"in the last {period.days} days, {span(period, today)}"
    if (unit := _running_unit(period, today)) and period.end in (today, today + DAY):
        return f"this {unit} so far, {span(period, today)}"
    return f"in {span(period, today)}{_so_far(period, today)}"


def against(period: Period, compare: Period, today: date) -> str:
    """Name the period compared with: `the 7 days before`."""
    if compare.end == period.start and compare.days == period.days and not calendar_name(compare, today):
        return "the day before" if period.days == 1 else f"the {period.days} days before"
    return calendar_name(compare, today) or span(compare, today)


def calendar_name(period: Period, today: date) -> str:
    """Return `October`, `Q3 2026` or `2025` for a whole month, quarter or year, else nothing."""
    start, year = period.start, f" {period.start.year}"
    if start.day != 1:
        return ""
    if period == month_of(start):
        return FULL_MONTHS[start.month - 1] + (year if start.year != today.year else "")
    if start.month % 3 == 1 and period.end == add_months(start, 3):
        return f"Q{start.month // 3 + 1}{year}"
    return year.strip() if start.month == 1 and period.end == add_months(start, 12) else ""


def _running_unit(period: Period, today: date) -> str:
    """Return which of this month, year, quarter or week began when `period` did; in January the month, in the first quarter the year."""
    begins = {
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
        "quarter": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        "week": floor(today, "week"),
    }
    return next((unit for unit, begin in begins.items() if period.start == begin), "")


def _so_far(period: Period, today: date) -> str:
    return " so far" if today in period else ""


def _one_day(day: date, today: date) -> str:
    if day == today:
        return f"today, {day_name(day, today)}"
    return f"yesterday, {day_name(day, today)}" if day == today - DAY else f"on {day_name(day, today)}"
