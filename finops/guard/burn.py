"""How fast a budget is spent beside how fast it may be, and what the period comes to if it goes on so."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Final

from finops.periods import DAY, Period

HISTORY: Final = 56  # days that weekdays are learnt from
RECENT: Final = 14  # days that tell the level
WEEKDAYS: Final = 3  # times a weekday must have been seen
SHOWN: Final = {"1d": 1, "7d": 7}
SECOND: Final = Decimal(1_000_000)


def even_speed(amount: Decimal, start: datetime, end: datetime) -> Decimal:
    """Return what may be spent in each second for the amount to last from `start` to `end`."""
    return amount / seconds(end - start)


def seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / SECOND


def burn_rate(spent: Decimal, window: timedelta, amount: Decimal, start: datetime, end: datetime) -> Decimal | None:
    """Return how many times as fast as the budget allows `spent` was spent within `window`."""
    return spent / seconds(window) / even_speed(amount, start, end) if amount > 0 else None


def rate_to_date(
    known: Mapping[date, Decimal], amount: Decimal, limits: tuple[datetime, datetime], now: datetime, reach: datetime | None
) -> Decimal | None:
    """Return the burn rate since the period began, up to `now`, or up to `reach` where later days are not complete."""
    start, end = limits
    until = min(end, now if reach is None else reach)
    counted = known.values() if reach is None or reach >= end else [cost for day, cost in known.items() if day < reach.date()]
    return burn_rate(sum(counted, Decimal(0)), until - start, amount, start, end) if until > start else None


def rates_by_days(days: Mapping[date, Decimal], amount: Decimal, period: Period, until: date) -> dict[str, Decimal]:
    """Return the burn rates of the last complete days: fast over one, slow over seven."""
    if amount <= 0:
        return {}
    found = {}
    for name, length in SHOWN.items():
        window = [days.get(until - DAY * back) for back in range(1, length + 1)]
        if any(cost is not None for cost in window):
            spent = sum((cost for cost in window if cost is not None), Decimal(0))
            found[name] = spent / length / (amount / period.days)
    return found


def forecast_total(days: Mapping[date, Decimal], period: Period, today: date, complete_until: date) -> Decimal | None:
    """Say what the period comes to: what is known, and for each day that is not complete the usual level of its weekday.

    A day that has cost more already than usual counts as it is. None where no complete day tells a level.
    """
    known = sum((cost for day, cost in days.items() if day in period), Decimal(0))
    left = [day for day in period if day >= complete_until]
    if not left:
        return known
    usual = _usual(days, min(complete_until, today))
    if usual is None:
        return None
    missing = (max(Decimal(0), usual[day.weekday()] - max(Decimal(0), days.get(day, Decimal(0)))) for day in left)
    return known + sum(missing, Decimal(0))


def _usual(days: Mapping[date, Decimal], until: date) -> list[Decimal] | None:
    """Return a level for each weekday: the median of recent days, times what its weekday usually is beside the others."""
    seen = {day: cost for day, cost in days.items() if until - DAY * HISTORY <= day < until}
    if not seen:
        return None
    factors = _factors(seen)
    recent = sorted(day for day in seen if day >= until - DAY * RECENT) or sorted(seen)[-RECENT:]
    level = median(seen[day] / factors[day.weekday()] for day in recent)
    return [level * factor for factor in factors]


def _factors(seen: Mapping[date, Decimal]) -> list[Decimal]:
    """One where a weekday was seldom seen, or costs nothing: then there is no pattern to rely on."""
    whole = median(seen.values())
    by_weekday = [[cost for day, cost in seen.items() if day.weekday() == number] for number in range(7)]
    if whole <= 0 or any(len(costs) < WEEKDAYS or median(costs) <= 0 for costs in by_weekday):
        return [Decimal(1)] * 7
    return [median(costs) / whole for costs in by_weekday]
