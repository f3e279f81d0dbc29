"""What connectors were offered: taken once, waited for from the first time, forgotten once something better comes."""

from datetime import UTC, datetime, timedelta

from finops.ledger import offers
from finops.ledger.ledger import Ledger
from finops.ports import Offer

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def offer(id: str, period: str = "2026-04", waiting: str | None = None) -> Offer:  # noqa: A002
    return Offer(id, period, NOW, f"s3://bills/{period}", waiting)


def test_the_offer_taken_last_is_the_one_that_need_not_be_fetched(ledger: Ledger) -> None:
    for hour, name in enumerate(["one", "two", "one"]):
        offers.take(ledger.engine, "aws", offer(name), NOW + hour * HOUR)
    assert {"2026-04": "one"} == offers.last_taken(ledger.engine, "aws")
    assert NOW + 2 * HOUR == offers.taken_until(ledger.engine, "aws")
    assert {} == offers.last_taken(ledger.engine, "azure")
    assert offers.taken_until(ledger.engine, "azure") is None


def test_a_wait_is_timed_from_when_it_was_first_seen(ledger: Ledger) -> None:
    offers.wait(ledger.engine, "aws", offer("w", waiting="a is missing"), NOW)
    assert NOW == offers.wait(ledger.engine, "aws", offer("w", waiting="b is missing"), NOW + HOUR)
    [found] = offers.waiting(ledger.engine, "aws")
    assert (NOW, "b is missing", False) == (found.since, found.reason, found.taken)


def test_taking_a_month_ends_the_wait_for_it_and_no_other(ledger: Ledger) -> None:
    offers.wait(ledger.engine, "aws", offer("w", waiting="missing"), NOW)
    offers.wait(ledger.engine, "aws", offer("v", "2026-03", waiting="missing"), NOW)
    offers.take(ledger.engine, "aws", offer("done"), NOW)
    assert ["2026-03"] == [each.period for each in offers.waiting(ledger.engine)]


def test_what_was_taken_and_is_not_in_use_is_told_until_something_better_is_taken(ledger: Ledger) -> None:
    offers.take(ledger.engine, "aws", offer("bad"), NOW, "3 of 9 rows break a rule")
    [found] = offers.waiting(ledger.engine)
    assert ("3 of 9 rows break a rule", True) == (found.reason, found.taken)
    offers.take(ledger.engine, "aws", offer("good"), NOW + HOUR)
    assert [] == offers.waiting(ledger.engine)
    assert {"2026-04": "good"} == offers.last_taken(ledger.engine, "aws")


def test_a_wait_leaves_one_entry_in_the_audit(ledger: Ledger) -> None:
    from sqlalchemy import select

    from finops.ledger.tables import audit

    for hour in range(3):
        offers.wait(ledger.engine, "aws", offer("w", waiting="missing"), NOW + hour * HOUR)
    with ledger.engine.connect() as connection:
        rows = connection.execute(select(audit.c.action, audit.c.object)).all()
    assert [("offer.waiting", "aws 2026-04")] == [tuple(row) for row in rows]
