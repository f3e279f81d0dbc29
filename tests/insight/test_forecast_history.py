"""What follows the calendar: fixed charges, monthly lumps, holidays and events are put aside, and put back where they are due."""

from datetime import date, timedelta

import numpy as np
import pytest

from finops.insight.forecast import Forecast
from finops.insight.panel import Calendar, Event, Floats
from tests.insight.forecast_samples import MONDAY, key, month, panel

DAYS = [MONDAY + timedelta(days=number) for number in range(131)]  # 1 January to 10 May 2024
FLAT = np.full(len(DAYS), 10.0)
USUAL = 310.0  # 31 days of 10 in May


def on_day(number: int, amount: float) -> Floats:
    return np.array([amount if day.day == number else 0.0 for day in DAYS])


def test_a_fee_on_the_first_is_not_spread_over_the_days_to_come() -> None:
    fee = on_day(1, 500.0)
    assert USUAL + 500 == pytest.approx(of(month(panel(FLAT + fee, fixed=fee[None]))).total)


def test_a_fee_still_to_come_this_month_is_added_once() -> None:
    fee = on_day(20, 500.0)
    [answer] = month(panel(FLAT + fee, fixed=fee[None]))
    assert USUAL + 500 == pytest.approx(answer.total)
    assert [510.0] == [pytest.approx(day.cost) for day in answer.daily if day.date.day == 20]


def test_a_fee_that_came_early_is_not_due_again() -> None:
    """It came on the 20th of each month, and in May on the 8th."""
    fee = on_day(20, 500.0)
    fee[DAYS.index(date(2024, 5, 8))] = 500.0
    assert USUAL + 500 == pytest.approx(of(month(panel(FLAT + fee, fixed=fee[None]))).total)


def test_a_fee_on_the_31st_falls_on_the_last_day_of_a_shorter_month() -> None:
    upto_april_10 = 101
    fee = on_day(31, 500.0)[:upto_april_10]
    [answer] = month(panel(FLAT[:upto_april_10] + fee, fixed=fee[None]))
    assert pytest.approx([800.0, 510.0]) == [answer.total, answer.daily[-1].cost]


def test_a_commitment_charged_every_day_goes_on_at_its_last_amount() -> None:
    commitment = np.where(np.array(DAYS) < date(2024, 4, 15), 5.0, 7.0)
    assert USUAL + 31 * 7 == pytest.approx(of(month(panel(FLAT + commitment, fixed=commitment[None]))).total)


def test_a_lump_nobody_marked_is_found_by_its_day_of_the_month() -> None:
    answer = of(month(panel(FLAT + on_day(3, 300.0))))
    assert USUAL + 300 == pytest.approx(answer.total)
    assert answer.method.endswith("monthly charges are repeated, not extrapolated.")


def test_a_spike_on_a_single_day_is_no_monthly_charge() -> None:
    spike = FLAT.copy()
    spike[DAYS.index(date(2024, 4, 20))] = 400.0
    answer = of(month(panel(spike)))
    assert max(day.cost for day in answer.daily) < 20


def test_a_monthly_charge_that_stopped_is_not_expected() -> None:
    stopped = on_day(15, 300.0)
    stopped[DAYS.index(date(2024, 4, 15))] = 0.0
    assert of(month(panel(FLAT + stopped))).daily[14].cost < 30


def test_holidays_behave_like_the_holidays_before() -> None:
    """Five past holidays cost a tenth of a usual day; one more is to come."""
    gone = [date(2024, 1, 15), date(2024, 2, 19), date(2024, 3, 29), date(2024, 4, 1), date(2024, 5, 1)]
    values = np.array([1.0 if day in gone else 10.0 for day in DAYS])
    [answer] = month(panel(values), calendar=Calendar(frozenset([*gone, date(2024, 5, 27)])))
    costs = {day.date.day: day.cost for day in answer.daily}
    assert 1.0 <= costs[27] < 4.0
    assert pytest.approx(10.0, rel=0.01) == costs[28]


def test_an_event_to_come_does_what_it_says_in_its_scope_only() -> None:
    launch = Event(date(2024, 5, 20), date(2024, 5, 25), factor=2.0, amount=3.0, scope=key("t0"))
    inside, outside = month(panel(FLAT, FLAT), calendar=Calendar(events=(launch,)))
    assert USUAL + 5 * 13 == pytest.approx(inside.total)
    assert pytest.approx(USUAL) == outside.total


def test_an_event_gone_by_leaves_no_trace() -> None:
    migration = Event(date(2024, 4, 20), date(2024, 5, 10), factor=3.0)
    values = np.where([date(2024, 4, 20) <= day < date(2024, 5, 10) for day in DAYS], 30.0, 10.0)
    [answer] = month(panel(values), calendar=Calendar(events=(migration,)))
    assert pytest.approx(9 * 30 + 22 * 10) == answer.total


def of(answers: tuple[Forecast, ...]) -> Forecast:
    [answer] = answers
    return answer
