"""A delivery changes the figures exactly once, whatever is repeated, reordered or broken."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from finops.deliveries import BadRow
from finops.ledger.catalog import past_loads
from finops.ledger.ledger import Ledger
from finops.periods import Period
from finops.query import CostQuery
from tests.ledger.bills import NOON, Charge, deliver

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
UNTIL = datetime(2026, 5, 1, tzinfo=UTC)
LATER = NOON + timedelta(days=1)

FIRST = (Charge(date(2026, 3, 1), "10", "ml"), Charge(date(2026, 3, 2), "5.5", "search"))
SECOND = (Charge(date(2026, 3, 1), "11", "ml"), Charge(date(2026, 3, 2), "5.5", "search"), Charge(date(2026, 3, 3), "1", "ml"))
BAD = BadRow("2026-03", "bill.csv", 7, "BilledCost 'NaN' is not a number", "…")


def total(ledger: Ledger, period: Period = MARCH) -> Decimal | None:
    sums = ledger.answer(CostQuery(period), UNTIL).sums
    return sums[0].total if sums else None


def test_a_first_delivery_is_loaded(ledger: Ledger) -> None:
    assert deliver(ledger, FIRST) == [("2026-03", "loaded")]
    assert total(ledger) == Decimal("15.5")


def test_the_same_bytes_again_change_nothing(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    assert [deliver(ledger, FIRST, at=LATER) for _ in range(3)] == [[("2026-03", "unchanged")]] * 3
    assert total(ledger) == Decimal("15.5")


def test_a_newer_delivery_replaces_the_period_whole(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    assert deliver(ledger, SECOND, at=LATER) == [("2026-03", "loaded")]
    assert total(ledger) == Decimal("17.5")


def test_an_older_delivery_that_arrives_late_is_superseded(ledger: Ledger) -> None:
    deliver(ledger, SECOND, at=LATER)
    assert deliver(ledger, FIRST) == [("2026-03", "superseded")]
    assert total(ledger) == Decimal("17.5")


def test_bytes_that_were_replaced_stay_replaced_unless_a_later_instant_is_named(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    deliver(ledger, SECOND, at=LATER)
    assert deliver(ledger, FIRST, at=LATER + timedelta(days=1)) == [("2026-03", "unchanged")]
    assert deliver(ledger, FIRST, at=LATER + timedelta(days=1), explicit=True) == [("2026-03", "loaded")]
    assert total(ledger) == Decimal("15.5")


def test_a_delivery_of_two_months_leaves_a_third_alone(ledger: Ledger) -> None:
    deliver(ledger, (Charge(date(2026, 2, 10), "2"), Charge(date(2026, 3, 10), "3")))
    deliver(ledger, (Charge(date(2026, 3, 10), "4"), Charge(date(2026, 4, 1), "5")), at=LATER)
    assert total(ledger, Period(date(2026, 1, 1), date(2026, 5, 1))) == Decimal(11)


def test_sources_do_not_replace_each_other(ledger: Ledger) -> None:
    deliver(ledger, FIRST, source="aws")
    deliver(ledger, SECOND, source="gcp", at=LATER)
    assert total(ledger) == Decimal(33)


def test_a_period_with_a_bad_row_is_kept_aside_while_the_last_good_load_stays(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    assert deliver(ledger, SECOND, at=LATER, bad=[BAD]) == [("2026-03", "quarantined")]
    assert total(ledger) == Decimal("15.5")
    (load,) = [load for load in past_loads(ledger.engine) if load.status == "quarantined"]
    assert load.bad_rows == 1
    assert load.reason is not None
    assert "bill.csv:7" in load.reason


def test_the_good_rows_of_a_quarantined_delivery_can_be_accepted(ledger: Ledger) -> None:
    deliver(ledger, SECOND, bad=[BAD])
    assert deliver(ledger, SECOND, bad=[BAD], accept=True) == [("2026-03", "loaded")]
    assert total(ledger) == Decimal("17.5")


def test_a_row_without_a_date_keeps_every_period_of_its_delivery_aside(ledger: Ledger) -> None:
    two_months = (Charge(date(2026, 2, 1), "1"), Charge(date(2026, 3, 1), "1"))
    bad = BadRow(None, "bill.csv", 3, "ChargePeriodStart is missing", "")
    assert deliver(ledger, two_months, bad=[bad]) == [("2026-02", "quarantined"), ("2026-03", "quarantined")]


def test_a_delivery_in_another_currency_is_kept_aside(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    euros = [Charge(charge.day, charge.billed, currency="EUR") for charge in FIRST]
    assert deliver(ledger, euros, at=LATER) == [("2026-03", "quarantined")]
    assert total(ledger) == Decimal("15.5")


def test_a_large_bill_is_not_replaced_by_a_stump_of_it(ledger: Ledger) -> None:
    large = [Charge(date(2026, 3, 1 + n % 28), "1") for n in range(1000)]
    deliver(ledger, large)
    assert deliver(ledger, large[:99], at=LATER) == [("2026-03", "quarantined")]
    assert deliver(ledger, large[:100], at=LATER) == [("2026-03", "loaded")]


def test_credits_and_corrections_may_be_negative(ledger: Ledger) -> None:
    deliver(ledger, (Charge(date(2026, 3, 1), "10"), Charge(date(2026, 3, 1), "-12.25")))
    assert total(ledger) == Decimal("-2.25")


def test_every_delivery_is_on_the_record_with_its_totals(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    deliver(ledger, SECOND, at=LATER)
    history = [(load.is_live, load.rows, load.effective) for load in past_loads(ledger.engine, "aws", "2026-03")]
    assert history == [(False, 2, {"USD": Decimal("15.5")}), (True, 3, {"USD": Decimal("17.5")})]


def test_what_a_past_delivery_said_can_still_be_asked(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    deliver(ledger, SECOND, at=LATER)
    as_known = ledger.answer(CostQuery(MARCH), UNTIL, known_at=NOON)
    assert as_known.sums[0].total == Decimal("15.5")
