"""When one event ends and the next begins, and what growth, size and a nervous past mean for it."""

from datetime import date, timedelta

import numpy as np
import pytest

from finops.insight.anomalies import detect
from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_expected import course
from finops.insight.anomalies_grain import GRAINS
from finops.insight.anomalies_scores import Floor, scores
from finops.insight.panel import Calendar, Floats
from tests.insight.anomaly_series import AT, START, calm, hours, panel

DAY = START + timedelta(days=AT)


def told(values: Floats) -> list[tuple[str, date]]:
    return [(found.kind, found.start) for found in in_order(values)]


def in_order(values: Floats) -> list[Anomaly]:
    return sorted(detect(panel(values), since=DAY), key=lambda found: found.start)


def shifted(factor: float, days: int, steps: int = 168) -> Floats:
    values = calm(steps)
    values[AT : AT + days] *= factor
    return values


def test_a_day_far_beyond_a_shift_that_is_ten_days_old_is_an_event_of_its_own() -> None:
    values = shifted(1.5, 56)
    values[AT + 10] *= 3
    assert [("shift", DAY), ("spike", DAY + timedelta(days=10))] == told(values)


def test_a_shift_goes_on_behind_the_event_beyond_it() -> None:
    values = shifted(1.5, 56)
    values[AT + 10] *= 3
    shift, spike = in_order(values)
    assert (DAY + timedelta(days=28), DAY + timedelta(days=11)) == (shift.end, spike.end)


def test_a_shift_that_only_goes_on_rising_stays_one_event() -> None:
    values = shifted(1.5, 56)
    values[AT:] *= 1 + 0.01 * np.arange(56)
    assert 1 == len([found for found in in_order(values) if found.start < DAY + timedelta(days=28)])


def test_a_day_back_at_the_usual_in_the_first_week_of_a_shift_is_no_event_of_its_own() -> None:
    values = shifted(2, 56)
    values[AT + 4] /= 2
    assert [("shift", DAY)] == told(values)


def test_the_way_back_up_is_quiet_in_the_first_four_weeks_and_news_after_them() -> None:
    assert [("drop", DAY)] == told(shifted(0.5, 20))
    assert [("drop", DAY), ("shift", DAY + timedelta(days=35))] == told(shifted(0.5, 35))


def test_steady_growth_is_expected_and_not_told() -> None:
    """At one percent a day the median of two weeks alone lies seven percent behind."""
    growing = calm(noise=0.01) * 1.01 ** np.arange(140)
    expected = course(panel(growing), Calendar()).expected[0]
    assert 1 == pytest.approx(growing[AT:].sum() / expected[AT:].sum(), abs=0.04)
    assert [] == told(growing)


def test_growth_that_stopped_five_weeks_ago_is_no_longer_expected() -> None:
    flat = calm(147, noise=0.01) * np.minimum(1.01 ** np.arange(147), 1.01**105)
    expected = course(panel(flat), Calendar()).expected[0]
    assert 1 == pytest.approx(flat[140:].sum() / expected[140:].sum(), abs=0.02)


def test_a_departure_of_half_scores_more_than_two_and_a_half_times_one_of_a_fifth() -> None:
    fifth, half = (scores(course(panel(shifted(factor, 1)), Calendar()), GRAINS["day"], Floor(1, 0.1)).up[0, AT] for factor in (1.2, 1.5))
    assert half > 3.5 * fifth > 0


def test_nervous_gauges_cry_no_more_than_half_as_much_again_as_asked() -> None:
    """Fifteen gauges whose hours differ by forty percent, each looked at alone for four weeks."""
    chance = np.random.default_rng(7)
    gauges = [hours(28) * np.exp(0.4 * chance.standard_normal(28 * 24)) for _ in range(15)]
    cried = sum(len(detect(panel(gauge, step="hour"), floor=0.0, share=0.05)) for gauge in gauges)
    assert cried / (15 * 28 / 30.44) <= 1.5 * 0.25


def test_a_calm_gauge_is_still_told_after_four_weeks() -> None:
    values = hours()
    values[-30] *= 2
    assert 1 == len(detect(panel(values, step="hour"), since=START + timedelta(days=26)))


