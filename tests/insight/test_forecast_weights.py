"""What members weigh: by what they earned, by the day ahead, and what their disagreement says."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from finops.insight.forecast import Forecast, default_members, forecast
from finops.insight.forecast_members import House, RunRate, SeasonalNaive
from finops.insight.forecast_weights import by_lead, disagreement, effective, mixed, tried, weights_over_time
from finops.insight.panel import Floats, Panel
from tests.insight.forecast_samples import MONDAY, QUICK, days_from, noisy, panel, sure, week

NEAR, FAR = House(memory=0.6, serves="near"), House(weeks=12, memory=0.97, serves="far")


def test_members_of_last_days_fade_and_those_of_last_months_take_over() -> None:
    near, far, both = by_lead((NEAR, FAR, House()), 30)
    assert (near[0] > 10 * far[0], near[29] < far[29] / 10, np.ptp(both)) == (True, True, 0.0)
    assert (np.diff(near) < 0).all()
    assert (np.diff(far) > 0).all()


def test_a_member_that_does_not_answer_leaves_its_weight_to_the_others() -> None:
    weights, leads = np.array([[0.25], [0.75]]), np.ones((2, 2))
    assert [[3.5, 2.0]] == mixed(weights, leads, np.array([[[2.0, 2.0]], [[4.0, np.nan]]])).tolist()


def test_a_level_that_moved_is_followed_at_first_and_half_believed_later() -> None:
    """From 10 to 30 a day for the last ten days: the next days cost about 30, those in a month as the last month did, 16.67."""
    moved = np.where(np.arange(200) < 190, 10.0, 30.0)
    today = MONDAY + timedelta(days=200)
    [answer] = forecast(panel(moved), days_from(today, 30), today=today, members=(NEAR, RunRate()))
    first, last = answer.daily[0].cost, answer.daily[-1].cost
    assert [30, 16.67] == pytest.approx([first, last], rel=0.05)


def test_members_that_agree_have_no_distance_and_others_half_of_it_each() -> None:
    """Two that weigh the same and come to 70 and 140 for a week lie 35 from their middle."""
    trial = tried(np.stack([week(100), np.full(100, 10.0)]), 7, 7, (SeasonalNaive(serves="all"), RunRate(days=7, serves="all")), 5)
    answers = np.stack([np.full((2, 7), 10.0), np.repeat([[10.0], [20.0]], 7, axis=1)])
    weights = np.full((2, len(trial.origins) + 1, 2), 0.5)
    apart = disagreement(weights, type(trial)(**{**vars(trial), "answers": answers}), 0)
    assert [0.0, 35.0] == pytest.approx(apart[-1].tolist())


def test_the_weights_that_are_told_are_those_of_the_days_asked() -> None:
    trial = tried(noisy(3, 200), 30, 30, (NEAR, FAR), 10)
    weights = weights_over_time(np.ones((2, len(trial.origins), 3)), trial, np.ones(3))
    near, far = effective(weights[:, -1], trial, 0)
    late_near, late_far = effective(weights[:, -1], trial, 20)
    assert pytest.approx([1.0] * 3) == (near + far).tolist() == (late_near + late_far).tolist()
    assert (late_near < near).all()


def test_one_bill_that_is_weeks_late_changes_nothing_for_the_others() -> None:
    values = noisy(5, 200)
    today = MONDAY + timedelta(days=200)
    on_time, late = (ahead(values, complete) for complete in ([200] * 5, [200] * 4 + [170]))
    for one, other in zip(on_time[:4], late[:4], strict=True):
        assert one.backtest.horizon == other.backtest.horizon == 10
        assert sure(one.total) == pytest.approx(sure(other.total), rel=0.02)
    assert late[4].daily[0].date == today


def test_members_that_part_ways_make_the_band_wider() -> None:
    """Series that never moved but for one, whose last days are at twice its level."""
    rows = noisy(20, 200, noise=0.05)
    moved = rows.copy()
    moved[0, 192:] *= 2
    calm, restless = (ahead(values, [200] * 20)[0] for values in (rows, moved))
    assert (sure(restless.high80) - sure(restless.low80)) / sure(restless.total) > 1.5 * (
        (sure(calm.high80) - sure(calm.low80)) / sure(calm.total)
    )


def test_more_days_of_a_new_series_make_its_band_narrower() -> None:
    widths = []
    for days in (3, 6, 12):
        [answer] = ahead(np.full((1, days), 10.0), [days])
        widths.append((sure(answer.high80) - sure(answer.low80)) / sure(answer.total))
    assert sorted(widths, reverse=True) == widths
    assert widths[0] > 1.5 * widths[2]


class SureOfLater:
    """Says twice too much of the next ten days and the truth of those after them."""

    name = "sure of later"

    def paths(self, history: Floats, origins: Sequence[int], horizon: int) -> Floats:
        return np.broadcast_to(np.where(np.arange(horizon) < 10, 20.0, 10.0), (len(origins), len(history), horizon))


def test_a_period_to_come_is_tested_on_days_as_far_ahead() -> None:
    flat = panel(np.full(200, 10.0))
    today = flat.day(200)
    now, later = (forecast(flat, days_from(today + timedelta(days=wait), 20), today=today, members=(SureOfLater(),))[0] for wait in (0, 10))
    assert [0.5, 0.0] == pytest.approx([sure(now.backtest.mape_total), sure(later.backtest.mape_total)])


def test_every_default_member_says_which_days_it_serves() -> None:
    assert {"near", "far"} == {getattr(member, "serves", "") for member in default_members()}


def ahead(values: Floats, complete: list[int]) -> tuple[Forecast, ...]:
    of = Panel(panel(*values).keys, MONDAY, values, np.array(complete))
    today = of.day(of.steps)
    return forecast(of, days_from(today, 10), today=today, members=(*QUICK, NEAR, FAR))
