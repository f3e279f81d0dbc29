"""Writes a question: `echo` in the language, so that it reads back exactly, and `describe` for people."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from finops.language.calendar_words import MONTH_NAMES, calendar_month
from finops.language.tokens import quoted
from finops.language.words import NONE_WORDS, fold
from finops.periods import DAY, Grain, Period, default_grain
from finops.query import NONE, CostQuery, Filter

GRAIN_ADVERBS: Final[dict[Grain, str]] = {"day": "daily", "week": "weekly", "month": "monthly"}


def echo(query: CostQuery) -> str:
    """Return the question on one line with explicit days, both included; what is not said is what `parse` assumes."""
    parts = [f"{_name(each.dimension)}{'!=' if each.negated else '='}{_values(each)}" for each in query.scope]
    parts += [_range(query.period), f"vs {_range(query.compare) if query.compare else 'none'}"]
    parts += [f"by={','.join(map(_name, query.by))}"] if query.by else []
    parts += [GRAIN_ADVERBS[query.grain]] if query.grain != default_grain(query.period) else []
    parts += [f"top={query.top}"] if query.top != 10 else []
    parts += [f"count={_name(query.count)}"] if query.count else []
    parts += [f"cost={query.metric}"] if query.metric != "effective" else []
    parts += [f"in={query.currency}"] if query.currency else []
    return " ".join(parts)


def describe(query: CostQuery, today: date) -> str:
    """Return the question in words: `effective cost of team ml, 13–19 Nov 2026, by model, against 6–12 Nov`."""
    scope = " and ".join(_condition(each) for each in query.scope) or "everything"
    parts = [f"{query.metric} cost of {scope}", f"{days(query.period)}{' so far' if today in query.period else ''}"]
    parts += [f"by {_and(_plain(name) for name in query.by)}"] if query.by else []
    parts += [f"counting each {_plain(query.count)} once"] if query.count else []
    parts += [f"top {query.top}"] if query.by and query.top != 10 else []
    parts += [GRAIN_ADVERBS[query.grain]] if query.grain != default_grain(query.period) else []
    parts += [f"in {query.currency}"] if query.currency else []
    parts += [f"against {days(query.compare, beside=query.period)}"] if query.compare else []
    return ", ".join(parts)


def days(period: Period, beside: Period | None = None) -> str:
    """Return `13–19 Nov 2026`, `March 2026`, `Q1 2026` or `2026`; the year is left out where the period `beside` says it."""
    first, last = period.start, period.end - DAY
    if name := _calendar_unit(period):
        return name
    year = "" if beside and {first.year, last.year} == {(beside.end - DAY).year} else f" {last.year}"
    if first == last:
        return f"{_day(first)}{year}"
    if first.year != last.year:
        return f"{_day(first)} {first.year} – {_day(last)} {last.year}"
    if first.month != last.month:
        return f"{_day(first)} – {_day(last)}{year}"
    return f"{first.day}–{_day(last)}{year}"


def _calendar_unit(period: Period) -> str | None:
    """Return the name of a whole month, quarter or year."""
    start = period.start
    if not start.day == period.end.day == 1:
        return None
    months = (period.end.year - start.year) * 12 + period.end.month - start.month
    if months == 1:
        return calendar_month(start)
    if months == 3 and start.month % 3 == 1:
        return f"Q{start.month // 3 + 1} {start.year}"
    return f"{start.year}" if months == 12 and start.month == 1 else None


def _day(day: date) -> str:
    return f"{day.day} {MONTH_NAMES[day.month - 1][:3]}"


def _range(period: Period) -> str:
    last = period.end - DAY
    return f"{period.start}" if period.start == last else f"{period.start}..{last}"


def _name(dimension: str) -> str:
    return f"tag:{quoted(dimension[4:])}" if dimension.startswith("tag:") else dimension


def _values(each: Filter) -> str:
    return ",".join(f'"{value}"' if value != NONE and fold(value) in NONE_WORDS else quoted(value) for value in each.values)


def _condition(each: Filter) -> str:
    if each.values == ("*",):
        return f"{'no' if each.negated else 'any'} {_plain(each.dimension)}"
    if each.values == (NONE,):
        return f"{'any' if each.negated else 'no'} {_plain(each.dimension)}"
    return f"{_plain(each.dimension)} {'not ' if each.negated else ''}{' or '.join(each.values)}"


def _plain(dimension: str) -> str:
    return f"tag {dimension[4:]}" if dimension.startswith("tag:") else dimension.replace("_", " ")


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
