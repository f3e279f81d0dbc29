"""What a period will come to: actual so far, incomplete days completed, and the days to come, with the error to expect.

Members continue the series, the back-test says what each is worth for this series and this horizon, and conformal intervals on the
total say how far off it may be. All costs are floats in the panel's currency: good enough to plan by, never to account with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import repeat
from math import isfinite
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from finops.insight.forecast_bands import band, together
from finops.insight.forecast_boosted import Boosted
from finops.insight.forecast_history import History, of_an_age, prepared
from finops.insight.forecast_labels import Label, labels, reason
from finops.insight.forecast_members import House, Member, RunRate, SeasonalNaive, mean_of
from finops.insight.forecast_sums import PARTS, Sums, seated
from finops.insight.forecast_tested import Sized, sized, tested
from finops.insight.forecast_theta import Theta
from finops.insight.forecast_trend import Drifting, LastYear
from finops.insight.forecast_weights import Trial, effective, mixed, totals
from finops.insight.panel import Calendar, Floats, Key, Panel
from finops.periods import Period

FAR = 800  # days: beyond, a forecast is a wish
TOGETHER = 2_000  # series at a time: what is held in memory does not grow with the panel


class Day(NamedTuple):
    """One day of a forecast: what it cost when `complete`, else what it will have cost at its end; `held` is what it holds so far.

    A tuple, since a night makes hundreds of thousands of them.
    """

    date: date
    cost: float
    low80: float
    high80: float
    complete: bool
    held: float = 0.0


@dataclass(frozen=True)
class Backtest:
    """How the same forecast would have done on past days, as shares (0.05 is 5 %); None where the history is too short to say.

    `wape` is by day, `mape_total` and `bias` are of the total of the days ahead (positive bias: too high); coverage is the share of past
    totals the intervals held; skill is the error saved against run-rate and seasonal naive (0.2: a fifth less, below 0: worse).
    """

    origins: int
    horizon: int
    wape: float | None = None
    mape_total: float | None = None
    bias: float | None = None
    coverage80: float | None = None
    coverage95: float | None = None
    skill_vs_run_rate: float | None = None
    skill_vs_seasonal_naive: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What one series will have cost at the end of a period; None where nothing is known of it, which is not zero."""

    key: Key
    period: Period
    currency: str
    month_to_date: float | None
    total: float | None
    low80: float | None
    high80: float | None
    low95: float | None
    high95: float | None
    daily: tuple[Day, ...]
    method: str
    label: Label
    weights: tuple[tuple[str, float], ...]
    backtest: Backtest


def default_members() -> tuple[Member, ...]:
    """Return the members that cost milliseconds; Prophet and an LSTM are opt-in."""
    last_days = House(memory=0.6, name="last days", serves="near")
    last_months = House(weeks=12, memory=0.985, name="last months", prior=0.7, serves="far")
    going_on = Drifting(weeks=8, memory=0.6, name="drift of last days", prior=0.7, serves="near")
    return last_days, going_on, Drifting(), last_months, LastYear(), RunRate(), Theta(), Boosted(), SeasonalNaive()


def forecast(
    panel: Panel,
    period: Period,
    *,
    today: date,
    calendar: Calendar | None = None,
    members: Sequence[Member] | None = None,
    origins: int = 20,
    sums: Sums | None = None,
) -> tuple[Forecast, ...]:
    """Return what each series of the panel will cost in the period, one answer per key in the panel's order.

    `today` and later days count as incomplete whatever the panel says; `origins` is the most past days the back-test forecasts from.
    `sums` tells which rows are sums of which others, all their parts: the forecasts of the parts then speak for the sum too, in a panel
    of up to `TOGETHER` series.
    """
    if panel.step != "day":
        raise ValueError(f"a forecast needs a panel by day, not by {panel.step}; add the hours up first")
    if (period.end - today).days > FAR:
        raise ValueError(f"{period.end} is more than {FAR} days after {today}; ask for a nearer period")
    whole = Calendar() if calendar is None else calendar
    chosen = default_members() if members is None else tuple(members)
    if not panel.keys:
        return ()
    known = since_known(panel)
    parts = [_part(known, range(first, min(first + TOGETHER, len(panel.keys)))) for first in range(0, len(panel.keys), TOGETHER)]
    added = sums if sums and len(parts) == 1 else {}
    return tuple(answer for part in parts for answer in _forecast(part, period, today, whole, chosen, origins, added))


