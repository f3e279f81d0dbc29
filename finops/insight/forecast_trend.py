"""Members that know where a series is going: along its drift of last weeks, or as it went a year ago."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from finops.insight.forecast_members import WEEK, House, by_weeks, known_mean, mean_of, median_of, outlined, repeated
from finops.insight.panel import Floats


@dataclass(frozen=True)
class Drifting:
    """A weekday profile times a level that goes on moving as it did, as far as the weeks agree that it does, and ever less.

    `span` is how many weeks are compared with those before them, `proof` how much their disagreement speaks against a drift and
    `damping` the share of the drift a day keeps of that of the day before.
    """

    weeks: int = 12
    memory: float = 0.97
    reach: float = 3.0
    span: int = 4
    proof: float = 1.0
    damping: float = 0.98
    name: str = "drift of last weeks"
    prior: float = 1.0
    serves: str = "far"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        return np.stack([self._continued(history[:, :origin], horizon) for origin in origins])

    def _continued(self, history: Floats, horizon: int) -> Floats:
        moving = drift(history, self.span, self.proof)[:, None]
        # Brought to the level of the last week, a drift passes neither for a profile nor for a spike.
        level = history[:, -self.weeks * WEEK :] * to_last_week(history, moving, self.weeks * WEEK)
        profile, days, weights = outlined(level, self.weeks, self.memory, self.reach)
        ahead = WEEK // 2 + np.cumsum(self.damping ** np.arange(1, horizon + 1))
        return np.asarray(repeated(profile, horizon) * (known_mean(days, weights)[:, None] + moving * ahead))


def to_last_week(history: Floats, moving: Floats, longest: int, farthest: float = 4.0) -> Floats:
    """Return what each day is to be multiplied by for a line through the middle of the last week to become flat."""
    last = np.nan_to_num(mean_of(history[:, -WEEK:], 1))[:, None]
    ages = np.arange(min(longest, history.shape[1]))[::-1] - WEEK // 2
    line = np.clip(last - moving * ages, last / farthest, last * farthest)
    return np.where(last > 0, last / np.where(last > 0, line, 1.0), 1.0)


def drift(history: Floats, span: int, proof: float) -> Floats:
    """Return by how much a series moves a day: the median of weekday beside weekday a week ago, drawn towards 0 by their scatter.

    The scatter is that of whole weeks, in which the noise of days has evened out. Two weeks alone are one comparison, which proves
    nothing: a series younger than three does not drift.
    """
    days = min(span * WEEK, history.shape[1] - WEEK)
    if days < WEEK:
        return np.zeros(len(history))
    steps = (history[:, -days:] - history[:, -days - WEEK : -WEEK]) / WEEK
    middle = median_of(steps, 1)
    weeks = mean_of(by_weeks(history, 2 * span + 1), 2)
    moves = np.diff(weeks, axis=1) / WEEK
    scatter = 1.4826 * median_of(np.abs(moves - middle[:, None]), 1)
    known = np.isfinite(steps).sum(axis=1)
    noise = proof * np.nan_to_num(scatter) ** 2 / np.maximum(known / WEEK, 1)
    begun = np.isfinite(history[:, : 1 - 3 * WEEK]).any(axis=1)
    trusted = begun & (known >= WEEK) & (middle != 0)
    return np.where(trusted, middle**3 / np.where(trusted, middle**2 + noise, 1.0), 0.0)


@dataclass(frozen=True)
class LastYear:
    """A weekday profile times a level that moves as it did in the same weeks a year ago; no answer for less than fourteen months.

    Whole weeks are a year, so that a holiday that keeps its weekday is met again, and the week around a day is its size.
    """

    now: int = 4 * WEEK
    youngest: int = 60 * WEEK
    year: int = 52 * WEEK
    farthest: float = 5.0
    base: House = field(default_factory=lambda: House(memory=0.92))
    name: str = "last year"
    prior: float = 0.3
    serves: str = "far"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        return np.stack([self._continued(history[:, :origin], horizon) for origin in origins])

    def _continued(self, history: Floats, horizon: int) -> Floats:
        days = history.shape[1]
        if days < self.youngest:
            return np.full((len(history), horizon), np.nan)
        then = mean_of(history[:, days - self.year - self.now : days - self.year], 1)[:, None]
        came = np.stack([self._around(history, days + ahead - self.year) for ahead in range(horizon)], axis=1)
        old = np.isfinite(history[:, : days - self.youngest + 1]).any(axis=1, keepdims=True)
        moved = np.where(old & (then > 0), came / np.where(then > 0, then, 1.0), np.nan)
        return np.asarray(self.base.paths(history, [days], horizon)[0] * moved.clip(1 / self.farthest, self.farthest))

    def _around(self, history: Floats, day: int) -> Floats:
        """Return the mean of the week around a day of last year; farther than a year ahead the last week known stands for all."""
        last = min(day + WEEK // 2 + 1, history.shape[1])
        return mean_of(history[:, last - WEEK : last], 1)
