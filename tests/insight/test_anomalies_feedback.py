"""What people said of alarms changes what is told of that scope, and of no other."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from finops.errors import UserError
from finops.insight.anomalies_feedback import STRICTEST, Feedback, expected_by, strictness, unexpected
from finops.insight.panel import Key
from tests.insight.test_anomalies_groups import ML, OPUS, START, WEB, anomaly

TODAY = date(2026, 6, 1)


def useless(scope: Key = ML, told_on: date = TODAY) -> Feedback:
    return Feedback(scope, "not useful", told_on, START, 100.0)


def expected(**other: Any) -> Feedback:
    return replace(Feedback(ML, "expected", START, START, 100.0, reason="load test"), **other)


def test_an_alarm_of_no_use_raises_the_thresholds_of_its_scope_and_all_within() -> None:
    assert [1.25, 1.25, 1.0] == list(strictness([ML, OPUS, WEB], [useless()], TODAY))


def test_an_opinion_fades() -> None:
    (now,), (later,) = (strictness([ML], [useless()], TODAY + timedelta(days=days)) for days in (0, 90))
    assert (1.25, pytest.approx(1.25**0.5)) == (now, later)


def test_no_number_of_opinions_makes_a_series_deaf() -> None:
    assert [STRICTEST] == list(strictness([ML], [useless()] * 50, TODAY))


def test_an_expected_anomaly_is_not_told_again() -> None:
    assert (anomaly(WEB, 90),) == unexpected([anomaly(ML, 90), anomaly(WEB, 90)], [expected()])


def test_much_more_than_expected_is_told() -> None:
    assert expected_by(anomaly(ML, 151), [expected()]) is None


def test_a_drop_is_not_what_was_expected_of_a_rise() -> None:
    assert expected_by(anomaly(ML, -90), [expected()]) is None


@pytest.mark.parametrize(
    ("word", "days"),
    [
        (expected(), [0]),
        (expected(pattern="weekday"), [0, 7, 14, 28]),
        (expected(pattern="day of month"), [0, 31]),
        (expected(pattern="until", until=START + timedelta(days=3)), [0, 1, 2]),
    ],
    ids=lambda value: value.pattern if isinstance(value, Feedback) else "",
)
def test_a_pattern_names_the_days_it_covers(word: Feedback, days: list[int]) -> None:
    assert days == [day for day in (-7, 0, 1, 2, 3, 7, 14, 28, 31) if expected_by(anomaly(ML, 90, day=day), [word])]


def test_an_expected_anomaly_needs_a_reason() -> None:
    with pytest.raises(UserError, match="needs a reason"):
        expected(reason=" ")


def test_until_needs_its_day() -> None:
    with pytest.raises(UserError, match="needs the day it ends"):
        expected(pattern="until")