def since_known(panel: Panel) -> Panel:
    """Return the panel from the first day on which anything is known of any series: how far back it was asked for tells nothing."""
    first = int(np.append(np.isfinite(panel.values).any(axis=0), True).argmax())
    fixed = None if panel.fixed is None else panel.fixed[:, first:]
    complete = np.maximum(panel.complete - first, 0)
    return Panel(panel.keys, panel.day(first), panel.values[:, first:], complete, panel.currency, panel.step, fixed)


def _part(panel: Panel, rows: Sequence[int]) -> Panel:
    chosen = list(rows)
    fixed = None if panel.fixed is None else panel.fixed[chosen]
    keys = tuple(panel.keys[row] for row in chosen)
    return Panel(keys, panel.start, panel.values[chosen], panel.complete[chosen], panel.currency, panel.step, fixed)


def _forecast(
    panel: Panel, period: Period, today: date, calendar: Calendar, members: Sequence[Member], most: int, sums: Sums
) -> list[Forecast]:
    complete = known_steps(panel, today)
    known = np.isfinite(panel.values).any(axis=1)  # nobody waits for a series of which nothing is known
    those = complete[known if known.any() else slice(None)]
    waits = np.maximum((period.end - panel.start).days - those, 1)
    first = int(np.maximum((period.start - panel.start).days - those, 0).min())  # days ahead that a period to come leaves out
    asked = int(np.median(waits))  # one bill that is late for weeks does not change what the others are tested for
    rows, seen, seats = seated(complete, sums)
    history = prepared(_part(panel, rows), seen, int(waits.max()), calendar)
    groups = of_an_age(history.usual[: len(panel.keys)])
    tests = sized([tested(history, group, members, asked, first, most, seats) for group in groups])
    totals_shape, days_shape = together([each.ratios for each in tests]), together([each.day_ratios for each in tests])
    names = [*(member.name for member in members), PARTS]
    answers: dict[int, Forecast] = {}
    for group, each in zip(groups, tests, strict=True):
        outlook = _outlook(each, totals_shape, days_shape)
        told = _answers(_part(panel, group), period, complete[group], outlook, each.test.history, names)
        answers.update(zip(group, told, strict=True))
    return [answers[row] for row in range(len(panel.keys))]


def _answers(
    panel: Panel, period: Period, complete: NDArray[np.intp], outlook: "_Outlook", history: History, names: Sequence[str]
) -> list[Forecast]:
    named = labels(history.usual, outlook.wape)  # also of parts that only spoke for a sum
    return [_answer(panel, row, period, int(complete[row]), outlook, named[row], history, names) for row in range(len(panel.keys))]


def known_steps(panel: Panel, today: date) -> NDArray[np.intp]:
    """Return how many first steps of each series are final: as the panel says, but never today, and not the unknown days at its end."""
    limit = min(max((today - panel.start).days, 0), panel.steps)
    complete = np.minimum(panel.complete, limit)
    if not panel.steps:
        return complete.astype(np.intp)
    before = np.isfinite(panel.values) & (np.arange(panel.steps) < complete[:, None])
    last = np.where(before.any(axis=1), panel.steps - before[:, ::-1].argmax(axis=1), 0)
    return np.where(before.any(axis=1), last, complete).astype(np.intp)


@dataclass(frozen=True, eq=False)
class _Outlook:
    """The days ahead of some series as arrays [series × lead], and the back-test."""

    days: Floats
    held: Floats
    day_lows: Floats
    day_highs: Floats
    scale: Floats
    tested: int
    shape: tuple[float, ...]
    weights: Floats
    floor: Floats
    tests: list[Backtest]

    @property
    def wape(self) -> Floats:
        return np.array([np.nan if test.wape is None else test.wape for test in self.tests])


def _outlook(sizes: Sized, quantiles: tuple[float, ...], day_shape: tuple[float, ...]) -> _Outlook:
    test, history, trial, first = sizes.test, sizes.test.history, sizes.test.trial, sizes.test.first
    continued = mixed(test.weights[:, -1], trial.leads, trial.answers) * history.times + history.back
    floor = np.where((np.nan_to_num(history.usual) < 0).any(axis=1), -np.inf, 0.0)
    days = np.maximum(np.maximum(continued, floor[:, None]), np.where(history.held > 0, history.held, -np.inf))
    _, lows, highs, _ = band(days, np.broadcast_to(sizes.days.now[:, None], days.shape), day_shape)
    lows = np.maximum(np.maximum(lows, floor[:, None]), np.where(history.held > 0, history.held, -np.inf))
    return _Outlook(
        days, history.held, lows, highs, sizes.now, trial.horizon - first, quantiles, effective(test.weights[:, -1], trial, first), floor,
        backtests(trial, test.past, test.errors, test.came, quantiles, sizes.without, first),
    )  # fmt: skip


