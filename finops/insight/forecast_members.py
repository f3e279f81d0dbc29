"""What a forecasting member is: a way to continue many daily series at once, from any day of their past."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from finops.insight.panel import Flags, Floats

WEEK = 7
PATIENT = 0.985  # what a day keeps of its weight for each day it ages, where most days are silent


class Member(Protocol):
    """One way to continue daily series; the forecast mixes several, each by what it earned in the back-test.

    `history[s, t]` is the cost of series `s` on day `t`, in the panel's currency, without events, holidays and fixed charges; all
    series end on their last complete day, so the column `t + 7k` is the same weekday as the column `t` of that series, whatever
    weekday that is. NaN is unknown (before a series began, or a gap). For each origin `o` the member may look at `history[:, :o]`
    only and answers for the days `o … o + horizon − 1`: an array [origins × series × horizon]. NaN says "no answer": of a series too
    short, or of an origin it skips because it is dear; it is then neither scored nor weighed there. The last origin is the
    forecast itself and equals `history.shape[1]`; those before it, ascending, are the back-test. A member may have a `prior`, its
    weight unproven beside one of 1, and say whether it `serves` the "near" days ahead, the "far" ones or "all".
    """

    @property
    def name(self) -> str: ...

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats: ...


@dataclass(frozen=True)
class SeasonalNaive:
    """Every day costs what the same weekday cost last; with a gap there, what it cost the week before."""

    name: str = "seasonal naive"
    prior: float = 0.05  # it seldom wins, and has to show that it does
    serves: str = "near"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        return np.stack([repeated(last_week(history[:, :origin]), horizon) for origin in origins])


@dataclass(frozen=True)
class RunRate:
    """Every day costs the average of the last `days`: what most tools ship, kept as a yardstick."""

    days: int = 30
    name: str = "run-rate"
    prior: float = 0.7
    serves: str = "far"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        means = [mean_of(history[:, max(0, origin - self.days) : origin], 1) for origin in origins]
        return np.repeat(np.stack(means)[:, :, None], horizon, axis=2)


@dataclass(frozen=True)
class House:
    """A weekday profile times a robust level: the profile of some weeks, the level mostly of the last days, spikes clipped.

    `memory` is the share of weight a day keeps for each day it ages; `reach` is how many scatters from the middle a day is clipped.
    """

    weeks: int = 8
    memory: float = 0.85
    reach: float = 3.0
    name: str = "weekday profile × level"
    prior: float = 1.0
    serves: str = "all"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        return np.stack([self._continued(history[:, :origin], horizon) for origin in origins])

    def _continued(self, history: Floats, horizon: int) -> Floats:
        profile, days, weights = outlined(history, self.weeks, self.memory, self.reach)
        return repeated(profile * known_mean(days, weights)[:, None], horizon)


def outlined(history: Floats, weeks: int, memory: float, reach: float) -> tuple[Floats, Floats, Floats]:
    """Return the weekday profile of the last weeks, their days without it and with spikes clipped, and what each of those weighs.

    The last days of a series that runs now and then tell nothing but when it last ran: there every day keeps its weight.
    """
    recent = by_weeks(history, weeks)
    profile = weekday_profile(recent)
    days = clipped((recent / profile[:, None, :]).reshape(len(recent), -1), reach)
    # Each day weighs as much as its weekday costs: so the sum of the weeks gone is kept, whatever the profile.
    worth = np.tile(profile, (1, weeks))
    seldom = now_and_then(days, worth)
    keeps = (memory + seldom * max(0.0, PATIENT - memory))[:, None]
    fading = keeps ** np.arange(days.shape[1], dtype=np.float64)[::-1]
    if reach < np.inf:
        days = without_largest(days, seldom > 0)
    return profile, days, fading * worth


def now_and_then(days: Floats, worth: Floats, least: float = 0.35, most: float = 0.5) -> Floats:
    """Return from 0 to 1 how far a series runs only now and then: silent on `most` of the days that count, in two weeks and before.

    So a job of every Sunday does not, nor what was switched off, or was switched on a week and a half ago.
    """
    known = np.where(np.isfinite(days), worth, 0.0)
    silent = np.where(days == 0, known, 0.0)
    parts = (slice(-2 * WEEK), slice(-2 * WEEK, None))
    before, lately = (silent[:, part].sum(axis=1) / np.maximum(known[:, part].sum(axis=1), 1e-9) for part in parts)
    return np.asarray(np.clip((np.minimum(lately, before) - least) / (most - least), 0.0, 1.0))


def without_largest(days: Floats, rows: Flags, fewest: int = 3) -> Floats:
    """Return the days with the largest of those series no larger than the next, where `fewest` cost anything: one purchase is no habit."""
    chosen = rows & ((np.nan_to_num(days) > 0).sum(axis=1) >= fewest)
    if not chosen.any():
        return days
    second = np.where(chosen, np.sort(np.nan_to_num(days), axis=1)[:, -2:].min(axis=1), np.inf)
    return np.asarray(np.minimum(days, second[:, None]))


def by_weeks(history: Floats, weeks: int) -> Floats:
    """Return the last weeks, [series × week × day], ending on the last day; NaN before the first."""
    wanted = weeks * WEEK
    padding = np.full((len(history), max(0, wanted - history.shape[1])), np.nan)
    return np.concatenate([padding, history[:, -wanted:]], axis=1).reshape(len(history), weeks, WEEK)


def weekday_profile(weeks: Floats) -> Floats:
    """Return what each weekday costs relative to its week, 1 on average; drawn towards 1 as far as the weeks disagree on it."""
    whole = mean_of(weeks, 2)
    usable = np.isfinite(weeks).all(axis=2) & (whole != 0)
    shares = np.where(usable[:, :, None], weeks / np.where(usable, whole, 1.0)[:, :, None], np.nan)
    count = usable.sum(axis=1)
    usual = median_of(shares, 1)
    between = ((usual - 1) ** 2).mean(axis=1)
    scatter = (1.4826 * median_of(np.abs(shares - usual[:, None]), 1)) ** 2
    noise = scatter.mean(axis=1) / np.maximum(count, 1) + np.where(count == 1, between, 0.0)
    trust = np.where((count > 0) & (between > 0), between / np.where(between > 0, between + noise, 1.0), 0.0)
    profile = np.clip(1 + trust[:, None] * (np.where(count[:, None] > 0, usual, 1.0) - 1), 0.05, 7.0)
    return np.asarray(profile / profile.mean(axis=1, keepdims=True))


def clipped(days: Floats, width: float, recent: int = 14) -> Floats:
    """Return the days with what lies far from the last two weeks brought to their edge, so that one spike does not become a level."""
    if width == np.inf:
        return days
    last = days[:, -recent:]
    middle = median_of(last, 1)[:, None]
    deviation = np.nan_to_num(np.abs(last - middle))
    ordinary = np.where(deviation < 0.999 * deviation.max(axis=1, keepdims=True, initial=0.0), deviation, np.nan)  # all but the farthest
    reach = width * np.maximum(1.4826 * median_of(deviation, 1), np.nan_to_num(mean_of(ordinary, 1)))[:, None]
    bursts = 2 * (days == 0).sum(axis=1, keepdims=True) > np.isfinite(days).sum(axis=1, keepdims=True)  # free on most days: all spikes
    return np.where(np.isfinite(middle) & ~bursts, np.clip(days, middle - reach, middle + reach), days)


def known_mean(days: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of the known days of each series; NaN where none is known."""
    known = np.isfinite(days)
    total = (known * weights).sum(axis=1)
    return np.where(total > 0, (np.where(known, days, 0.0) * weights).sum(axis=1) / np.where(total > 0, total, 1.0), np.nan)


