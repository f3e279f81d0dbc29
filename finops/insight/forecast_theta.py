"""The Theta method for many series at once: a smoothed level and half the past slope, on a weekday pattern where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finops.insight.forecast_members import WEEK, clipped, mean_of, repeated
from finops.insight.panel import Floats

ALPHAS = (0.03, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.99)


@dataclass(frozen=True)
class Theta:
    """Simple exponential smoothing with drift, equal to the two theta lines; each series gets the smoothing of least one-day errors.

    `alphas` are the smoothings it may take: those of 0.1 and more are what others try, and follow a series of single spikes too closely.
    Of the last two weeks, days beyond `reach` scatters from their middle are brought to that edge: one spike must not become the level.
    """

    longest: int = 120
    reach: float = 3.0
    alphas: tuple[float, ...] = ALPHAS
    name: str = "theta"
    prior: float = 0.5
    serves: str = "near"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        return np.stack([self._continued(history[:, max(0, origin - self.longest) : origin], horizon) for origin in origins])

    def _continued(self, history: Floats, horizon: int) -> Floats:
        days = without_gaps(history)
        index, times = seasonal_index(days)
        usual = in_phase(index, days.shape[1])
        flat = np.where(times[:, None], days / np.where(times[:, None], usual, 1.0), days - usual)
        flat[:, -2 * WEEK :] = clipped(flat[:, -2 * WEEK :], self.reach)
        line = smoothed(flat, np.array(self.alphas))[:, None] + half_slope(flat)[:, None] * np.arange(1, horizon + 1)
        pattern = repeated(index, horizon)
        return np.where(times[:, None], line * pattern, line + pattern)


def without_gaps(history: Floats) -> Floats:
    """Return the history with each gap filled by the weekday before it, else the day before it; unknown until the first known day."""
    if np.isfinite(history[:, -1:]).all() and not (np.isnan(history[:, 1:]) & np.isfinite(history[:, :-1])).any():
        return history
    days = history.copy()
    for t in range(1, days.shape[1]):
        before = days[:, t - WEEK] if t >= WEEK else days[:, t - 1]
        before = np.where(np.isfinite(before), before, days[:, t - 1])
        days[:, t] = np.where(np.isfinite(days[:, t]), days[:, t], before)
    return days


def seasonal_index(days: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the weekday pattern, oldest of the last seven days first, and whether it multiplies; neutral where no weekly rhythm shows."""
    positive: NDArray[np.bool_] = np.asarray((np.where(np.isfinite(days), days, 1.0) > 0).all(axis=1))
    trend = moving_week(days)
    if days.shape[1] < 2 * WEEK:
        return np.where(positive[:, None], np.ones((len(days), WEEK)), 0.0), positive
    inner = days[:, 3:-3]
    index = weekday_means(np.where(positive[:, None], inner / np.where(positive[:, None], trend, 1.0), inner - trend))
    middle = mean_of(index, 1)[:, None]
    index = np.where(positive[:, None], index / np.where(positive[:, None], middle, 1.0), index - middle)
    plain = ~has_rhythm(days) | ~np.isfinite(index).all(axis=1) | (positive & (index <= 0.01).any(axis=1))
    return np.where(plain[:, None], np.where(positive, 1.0, 0.0)[:, None], index), positive


def moving_week(days: Floats) -> Floats:
    """Return the mean of the seven days around each day that has them; unknown where one of them is."""
    if days.shape[1] < WEEK:
        return days[:, :0]
    width = days.shape[1] - WEEK + 1
    return np.asarray(sum(days[:, day : day + width] for day in range(WEEK)) / WEEK)  # a third of the time of a sliding window


def weekday_means(middle: Floats) -> Floats:
    """Return the mean per weekday of days that end three before the last, oldest of the last seven days of all first."""
    tail = np.concatenate([middle, np.full((len(middle), 3), np.nan)], axis=1)
    padding = np.full((len(middle), -tail.shape[1] % WEEK), np.nan)
    return mean_of(np.concatenate([padding, tail], axis=1).reshape(len(middle), -1, WEEK), 1)


def has_rhythm(days: Floats) -> NDArray[np.bool_]:
    """Return for which series the seven-day autocorrelation stands out at 90 %, as the classical method tests it."""
    count = np.isfinite(days).sum(axis=1)
    centred = np.where(np.isfinite(days), days - mean_of(days, 1)[:, None], 0.0)
    power = (centred**2).sum(axis=1)
    lags = [(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / np.where(power > 0, power, 1.0) for lag in range(1, WEEK + 1)]
    noise = np.sqrt((1 + 2 * np.square(lags[:-1]).sum(axis=0)) / np.maximum(count, 1))
    return np.asarray((power > 0) & (count >= 2 * WEEK) & (np.abs(lags[-1]) > 1.645 * noise))


def half_slope(days: Floats) -> Floats:
    """Return half the least-squares slope per day: what the two theta lines leave of the trend."""
    known = np.isfinite(days)
    age = np.where(known, np.arange(days.shape[1], dtype=float), np.nan)
    centred = np.where(known, age - mean_of(age, 1)[:, None], 0.0)
    spread = (centred**2).sum(axis=1)
    return np.asarray((centred * np.where(known, days, 0.0)).sum(axis=1) / np.where(spread > 0, spread, 1.0) / 2)


def smoothed(days: Floats, alphas: Floats) -> Floats:
    """Return the level after the last day, for the smoothing with the smallest squared one-day errors."""
    drift = half_slope(days)[:, None]
    level = np.full((len(days), len(alphas)), np.nan)
    errors, begun = np.zeros_like(level), False
    for day in days.T[:, :, None]:
        expected = level + drift
        error = day - expected
        if begun:
            level = expected + alphas * error
        else:
            unknown = np.isnan(expected)
            error = np.where(unknown, 0.0, error)
            level = np.where(unknown, day, expected + alphas * error)
            begun = not np.isnan(level).any()
        errors += error * error
    return np.asarray(np.take_along_axis(level, errors.argmin(axis=1)[:, None], axis=1)[:, 0])


def in_phase(index: Floats, days: int) -> Floats:
    """Return a weekday pattern laid over a history that ends where the pattern ends."""
    return np.tile(index, (1, -(-days // WEEK)))[:, -days:]
