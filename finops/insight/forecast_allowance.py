"""What a free allowance a month does: nothing is charged from the first until it is used up, and every month it begins anew."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from finops.insight.forecast_members import WEEK
from finops.insight.panel import Floats

SHORTEST = 4  # free days at the beginning of a month: a weekend with a holiday before it is no allowance
BUSY = 0.8  # share of the days after them that are charged: who pays now and then has no allowance, only quiet days
DUST = 0.01  # of what a charged day costs: rounding, not a charge
LATELY = 2  # months whose allowances are believed: allowances and prices change
DOUBT = 0.25  # of the free days to come: how far off their end may be


@dataclass(frozen=True, eq=False)
class Allowances:
    """The free days of the past, those expected ahead, and how much money the uncertain end of those is worth."""

    past: NDArray[np.bool_]
    ahead: NDArray[np.bool_]
    doubt: Floats


@dataclass(frozen=True)
class Opening:
    """The free days at the beginning of a month: columns from `first` up to `end`, up to the end of all where they go on."""

    first: int
    end: int
    units: float


def allowances(usage: Floats, past: list[date], future: list[date]) -> Allowances:
    """Find the series that began each of the last two months with free days, and say when their next ones end.

    An allowance is worth the charged days it replaced: who uses twice as much has used it up in half the time.
    """
    found = Allowances(np.zeros(usage.shape, np.bool_), np.zeros((len(usage), len(future)), np.bool_), np.zeros(len(usage)))
    firsts = [place for place, day in enumerate(past) if day.day == 1 and place]
    if len(firsts) < 2:
        return found
    for row in np.flatnonzero(_quiet(usage, firsts[-1]) & _quiet(usage, firsts[-2])):
        openings = _openings(usage[row], firsts)
        if len(openings) >= 2 and _a_day(usage[row], openings) > 0:
            found.past[row] = _covered(openings, usage.shape[1])
            found.ahead[row] = _expected(usage[row], openings, past, future)
            found.doubt[row] = DOUBT * float(found.ahead[row].sum()) * _a_day(usage[row], openings)
    return found


def _quiet(usage: Floats, first: int) -> NDArray[np.bool_]:
    """Return which series were charged on the last day of a month and hardly on the first days of the next."""
    days = usage[:, first : first + SHORTEST]
    return np.asarray((usage[:, first - 1] > 0) & (days <= DUST * usage[:, first - 1 : first]).all(axis=1))


def _openings(series: Floats, firsts: list[int]) -> list[Opening]:
    """Return the free beginnings of the last months without a break, the oldest first; a month that is not over may be free so far."""
    openings: list[Opening] = []
    for first, end in zip(reversed(firsts), [len(series), *reversed(firsts[1:])], strict=True):
        opening = _opening(series, first, end)
        if opening is None:
            break
        openings.append(opening)
    return openings[::-1]


def _opening(series: Floats, first: int, end: int) -> Opening | None:
    """Return the free days a month began with, or None where it did not or was hardly charged after them."""
    before, month = series[first - 1], series[first:end]
    charged = month > DUST * before
    free = int(charged.argmax()) if charged.any() else len(month)
    going_on = end == len(series) and not charged.any()
    busy = charged.sum() >= max(1, BUSY * (len(month) - free))
    if not before > 0 or not (going_on or (free >= SHORTEST and busy)):
        return None
    return Opening(first, first + free, np.nan if going_on else free * _mean(month[free:][:WEEK]))


def _covered(openings: list[Opening], days: int) -> NDArray[np.bool_]:
    covered = np.zeros(days, np.bool_)
    for opening in openings:
        covered[opening.first : opening.end] = True
    return covered


def _expected(series: Floats, openings: list[Opening], past: list[date], future: list[date]) -> NDArray[np.bool_]:
    """Return the days ahead that lie within the free beginning of their month; one that lasts longer than thought ends tomorrow."""
    worth = [opening.units for opening in openings if np.isfinite(opening.units)][-LATELY:]
    free = round(sum(worth) / len(worth) / _a_day(series, openings))
    month, now = (past[-1].year, past[-1].month), openings[-1]
    so_far = len(series) - now.first + 1 if now.end == len(series) else 0
    ends = [free if (day.year, day.month) != month else max(free, so_far) if so_far else 0 for day in future]
    return np.array([day.day <= end for day, end in zip(future, ends, strict=True)], np.bool_)


def _a_day(series: Floats, openings: list[Opening]) -> float:
    """Return what a charged day costs lately."""
    charged = series[~_covered(openings, len(series))]
    return _mean(charged[np.isfinite(charged)][-WEEK:])


def _mean(days: Floats) -> float:
    """Return the mean of the known days, of which there is at least one."""
    return float(days[np.isfinite(days)].mean())
