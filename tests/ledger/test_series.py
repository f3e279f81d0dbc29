"""Panels out of the ledger: each day of each series is a sum of its charges, 0 or unknown."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.errors import QueryError
from finops.ledger.ledger import Ledger
from finops.ledger.series import Series, daily, hourly
from finops.periods import Period
from finops.query import Filter
from tests.ledger.bills import Charge, deliver
from tests.ledger.requests_made import event, send

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
UNTIL = datetime(2026, 4, 10, tzinfo=UTC)


def row(found: Series, *key: tuple[str, str]) -> list[float]:
    return [float(value) for value in found.panel.values[found.panel.keys.index(key)]]


def test_a_day_without_charges_costs_nothing_where_the_bill_reaches_and_is_unknown_beyond(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, 2), "5", "ml"), Charge(date(2026, 3, 4), "7", "ml"), Charge(date(2026, 3, 5), "1", "search")])
    found = daily(ledger, Period(date(2026, 3, 1), date(2026, 3, 8)), UNTIL, by=("team",))
    np.testing.assert_array_equal([np.nan, 5, 0, 7, 0, np.nan, np.nan], row(found, ("team", "ml")))
    np.testing.assert_array_equal([np.nan, 0, 0, 0, 1, np.nan, np.nan], row(found, ("team", "search")))


def test_the_costliest_come_first_and_the_rest_are_counted(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, 1 + n), str(n + 1), f"t{n}") for n in range(6)])
    found = daily(ledger, MARCH, UNTIL, by=("team",), most=2)
    assert {(("team", "t5"),), (("team", "t4"),)} == set(found.panel.keys)
    assert 4 == found.left_out


def test_fees_and_taxes_are_told_apart_from_use(ledger: Ledger) -> None:
    tax = Charge(date(2026, 3, 1), "20", "ml", more={"ChargeCategory": "Tax"})
    credit = Charge(date(2026, 3, 1), "-2", "ml", more={"ChargeCategory": "Credit"})
    deliver(ledger, [tax, credit, Charge(date(2026, 3, 1), "5", "ml")])
    found = daily(ledger, Period(date(2026, 3, 1), date(2026, 3, 2)), UNTIL).panel
    assert found.fixed is not None
    assert ([23.0], [20.0]) == (list(found.values[0]), list(found.fixed[0]))


def test_a_month_that_was_never_delivered_is_a_gap_and_not_nothing(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 1, 31), "1"), Charge(date(2026, 3, 1), "1")])
    found = row(daily(ledger, Period(date(2026, 1, 30), date(2026, 3, 3)), UNTIL))
    np.testing.assert_array_equal([np.nan, 1, *[np.nan] * 28, 1, np.nan], found)


def test_a_scope_narrows_and_a_missing_owner_has_a_name(ledger: Ledger) -> None:
    deliver(
        ledger, [Charge(date(2026, 3, 1), "1", None, "S3"), Charge(date(2026, 3, 1), "2", "ml", "S3"), Charge(date(2026, 3, 1), "4", "ml")]
    )
    found = daily(ledger, Period(date(2026, 3, 1), date(2026, 3, 2)), UNTIL, scope=(Filter("service", ("S3",)),), by=("team",))
    assert ([1.0], [2.0]) == (row(found, ("team", "none")), row(found, ("team", "ml")))


def test_several_dimensions_make_one_key_even_where_one_is_missing(ledger: Ledger) -> None:
    deliver(
        ledger,
        [Charge(date(2026, 3, 1), str(n), team, service) for n, (team, service) in enumerate([("ml", "a"), (None, "b"), ("x", "c")])],
    )
    found = daily(ledger, Period(date(2026, 3, 1), date(2026, 3, 2)), UNTIL, by=("team", "service"), most=2)
    assert {(("service", "b"), ("team", "none")), (("service", "c"), ("team", "x"))} == set(found.panel.keys)


def test_currencies_without_a_rate_are_not_added_up(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, 1), "1"), Charge(date(2026, 3, 1), "1", currency="EUR")])
    with pytest.raises(QueryError, match=r"costs in EUR and USD cannot be added up; add their rates to fx in budgets\.yaml"):
        daily(ledger, MARCH, UNTIL)


def test_an_empty_ledger_knows_nothing(ledger: Ledger) -> None:
    found = daily(ledger, MARCH, UNTIL)
    assert (((),), True, 0) == (found.panel.keys, bool(np.isnan(found.panel.values).all()), found.panel.complete[0])
    assert () == daily(ledger, MARCH, UNTIL, by=("team",)).panel.keys


def test_hours_come_from_measured_requests_and_the_last_hour_may_still_grow(ledger: Ledger, tmp_path: Path) -> None:
    start = datetime(2026, 3, 20, tzinfo=UTC)
    send(ledger, [event(f"r{n}", time=start + timedelta(hours=n // 2)) for n in range(6)], tmp_path)
    found = hourly(ledger, Period(date(2026, 3, 20), date(2026, 3, 21)), start + timedelta(hours=3, minutes=30)).panel
    assert 24 == found.steps
    assert found.values[0][0] == found.values[0][1] == found.values[0][2] > 0
    assert 2 == found.complete[0]


rows = st.tuples(st.integers(0, 59), st.integers(-500, 500), st.sampled_from(["a", "b", None]), st.sampled_from(["x", "y"]))


@settings(deadline=None, max_examples=20)
@given(st.lists(rows, min_size=1, max_size=40))
def test_series_of_a_split_add_up_to_the_total_on_every_day(tmp_path_factory: Any, found: list[tuple[int, int, str | None, str]]) -> None:
    from finops.ledger.facts import DuckFacts
    from finops.ledger.ledger import Terms
    from finops.ledger.state import open_state

    folder = tmp_path_factory.mktemp("series")
    made = Ledger(open_state(f"sqlite:///{folder / 's.sqlite'}"), folder / "ledger", DuckFacts(folder / "ledger", threads=1), Terms())
    deliver(made, [Charge(date(2026, 2, 10) + timedelta(days=day), f"{cents / 100}", team, service) for day, cents, team, service in found])
    span = Period(date(2026, 2, 1), date(2026, 4, 20))
    total, parts = daily(made, span, UNTIL).panel, daily(made, span, UNTIL, by=("team", "service")).panel
    np.testing.assert_allclose(np.nansum(parts.values, axis=0), np.nan_to_num(total.values[0]), atol=1e-6)
    made.close()