def test_events_of_a_series_never_share_a_name() -> None:
    chance = np.random.default_rng(11)
    restless = panel(*(calm(400, noise=0.5, seed=seed) * np.exp(np.cumsum(chance.normal(0, 0.1, 400))) for seed in range(20)))
    names = [found.id for found in detect(restless, sensitivity=20.0, floor=0.0, share=0.0)]
    assert len(names) > 100
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("floor", [0.0, 30.0, 60.0])
def test_nothing_below_the_floor_is_told_whatever_its_window_came_to(floor: float) -> None:
    """Ten ramps of many slopes, so that some are found while little has come together."""
    ramps = [calm(seed=number) * (1 + np.clip(np.arange(140) - AT, 0, None) * 0.004 * number) for number in range(1, 11)]
    excesses = [found.excess for found in detect(panel(*ramps), floor=floor, sensitivity=4.0, share=0.0)]
    assert excesses
    assert min(map(abs, excesses)) >= floor


def test_a_drop_that_takes_most_of_what_a_drop_had_left_is_an_event_of_its_own() -> None:
    """No drop can be twice as deep as one by half."""
    values = shifted(0.45, 56)
    values[AT + 12 : AT + 15] *= 0.1
    assert [("drop", DAY), ("drop", DAY + timedelta(days=12))] == told(values)


def test_a_day_far_above_the_old_usual_is_news_in_the_first_week_of_a_drop() -> None:
    values = shifted(0.5, 56)
    values[AT + 3] *= 6
    assert [("drop", DAY), ("spike", DAY + timedelta(days=3))] == told(values)[:2]


def test_a_low_day_beside_one_nobody_knows_of_is_no_drop_but_a_dear_one_is_a_spike() -> None:
    low, high = shifted(0.2, 1), shifted(3, 1)
    assert ["drop"] == [kind for kind, _ in told(low)]
    for values in (low, high):
        values[AT + 1] = np.nan
    assert ([], ["spike"]) == (told(low), [kind for kind, _ in told(high)])


def test_a_week_that_was_low_says_nothing_of_a_day_that_hardly_is() -> None:
    """The mean of three days is a drop, the last of them is half back."""
    departed = np.zeros(140)
    departed[AT : AT + 3] = (-0.5, -0.5, -0.2)
    values = calm(noise=0.03) * (1 + departed)
    scored = scores(course(panel(values), Calendar()), GRAINS["day"], Floor(1, 0.1))
    assert scored.down[0, AT + 1] > 1
    assert scored.down[0, AT + 2] < 0.5 * scored.down[0, AT + 1]


def test_the_way_back_from_a_drop_is_quiet_though_a_day_stood_out_in_between() -> None:
    values = shifted(0.5, 20, steps=AT + 21)
    values[AT + 10] *= 4
    assert [("drop", DAY), ("spike", DAY + timedelta(days=10))] == told(values)


def test_a_day_far_beyond_a_weak_event_is_an_event_of_its_own_three_days_into_it() -> None:
    values = shifted(1.3, 20)
    values[AT + 3] *= 2
    assert [("shift", DAY), ("spike", DAY + timedelta(days=3))] == told(values)[:2]


def test_a_shift_that_began_in_the_middle_of_a_day_is_one_event() -> None:
    """Its second day departs three times as far as its first."""
    values = shifted(2, 20)
    values[AT] /= 1.5
    assert [("shift", DAY)] == told(values)


@pytest.mark.parametrize(("days_after", "spikes"), [(2, 1), (6, 2)])
def test_the_same_once_more_is_a_tail_right_after_an_event_and_news_at_the_end_of_its_week(days_after: int, spikes: int) -> None:
    values = shifted(3, 1)
    values[AT + days_after] = 3 * calm()[AT + days_after]
    assert spikes == len(told(values))


def test_half_as_much_again_at_the_end_of_the_week_of_an_event_is_its_tail() -> None:
    values = shifted(3, 1)
    values[AT + 6] *= 1.8
    assert [("spike", DAY)] == told(values)


@pytest.mark.parametrize(("sensitivity", "kinds"), [(0.25, ["drop"]), (1.0, ["drop", "shift"])])
def test_the_way_back_of_a_young_bill_is_news_sooner_for_who_is_ready_for_more_alarms(sensitivity: float, kinds: list[str]) -> None:
    """Three weeks at one level, fifteen days at half of it, and back."""
    values = np.full(40, 100.0) * np.exp(0.01 * np.random.default_rng(1).standard_normal(40))
    values[21:36] /= 2
    found = detect(panel(values), sensitivity=sensitivity)
    assert kinds == [each.kind for each in sorted(found, key=lambda each: each.start)]
