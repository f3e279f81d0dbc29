"""How unusual each step is for its own series, and how much is too much for the false alarms one is ready to take."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.anomalies_expected import Course, before, lagged, trailing_mean
from finops.insight.anomalies_grain import Grain
from finops.insight.anomalies_young import young_scores
from finops.insight.panel import Floats

SMALL: Final = 0.25  # what is less than this part of a full departure counts as if it were this part
LEAST: Final = 0.04  # a series that never moves is still allowed this share of its level
BOLD: Final = 4.0  # so many steps of own past weigh as much as doubt about a tail that is hardly seen
SURE: Final = 3.0  # tails that mean as much as any more
LOWEST, RUNGS = 0.4, 30  # the lowest threshold tried, and how many up to the one that is sure
REAL: Final = 0.25  # what is sure is hardly a false alarm as long as a series has no more of those in a month, up and down alike
SAME: Final = 1e-6  # of the mean: what moves less does not move
CAPPED: Final = 1.5  # an event is remembered as at most so many tails, or one bad week would hide the next
RISING: Final = 0.6  # the share of the false alarms that may be rises
Counts = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """How many of its own tails each step is above and below what was expected; `creeping` where only the slow test says so.

    `young` tells of series that have no tails yet: above is more than expected, and 1 is worth telling.
    """

    up: Floats
    down: Floats
    creeping: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    young: Floats


@dataclass(frozen=True)
class Floor:
    """What is too small to tell: less money, or a smaller share of what was expected."""

    money: float
    share: float


def scores(found: Course, grain: Grain, floor: Floor) -> Scores:
    """Score each step by the largest departure over all windows that is worth telling; 0 where nothing is or nobody knows."""
    grown = replace(found, departure=np.where(found.age >= grain.young, found.departure, np.nan))
    base = np.where(found.usual > 0, found.usual, np.nan)
    share = grown.departure / base
    best = {1.0: np.zeros_like(share), -1.0: np.zeros_like(share)}
    for window, trust in grain.tests:
        moved = share if window == 1 else trailing_mean(share, window, window)
        _raise(best, moved, share, base, _Test(window, trust, grain.cycle, grain.full), grain, floor)
    fast = best[1.0].copy()
    recent, lag, trust = grain.drift
    test = _Test(recent, trust, lag, grain.crept)
    _raise({1.0: best[1.0]}, drifting(grown, grain, recent), drifting(grown, grain, 1), base, test, grain, floor)
    creeping = best[1.0] > fast
    up, down = (_second_look(_ranged(best[sign], grown, sign, grain, floor), grain) for sign in (1.0, -1.0))
    judged = ~np.isnan(share)
    return Scores(up, down, creeping, judged, _young(found, grain, floor))


def _young(found: Course, grain: Grain, floor: Floor) -> Floats:
    """Score the steps of series that have hardly a past, above and below in one, as far as they or three of them are worth telling."""
    if grain.judged >= grain.young:
        return np.zeros_like(found.actual)
    lately = np.fmax(np.abs(found.departure), np.abs(3 * trailing_mean(found.departure, 3, 3)))
    worth = (lately >= floor.money) & (np.abs(found.departure) >= floor.share * found.usual)
    return np.where(worth, young_scores(found, grain), 0.0)


def _second_look(score: Floats, grain: Grain) -> Floats:
    """Tell what is strong at once, and what is weak when the next step agrees."""
    both = np.minimum(score, np.nan_to_num(lagged(score, 1)))
    return np.maximum(score / grain.alone, both / grain.agreed)


def _ranged(score: Floats, found: Course, sign: float, grain: Grain, floor: Floor) -> Floats:
    """Average what is odd for its hour, as far as a tail is known to mean more, with what is odd for the whole week whatever the hour."""
    if not grain.range:
        return score
    past = found.whole
    mean, square = (lagged(trailing_mean(part, grain.range, grain.cycle), 1) for part in (past, past**2))
    spread = np.sqrt(np.maximum(square - mean**2, 0)) + SAME * (np.abs(mean) + 1)
    cleared = np.where(np.isnan(found.departure), past, found.expected + found.departure)  # of calendar and late deliveries
    beyond = sign * (cleared - mean)
    told = (beyond >= floor.share * mean) & (beyond >= floor.money)
    far = np.where(told, beyond / spread, 0.0) / SURE
    return np.asarray((np.minimum(score, SURE) + far) / 2, dtype=np.float64)


@dataclass(frozen=True)
class _Test:
    """A window of steps, how much its word is trusted, how old what it is measured by is at least, and from where on it counts in full."""

    window: int
    trust: float
    gap: int
    full: float


def _raise(best: dict[float, Floats], moved: Floats, now: Floats, base: Floats, test: _Test, grain: Grain, floor: Floor) -> None:
    """Let a test speak up where it says more than those before it, of a step that is itself on the side its window is."""
    for sign, so_far in best.items():
        side = np.fmax(sign * moved, 0)
        score = test.trust * _weighed(side, test.full) / _tail(np.where(np.isnan(moved), np.nan, side), grain, test.gap)
        told = (side >= floor.share) & (side * base * test.window >= floor.money) & (sign * now >= grain.stands * side)
        np.maximum(so_far, np.nan_to_num(np.where(told, score, 0.0)), out=so_far)


def _weighed(side: Floats, full: float) -> Floats:
    """Count what is small beside the level for less: a tail of nothing would make much of it."""
    return side if not full else np.asarray(side * np.sqrt(np.clip(side / full, SMALL, 1.0)), dtype=np.float64)


def drifting(found: Course, grain: Grain, recent: int) -> Floats:
    """Return by how much of the earlier level the recent steps are above it: what creeps in is never far from the day before."""
    _, lag, _ = grain.drift
    level = before(_seasonless(found), grain.level)
    earlier = lagged(level, lag)
    return trailing_mean(_seasonless(found), recent, recent) / np.where(earlier > 0, earlier, np.nan) - 1


def _seasonless(found: Course) -> Floats:
    told = found.actual - (found.actual - found.expected - found.departure)
    return np.where(found.profile > LEAST, told / np.maximum(found.profile, LEAST), np.nan)


def _tail(side: Floats, grain: Grain, gap: int) -> Floats:
    """Return the tail of what each series did, as it was known `gap` steps before each refresh; events are remembered smaller."""
    tail, kept = np.full_like(side, np.nan), side.copy()
    for first in range(0, side.shape[1], grain.refresh):
        steps = slice(first, first + grain.refresh)
        own = _quantile(kept[:, max(first - gap - grain.memory, 0) : max(first - gap, 0)], grain.tail)[:, None]
        tail[:, steps] = own
        np.fmin(kept[:, steps], CAPPED * (own + LEAST), out=kept[:, steps], where=~np.isnan(kept[:, steps] + own))
    return tail + LEAST


def _quantile(past: Floats, tail: float) -> Floats:
    """Return the tail quantile of what is known of each row, widened while little is."""
    if not past.shape[1]:
        return np.full(len(past), np.nan)
    known = past.shape[1] - np.isnan(past).sum(axis=1)
    place = np.maximum(tail * (known - 1), 0)
    ordered = np.sort(past, axis=1)
    low, rows = np.floor(place).astype(np.intp), np.arange(len(past))
    high = np.minimum(low + 1, np.maximum(known - 1, 0))
    found = ordered[rows, low] + (place - low) * (ordered[rows, high] - ordered[rows, low])
    return np.asarray(found * (1 + BOLD / np.maximum(known, 1)), dtype=np.float64)


def thresholds(score: Floats, judged: NDArray[np.bool_], grain: Grain, rate: float, blocks: NDArray[np.intp]) -> Floats:
    """Return for each block of steps the lowest score that in all blocks before it cried no more than `rate` times a series-month.

    What a series did itself counts most, then what its panel did, then what was seen elsewhere; all are only the past of that block.
    """
    starts = np.searchsorted(blocks, np.arange(blocks[-1] + 1))
    months = _until(np.add.reduceat(judged, starts, axis=1) / grain.month)
    sure = np.minimum(_alarms(score, grain.sure, grain, starts), REAL * months + 0.5)
    ladder = np.geomspace(LOWEST, grain.sure, RUNGS)
    found = np.full((len(score), len(starts)), ladder[-1])
    for rung in ladder[::-1]:
        alarms = np.maximum(_alarms(score, rung, grain, starts) - sure, 0)
        pooled = (alarms.sum(axis=0) + grain.known * elsewhere(rung, grain)) / (months.sum(axis=0) + grain.known)
        calm = (alarms + grain.peers * pooled) / (months + grain.peers) <= rate
        found = np.where(calm & (found <= rung * 1.1), rung, found)
    return found[:, blocks]


def _alarms(score: Floats, rung: float, grain: Grain, starts: NDArray[np.intp]) -> Counts:
    """Count the alarms of each series at a threshold before each block."""
    return _until(np.add.reduceat(_begins(score >= rung, grain.quiet), starts, axis=1).astype(np.float64))


def elsewhere(rung: float, grain: Grain) -> float:
    """Return the alarms in a series-month at a threshold, as seen where nobody changed anything: a power of it."""
    return float(grain.elsewhere * rung**-2.0)


def _begins(hot: NDArray[np.bool_], quiet: int) -> NDArray[np.bool_]:
    """Return where an alarm begins: no other in the `quiet` steps before."""
    seen = np.cumsum(hot, axis=1, dtype=np.int32)
    earlier = np.concatenate([np.zeros((len(hot), 1), dtype=np.int32), seen[:, :-1]], axis=1)
    before_that = np.zeros_like(seen)
    before_that[:, quiet + 1 :] = seen[:, : -quiet - 1] if hot.shape[1] > quiet + 1 else 0
    return np.asarray(hot & (earlier == before_that))


def _until(by_block: Counts) -> Counts:
    """Return what had come together before each block began."""
    return np.cumsum(by_block, axis=1) - by_block
