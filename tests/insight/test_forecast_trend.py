"""Members that know where a series is going: a drift the weeks agree on goes on, and last year's season comes again."""

import numpy as np
import pytest

from finops.insight.forecast import default_members, forecast
from finops.insight.forecast_members import House
from finops.insight.forecast_trend import Drifting, LastYear, drift
from finops.insight.panel import Floats
from tests.insight.forecast_samples import MONDAY, days_from, noisy, panel, sure, week

STEADY = Drifting(damping=1.0)


def last(member: Drifting | LastYear | House, series: Floats, horizon: int) -> Floats:
    return np.asarray(member.paths(series[None], [len(series)], horizon)[-1, 0])


@pytest.mark.parametrize("memory", [0.6, 0.97])
def test_a_line_goes_on_from_its_last_day(memory: float) -> None:
    """Wherever the level of the days lies, a line that rises by 2 a day reaches 282 two days after 278."""
    line = np.arange(0.0, 280.0, 2.0)
    assert pytest.approx([280.0, 282.0, 284.0], rel=0.01) == last(Drifting(memory=memory, damping=1.0), line, 3).tolist()


def test_a_damped_drift_slows_down() -> None:
    """Half of yesterday's step each day: 2 a day becomes 1, 0.5, 0.25."""
    steps = np.diff(last(Drifting(damping=0.5), np.arange(0.0, 280.0, 2.0), 4))
    assert pytest.approx([0.5, 0.25, 0.125], rel=0.05) == steps.tolist()


def test_a_week_that_repeats_does_not_drift() -> None:
    assert week(150)[140:].tolist() == pytest.approx(last(Drifting(), week(140), 10).tolist())


def test_a_drift_keeps_the_weekdays_apart() -> None:
    """A weekend costs four tenths of a weekday, in a series that doubles in twenty weeks."""
    growing = week(140) * (1 + np.arange(140) / 140)
    monday, *_, saturday, sunday = last(STEADY, growing, 7)
    assert pytest.approx([0.4, 0.4], abs=0.05) == [saturday / monday, sunday / monday]


def test_weeks_that_disagree_are_no_drift() -> None:
    """The same rise of one in a hundred a day, under hardly any noise and under much."""
    rising, chance = 100.0 + np.arange(200.0), np.random.default_rng(4)
    calm, wild = (rising * (1 + share * chance.normal(size=(40, 200))) for share in (0.001, 0.3))
    assert 0.9 < np.median(drift(calm, 4, 2.0)) <= 1.1
    assert np.median(np.abs(drift(wild, 4, 2.0))) < 0.5


def test_growth_is_seen_through_the_noise_of_days() -> None:
    """One percent a day under a noise of ten: what whole weeks agree on is hardly drawn towards nothing."""
    chance = np.random.default_rng(5)
    growing = np.exp(0.01 * np.arange(120)) * np.exp(chance.normal(0.0, 0.1, (40, 120)))
    assert 0.6 < np.median(drift(growing, 4, 1.0) / (0.01 * np.exp(0.01 * 106))) <= 1.1


def test_one_jump_is_no_drift() -> None:
    jump = np.where(np.arange(100) < 97, 10.0, 30.0)
    assert [0.0] == drift(jump[None], 4, 2.0).tolist()


def test_less_than_three_weeks_have_no_drift() -> None:
    line = np.arange(21.0)
    late = np.where(line < 1, np.nan, line)
    assert [0.0, 0.0, 1.0] == [drift(series[None], 4, 2.0)[0] for series in (line[:13], late, line)]


def test_the_forecast_follows_a_line_better_than_its_levels_do() -> None:
    """Ten lines that rise by a hundredth of their start a day, a little noise on them: what thirty days come to."""
    days = np.arange(230.0)
    lines = (1 + days / 100) * np.random.default_rng(1).normal(1, 0.01, (10, 230))
    first = panel(lines[0]).day(200)
    levels = tuple(member for member in default_members() if not isinstance(member, Drifting))
    errors = [
        sum(abs(sure(answer.total) - came) for answer, came in zip(answers, lines[:, 200:].sum(axis=1), strict=True))
        for answers in (
            forecast(panel(*lines[:, :200]), days_from(first, 30), today=first, members=members) for members in (default_members(), levels)
        )
    ]
    assert errors[0] < 0.6 * errors[1]


def test_last_years_season_comes_again() -> None:
    """A series that doubles in the seventh week from now, as it did a year ago."""
    days = np.arange(364 + 100)
    yearly = np.where((days % 364 >= 140) & (days % 364 < 182), 20.0, 10.0)
    said = last(LastYear(), yearly, 75)
    assert pytest.approx([10.0, 20.0], rel=0.01) == [said[:30].mean(), said[50:70].mean()]


def test_a_series_without_a_season_is_what_its_level_says() -> None:
    flat = week(500)
    assert last(House(memory=0.92), flat, 28).tolist() == pytest.approx(last(LastYear(), flat, 28).tolist(), rel=0.02)


def test_less_than_fourteen_months_tell_nothing_of_a_year() -> None:
    assert np.isnan(last(LastYear(), week(400), 5)).all()


def test_a_young_series_beside_an_old_one_has_no_last_year() -> None:
    young = np.pad(week(400), (100, 0), constant_values=np.nan)
    said = LastYear().paths(np.stack([week(500), young]), [500], 5)[0]
    assert [True, False] == np.isfinite(said).all(axis=1).tolist()


def test_more_than_a_year_ahead_there_is_still_an_answer() -> None:
    assert np.isfinite(last(LastYear(), week(500), 400)).all()


def test_last_year_does_not_look_beyond_an_origin() -> None:
    history = noisy(4, 500)
    other = np.concatenate([history[:, :450], 5 * history[:, 450:]], axis=1)
    assert LastYear().paths(history, [450, 500], 30)[0] == pytest.approx(LastYear().paths(other, [450, 500], 30)[0])


def test_a_member_that_never_answered_takes_no_weight_from_the_others() -> None:
    """A year short of its season, with and without the member that would know it: the same forecast."""
    rows, first = noisy(6, 300), panel(noisy(1, 300)[0]).day(300)
    members = (House(), Drifting())
    alone, beside = (
        forecast(panel(*rows), days_from(first, 30), today=first, members=chosen) for chosen in (members, (*members, LastYear(prior=0.3)))
    )
    assert MONDAY < first
    for one, other in zip(alone, beside, strict=True):
        assert sure(one.total) == pytest.approx(sure(other.total), rel=0.003)
        assert "last year" not in dict(other.weights)
