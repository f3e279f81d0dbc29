"""What the detector tells, and what it leaves alone."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from finops.errors import UserError
from finops.insight.anomalies import detect
from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_expected import course
from finops.insight.anomalies_grain import GRAINS
from finops.insight.anomalies_scores import Floor, scores
from finops.insight.panel import Calendar, Event, Floats, Panel
from tests.insight.anomaly_series import AT, START, calm, hours, panel

DAY = START + timedelta(days=AT)


def late(of: Panel, **options: object) -> tuple[Anomaly, ...]:
    """Return what is found from a week before the change on, as a nightly scan of that week would."""
    return detect(of, since=DAY - timedelta(days=7), calendar=options.get("calendar"))  # type: ignore[arg-type]


def changed(first: int, last: int, factor: float) -> Floats:
    values = calm()
    values[first:last] *= factor
    return values


def test_a_day_at_twice_the_cost_is_a_spike_found_the_same_day() -> None:
    (found,) = late(panel(changed(AT, AT + 1, 2)))
    assert ("spike", DAY, DAY + timedelta(days=1), DAY, "ended") == (found.kind, found.start, found.end, found.detected_on, found.status)
    assert 100 == pytest.approx(found.excess, rel=0.1)


def test_a_series_that_stays_higher_is_one_shift_that_ends_as_the_new_usual() -> None:
    (found,) = late(panel(changed(AT, 140, 1.5)))
    assert ("shift", DAY, DAY + timedelta(days=28)) == (found.kind, found.start, found.end)
    assert 0.5 == pytest.approx(found.share, rel=0.1)


def test_a_slow_rise_is_one_drift_told_within_ten_days() -> None:
    values = calm(noise=0.01)
    values[AT:] *= np.minimum(1 + 0.5 * np.arange(1, 140 - AT + 1) / 21, 1.5)
    first = late(panel(values))[0]
    assert first.excess > 0
    assert first.detected_on <= DAY + timedelta(days=10)


def test_a_series_that_falls_to_nothing_is_a_drop_below_zero_excess() -> None:
    (found,) = late(panel(changed(AT, 140, 0)))
    assert ("drop", DAY) == (found.kind, found.start)
    assert -1 == pytest.approx(found.share)


def test_spend_where_there_was_none_is_new() -> None:
    (found,) = late(panel(changed(0, AT, 0), calm(seed=2)))
    assert ("new", DAY, 0.0) == (found.kind, found.start, found.expected)


def test_an_absent_series_that_appears_is_new_too() -> None:
    (found,) = late(panel(changed(0, AT, np.nan), calm(seed=2)))
    assert ("new", DAY) == (found.kind, found.start)


def test_new_spend_below_the_floor_is_not_told() -> None:
    assert () == late(panel(changed(0, AT, 0) * 0.001, calm(seed=2)))


def test_a_week_as_all_weeks_is_not_told() -> None:
    assert () == late(panel(calm(noise=0.01)))


def test_a_part_of_a_day_is_no_drop() -> None:
    assert () == late(panel(changed(139, 140, 0.3), complete=139))


def test_a_part_of_a_day_that_already_costs_more_than_a_day_is_told() -> None:
    (found,) = late(panel(changed(139, 140, 2.5), complete=139))
    assert ("spike", "open") == (found.kind, found.status)


def test_a_fixed_charge_is_no_spike() -> None:
    fixed = np.where(np.arange(140) == AT, 900.0, 0.0)
    assert () == late(panel(calm() + fixed, fixed=fixed))


def test_a_lump_on_the_first_of_every_month_is_told_no_more_after_the_second() -> None:
    firsts = [(date(2026, month, 1) - START).days for month in (2, 3, 4, 5)]
    lumps = np.zeros(140)
    lumps[firsts] = 400.0
    assert [] == [found for found in late(panel(calm() + lumps)) if found.start == date(2026, 5, 1)]


def test_a_holiday_like_a_sunday_is_no_drop() -> None:
    values = changed(AT, AT + 1, 0.6)
    assert "drop" == late(panel(values))[0].kind
    assert () == late(panel(values), calendar=Calendar(frozenset({DAY})))


def test_an_announced_event_is_no_shift_but_more_than_announced_is() -> None:
    launch = Calendar(events=(Event(DAY, DAY + timedelta(days=5), factor=2.0, scope=(("team", "t0"),)),))
    assert () == late(panel(changed(AT, AT + 5, 1.9)), calendar=launch)
    assert 1 == len(late(panel(changed(AT, AT + 5, 3)), calendar=launch))


def test_a_day_that_holds_the_missing_day_before_is_no_spike() -> None:
    values = calm()
    values[AT + 1] += values[AT]
    values[AT] = np.nan
    assert () == late(panel(values))


def test_the_way_back_from_a_spike_is_not_a_drop() -> None:
    assert ["shift"] == [found.kind for found in late(panel(changed(AT, AT + 10, 2)))]


def test_a_fall_that_stays_above_what_was_usual_before_the_rise_is_only_the_way_back() -> None:
    values = changed(AT, 140, 2)
    values[AT + 10 :] *= 0.85
    assert ["shift"] == [found.kind for found in late(panel(values))]


def test_a_fall_below_what_was_usual_before_the_rise_is_a_drop_of_its_own() -> None:
    values = changed(AT, 140, 2)
    values[AT + 20 :] *= 0.2
    assert ["shift", "drop"] == [found.kind for found in sorted(late(panel(values)), key=lambda found: found.start)]


def test_a_slow_fall_is_no_drift() -> None:
    values = calm(noise=0.01)
    values[AT:] *= np.maximum(1 - 0.3 * np.arange(1, 140 - AT + 1) / 35, 0.7)
    assert () == late(panel(values))


def test_a_second_day_of_the_same_excess_weighs_more_than_the_first() -> None:
    scored = scores(course(panel(changed(AT, AT + 2, 1.3)), Calendar()), GRAINS["day"], Floor(1, 0.1))
    assert scored.up[0, AT + 1] > 1.5 * scored.up[0, AT] > 0


def test_weekdays_that_differ_by_chance_are_not_believed() -> None:
    """A season counts as far as what it told came true: nearly not at all for noise, nearly fully for a calendar."""
    chance = course(panel(np.random.default_rng(3).uniform(50, 150, 200)), Calendar()).profile[0, 100:]
    kept = course(panel(100 * np.where(np.arange(200) % 7 >= 5, 0.4, 1.0)), Calendar()).profile[0, 100:]
    assert chance.std() < 0.06
    assert kept.min() / kept.max() < 0.5


def test_what_is_still_on_at_the_last_day_is_open_and_growing_while_it_rises() -> None:
    values = calm()
    values[136:] *= np.array([1.5, 1.5, 2.0, 4.0])
    assert "growing" == late(panel(values))[0].status
    assert "open" == late(panel(changed(136, 140, 2)))[0].status


def test_the_same_event_has_the_same_name_a_day_later_and_with_a_longer_past() -> None:
    values = changed(AT, 140, 1.5)
    today, tomorrow = (late(panel(values[:until]))[0] for until in (AT + 2, AT + 3))
    assert today.id == tomorrow.id


def test_what_comes_later_changes_nothing_that_was_told() -> None:
    values = changed(AT, AT + 1, 2)
    later = values.copy()
    later[AT + 3 :] *= 7
    known = {(found.id, found.detected_on) for found in late(panel(values[: AT + 3]))}
    assert known <= {(found.id, found.detected_on) for found in late(panel(later))}


def test_money_below_the_floor_is_not_told() -> None:
    cents = panel(changed(AT, AT + 1, 2) / 1000)
    assert () == detect(cents, floor=1.0, since=DAY)
    assert 1 == len(detect(cents, floor=0.01, since=DAY))


def test_a_stricter_scope_needs_more() -> None:
    of = panel(changed(AT, AT + 1, 1.15))
    assert 1 == len(detect(of, since=DAY))
    assert () == detect(of, since=DAY, strictness=np.array([3.0]))


def test_an_hour_at_three_times_the_cost_is_found_in_that_hour() -> None:
    values = hours()
    values[600] *= 3
    (found,) = detect(panel(values, step="hour"), since=date(2026, 1, 29))
    assert datetime(2026, 1, 30, 0, tzinfo=UTC) == found.start
    assert found.detected_on == found.start


def test_an_hour_beyond_its_whole_week_scores_higher_than_the_same_step_within_it() -> None:
    """Both hours have the same excess over their own hour; only the peak leaves what the week has seen."""
    values = hours()
    night, peak = (int(pick(values[576:600])) + 576 for pick in (np.argmin, np.argmax))
    steps = np.zeros((2, len(values)))
    steps[0, night] = steps[1, peak] = 0.5 * values[peak]
    scored = scores(course(panel(*(values + steps), step="hour"), Calendar()), GRAINS["hour"], Floor(0, 0))
    assert scored.up[1, peak] > scored.up[0, night]


def test_calm_series_cry_no_more_often_than_asked() -> None:
    """200 series of 400 noisy days: the count must hold in their second half, which settings have not seen."""
    of = panel(*(calm(400, noise=0.15, seed=seed) for seed in range(200)))
    for sensitivity in (0.25, 1.0):
        cried = detect(of, sensitivity=sensitivity, floor=0.0, share=0.0, since=START + timedelta(days=200))
        a_month = sum(found.detected_on >= START + timedelta(days=200) for found in cried) / (200 * 200 / 30.44)
        assert a_month <= 1.25 * sensitivity


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 140)), np.zeros((2, 0)), np.full((2, 140), np.nan), np.zeros((2, 140)), np.full((1, 1), 5.0), -np.ones((2, 140))],
    ids=["no series", "no steps", "nothing known", "nothing spent", "one step", "credits only"],
)
def test_a_panel_without_anything_to_judge_is_quiet(values: Floats) -> None:
    keys = tuple((("team", f"t{number}"),) for number in range(len(values)))
    assert () == detect(Panel(keys, START, values, np.full(len(values), values.shape[1], dtype=np.intp)))


def test_a_sensitivity_of_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="use a number above 0"):
        detect(panel(calm()), sensitivity=0)
