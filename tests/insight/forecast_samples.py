"""Panels small enough to read, for the tests of forecasts."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from finops.insight.forecast import Forecast, forecast
from finops.insight.forecast_members import House, Member, SeasonalNaive
from finops.insight.forecast_theta import Theta
from finops.insight.panel import Calendar, Floats, Key, Panel
from finops.periods import Period, month_of

MONDAY = date(2024, 1, 1)
QUICK: tuple[Member, ...] = (House(), Theta(), SeasonalNaive())  # without the trees, which take a second to learn


def key(name: str) -> Key:
    return (("team", name),)


def panel(*rows: Sequence[float] | Floats, complete: int | None = None, start: date = MONDAY, fixed: Floats | None = None) -> Panel:
    values = np.array(rows, dtype=np.float64)
    final = np.full(len(rows), values.shape[1] if complete is None else complete, dtype=np.intp)
    return Panel(tuple(key(f"t{number}") for number in range(len(rows))), start, values, final, fixed=fixed)


def week(days: int, weekday: float = 10.0, weekend: float = 4.0) -> Floats:
    """Return days from a Monday on that cost one amount on weekdays and another on weekends."""
    return np.where(np.arange(days) % 7 < 5, weekday, weekend)


def noisy(series: int, days: int, seed: int = 7, noise: float = 0.1) -> Floats:
    """Return series with weekly profiles, wandering levels and very different sizes."""
    chance = np.random.default_rng(seed)
    profile = np.tile(1 + 0.4 * chance.random((series, 7)), (1, days // 7 + 1))[:, :days]
    level = np.exp(np.cumsum(chance.normal(0, 0.01, (series, days)), axis=1)) * chance.lognormal(3, 2, (series, 1))
    return np.asarray(profile * level * np.exp(chance.normal(0, noise, (series, days))))


def month(
    of: Panel, members: Sequence[Member] = QUICK, calendar: Calendar | None = None, today: date | None = None
) -> tuple[Forecast, ...]:
    """Return forecasts of the month the panel ends in, seen on the first day it does not hold."""
    now = of.day(of.steps) if today is None else today
    return forecast(of, month_of(now), today=now, calendar=calendar, members=members)


def days_from(first: date, number: int) -> Period:
    return Period(first, first + timedelta(days=number))


def sure(value: float | None) -> float:
    """Return a number that is known."""
    assert value is not None
    return value
