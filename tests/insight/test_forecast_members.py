"""Each member on series whose answer can be worked out, and Theta beside the implementation everybody uses."""

import numpy as np
import pytest

from finops.insight.forecast_boosted import Boosted
from finops.insight.forecast_members import House, Member, RunRate, SeasonalNaive, clipped, median_of, weekday_profile, without_largest
from finops.insight.forecast_theta import ALPHAS, Theta, without_gaps
from finops.insight.forecast_trend import Drifting
from finops.insight.panel import Floats
from tests.insight.forecast_samples import noisy, week

MEMBERS: tuple[Member, ...] = (House(), Drifting(), Theta(), SeasonalNaive(), Boosted())


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_week_that_repeats_is_continued_exactly(member: Member) -> None:
    assert week(150)[140:].tolist() == pytest.approx(last(member, week(140), 10).tolist())


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_no_member_looks_beyond_an_origin(member: Member) -> None:
    """What comes after the first origin is replaced, and what is said there stays."""
    history = noisy(12, 150)
    other = np.concatenate([history[:, :110], 5 * history[:, 110:]], axis=1)
    assert member.paths(history, [110, 150], 14)[0] == pytest.approx(member.paths(other, [110, 150], 14)[0])


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_member_answers_for_each_origin_series_and_day(member: Member) -> None:
    assert (3, 5, 20) == member.paths(noisy(5, 100), [60, 80, 100], 20).shape


@pytest.mark.filterwarnings("ignore")
def test_theta_agrees_with_statsforecast() -> None:
    """With all of the past and its spikes, and no smoothing below a tenth, as theirs."""
    theirs, whole = pytest.importorskip("statsforecast.models").Theta(season_length=7), Theta(longest=400, reach=np.inf, alphas=ALPHAS[1:])
    for history in (noisy(4, 300), noisy(2, 300, noise=0.3), noisy(2, 60)):
        for row, ours in zip(history, whole.paths(history, [history.shape[1]], 28)[0], strict=True):
            assert ours.sum() == pytest.approx(theirs.forecast(row, 28)["mean"].sum(), rel=0.02)


def test_theta_follows_half_the_past_slope() -> None:
    """A line that rises by 2 a day goes on from its last value by 1 a day."""
    rising = np.arange(0.0, 200.0, 2.0)
    assert pytest.approx([1.0] * 9) == np.diff(last(Theta(), rising, 10)).tolist()


def test_theta_does_not_take_a_spike_on_the_last_day_for_the_level() -> None:
    """A level that wanders, so that smoothing follows the last days, and one day at twenty times its size."""
    spike = np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.05, 120)))
    level = 7 * spike[-1]
    spike[-1] *= 20
    wary, gullible = (last(Theta(reach=reach), spike, 7).sum() for reach in (3.0, np.inf))
    assert wary < 1.5 * level < 3 * level < gullible


def test_gaps_are_filled_by_the_weekday_before() -> None:
    gap = week(28)
    gap[[21, 26]] = np.nan
    assert week(28).tolist() == without_gaps(gap[None])[0].tolist()


def test_the_house_is_not_moved_by_one_spike() -> None:
    spike = np.full(60, 10.0)
    spike[57] = 1000.0
    assert last(House(), spike, 7).max() < 15


def test_the_house_without_clipping_is_the_mean() -> None:
    burst = np.zeros(28)
    burst[10] = 280.0
    assert pytest.approx(10.0) == last(House(weeks=4, memory=1.0, reach=np.inf), burst, 7).mean()


def test_one_large_purchase_is_no_level_of_a_series_that_buys_now_and_then() -> None:
    """It buys for 40 every fifth day, and bought for 4,000 yesterday."""
    buys = np.where(np.arange(100) % 5 == 0, 40.0, 0.0)
    buys[-1] = 4000.0
    assert pytest.approx(8.0, rel=0.15) == last(House(memory=0.6), buys, 7).mean()


