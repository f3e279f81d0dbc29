"""Bills younger than three weeks: judged from ten days on, by their few days and by what such days do elsewhere."""

from datetime import timedelta

import numpy as np
import pytest

from finops.insight.anomalies import detect
from finops.insight.anomalies_events import Anomaly
from finops.insight.panel import Calendar, Event, Floats
from tests.insight.anomaly_series import START, calm, panel

DAYS = 24
MONTHS = (DAYS - 10) / 30.44  # in which a series of so many days is watched


def fivefold(day: int, days: int = 1, steps: int = 14) -> Floats:
    values = calm(steps)
    values[day : day + days] *= 5
    return values


def young(seed: int, many: int = 60) -> dict[str, Floats]:
    """Return series of 24 days: calm and noisy ones, with and without weekends, growing ones, and some that wander."""
    chance = np.random.default_rng(seed)
    noise, days = chance.standard_normal((many, DAYS)), np.arange(DAYS) + chance.integers(0, 7, (many, 1))
    return {
        "calm": 100 * np.exp(0.05 * noise),
        "restless": 100 * np.exp(0.15 * noise),
        "noisy": 100 * np.exp(0.4 * noise),
        "with weekends": 100 * np.where(days % 7 >= 5, 0.5, 1.0) * np.exp(0.1 * noise),
        "growing": 100 * 1.03 ** np.arange(DAYS) * np.exp(0.1 * noise),
        "wandering": 100 * np.exp(np.cumsum(0.08 * noise, axis=1)),
    }


@pytest.mark.parametrize("day", [10, 11, 12, 13])
def test_a_fivefold_day_in_a_bill_of_two_weeks_is_told_that_day(day: int) -> None:
    """Two of these days are a weekend, which nobody can know yet."""
    (found,) = detect(panel(fivefold(day)))
    at = START + timedelta(days=day)
    assert ("spike", at, at) == (found.kind, found.start, found.detected_on)
    assert found.share > 1


def test_a_fivefold_day_in_a_bill_of_nine_days_is_not_told() -> None:
    assert () == detect(panel(fivefold(9, steps=10)))


def test_a_service_that_is_new_in_an_old_bill_is_judged_from_its_tenth_day_on() -> None:
    """What was nothing before says nothing of what is usual: neither of its level nor of its weekdays."""
    service = np.concatenate([np.zeros(60), fivefold(20, steps=24)])
    kinds = sorted((found.start, found.kind) for found in detect(panel(service, calm(84))))
    assert [(START + timedelta(days=60), "new"), (START + timedelta(days=80), "spike")] == kinds


@pytest.mark.parametrize("kind", young(0))
def test_ordinary_days_of_young_bills_cry_no_more_often_than_asked(kind: str) -> None:
    cried = detect(panel(*young(1)[kind]))
    assert len(cried) <= 0.25 * MONTHS * 60 * 1.25


@pytest.mark.parametrize("kind", ["calm", "restless", "growing", "wandering"])
def test_nine_of_ten_fivefold_days_are_told_whatever_the_others_do(kind: str) -> None:
    values = young(2)[kind]
    values[:10, 14] *= 5
    assert len(on_day(detect(panel(*values)), 14)) >= 9


def on_day(found: tuple[Anomaly, ...], day: int) -> list[Anomaly]:
    return [one for one in found if one.detected_on == START + timedelta(days=day) and one.excess > 0]


def test_more_sensitive_tells_more() -> None:
    noisy = panel(*young(3)["noisy"])
    few, many = (len(detect(noisy, sensitivity=sensitivity)) for sensitivity in (0.1, 4.0))
    assert 3 * (few + 1) < many


def test_what_was_announced_is_no_spike_of_a_young_bill_either() -> None:
    launch = Calendar(events=(Event(START + timedelta(days=12), START + timedelta(days=13), factor=5.5),))
    assert () == detect(panel(fivefold(12)), calendar=launch)


def test_a_young_series_among_bursty_ones_needs_more() -> None:
    """What such days do elsewhere counts: alone, a day at twice the cost is told."""
    chance = np.random.default_rng(4)
    bursty = 100 * np.exp(1.2 * chance.standard_normal((40, 14)))
    twice = 100 * np.exp(0.02 * chance.standard_normal(14))
    twice[12] *= 2
    assert 1 == len(detect(panel(twice)))
    assert () == tuple(found for found in detect(panel(twice, *bursty)) if found.key == (("team", "t0"),))


def test_what_lasts_longer_than_what_was_before_it_is_the_usual() -> None:
    """Twelve days at one level, then at a tenth of it: after two weeks to rise again is news."""
    values = 100 * np.exp(0.01 * np.random.default_rng(1).standard_normal(34))
    values[12:] *= 0.1
    values[30:] *= 5
    assert ["drop", "shift"] == [found.kind for found in sorted(detect(panel(values)), key=lambda found: found.start)]


def test_days_that_come_to_the_floor_together_are_told_of_a_young_bill_on_the_second() -> None:
    """Of two a day, a third more is 0.66: below the floor by the day."""
    values = 2 * np.exp(0.01 * np.random.default_rng(1).standard_normal(20))
    values[14:17] *= 4 / 3
    (found,) = detect(panel(values))
    assert (START + timedelta(days=14), START + timedelta(days=15)) == (found.start, found.detected_on)