def last_week(history: Floats) -> Floats:
    """Return the last known cost of each of the seven weekdays, the oldest day first; the mean of the others where one is unknown."""
    weeks = by_weeks(history, 4)
    week = weeks[:, -1]
    for earlier in (-2, -3, -4):
        week = np.where(np.isfinite(week), week, weeks[:, earlier])
    return np.where(np.isfinite(week), week, mean_of(week, 1)[:, None])


def repeated(week: Floats, horizon: int) -> Floats:
    """Return the week over and over, for as many days as asked."""
    return np.tile(week, (1, -(-horizon // WEEK)))[:, :horizon]


def mean_of(values: Floats, axis: int) -> Floats:
    """Return the mean of what is known; NaN without a warning where nothing is."""
    known = np.isfinite(values)
    if known.all() and values.shape[axis]:
        return np.asarray(values.sum(axis=axis) / values.shape[axis])
    count = known.sum(axis=axis)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def median_of(values: Floats, axis: int) -> Floats:
    """Return the median of what is known, many times faster than numpy's own; NaN where nothing is."""
    ordered = np.sort(values, axis=axis)  # NaN sorts last
    known, days = np.isfinite(values), values.shape[axis]
    if known.all() and days:
        return np.asarray((ordered.take((days - 1) // 2, axis=axis) + ordered.take(days // 2, axis=axis)) / 2)
    count = known.sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, days - 1), axis)
    return np.where(count > 0, (low + high) / 2, np.nan).squeeze(axis)
