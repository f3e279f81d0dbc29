"""Where a budget stands: sums over its own days, speeds, and what one may rely on."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.configuration.rulebook_budgets import Budget, BudgetPeriod, Split
from finops.guard.budgets import Spending, bounds, document, period_key, state_of, today_of
from finops.periods import DAY, Period, month_of, unit_of

NOON = datetime(2026, 11, 11, 12, tzinfo=UTC)
ZONES = ("Europe/Zurich", "America/New_York", "Asia/Kolkata", "Pacific/Apia")


def budget(period: BudgetPeriod = "month", amount: str = "3000", **more: Any) -> Budget:
    return Budget("ml", (("team", ("ml",)),), period, Decimal(amount), "USD", **more)


def spending(first: str, *costs: int, until: str | None = None, **more: Any) -> Spending:
    start = date.fromisoformat(first)
    days = {start + DAY * number: Decimal(cost) for number, cost in enumerate(costs)}
    end = date.fromisoformat(until) if until else start + DAY * len(costs)
    return Spending(days, end, more.pop("delivered_at", NOON), NOON, **more)


def test_a_budget_that_is_spent_evenly_burns_once_as_fast_as_it_may_and_ends_where_it_should() -> None:
    state = state_of(budget(), spending("2026-11-01", *[100] * 10), datetime(2026, 11, 11, tzinfo=UTC))
    assert (Decimal(1000), Decimal(1), Decimal(3000)) == (state.spent, state.burn_rate, state.forecast)
    assert "ok" == state.state


@pytest.mark.parametrize(("cost", "expected"), [(10, "ok"), (240, "warning"), (299, "warning"), (300, "over")])
def test_the_state_follows_what_is_spent_and_where_that_leads(cost: int, expected: str) -> None:
    assert expected == state_of(budget(), spending("2026-11-01", *[cost] * 10), NOON).state


def test_figures_that_nobody_delivered_for_days_are_unknown_and_still_told() -> None:
    old = spending("2026-11-01", *[100] * 5, delivered_at=NOON - timedelta(days=5))
    state = state_of(budget(), old, NOON)
    assert ("unknown", Decimal(500), False) == (state.state, state.spent, state.is_sure)


def test_missing_is_not_zero() -> None:
    assert state_of(budget(), Spending(), NOON).spent is None
    assert Decimal(0) == state_of(budget(), spending("2026-10-01", *[1] * 41), NOON, unit_of(date(2026, 11, 11), "day")).spent


def test_incomplete_days_count_as_far_as_they_are_known_and_say_so() -> None:
    state = state_of(budget(), spending("2026-11-01", *[100] * 10, 30, until="2026-11-10"), NOON)
    assert (Decimal(1030), 2) == (state.spent, state.incomplete)


def test_a_split_budget_tells_what_is_spent_of_each_part() -> None:
    split = Split("env", (("prod", Decimal("0.6")), ("dev", Decimal("0.3"))), Decimal("0.1"))
    parts: dict[date, dict[str | None, Decimal]] = {date(2026, 11, 1): {"prod": Decimal(900), None: Decimal(5)}}
    state = state_of(budget(split=split), spending("2026-11-01", *[100] * 10, parts=parts), NOON)
    assert [("prod", Decimal(1800), Decimal("0.5")), ("dev", Decimal(900), Decimal(0))] == [
        (part.value, part.amount, part.share) for part in state.parts
    ]


def test_the_document_keeps_the_names_that_scripts_rely_on() -> None:
    told = document(state_of(budget(), spending("2026-11-01", *[100] * 10), datetime(2026, 11, 11, tzinfo=UTC)))
    wanted = ("name", "scope", "amount", "spent", "share", "burn_rate", "forecast", "state")
    assert ["ml", {"team": ["ml"]}, "3000.000000", "1000.000000", 0.333333, 1.0, "3000.000000", "ok"] == [told[name] for name in wanted]


@pytest.mark.parametrize(
    ("unit", "day", "key"),
    [
        ("day", "2026-02-28", "2026-02-28"),
        ("week", "2027-01-01", "2026-W53"),
        ("month", "2028-02-29", "2028-02"),
        ("quarter", "2026-12-31", "2026-Q4"),
    ],
)
def test_a5_a_period_has_one_name_also_at_the_end_of_a_year(unit: BudgetPeriod, day: str, key: str) -> None:
    assert key == period_key(unit, unit_of(date.fromisoformat(day), unit))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a5_a_local_day_has_the_hours_its_clock_gives_it(day: str, hours: int) -> None:
    start, end = bounds(unit_of(date.fromisoformat(day), "day"), "Europe/Zurich")
    assert timedelta(hours=hours) == end - start


def test_a5_it_is_another_month_already_where_the_budget_lives() -> None:
    now = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert date(2026, 12, 1) == today_of(budget(timezone="Europe/Zurich"), now)
    assert "2026-12" == state_of(budget(timezone="Europe/Zurich"), spending("2026-11-01", *[1] * 30), now).key


@given(
    st.dates(date(2024, 1, 1), date(2030, 12, 1)), st.sampled_from(("Europe/Zurich", "America/New_York", "Asia/Kolkata", "Pacific/Apia"))
)
def test_a5_the_local_days_of_a_month_fill_it_without_gap_or_overlap(day: date, zone: str) -> None:
    month = month_of(day)
    days = [bounds(Period(each, each + DAY), zone) for each in month]
    assert bounds(month, zone) == (days[0][0], days[-1][1])
    assert all(before[1] == after[0] for before, after in pairwise(days))
