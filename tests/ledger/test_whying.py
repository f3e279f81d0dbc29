"""Why a cost changed, from real deliveries: like days only, to the last digit, with what the figures rest on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import QueryError
from finops.insight.anomalies_events import Anomaly
from finops.insight.drivers_cube import Cell, cube_of
from finops.insight.drivers_told import exact_sum
from finops.insight.drivers_why import explain
from finops.insight.explained import Estimated, Restated, telling
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.upkeep import sweep
from finops.ledger.whying import explained, why
from finops.periods import DAY, Period, preceding
from finops.query import CostQuery, Filter
from tests.ledger.billed import bill, charge
from tests.ledger.bills import NOON, Charge, deliver
from tests.ledger.conftest import MakeLedger
from tests.ledger.questions import QUESTIONS, TERMS, UNTIL, fill
from tests.ledger.requests_made import event, send

LATER = datetime(2026, 4, 2, tzinfo=UTC)
ML = (Filter("team", ("ml",)),)


def march(first: int, last: int) -> Period:
    return Period(date(2026, 3, first), date(2026, 3, last) + DAY)


def query(first: int, last: int, scope: tuple[Filter, ...] = (), **more: object) -> CostQuery:
    """Days of March beside as many directly before."""
    period = march(first, last)
    return replace(CostQuery(period, preceding(period), scope), **more)  # type: ignore[arg-type]


def daily(days: range, cost: str, team: str = "ml", month: int = 3) -> list[Charge]:
    return [Charge(date(2026, month, day), cost, team) for day in days]


def anomaly(first: int, last: int, expected: float, actual: float, **more: object) -> Anomaly:
    period = march(first, last)
    plain = Anomaly(
        "A-0123456789",
        (("team", "ml"),),
        "spike",
        "day",
        period.start,
        period.end,
        period.start,
        expected,
        actual,
        "high",
        "ended",
        3,
        "USD",
    )
    return replace(plain, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name, query in QUESTIONS.items() if query.compare])
def test_drivers_and_effects_sum_to_the_change_that_was_answered(name: str, make_ledger: MakeLedger) -> None:
    ledger = make_ledger(TERMS)
    fill(ledger)
    found = explained(ledger, QUESTIONS[name], UNTIL)
    answered = {sums.currency: (sums.previous or 0, sums.total or 0) for sums in ledger.answer(replace(found.query, by=()), UNTIL).sums}
    assert answered == {each.currency: (each.before, each.after) for each in found.whys}
    for each in found.whys:
        assert each.change == each.effects.total == exact_sum((*(driver.excess for driver in each.drivers), each.other))


def test_a_day_that_is_not_complete_is_left_out_of_both(ledger: Ledger) -> None:
    deliver(ledger, [*daily(range(1, 19), "10"), *daily(range(19, 21), "1")])
    found = explained(ledger, query(15, 20), NOON)
    assert (march(15, 18), march(9, 12)) == (found.query.period, found.query.compare)
    assert found.why is not None
    assert Decimal(0) == found.why.change


def test_only_bills_that_charge_within_the_scope_are_waited_for(ledger: Ledger) -> None:
    deliver(ledger, daily(range(1, 21), "10"), "quick", LATER)
    deliver(ledger, daily(range(1, 11), "10", "web"), "slow", LATER)
    assert march(15, 20) == explained(ledger, query(15, 20, ML), LATER).query.period
    assert {"quick"} == {one.source for one in explained(ledger, query(15, 20, ML), LATER).deliveries}


def test_where_no_day_is_complete_the_latest_complete_ones_are_compared(ledger: Ledger) -> None:
    deliver(ledger, [*daily(range(1, 18), "10"), *daily(range(18, 19), "25"), *daily(range(19, 21), "1")])
    found = explained(ledger, query(19, 19), NOON)
    assert (march(18, 18), march(17, 17)) == (found.query.period, found.query.compare)
    assert found.why is not None
    assert Decimal(15) == found.why.change


def test_days_before_the_first_on_record_are_left_out_of_both(ledger: Ledger) -> None:
    deliver(ledger, daily(range(3, 21), "10"), at=LATER)
    found = explained(ledger, query(8, 14), LATER)
    assert (march(10, 14), march(3, 7)) == (found.query.period, found.query.compare)
    assert 0 == why(ledger, query(8, 14), LATER).change


def test_nothing_is_compared_with_days_before_the_ledger_begins(ledger: Ledger) -> None:
    deliver(ledger, daily(range(10, 21), "10"), at=LATER)
    assert () == explained(ledger, query(10, 16), LATER).whys
    with pytest.raises(QueryError, match="nothing is on record"):
        why(ledger, query(10, 16), LATER)


def test_a_question_that_compares_with_nothing_is_refused(ledger: Ledger) -> None:
    with pytest.raises(QueryError, match="two periods"):
        explained(ledger, CostQuery(march(1, 7)), LATER)


def test_currencies_without_a_rate_are_explained_one_by_one(ledger: Ledger) -> None:
    both = [*daily(range(1, 15), "10"), *(replace(one, currency="EUR") for one in daily(range(8, 15), "1"))]
    deliver(ledger, both, at=LATER)
    assert [("EUR", Decimal(7)), ("USD", Decimal(0))] == [
        (each.currency, each.change) for each in explained(ledger, query(8, 14), LATER).whys
    ]
    with pytest.raises(QueryError, match="EUR and USD cannot be added up"):
        why(ledger, query(8, 14), LATER)


def test_what_a_restatement_changed_is_told_in_money(ledger: Ledger) -> None:
    days = daily(range(1, 15), "10")
    deliver(ledger, [*days, *daily(range(1, 15), "1", "web")], at=LATER - DAY * 10)
    deliver(ledger, [*days, *daily(range(1, 15), "1", "web"), Charge(date(2026, 3, 9), "120", "ml")], at=LATER)
    told = Restated("aws", "2026-03", LATER, "USD", Decimal(0), Decimal(120))
    assert (told,) == explained(ledger, query(8, 14), LATER).restated
    assert (told,) == explained(ledger, query(8, 14, ML), LATER).restated
    assert Decimal(0) == explained(ledger, query(8, 14, (Filter("team", ("web",)),)), LATER).restated[0].change


def test_a_bill_that_only_grew_was_not_restated(ledger: Ledger) -> None:
    deliver(ledger, daily(range(1, 15), "5"), at=datetime(2026, 3, 14, 12, tzinfo=UTC))
    deliver(ledger, [*daily(range(1, 14), "5"), *daily(range(14, 20), "9")], at=NOON)
    assert () == explained(ledger, query(8, 14), NOON).restated


def test_a_restatement_that_was_not_known_then_is_not_told(ledger: Ledger) -> None:
    deliver(ledger, daily(range(1, 15), "10"), at=LATER - DAY * 10)
    deliver(ledger, daily(range(1, 15), "12"), at=LATER)
    assert () == explained(ledger, query(8, 14), LATER, known_at=LATER - DAY).restated
    assert (Decimal(14), Decimal(14)) == tuple(
        money for one in explained(ledger, query(8, 14), LATER).restated for money in (one.before, one.after)
    )


def test_where_the_earlier_rows_are_gone_the_whole_bill_is_told(ledger: Ledger) -> None:
    deliveries = 8
    for n in range(deliveries):
        deliver(ledger, [*daily(range(1, 15), "10"), Charge(date(2026, 3, 9), str(n + 1), "web")], at=LATER - DAY * (deliveries - n))
    sweep(ledger, LATER + DAY * 40)
    found = explained(ledger, query(8, 14, ML), LATER).restated
    assert {True} == {one.whole_bill for one in explained(ledger, query(8, 14), LATER).restated} or found
    assert all(one.change == (1 if one.whole_bill else 0) for one in found)


def test_only_restatements_that_matter_are_told() -> None:
    small, large = (Restated("aws", "2026-03", LATER, "USD", Decimal(0), Decimal(amount)) for amount in ("0.5", "40"))
    changed = explain(cube_of(("team",), [Cell(("ml",), Decimal(0), Decimal(100))]))
    assert (large,) == telling((small, large, replace(large, currency="EUR")), changed)


def test_estimates_beside_bills_are_told(ledger: Ledger, tmp_path: Path) -> None:
    at = LATER.replace(month=3)
    send(ledger, [event(f"r{day}", time=at.replace(day=day)) for day in range(1, 15)], tmp_path)
    bill(ledger, [charge(day, "1") for day in range(8, 15)])
    assert (Estimated("Anthropic", 7, 0),) == explained(ledger, query(8, 14), LATER).estimated


def usual_weeks() -> list[Charge]:
    february = [Charge(date(2026, 2, day), cost, "ml", service) for day in range(1, 29) for service, cost in (("A", "6"), ("B", "2"))]
    return [*february, *(Charge(date(2026, 3, 1), cost, "ml", service) for service, cost in (("A", "30"), ("B", "2")))]


def test_an_anomaly_is_explained_beside_what_was_expected_of_its_days(ledger: Ledger) -> None:
    """Twelve were expected: nine of A, three of B by the weeks before; it cost 32."""
    deliver(ledger, [*usual_weeks(), Charge(date(2026, 3, 19), "1", "ml")], at=LATER)
    found = explained(ledger, anomaly(1, 1, 12, 32), LATER)
    assert found.why is not None
    assert (Decimal(12), Decimal(32), Decimal(20)) == (found.why.before, found.why.after, found.why.change)
    assert [("service=A", Decimal(9), Decimal(30))] == [(one.text, one.before, one.after) for one in found.why.drivers]
    assert found.why.change == found.why.effects.total
    assert found.unusual is not None
    assert "A-0123456789" == found.unusual.id


def test_charges_once_a_period_are_no_part_of_an_anomaly(ledger: Ledger) -> None:
    fee = Charge(date(2026, 3, 1), "500", "ml", more={"ChargeCategory": "Tax"})
    deliver(ledger, [*usual_weeks(), fee, Charge(date(2026, 3, 19), "1", "ml")], at=LATER)
    assert Decimal(32) == why(ledger, anomaly(1, 1, 12, 32), LATER).after


def test_all_of_what_is_new_is_excess(ledger: Ledger) -> None:
    deliver(ledger, [*daily(range(1, 29), "5", "web", 2), Charge(date(2026, 3, 1), "40", "ml"), Charge(date(2026, 3, 19), "1")], at=LATER)
    found = why(ledger, anomaly(1, 1, 0, 40, kind="new"), LATER)
    assert (Decimal(0), Decimal(40)) == (found.before, found.effects.amounts["new"])


def test_an_anomaly_of_hours_is_explained_within_its_day(ledger: Ledger, tmp_path: Path) -> None:
    """The rest of the day is as usual, so that the excess of its hours is the change."""
    at = datetime(2026, 3, 14, 9, tzinfo=UTC)
    usual = [event(f"u{n}", time=at - timedelta(days=n), team="ml", feature="chat") for n in range(1, 29)]
    burst = [event(f"b{n}", time=at + timedelta(minutes=n), team="ml", feature="search") for n in range(40)]
    send(ledger, [*usual, *burst, event("later", time=at + timedelta(days=2))], tmp_path)
    whole = explained(ledger, query(14, 14, ML), LATER).why
    assert whole is not None
    expected, actual = 0.0001, float(whole.after)
    hours = {"step": "hour", "start": at, "end": at + timedelta(hours=1)}
    found = explained(ledger, anomaly(14, 14, expected, actual, **hours), LATER)
    assert found.why is not None
    assert round(Decimal(str(actual - expected)), 10) == found.why.change
    assert march(14, 14) == found.query.period
    assert "feature=search" == found.why.drivers[0].text


def test_values_that_all_of_it_has_are_known(ledger: Ledger) -> None:
    deliver(ledger, daily(range(1, 15), "10"), at=LATER)
    assert ("service", "Compute") in explained(ledger, query(8, 14), LATER).alike


def test_the_same_question_is_explained_alike_by_another_process(make_ledger: MakeLedger) -> None:
    one, other = make_ledger(), make_ledger(Terms())
    deliver(one, [*daily(range(1, 15), "10"), Charge(date(2026, 3, 9), "7", "web")], at=LATER)
    assert explained(one, query(8, 14), LATER) == explained(other, query(8, 14), LATER)
