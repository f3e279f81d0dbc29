"""Forecasts out of the ledger: on the sum, with parts that add up to it, and not twice while nothing changes."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.configuration.rulebook_calendar import CalendarSettings, PlannedEvent
from finops.errors import QueryError
from finops.ledger import predicting
from finops.ledger.came import came
from finops.ledger.forecasts import Open
from finops.ledger.ledger import Ledger
from finops.ledger.predicting import predict
from finops.periods import Period
from finops.query import Filter
from finops.rulebook import Rulebook
from tests.ledger.bills import Charge, deliver

APRIL = Period(date(2026, 4, 1), date(2026, 5, 1))
TODAY = date(2026, 4, 11)
NOON = datetime(2026, 4, 11, 12, tzinfo=UTC)
ML = (Filter("team", ("ml",)),)
BOOK = Rulebook()
TEAMS = {"ml": 100, "search": 40, None: 10}


def bills(days: int = 100, teams: dict[str | None, int] = TEAMS) -> list[Charge]:
    """Each team costs the same each day, weekends half of it, up to yesterday."""
    first = TODAY - timedelta(days=days)
    return [
        Charge(day := first + timedelta(days=n), str(cost if day.weekday() < 5 else cost // 2), team, f"{team}-{service}")
        for n in range(days)
        for team, cost in teams.items()
        for service in ("vm", "db")
    ]


@pytest.fixture
def spent(ledger: Ledger) -> Ledger:
    deliver(ledger, bills(), at=NOON)
    return ledger


def total(ledger: Ledger, scope: Sequence[Filter] = (), period: Period = APRIL, book: Rulebook = BOOK, **more: Any) -> float:
    found = predict(ledger, book, scope, period, NOON, **more).whole.total
    assert found is not None
    return found


def test_a_month_that_goes_on_as_before_comes_to_what_its_days_come_to(spent: Ledger) -> None:
    """April 2026 has 22 workdays and 8 days at half the cost."""
    assert math.isclose(200 * (22 + 4), total(spent, ML), rel_tol=0.01)


def test_thirty_days_begin_with_the_day_of_the_question(spent: Ledger) -> None:
    period = Period(TODAY, TODAY + timedelta(days=30))
    found = predict(spent, BOOK, ML, period, NOON).whole
    assert ([TODAY, TODAY + timedelta(days=29)], 30) == ([found.daily[0].date, found.daily[-1].date], len(found.daily))
    assert not any(day.complete for day in found.daily)


@pytest.mark.parametrize("by", [("team",), ("service",), ("team", "service")])
def test_parts_add_up_to_the_whole_whatever_they_are_split_by(spent: Ledger, by: tuple[str, ...]) -> None:
    found = predict(spent, BOOK, (), APRIL, NOON, by)
    assert math.isclose(total(spent), sum(part.total or 0 for part in found.parts), rel_tol=1e-9)
    assert (found.whole.total, len(found.parts)) == (total(spent), 3 if by == ("team",) else 6)


def test_parts_beyond_the_largest_are_told_as_one_and_still_add_up(spent: Ledger) -> None:
    found = predict(spent, BOOK, (), APRIL, NOON, ("service",), most=2)
    assert (3, 4) == (len(found.parts), found.left_out)
    assert math.isclose(total(spent), sum(part.total or 0 for part in found.parts), rel_tol=1e-9)


def test_an_event_doubles_what_it_names_and_the_whole_by_its_share(spent: Ledger) -> None:
    """Four Mondays to Thursdays of ml at twice 200 are 800 more, for ml and for everything."""
    event = PlannedEvent("launch", date(2026, 4, 20), date(2026, 4, 24), Decimal(2), scope=(("team", ("ml",)),))
    book = Rulebook(calendar=CalendarSettings(events=(event,)))
    for scope in (ML, ()):
        assert math.isclose(total(spent, scope) + 800, total(spent, scope, book=book), rel_tol=0.01)
    assert math.isclose(total(spent, (Filter("team", ("search",)),)), total(spent, (Filter("team", ("search",)),), book=book))


def test_an_amount_is_added_once_and_not_to_each_part(spent: Ledger) -> None:
    event = PlannedEvent("training", date(2026, 4, 20), date(2026, 4, 22), amount=Decimal(500), scope=(("team", ("ml",)),))
    book = Rulebook(calendar=CalendarSettings(events=(event,)))
    plain, planned = (predict(spent, each, (), APRIL, NOON, ("team",)) for each in (BOOK, book))
    more = {(after.key): (after.total or 0) - (before.total or 0) for before, after in zip(plain.parts, planned.parts, strict=True)}
    assert math.isclose(1000, total(spent, book=book) - total(spent), rel_tol=0.02)
    assert math.isclose(1000, more[(("team", "ml"),)], rel_tol=0.05)
    assert ("training",) == tuple(one.name for one in planned.events)


def test_an_event_of_what_has_no_cost_yet_counts_where_it_belongs(spent: Ledger) -> None:
    event = PlannedEvent("new team", date(2026, 4, 20), date(2026, 4, 22), amount=Decimal(500), scope=(("team", ("robots",)),))
    book = Rulebook(calendar=CalendarSettings(events=(event,)))
    assert math.isclose(1000, total(spent, book=book) - total(spent), rel_tol=0.02)
    assert math.isclose(total(spent, ML), total(spent, ML, book=book))


def test_the_same_is_not_worked_out_twice_until_the_ledger_changes(spent: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    first = predict(spent, BOOK, ML, APRIL, NOON)
    assert first is predict(spent, BOOK, ML, APRIL, NOON + timedelta(minutes=5))
    deliver(spent, bills(teams={"ml": 300}), at=NOON + timedelta(minutes=6))
    again = predict(spent, BOOK, ML, APRIL, NOON + timedelta(minutes=10))
    assert math.isclose(600 * 26, again.whole.total or 0, rel_tol=0.01)
    book = Rulebook(calendar=CalendarSettings(holidays=(date(2026, 4, 20),)))
    assert again is not predict(spent, book, ML, APRIL, NOON + timedelta(minutes=10))


def test_no_more_is_remembered_than_fits(spent: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "KEPT", 2)
    for team in ("a", "b", "c", "ml"):
        predict(spent, BOOK, (Filter("team", (team,)),), APRIL, NOON)
    assert spent.predictions is not None
    assert 2 == len(spent.predictions[1])


def test_of_an_empty_ledger_and_of_an_unknown_team_nothing_is_predicted(ledger: Ledger) -> None:
    empty = predict(ledger, BOOK, (), APRIL, NOON)
    deliver(ledger, bills(), at=NOON)
    nobody = predict(ledger, BOOK, (Filter("team", ("nobody",)),), APRIL, NOON)
    assert (None, None, None) == (empty.whole.total, empty.as_of, nobody.whole.total)


def test_a_new_series_gets_a_wide_and_labelled_answer(ledger: Ledger) -> None:
    deliver(ledger, bills(9), at=NOON)
    found = predict(ledger, BOOK, ML, APRIL, NOON)
    assert ("new", TODAY - timedelta(days=9)) == (found.whole.label, found.known_since)
    assert (found.whole.low80 or 0) < (found.whole.total or 0) < (found.whole.high80 or 0)


def test_a_season_that_came_a_year_ago_is_foreseen(ledger: Ledger) -> None:
    """Two years of 100 a day, twice that for three weeks from 27 April on: fourteen such days lie in the next thirty."""
    first = TODAY - timedelta(days=730)
    dates = [first + timedelta(days=n) for n in range(730)]
    busy = [date(year, 4, 29) <= day < date(year, 5, 20) for day in dates for year in (day.year,)]
    deliver(ledger, [Charge(day, "200" if season else "100", "ml") for day, season in zip(dates, busy, strict=True)], at=NOON)
    found = predict(ledger, BOOK, (), Period(TODAY, TODAY + timedelta(days=30)), NOON).whole
    assert dict(found.weights)["last year"] > 0.2
    assert 1.2 < found.daily[-3].cost / found.daily[0].cost
    assert (found.total or 0) > 3200


def test_currencies_without_a_rate_are_refused(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 4, 1), "1"), Charge(date(2026, 4, 2), "1", currency="EUR")], at=NOON)
    with pytest.raises(QueryError, match="cannot be added up"):
        predict(ledger, BOOK, (), APRIL, NOON)


def test_the_run_rate_is_the_mean_of_the_last_thirty_days(spent: Ledger) -> None:
    """Yesterday is not complete. Of the 30 days before it 22 cost 200 and 8 cost 100; of April's first nine 7 and 2, and 21 are left."""
    found = predict(spent, BOOK, ML, APRIL, NOON)
    assert TODAY - timedelta(days=1) == found.complete_until
    assert found.run_rates[0] is not None
    assert math.isclose(7 * 200 + 2 * 100 + 21 * (22 * 200 + 8 * 100) / 30, found.run_rates[0])


def test_what_came_is_known_once_the_month_is_complete(spent: Ledger) -> None:
    march = Period(date(2026, 3, 1), date(2026, 4, 1))
    asked = [
        Open(scope, march, "USD")
        for scope in ((), (("team", ("ml",)),), (("team", ("none",)),), (("team", ("gone",)),), (("team", ("m*",)),))
    ]
    found = came(spent, [*asked, Open((), APRIL, "USD")], NOON)
    assert [Decimal(2 * 150 * 22 + 2 * 75 * 9), 200 * 22 + 100 * 9, 20 * 22 + 10 * 9, 0, 200 * 22 + 100 * 9] == [
        found[one] for one in asked
    ]
    assert Open((), APRIL, "USD") not in found
