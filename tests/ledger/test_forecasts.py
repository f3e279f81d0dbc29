"""What was predicted is kept once, closed with what came, and tells how good forecasts are; on both state databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, inspect, select

from finops.configuration.rulebook_sections import Scope
from finops.insight.forecast import Backtest, Forecast
from finops.ledger.forecasts import Accuracy, Open, Said, accuracy, close, errors_of_closed, keep, to_close
from finops.ledger.state import open_state
from finops.ledger.tables import audit, metadata
from finops.ledger.tables_forecasts import forecasts
from finops.periods import Period

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
NOW = datetime(2026, 3, 11, 5, tzinfo=UTC)
ML: Scope = (("team", ("ml",)),)
CLOSED = Open(ML, MARCH, "USD")
OVER = datetime(2026, 4, 4, tzinfo=UTC)


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    opened = open_state(state_url)
    yield opened
    opened.dispose()


def said(total: float | None, scope: Scope = ML, rate: float = 1500.0) -> Said:
    edges = (None,) * 4 if total is None else (total - 100, total + 100, total - 200, total + 200)
    low80, high80, low95, high95 = edges
    made = Forecast((), MARCH, "USD", 300.0, total, low80, high80, low95, high95, (), "", "steady", (), Backtest(0, 21))
    return Said(scope, made, rate, date(2026, 3, 10))


def kept(engine: Engine) -> list[tuple[date, Decimal, Decimal | None]]:
    with engine.connect() as tx:
        return [(row.day, row.total, row.actual) for row in tx.execute(select(forecasts).order_by(forecasts.c.day)).all()]


def actions(engine: Engine) -> list[str]:
    with engine.connect() as tx:
        return [*tx.execute(select(audit.c.action).where(audit.c.action.like("forecasts.%")).order_by(audit.c.seq)).scalars()]


def test_the_migration_makes_the_table_as_it_is_declared(engine: Engine) -> None:
    declared, found = metadata.tables["forecasts"], inspect(engine)
    columns = {(each["name"], each["type"].compile(engine.dialect), each["nullable"]) for each in found.get_columns("forecasts")}
    assert {(each.name, each.type.compile(engine.dialect), each.nullable) for each in declared.columns} == columns
    assert ["scope", "first", "until", "day"] == found.get_pk_constraint("forecasts")["constrained_columns"]


def test_a_day_says_a_thing_once_and_the_next_day_may_say_another(engine: Engine) -> None:
    days = [date(2026, 3, 11), date(2026, 3, 11), date(2026, 3, 12)]
    assert [1, 0, 1] == [keep(engine, [said(1000.0 + number)], day, NOW) for number, day in enumerate(days)]
    assert [(days[0], Decimal(1000), None), (days[2], Decimal(1002), None)] == kept(engine)
    assert ["forecasts.made"] * 2 == actions(engine)


def test_what_nothing_is_known_of_is_not_kept(engine: Engine) -> None:
    assert (0, []) == (keep(engine, [said(None)], NOW.date(), NOW), kept(engine))


def test_workers_that_keep_the_same_night_keep_it_once(engine: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [*pool.map(lambda n: keep(engine, [said(1000.0 + n)], NOW.date(), NOW), range(4))]
    assert ([0, 0, 0, 1], 1, ["forecasts.made"]) == (sorted(made), len(kept(engine)), actions(engine))


def test_a_period_is_closed_once_and_moves_only_when_its_bill_does(engine: Engine) -> None:
    keep(engine, [said(1000.0)], NOW.date(), NOW)
    costs = [Decimal("990.5"), Decimal("990.5"), Decimal(995)]
    assert [(1, 0), (0, 0), (0, 1)] == [close(engine, {CLOSED: cost}, OVER) for cost in costs]
    assert Decimal(995) == kept(engine)[0][2]
    assert ["forecasts.made", "forecasts.closed", "forecasts.closed"] == actions(engine)


def test_workers_that_close_the_same_month_close_it_once(engine: Engine) -> None:
    keep(engine, [said(1000.0)], NOW.date(), NOW)
    with ThreadPoolExecutor(4) as pool:
        done = [*pool.map(lambda _: close(engine, {CLOSED: Decimal(990)}, OVER), range(4))]
    assert ([(0, 0)] * 3 + [(1, 0)], 1) == (sorted(done), actions(engine).count("forecasts.closed"))


@pytest.mark.parametrize(("today", "waits"), [("2026-03-31", False), ("2026-04-01", True), ("2026-05-15", True), ("2026-05-17", False)])
def test_what_is_over_waits_and_what_was_closed_is_looked_at_for_some_weeks(engine: Engine, today: str, waits: bool) -> None:
    keep(engine, [said(1000.0)], NOW.date(), NOW)
    if today > "2026-05":
        close(engine, {CLOSED: Decimal(990)}, OVER)
    assert waits == (to_close(engine, date.fromisoformat(today)) == [CLOSED])


def test_accuracy_is_told_by_days_left_beside_the_run_rate(engine: Engine) -> None:
    """22 days before the end 1,100 and 990 were said of 1,000, run-rate 1,500; a day before it 1,000."""
    keep(engine, [said(1100.0)], date(2026, 3, 10), NOW)
    keep(engine, [said(850.0)], date(2026, 3, 11), NOW)
    keep(engine, [said(1000.0, rate=1000.0)], date(2026, 3, 31), NOW)
    close(engine, {CLOSED: Decimal(1000)}, OVER)
    early, late = accuracy(engine, "USD", ML)
    assert Accuracy((21, 25), 2, 1, 0.125, -0.025, 0.5, 1.0, 0.5) == early
    assert Accuracy((1, 5), 1, 1, 0.0, 0.0, 1.0, 1.0, 0.0) == late


def test_periods_of_other_lengths_are_told_apart_after_the_months(engine: Engine) -> None:
    """With three days left 1,000 were said of each; 800 came in the week, 2,000 in the quarter, 1,250 in the month and 1,000 on the day."""
    day, months = date(2026, 3, 29), {"month": (MARCH, 1250), "quarter": (Period(date(2026, 1, 1), date(2026, 4, 1)), 2000)}
    short = {"week": (Period(date(2026, 3, 23), date(2026, 3, 30)), 800), "day": (Period(day, day + timedelta(days=1)), 1000)}
    lengths = months | short
    keep(
        engine, [replace(said(1000.0), forecast=replace(said(1000.0).forecast, period=period)) for period, _ in lengths.values()], day, NOW
    )
    close(engine, {Open(ML, period, "USD"): Decimal(cost) for period, cost in lengths.values()}, OVER)
    found = accuracy(engine, "USD", ML)
    assert [("month", 0.2), ("quarter", 0.5), ("week", 0.25), ("day", 0.0)] == [(one.of, one.wape) for one in found]
    with engine.connect() as tx:
        assert not [*errors_of_closed(tx, OVER.date())]


def test_a_quarter_is_told_from_its_first_day_on(engine: Engine) -> None:
    quarter = Period(date(2026, 1, 1), date(2026, 4, 1))
    early = replace(said(1000.0), forecast=replace(said(1000.0).forecast, period=quarter))
    for day in (date(2026, 1, 1), date(2026, 2, 20)):
        keep(engine, [early], day, NOW)
    close(engine, {Open(ML, quarter, "USD"): Decimal(1000)}, OVER)
    assert [("quarter", (62, 92)), ("quarter", (32, 61))] == [(one.of, one.days_left) for one in accuracy(engine, "USD", ML)]


def test_accuracy_knows_scopes_and_currencies_apart(engine: Engine) -> None:
    euros = replace(said(7.0), forecast=replace(said(7.0).forecast, currency="EUR"), scope=(("team", ("x",)),))
    keep(engine, [said(1000.0), said(2000.0, ()), euros], NOW.date(), NOW)
    close(engine, {CLOSED: Decimal(500), Open((), MARCH, "USD"): Decimal(2000)}, OVER)
    found = [accuracy(engine, "USD", ML), accuracy(engine, "USD", ()), accuracy(engine, "USD"), accuracy(engine, "EUR")]
    assert [[1.0], [0.0], [0.2], []] == [[one.wape for one in each] for each in found]


def test_monitoring_is_told_of_all_charges_of_the_last_closed_months(engine: Engine) -> None:
    keep(engine, [said(1100.0, ()), said(9.0)], date(2026, 3, 11), NOW)
    close(engine, {Open((), MARCH, "USD"): Decimal(1000), CLOSED: Decimal(1)}, OVER)
    with engine.connect() as tx:
        told = [*errors_of_closed(tx, OVER.date())]
        later = [*errors_of_closed(tx, OVER.date() + timedelta(days=150))]
    assert ([("error", "21-25", 0.1), ("run_rate_error", "21-25", 0.5), ("held80", "21-25", 1.0)], []) == (told, later)
