"""What the past says of the series of a panel: tested with those of much the same age, and how far off they may be beside all others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finops.insight.forecast_bands import Ratios, Scales, own_errors, scales, usual_error
from finops.insight.forecast_history import History
from finops.insight.forecast_members import Member
from finops.insight.forecast_sums import Sums, with_parts
from finops.insight.forecast_weights import Trial, disagreement, mixed, size_of, totals, tried, weights_over_time
from finops.insight.panel import Floats

APART = 1.5  # members that part ways tell of an error to come: how much their distance adds to what the past says
UNTRIED = 0.35  # share of its size a series without a past may be off when one day of it is known; the root of its days divides that


@dataclass(frozen=True, eq=False)
class Tested:
    """What the back-test of a group says: weights, past answers and their errors of the total, and how far members lay apart.

    `errors` are what came less what was said, [origin × series]; `unsure` ends with the forecast itself.
    """

    history: History
    trial: Trial
    first: int
    weights: Floats
    past: Floats
    came: Floats
    errors: Floats
    unsure: Floats

    @property
    def sizes(self) -> Floats:
        return size_of(self.history.usual)

    @property
    def whole(self) -> Floats:
        """What each series costs in as many days as were tested."""
        return self.sizes * (self.trial.horizon - self.first)

    @property
    def daily(self) -> Floats:
        """Errors by day, [origin and lead × series]."""
        return (self.trial.actual - self.past).transpose(0, 2, 1).reshape(-1, len(self.sizes))


def tested(whole: History, group: list[int], members: Sequence[Member], asked: int, first: int, most: int, seats: Sums) -> Tested:
    """Test the series of a group, and beside them the parts of its sums, which may be younger."""
    mine = {row: parts for row, parts in seats.items() if row in group}
    rows = [*group, *sorted({part for parts in mine.values() for part in parts} - set(group))]
    history, place = whole.of(rows), {row: number for number, row in enumerate(rows)}
    trial = tried(history.usual, history.back.shape[1], asked, members, most)
    first = min(first, trial.horizon // 2)
    sizes = size_of(history.usual)
    said, came = totals(trial.paths, trial.actual, first)
    weights = weights_over_time(said - came, trial, sizes)
    unsure = disagreement(weights, trial, first)
    if mine:
        sums = {place[row]: [place[part] for part in parts] for row, parts in mine.items()}
        trial, weights, apart = with_parts(trial, weights, history, sums, first, sizes)
        unsure = unsure + apart
    past = mixed(weights[:, :-1], trial.leads, trial.paths) if trial.origins else trial.actual
    return Tested(history, trial, first, weights, past, came, came - totals(past, trial.actual, first)[0], unsure)


@dataclass(frozen=True, eq=False)
class Sized:
    """How far off the totals of a group may be `now`, and could have been at each past origin by the others; `days` for single days."""

    test: Tested
    now: Floats
    without: Floats
    days: Scales

    @property
    def ratios(self) -> Ratios:
        return Ratios(self.test.errors / self.without, self.test.trial.overlap)

    @property
    def day_ratios(self) -> Ratios:
        return Ratios(self.test.daily / self.days.without, self.test.trial.overlap)


def sized(tests: Sequence[Tested]) -> list[Sized]:
    """Return the same with the size of errors: a series with a short past is drawn towards all others, whatever their age."""
    usual = usual_error([own_errors(test.errors, test.whole) for test in tests])
    by_day = usual_error([own_errors(test.daily, test.sizes) for test in tests])
    return [_sized(test, usual, by_day) for test in tests]


def _sized(test: Tested, usual: float | None, by_day: float | None) -> Sized:
    trial, days = test.trial, np.isfinite(test.history.usual).sum(axis=1)
    untried = UNTRIED / np.sqrt(np.maximum(days, 1))
    own = scales(test.errors, test.whole, trial.overlap, trial.apart, unseen=untried, panel=usual)
    daily = scales(test.daily, test.sizes, trial.overlap, trial.apart * trial.horizon, panel=by_day)
    now, without = own.now + APART * test.unsure[-1] + test.history.doubt, own.without + APART * test.unsure[:-1]
    return Sized(test, now, without, daily)