def backtests(
    trial: Trial, past: Floats, errors: Floats, came: Floats, quantiles: tuple[float, ...], scale: Floats, first: int
) -> list[Backtest]:
    """Return how each series would have been forecast before."""
    if not trial.origins:
        return [Backtest(0, trial.horizon)] * trial.answers.shape[1]
    known = np.isfinite(errors)
    base = np.where(known, np.abs(came), 0.0).sum(axis=0)
    off = np.where(known, np.abs(errors), 0.0).sum(axis=0)
    known_days = np.isfinite(trial.actual) & np.isfinite(past)
    day_off = np.where(known_days, np.abs(trial.actual - past), 0.0).sum(axis=(0, 2))
    day_base = np.where(known_days, np.abs(trial.actual), 0.0).sum(axis=(0, 2))
    low95, low80, high80, high95 = (quantile * scale for quantile in quantiles)
    inside80 = mean_of(np.where(known, (errors >= low80) & (errors <= high80), np.nan), 0)
    inside95 = mean_of(np.where(known, (errors >= low95) & (errors <= high95), np.nan), 0)
    rivals = [np.where(known, np.abs(totals(path, trial.actual, first)[0] - came), 0.0).sum(axis=0) for path in trial.yardsticks]
    columns = (
        ratio(day_off, day_base), ratio(off, base), ratio(-np.where(known, errors, 0.0).sum(axis=0), base), inside80, inside95,
        1 - ratio(off, rivals[0]), 1 - ratio(off, rivals[1]),
    )  # fmt: skip
    return [
        Backtest(int(count), trial.horizon, *(float(value) if np.isfinite(value) else None for value in row))
        for count, row in zip(known.sum(axis=0), np.stack(columns, axis=1), strict=True)
    ]


def ratio(part: Floats, whole: Floats) -> Floats:
    """Return part over whole; NaN where the whole is 0."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan)


def _answer(
    panel: Panel, row: int, period: Period, complete: int, outlook: _Outlook, label: Label, history: History, names: Sequence[str]
) -> Forecast:
    first, last = (period.start - panel.start).days, (period.end - panel.start).days
    past = panel.values[row, max(0, first) : max(0, min(last, complete))]
    leads = slice(max(0, first - complete), max(0, last - complete))
    ahead, held, test = outlook.days[row, leads], outlook.held[row, leads], outlook.tests[row]
    shares = zip(names, outlook.weights[:, row], strict=False)  # where no sums are, the last name has no weight
    weights = tuple((name, round(float(weight), 4)) for name, weight in shares if weight >= 5e-5)
    why = reason(label, weights, test, lumpy=bool(history.lumpy[row]), free=bool(history.free[row]))
    spent = float(np.nansum(past))
    if not np.isfinite(ahead).all() or (not len(ahead) and not np.isfinite(past).any()):
        so_far = spent if np.isfinite(past).any() else None
        return Forecast(panel.keys[row], period, panel.currency, so_far, None, None, None, None, None, (), why, label, (), test)
    total, sure = spent + float(ahead.sum()), spent + float(np.maximum(held, outlook.floor[row]).sum())
    # Errors of a longer stretch than was tested grow almost with its length: what moved once rarely moves back.
    scale = outlook.scale[row] * (len(ahead) / outlook.tested) ** 0.9
    low95, low80, high80, high95 = (max(float(edge), sure) for edge in band(np.asarray(total), np.asarray(scale), outlook.shape))
    daily = _days(panel, row, period, complete, outlook)
    so_far = spent + float(held.sum())
    return Forecast(panel.keys[row], period, panel.currency, so_far, total, low80, high80, low95, high95, daily, why, label, weights, test)


def _days(panel: Panel, row: int, period: Period, complete: int, outlook: _Outlook) -> tuple[Day, ...]:
    start, end = (period.start - panel.start).days, (period.end - panel.start).days
    past = panel.values[row, max(0, start) : max(0, min(end, complete))].tolist()
    dates = [panel.start + timedelta(days=max(0, start) + n) for n in range(len(past))]
    known = [Day(day, cost, cost, cost, True, cost) for day, cost in zip(dates, past, strict=True) if isfinite(cost)]
    leads = slice(max(0, start - complete), max(0, end - complete))
    columns = (outlook.days, outlook.day_lows, outlook.day_highs)
    first = panel.start + timedelta(days=max(start, complete))
    open_days = map(first.__add__, map(timedelta, range(max(0, leads.stop - leads.start))))
    cells = (column[row, leads].tolist() for column in columns)
    return (*known, *map(Day, open_days, *cells, repeat(False), outlook.held[row, leads].tolist()))
