"""What the ledger holds, read for reconciling: raw estimates, bills as delivered, and the days that are complete."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlalchemy import create_engine, insert, select

from finops.insight.reconcile import by_day
from finops.insight.reconcile_status import Tolerance
from finops.ledger import catalog, reconcile_statements
from finops.ledger.dialects import bigquery_text, duckdb_text
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.reconciling import Found, find
from finops.ledger.statements import charges
from finops.periods import Period
from tests.ledger.billed import bill
from tests.ledger.bills import Charge
from tests.ledger.conftest import MakeLedger
from tests.ledger.requests_made import Prices, event, events, rates, send, step

UNTIL = datetime(2026, 3, 14, tzinfo=UTC)
WEEK = Period(date(2026, 3, 7), date(2026, 3, 14))
TENTH = date(2026, 3, 10)
START, END = datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 3, 14, tzinfo=UTC)


def charge(day: date, cost: str, kind: str | None = "input", tokens: int | None = None, **more: Any) -> Charge:
    said = {"ProviderName": "Anthropic", "x_Model": "claude", "x_TokenType": kind, "x_CostSource": "provider_cost_api", "SubAccountId": "w"}
    counted = {} if tokens is None else {"ConsumedQuantity": Decimal(tokens), "ConsumedUnit": "Tokens"}
    return Charge(day, cost, service="Claude API", more={**said, **counted, **more})


def found(ledger: Ledger, period: Period = WEEK, until: datetime = UNTIL) -> Found:
    return find(ledger, period, until)


def statuses(ledger: Ledger, period: Period = WEEK, until: datetime = UNTIL) -> list[tuple[str, str | None, int, str]]:
    rows = by_day(find(ledger, period, until).seen, period, Tolerance(floor=Decimal(0)))
    return [(row.provider, row.model, row.period.start.day, row.status) for row in rows]


def test_usage_is_summed_by_kind_of_token_with_its_cost(ledger: Ledger, tmp_path: Path) -> None:
    kinds = {"input_tokens": 1000, "cache_read_tokens": 500, "cache_write_5m_tokens": 100, "cache_write_1h_tokens": 200}
    send(ledger, [event("a", **kinds), event("b")], tmp_path)
    (one,) = found(ledger).seen.measured
    assert {"input": 1200, "cache_read": 500, "cache_write_5m": 100, "cache_write_1h": 200, "output": 200} == one.tokens
    assert ("Anthropic", "claude", TENTH, "USD", 2, 0) == (one.provider, one.model, one.day, one.currency, one.requests, one.unpriced)
    assert (Decimal("0.0036"), Decimal("0.00015"), Decimal("0.003")) == tuple(one.costs[kind] for kind in ("input", "cache_read", "output"))
    assert Decimal("0.001575") == one.costs["cache_write_5m"] + one.costs["cache_write_1h"]
    assert Decimal("0.008325") == one.estimated


def test_requests_without_a_price_are_counted_and_cost_nothing_known(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("a"), event("b", model="claude-next")], tmp_path, Prices())
    unknown = {one.model: (one.unpriced, dict(one.priced), one.estimated) for one in found(ledger).seen.measured}["claude-next"]
    assert (1, {}, Decimal(0)) == unknown


def test_tiers_stay_apart_and_days_are_those_of_utc(make_ledger: MakeLedger, tmp_path: Path) -> None:
    ledger = make_ledger(Terms(timezone="Asia/Tokyo"))
    book = Prices({"claude": (rates("list"),), "claude/batch": (rates("list:batch", step(times="0.5")),)})
    late = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    send(ledger, [event("a", time=late), event("b", time=late, service_tier="batch")], tmp_path, book)
    assert {(None, TENTH, Decimal("0.0045")), ("batch", TENTH, Decimal("0.00225"))} == {
        (one.tier, one.day, one.estimated) for one in found(ledger).seen.measured
    }


def test_estimates_count_although_a_bill_supersedes_them(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(2), tmp_path)
    bill(ledger, [charge(TENTH, "0.009")], at=UNTIL)
    assert [Decimal("0.009")] == [one.estimated for one in found(ledger).seen.measured]


def test_a_bill_is_read_by_effective_cost_and_only_its_usage(ledger: Ledger) -> None:
    committed = charge(TENTH, "0", tokens=1000)
    lines = [
        Charge(TENTH, "0", service="Claude API", effective="3.00", more=committed.more),
        charge(TENTH, "7.00", ChargeCategory="Tax"),
        charge(TENTH, "-2.00", ChargeCategory="Credit"),
    ]
    bill(ledger, lines, at=UNTIL)
    (one,) = found(ledger).seen.billed
    assert (Decimal(3), Decimal(1000), "input", "w", Period(TENTH, TENTH + timedelta(days=1))) == (
        one.cost,
        one.quantity,
        one.kind,
        one.account,
        one.period,
    )


def test_hours_and_days_of_a_bill_are_days_and_a_month_is_a_month(ledger: Ledger) -> None:
    def between(start: datetime, end: datetime, cost: str) -> Charge:
        return charge(start.date(), cost, ChargePeriodStart=start.replace(tzinfo=None), ChargePeriodEnd=end.replace(tzinfo=None))

    ten = datetime(2026, 3, 10, tzinfo=UTC)
    hours = [between(ten + timedelta(hours=n), ten + timedelta(hours=n + 1), "1") for n in (0, 12, 23)]
    month = between(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC), "5")
    bill(ledger, [*hours, month], at=UNTIL)
    assert {(Period(TENTH, date(2026, 3, 11)), Decimal(3)), (Period(date(2026, 3, 1), date(2026, 4, 1)), Decimal(5))} == {
        (period, sum((one.cost for one in found(ledger).seen.billed if one.period == period), Decimal(0)))
        for period in {one.period for one in found(ledger).seen.billed}
    }


def test_of_a_cloud_only_models_are_read(ledger: Ledger) -> None:
    cloud = {"ProviderName": "Amazon Web Services", "x_CostSource": "invoice"}
    compute = Charge(TENTH, "900", service="Amazon EC2", more=cloud)
    claude = Charge(TENTH, "5", service="Amazon Bedrock", more=cloud | {"x_Model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"})
    bill(ledger, [compute, claude], source="aws", at=UNTIL)
    assert [("AWS", "claude-sonnet-4-5", Decimal(5))] == [(one.provider, one.model, one.cost) for one in found(ledger).seen.billed]


def test_bills_of_something_else_are_left_out(ledger: Ledger) -> None:
    other = Charge(TENTH, "900", service="Monitoring", more={"ProviderName": "Datadog", "x_CostSource": "invoice"})
    bill(ledger, [other], source="datadog", at=UNTIL)
    assert ((), False) == (found(ledger).seen.billed, found(ledger).has_bills)


def test_a_day_is_complete_a_day_after_its_end_and_not_before(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event(str(n), time=datetime(2026, 3, n, 9, tzinfo=UTC)) for n in (9, 10, 11)], tmp_path)
    tokens = [
        charge(date(2026, 3, n), cost, kind, count)
        for n in (9, 10)
        for kind, cost, count in (("input", "0.003", 1000), ("output", "0.0015", 100))
    ]
    bill(ledger, tokens, at=datetime(2026, 3, 11, 3, tzinfo=UTC))
    assert [
        (9, "within"),
        (9, "within"),
        (10, "not billed yet"),
        (10, "not billed yet"),
        (11, "not billed yet"),
        (11, "not billed yet"),
    ] == [row[2:] for row in statuses(ledger)]


def test_a_month_that_was_not_delivered_waits_though_later_ones_are_there(ledger: Ledger, tmp_path: Path) -> None:
    days = [date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 10)]
    send(ledger, [event(str(day), time=datetime.combine(day, datetime.min.time(), UTC)) for day in days], tmp_path)
    for month in (0, 2):
        bill(ledger, [charge(days[month], "0.0045", None)], at=UNTIL)
    rows = by_day(find(ledger, Period(days[0], WEEK.end), UNTIL).seen, Period(days[0], WEEK.end), Tolerance())
    assert ["within", "not billed yet", "within"] == [row.status for row in rows if row.model is None]


def test_two_sources_of_one_provider_are_both_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("a")], tmp_path)
    bill(ledger, [charge(TENTH, "0.0045")], source="first", at=UNTIL)
    bill(ledger, [charge(date(2026, 3, 9), "1.00", SubAccountId="v")], source="second", at=datetime(2026, 3, 11, tzinfo=UTC))
    assert [("not billed yet")] * 2 == [row[3] for row in statuses(ledger) if row[2] == 10]


def test_as_of_an_instant_later_days_are_hidden(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("a")], tmp_path)
    assert [] == statuses(ledger, until=datetime(2026, 3, 10, tzinfo=UTC))


def test_an_empty_ledger_has_neither(ledger: Ledger) -> None:
    assert (False, False, ()) == (found(ledger).has_usage, found(ledger).has_bills, found(ledger).seen.measured)


STATEMENTS = [
    reconcile_statements.providers(),
    reconcile_statements.usage_days(START, END),
    reconcile_statements.bill_days(START, END, ["AWS", "Anthropic"]),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=["providers", "usage", "bills"])
def test_each_statement_is_text_that_other_engines_read(statement: Any) -> None:
    assert isinstance(sqlglot.parse_one(bigquery_text(statement)[0], read="bigquery"), sqlglot.exp.Query)
    assert isinstance(sqlglot.parse_one(duckdb_text(statement), read="duckdb"), sqlglot.exp.Query)


@pytest.fixture
def filled(make_ledger: MakeLedger, tmp_path: Path) -> Ledger:
    ledger = make_ledger()
    send(ledger, [*events(30), *events(5, "w", cache_write_5m_tokens=10, cache_write_1h_tokens=20, service_tier="batch")], tmp_path)
    bill(ledger, [charge(TENTH, "0.10", "input", 30_000), charge(TENTH, "0.05", "output", None), charge(TENTH, "1", None)], at=UNTIL)
    return ledger


@pytest.mark.postgres
def test_postgresql_answers_as_the_ledger_does(filled: Ledger, postgres_server: str, postgres_database: str) -> None:
    with filled.engine.connect() as connection:
        paths = [file.path for file in catalog.live_files(connection)]
    engine = create_engine(postgres_database.replace("postgresql:", "postgresql+psycopg:"))
    with filled.facts.reading(paths) as reading, engine.begin() as connection:
        charges.create(connection)
        rows = reading.run(select(charges))
        connection.execute(insert(charges), [dict(zip(charges.c.keys(), row, strict=True)) for row in rows])
        for statement in STATEMENTS:
            ours = [tuple(map(_plain, row)) for row in reading.run(statement)]
            assert ours
            assert sorted(ours, key=repr) == sorted((tuple(map(_plain, row)) for row in connection.execute(statement)), key=repr)
    engine.dispose()


def _plain(value: Any) -> Any:
    """Engines give sums of counts as different kinds of numbers."""
    return Decimal(value).normalize() if isinstance(value, int | Decimal) and not isinstance(value, bool) else value
