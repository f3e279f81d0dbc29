"""What holds for every panel: units, order, weeks and nesting change nothing they should not."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finops.insight.forecast import Forecast, forecast
from finops.insight.panel import Floats, Panel
from finops.periods import Period
from tests.insight.forecast_samples import MONDAY, QUICK, days_from, noisy, panel, sure

COSTS = st.one_of(st.just(0.0), st.just(np.nan), st.floats(0.01, 1e5))
PANELS = st.tuples(st.integers(1, 4), st.integers(1, 90)).flatmap(lambda shape: arrays(np.float64, shape, elements=COSTS))
FEW = settings(max_examples=15, deadline=None)


@FEW
@given(PANELS, st.sampled_from([1 / 64, 0.5, 8.0, 4096.0]))
def test_scaling_a_series_scales_its_forecast(values: Floats, factor: float) -> None:
    """By powers of two, which floats hold exactly: other factors would test how ties are rounded."""
    for plain, scaled in zip(ahead(values), ahead(values * factor), strict=True):
        assert numbers(scaled) == pytest.approx([factor * number for number in numbers(plain)], rel=1e-4, abs=1e-6 * factor)


@FEW
@given(PANELS, st.integers(1, 60))
def test_whole_weeks_later_is_the_same_forecast(values: Floats, weeks: int) -> None:
    """A series under two months has no monthly charges to find, so that only the weekday can matter."""
    short = values[:, :50]
    assert [numbers(one) for one in ahead(short)] == [numbers(one) for one in ahead(short, weeks)]


@FEW
@given(PANELS, st.randoms(use_true_random=False))
def test_the_order_of_series_does_not_matter(values: Floats, chance: np.random.Generator) -> None:
    order = list(range(len(values)))
    chance.shuffle(order)
    straight, mixed = ahead(values), ahead(values[order])
    for place, row in enumerate(order):
        assert numbers(mixed[place]) == pytest.approx(numbers(straight[row]), rel=1e-6, abs=1e-6)


@FEW
@given(PANELS, st.integers(1, 500), st.integers(0, 3))
def test_unknown_days_before_a_panel_change_no_answer(values: Floats, before: int, late: int) -> None:
    """However far back somebody asks: an answer is made of what is known, to the last digit."""
    complete = max(0, values.shape[1] - late)
    plain = panel(*values, complete=complete)
    longer = panel(
        *np.pad(values, ((0, 0), (before, 0)), constant_values=np.nan), complete=complete + before, start=MONDAY - timedelta(days=before)
    )
    period, sums = days_from(plain.day(plain.steps), 14), {0: range(1, len(values))}
    asked, again = (forecast(each, period, today=period.start, origins=5, sums=sums) for each in (plain, longer))
    assert asked == again


@pytest.mark.parametrize("days", [30, 60, 120, 240])
def test_an_older_series_takes_no_past_day_from_the_test_of_a_younger_one(days: int) -> None:
    young = np.pad(noisy(2, days), ((0, 0), (400 - days, 0)), constant_values=np.nan)
    today = MONDAY + timedelta(days=400)
    alone, beside = (forecast(panel(*rows), days_from(today, 14), today=today, members=QUICK) for rows in (young, [*noisy(1, 400), *young]))
    assert [one.backtest.origins for one in alone] == [one.backtest.origins for one in beside[1:]]
    assert {one.backtest.origins for one in alone} <= set(range(3, 21))


@FEW
@given(PANELS)
def test_bands_are_nested_around_the_total_and_nothing_is_nan(values: Floats) -> None:
    for answer in ahead(values):
        if answer.total is not None:
            edges = [sure(edge) for edge in (answer.low95, answer.low80, answer.total, answer.high80, answer.high95)]
            assert sorted(edges) == edges
            assert np.isfinite([*edges, *(number for day in answer.daily for number in (day.cost, day.low80, day.high80))]).all()
            assert all(day.low80 <= day.cost <= day.high80 for day in answer.daily)


@FEW
@given(PANELS)
def test_costs_never_forecast_a_credit(values: Floats) -> None:
    assert all(sure(answer.low95) >= 0 for answer in ahead(values) if answer.total is not None)


@FEW
@given(PANELS)
def test_only_a_series_of_which_nothing_is_known_is_unknown(values: Floats) -> None:
    assert np.isnan(values).all(axis=1).tolist() == [answer.total is None for answer in ahead(values)]


def ahead(values: Floats, weeks: int = 0) -> tuple[Forecast, ...]:
    """Return forecasts of the fortnight after the panel."""
    moved: Panel = panel(*values, start=MONDAY + timedelta(weeks=weeks))
    period: Period = days_from(moved.day(moved.steps), 14)
    return forecast(moved, period, today=period.start, members=QUICK, origins=5)


def numbers(answer: Forecast) -> list[float]:
    edges = (answer.total, answer.low95, answer.low80, answer.high80, answer.high95)
    return [-1.0 if edge is None else edge for edge in edges if edge is not None]