def test_a_series_that_buys_now_and_then_costs_its_average_whenever_it_last_bought() -> None:
    buys = np.where(np.arange(100) % 10 == 0, 70.0, 0.0)
    assert pytest.approx([7.0] * 10, rel=0.2) == [last(House(memory=0.6), buys[: 90 + day], 7).mean() for day in range(10)]


def test_a_job_of_every_sunday_goes_on_and_forgets_what_it_cost_before() -> None:
    sundays = np.where(np.arange(98) % 7 == 6, 70.0, 0.0)
    sundays[-14:] *= 2
    assert pytest.approx(140.0, rel=0.1) == last(House(memory=0.6), sundays, 7).sum()


@pytest.mark.parametrize(("before", "after"), [(0.0, 50.0), (50.0, 0.0)], ids=["switched on", "switched off"])
def test_what_was_switched_two_weeks_ago_stays_as_it_is(before: float, after: float) -> None:
    series = np.where(np.arange(112) < 98, before, after)
    assert pytest.approx(7 * after, abs=1.0) == last(House(memory=0.6), series, 7).sum()


@pytest.mark.parametrize("purchases", [0, 1, 2])
def test_of_few_purchases_none_is_cut(purchases: int) -> None:
    days = np.zeros((1, 56))
    days[0, 10 : 10 + purchases] = [5.0, 90.0][:purchases]
    assert days.tolist() == without_largest(days, np.array([True])).tolist()


def test_a_single_week_is_no_profile() -> None:
    assert pytest.approx(1.0, abs=0.25) == weekday_profile(week(7).reshape(1, 1, 7))[0].max()


def test_weeks_that_disagree_make_a_flat_profile() -> None:
    chance = np.random.default_rng(1)
    noise = chance.lognormal(0, 1, (1, 8, 7))
    calm = np.tile(noise[:, :1], (1, 8, 1))
    assert np.ptp(weekday_profile(noise)) < np.ptp(weekday_profile(calm)) / 2


def test_clipping_leaves_ordinary_days_alone() -> None:
    days = noisy(3, 56, noise=0.05)
    assert days[:, -14:].mean() == pytest.approx(clipped(days, 3.0)[:, -14:].mean(), rel=0.05)


def test_the_run_rate_is_the_mean_of_its_days() -> None:
    assert [2.0, 2.0] == last(RunRate(days=3), np.array([9.0, 1.0, 2.0, 3.0]), 2).tolist()


def test_seasonal_naive_takes_the_week_before_for_a_gap() -> None:
    history = np.arange(14.0)
    history[9] = np.nan
    assert [7.0, 8.0, 2.0, 10.0] == last(SeasonalNaive(), history, 4).tolist()


def test_trees_learn_what_the_profile_cannot_know() -> None:
    """Every series falls back to a fifth three weeks after it jumped: after a jump, the weeks ahead are lower than the level."""
    chance = np.random.default_rng(5)
    days = np.arange(300)
    history = np.stack([np.where((days + shift) % 42 < 21, 10.0, 2.0) for shift in range(80)]) * chance.lognormal(0, 1, (80, 1))
    came = np.stack([np.where((np.arange(300, 321) + shift) % 42 < 21, 10.0, 2.0) for shift in range(80)])
    size = history.max(axis=1, keepdims=True) / 10
    plain, learned = (np.abs(member.paths(history, [300], 21)[0] - came * size).sum() for member in (House(memory=0.92), Boosted()))
    assert learned < 0.8 * plain


def test_trees_stay_out_of_it_with_few_examples() -> None:
    history = noisy(1, 60)
    assert House(memory=0.92).paths(history, [60], 14)[0].tolist() == Boosted().paths(history, [60], 14)[0].tolist()


def test_a_median_ignores_what_is_unknown() -> None:
    values = np.array([[3.0, np.nan, 1.0, 2.0], [np.nan] * 4, [1.0, 2.0, np.nan, 9.0]])
    assert [2.0, 2.0] == median_of(values, 1)[[0, 2]].tolist()
    assert np.isnan(median_of(values, 1)[1])


def last(member: Member, series: Floats, horizon: int) -> Floats:
    return np.asarray(member.paths(series[None], [len(series)], horizon)[-1, 0])
