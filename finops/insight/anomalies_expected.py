"""What each step should have cost, from the steps before it alone, and how far it is from that."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from finops.insight.anomalies_grain import GRAINS, Grain
from finops.insight.panel import Calendar, Event, Floats, Key, Panel

Bools = NDArray[np.bool_]
Steps = NDArray[np.intp]
LATE, PARTLY = 0.6, 0.1  # below this share of the expected a step misses something · a profile below this says nothing of the level
EARNS = 8  # rounds over which a season must come true
GROWTH = 0.3  # a series may be this far from its level every day; beyond that it is its level that is not understood
LUMP = 1.3  # a monthly lump may be this much larger than the last ones


@dataclass(frozen=True, eq=False)
class Course:
    """What a panel did beside what was expected of it; every array is series × steps, money per step.

    `departure` is what no calendar, monthly lump or late delivery accounts for; NaN where nobody can judge. `usual` is the level
    departures are measured by, `profile` the part of it a step has by its place in the season, and `new` marks spend where there was none.
    `whole` is what is known of complete steps, judged or not, and `age` how many of them lie before each.
    """

    actual: Floats
    expected: Floats
    departure: Floats
    usual: Floats
    profile: Floats
    new: Bools
    whole: Floats
    age: Steps


def course(panel: Panel, calendar: Calendar) -> Course:
    """Set every step of the panel beside what the steps before it lead to expect."""
    grain = GRAINS[panel.step]
    actual = panel.values if panel.fixed is None else panel.values - panel.fixed
    final = np.arange(panel.steps) < panel.complete[:, None]
    told = _told(panel, calendar)
    plain = np.where(final & ~told, actual, np.nan)
    if panel.step == "day":  # a gauge may stand at nothing for hours
        plain = _from_first(plain)
    profile = _profile(plain, grain)
    level = before(np.where(profile > PARTLY, plain / np.maximum(profile, PARTLY), np.nan), grain.level)
    mean = _recent_mean(plain, grain.active)
    expected = level * profile
    if grain.growth:
        expected = expected * (1 + _steady(plain / np.where(expected > 0, expected, np.nan) - 1, grain))
    departure = _allow(actual - expected, expected, panel, calendar, profile)
    departure = _net_of_late(departure, actual, expected, final, grain.late)
    if panel.step == "day":
        departure = _net_of_lumps(departure, panel)
        departure = np.where(_beside_a_gap(plain), np.fmax(departure, 0), departure)
    departure = np.where(final, departure, np.where(departure > 0, departure, np.nan))  # a part of a step can only prove too much
    count = _known_before(plain)
    departure = np.where(count >= grain.judged, departure, np.nan)
    new = (actual > 0) & ~(mean > 0) & (np.arange(panel.steps) >= grain.level)
    return Course(actual, expected, departure, np.maximum(level, mean), profile, new, np.where(final, actual, np.nan), count)


def before(values: Floats, window: int) -> Floats:
    """Return the median of the known values among the `window` steps before each step."""
    padded = np.concatenate([np.full((len(values), window), np.nan), values[:, :-1]], axis=1)
    return median(sliding_window_view(padded, window, axis=1))


def median(values: Floats) -> Floats:
    """Return the median of what is known along the last axis, NaN where nothing is; far faster than numpy's own for many short rows."""
    ordered = np.sort(values, axis=-1)
    known = ordered.shape[-1] - np.isnan(ordered).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0), axis=-1)
    high = np.take_along_axis(ordered, np.maximum(known // 2, 0), axis=-1)
    return np.asarray(((low + high) / 2)[..., 0], dtype=np.float64)


def trailing_mean(values: Floats, window: int, least: int) -> Floats:
    """Return the mean of the known values of the `window` steps that end with each step, NaN with fewer than `least` of them."""
    known = ~np.isnan(values)
    sums, counts = _trailing_sum(np.where(known, values, 0.0), window), _trailing_sum(known.astype(np.float64), window)
    return np.where(counts >= least, sums / np.maximum(counts, 1), np.nan)


def lagged(values: Floats, steps: int) -> Floats:
    """Return the values `steps` earlier, NaN where that is before the panel."""
    if steps >= values.shape[1]:
        return np.full_like(values, np.nan)
    return np.concatenate([np.full((len(values), steps), np.nan), values[:, : values.shape[1] - steps]], axis=1)


def _steady(moved: Floats, grain: Grain) -> Floats:
    """Return what the middle half of the steps before each have in common: 0 where they lie on both sides of it."""
    found = np.zeros_like(moved)
    for first in range(grain.refresh, moved.shape[1], grain.refresh):
        past = moved[:, max(first - grain.growth, 0) : first]
        ordered, known = np.sort(past, axis=1), past.shape[1] - np.isnan(past).sum(axis=1)
        low, high = (np.take_along_axis(ordered, (part * known // 4)[:, None], axis=1) for part in (1, 3))
        common = np.clip(0.0, np.fmin(low, high), np.fmax(low, high))
        enough = known[:, None] >= grain.growth // 2
        found[:, first : first + grain.refresh] = np.where(enough, np.clip(common, -GROWTH, GROWTH), 0.0)
    return found


def _trailing_sum(values: Floats, window: int) -> Floats:
    sums = np.cumsum(values, axis=1)
    sums[:, window:] -= sums[:, :-window].copy()
    return sums


def _recent_mean(plain: Floats, window: int) -> Floats:
    return np.nan_to_num(lagged(trailing_mean(plain, window, 1), 1))


def _from_first(plain: Floats) -> Floats:
    """Forget what was known before anything cost anything: nothing was there that could have been cheap."""
    return np.where(np.cumsum(np.nan_to_num(plain) > 0, axis=1) > 0, plain, np.nan)


def _beside_a_gap(plain: Floats) -> Bools:
    """Say which steps lie beside one nobody knows of: what was delivered there ends or begins somewhere within them."""
    known = ~np.isnan(plain)
    inside = (np.cumsum(known, axis=1) > 0) & (np.cumsum(known[:, ::-1], axis=1)[:, ::-1] > 0)
    gap = np.pad(inside & ~known, ((0, 0), (1, 1)))
    return np.asarray(gap[:, :-2] | gap[:, 2:], dtype=np.bool_)


def _known_before(plain: Floats) -> Steps:
    """Count the known steps before each, from the first that cost anything."""
    known = ~np.isnan(_from_first(plain))
    return np.cumsum(known, axis=1) - known


def _profile(plain: Floats, grain: Grain) -> Floats:
    """Return each step's usual ratio to its whole round, 1 until there is a past to tell."""
    profile = np.ones_like(plain)
    for length, back in reversed(grain.seasons):
        around = trailing_mean(plain, max(length, grain.cycle), grain.cycle // 2)
        ratio = plain / np.where(around > 0, around, np.nan)
        past = np.stack([lagged(ratio, length * turn) for turn in range(1, back + 1)], axis=-1)
        seen = (~np.isnan(past)).sum(axis=-1)
        own = np.nan_to_num(median(past), nan=1.0)
        trust = np.where(seen >= 2, seen / (seen + 1.0), 0.0) * _earned(
            ratio / np.maximum(profile, PARTLY), own / np.maximum(profile, PARTLY), seen >= 2, grain
        )
        profile = trust * own + (1 - trust) * profile
    return profile


def _earned(ratio: Floats, told: Floats, knew: Bools, grain: Grain) -> Floats:
    """Return how much of what a season told came true over its last rounds: the slope of what was on what was told, from 0 to 1."""
    both = knew & ~np.isnan(ratio)
    x, y = np.where(both, told - 1, 0.0), np.where(both, np.clip(ratio - 1, -1, 1), 0.0)
    rounds = EARNS * grain.cycle
    fits, spread = (lagged(_trailing_sum(part, rounds), 1) for part in (x * y, x * x))
    return np.where(np.nan_to_num(spread) > 0, np.clip(fits / np.where(spread > 0, spread, 1.0), 0, 1), 1.0)


def _net_of_late(departure: Floats, actual: Floats, expected: Floats, final: Bools, late: int) -> Floats:
    """Let what a step lacked pay for what the next ones have too much: a delivery came late, and nothing was spent."""
    lacks = np.where(final & (np.nan_to_num(actual) < LATE * expected), expected - np.nan_to_num(actual), 0.0)
    owed = np.sum([np.nan_to_num(lagged(lacks, lag)) for lag in range(1, late + 1)], axis=0)
    return departure - np.clip(departure, 0, owed)


def _net_of_lumps(departure: Floats, panel: Panel) -> Floats:
    """Take off what the same day of the last months had too: a fee nobody marked as one, which need not be told every month."""
    days = [panel.day(step) for step in range(panel.steps)]
    once, twice = (_same_day(days, months) for months in (1, 2))
    past = np.concatenate([np.nan_to_num(np.maximum(departure, 0)), np.zeros((len(departure), 1))], axis=1)
    lump = np.minimum(past[:, once], past[:, twice])
    return departure - np.clip(departure, 0, LUMP * lump)


def _same_day(days: list[date], months: int) -> list[int]:
    """Return where the same day of the month lies so many months before each day; -1, an empty step, where it does not."""
    place = {day: number for number, day in enumerate(days)}
    return [place.get(_months_before(day, months) or date.min, -1) for day in days]


def _months_before(day: date, months: int) -> date | None:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, day.day) if day.day <= 28 else None


def _told(panel: Panel, calendar: Calendar) -> Bools:
    """Return which steps of which series say nothing of what is usual: a holiday, or an event that was announced."""
    told = np.zeros(panel.values.shape, dtype=np.bool_)
    told[:, list(_holidays(panel, calendar))] = True
    for event in calendar.events:
        first, last = _span(panel, event)
        told[np.ix_(_touched(panel.keys, event.scope), range(first, last))] = True
    return told


def _allow(departure: Floats, expected: Floats, panel: Panel, calendar: Calendar, profile: Floats) -> Floats:
    """Take off what holidays and announced events may do: anything between the usual and what was told is no departure."""
    allowed = departure.copy()
    level = expected / np.maximum(profile, PARTLY)
    cycle = GRAINS[panel.step].cycle
    for step in _holidays(panel, calendar):
        least = profile[:, max(step - cycle, 0) : step + 1].min(axis=1) * level[:, step]
        allowed[:, step] -= np.clip(allowed[:, step], np.fmin(least - expected[:, step], 0), 0)
    for event in calendar.events:
        first, last = _span(panel, event)
        at = np.ix_(_touched(panel.keys, event.scope), range(first, last))
        told = expected[at] * (event.factor - 1) + event.amount / (24 if panel.step == "hour" else 1)
        allowed[at] -= np.clip(allowed[at], np.fmin(told, 0), np.fmax(told, 0))
    return allowed


def _holidays(panel: Panel, calendar: Calendar) -> Iterator[int]:
    return (step for step in range(panel.steps) if calendar.holidays and panel.day(step) in calendar.holidays)


def _span(panel: Panel, event: Event) -> tuple[int, int]:
    per_day = 24 if panel.step == "hour" else 1
    first, last = ((day - panel.start).days * per_day for day in (event.start, event.end))
    return min(max(first, 0), panel.steps), min(max(last, 0), panel.steps)


def _touched(keys: tuple[Key, ...], scope: Key) -> list[int]:
    """Return the series an event shows in: those inside its scope, and those its scope is a part of."""
    wanted = set(scope)
    return [number for number, key in enumerate(keys) if wanted <= set(key) or set(key) <= wanted]
