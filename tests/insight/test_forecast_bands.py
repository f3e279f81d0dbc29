"""Intervals hold what they promise on series that are new to them, and are narrower than summed daily bands."""

from datetime import timedelta

import numpy as np
import pytest

from finops.insight.forecast import Forecast, forecast
from finops.insight.forecast_bands import BELIEVED, band, near, scales, shape
from finops.insight.panel import Floats
from tests.insight.forecast_samples import MONDAY, QUICK, days_from, noisy, panel, sure

KNOWN, MONTH = 240, 28


@pytest.fixture(scope="module")
def told() -> tuple[tuple[Forecast, ...], Floats]:
    """300 series of very different size and noise: what was said on day 240, and what the four weeks after came to."""
    values = np.concatenate([noisy(100, KNOWN + MONTH, seed, noise) for seed, noise in ((1, 0.05), (2, 0.2), (3, 0.4))])
    first = MONDAY + timedelta(days=KNOWN)
    answers = forecast(panel(*values[:, :KNOWN]), days_from(first, MONTH), today=first, members=QUICK)
    return answers, values[:, KNOWN:].sum(axis=1)


def test_eighty_percent_holds_eighty_percent(told: tuple[tuple[Forecast, ...], Floats]) -> None:
    inside = [sure(answer.low80) <= total <= sure(answer.high80) for answer, total in zip(*told, strict=True)]
    assert 0.74 <= np.mean(inside) <= 0.88


def test_ninety_five_percent_holds_ninety_five_percent(told: tuple[tuple[Forecast, ...], Floats]) -> None:
    inside = [sure(answer.low95) <= total <= sure(answer.high95) for answer, total in zip(*told, strict=True)]
    assert 0.91 <= np.mean(inside) <= 0.99


def test_the_back_test_reports_the_coverage_that_comes(told: tuple[tuple[Forecast, ...], Floats]) -> None:
    assert pytest.approx(0.80, abs=0.04) == np.mean([sure(answer.backtest.coverage80) for answer in told[0]])


def test_the_band_of_the_total_is_narrower_than_the_sum_of_daily_bands(told: tuple[tuple[Forecast, ...], Floats]) -> None:
    shares = [(sure(one.high80) - sure(one.low80)) / sum(day.high80 - day.low80 for day in one.daily) for one in told[0]]
    assert np.median(shares) < 0.75


def test_a_restless_series_gets_a_wider_band(told: tuple[tuple[Forecast, ...], Floats]) -> None:
    widths = np.array([(sure(one.high80) - sure(one.low80)) / sure(one.total) for one in told[0]])
    assert np.median(widths[:100]) < np.median(widths[200:]) / 1.5


def test_without_past_errors_the_shape_is_believed() -> None:
    assert BELIEVED == pytest.approx(shape(np.empty((0, 3)), 1.0))


def test_with_many_errors_the_shape_is_theirs() -> None:
    flat = np.linspace(-1, 1, 100_001)
    assert (-0.95, -0.8, 0.8, 0.95) == pytest.approx(shape(flat, 1.0), abs=0.01)


def test_how_wide_errors_are_is_known_before_their_tails() -> None:
    """Ten errors half as large as expected: the tails stay those of the bell, and draw in by more than ten errors of fifty would."""
    few = np.resize([-0.5, 0.5], (10, 1))
    assert [0.6 < drawn / believed < 0.85 for drawn, believed in zip(shape(few, 1.0), BELIEVED, strict=True)] == [True] * 4


def test_a_series_without_a_past_is_more_uncertain_than_the_panel() -> None:
    errors = np.array([[0.1, np.nan]] * 20)
    calm, unseen = scales(errors, np.ones(2), 1.0).now
    assert pytest.approx(0.1, abs=0.01) == calm
    assert unseen >= 0.35


def test_errors_that_share_days_are_left_out_together() -> None:
    values = np.arange(1.0, 7.0)[:, None]
    assert [3.0, 6.0, 9.0, 12.0, 15.0, 11.0] == near(values, 2).ravel().tolist()


def test_a_band_holds_its_forecast_even_when_all_errors_were_on_one_side() -> None:
    edges = band(np.array(10.0), np.array(1.0), (0.5, 1.0, 2.0, 3.0))
    assert [10.0, 10.0, 12.0, 13.0] == [float(edge) for edge in edges]
