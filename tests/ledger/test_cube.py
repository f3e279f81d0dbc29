"""Cells of two periods as the ledger reads them: the same totals as any answer, whatever is told apart."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import QueryError
from finops.insight.drivers_cube import Cube
from finops.insight.drivers_told import OTHER
from finops.insight.drivers_why import explain
from finops.ledger import cube as module
from finops.ledger.cube import Moved, compared, kept_values
from finops.ledger.ledger import Ledger
from finops.periods import Period
from finops.query import CostQuery, Filter
from tests.ledger.billed import UNTIL as LATER
from tests.ledger.billed import bill, charge
from tests.ledger.bills import Charge, deliver
from tests.ledger.conftest import MakeLedger
from tests.ledger.questions import MARCH, QUESTIONS, UNTIL
from tests.ledger.requests_made import event, send
from tests.ledger.twins import twin_ledgers

BY = ("team", "service", "account", "provider")
COMPARING = [name for name, query in QUESTIONS.items() if query.compare]
WEEK, BEFORE = Period(date(2026, 3, 8), date(2026, 3, 15)), Period(date(2026, 3, 1), date(2026, 3, 8))


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Ledger]]:
    with twin_ledgers(tmp_path_factory.mktemp("twins")) as made:
        yield made


def rows(cube: Cube) -> list[tuple[object, ...]]:
    """The cells as (values, before, after), in an order of their own."""
    keys = [tuple(cube.values[d][code] for d, code in enumerate(codes)) for codes in cube.codes.tolist()]
    return sorted(zip(keys, cube.before, cube.after, strict=True), key=repr)


def only(ledger: Ledger, query: CostQuery, *by: str) -> Cube:
    (cube,) = compared(ledger, query, LATER, by).cubes
    return cube


@pytest.mark.parametrize("name", COMPARING)
def test_the_cells_sum_to_what_the_question_answers(name: str, twins: tuple[Ledger, Ledger]) -> None:
    ledger, _ = twins
    found = compared(ledger, QUESTIONS[name], UNTIL, BY)
    sums = {each.currency: (each.previous or 0, each.total or 0) for each in ledger.answer(found.query, UNTIL).sums}
    assert sums == {cube.currency: cube.totals for cube in found.cubes}


@pytest.mark.parametrize("name", COMPARING)
def test_bigquery_reads_the_same_cells(name: str, twins: tuple[Ledger, Ledger]) -> None:
    ours, theirs = (compared(ledger, QUESTIONS[name], UNTIL, BY) for ledger in twins)
    assert [(cube.currency, cube.dimensions, rows(cube)) for cube in ours.cubes] == [
        (cube.currency, cube.dimensions, rows(cube)) for cube in theirs.cubes
    ]


def test_with_fewer_cells_than_there_are_the_rest_is_one(monkeypatch: pytest.MonkeyPatch, twins: tuple[Ledger, Ledger]) -> None:
    query = QUESTIONS["a negated filter keeps what says nothing"]
    (whole,) = compared(twins[0], query, UNTIL, BY).cubes
    monkeypatch.setattr(module, "MOST_CELLS", 2)
    (few,) = compared(twins[0], query, UNTIL, BY).cubes
    assert whole.totals == few.totals
    assert 3 == len(few.before)
    assert any(OTHER in values for values in few.values)


def test_values_that_moved_most_are_told_apart() -> None:
    money: dict[str | None, tuple[Decimal, Decimal]] = {
        name: (Decimal(0), Decimal(amount)) for name, amount in (("a", 9), ("b", 5), ("c", 1))
    }
    moved: Moved = {"team": {**money}, "env": {"prod": (Decimal(1), Decimal(15)), None: (Decimal(9), Decimal(9))}}
    assert {"team": ["a"], "env": None} == kept_values(("team", "env"), moved, most=4)
    assert {"team": None, "env": None} == kept_values(("team", "env"), moved, most=6)


def test_a_change_is_explained_from_the_bill(ledger: Ledger) -> None:
    quiet = [
        Charge(date(2026, 3, day), "10", team, service) for day in (2, 9) for team in ("ml", "web") for service in ("Compute", "Storage")
    ]
    deliver(ledger, [*quiet, Charge(date(2026, 3, 10), "30", "ml", "Compute"), Charge(date(2026, 3, 19), "1")])
    why = explain(only(ledger, CostQuery(WEEK, BEFORE), "team", "service"))
    assert [("service=Compute AND team=ml", Decimal(30))] == [(driver.text, driver.excess) for driver in why.drivers]
    assert why.change == why.effects.total == 30


def test_price_and_volume_come_from_the_bills_quantities(ledger: Ledger) -> None:
    """100 hours at 1 become 150 at 2."""
    hours = {"PricingUnit": "Hours", "PricingQuantity": Decimal(100), "ConsumedUnit": "s", "ConsumedQuantity": Decimal(360_000)}
    more = {**hours, "PricingQuantity": Decimal(150)}
    days = [Charge(date(2026, 3, 2), "100", "ml", more=hours), Charge(date(2026, 3, 9), "300", "ml", more=more)]
    deliver(ledger, [*days, Charge(date(2026, 3, 19), "1")])
    amounts = explain(only(ledger, CostQuery(WEEK, BEFORE), "team")).effects.amounts
    assert (Decimal(75), Decimal(125)) == (amounts["volume"], amounts["price"])


def test_what_requests_used_splits_their_cost(ledger: Ledger, tmp_path: Path) -> None:
    """Ten requests of 0.0045 become twenty."""
    weeks = [(day, n) for day, count in ((3, 10), (10, 20)) for n in range(count)]
    at = LATER.replace(month=3)
    send(ledger, [event(f"r{day}-{n}", time=at.replace(day=day, minute=n), feature="search") for day, n in weeks], tmp_path)
    why = explain(only(ledger, CostQuery(WEEK, BEFORE), "feature", "model"))
    assert Decimal("0.045") == why.change == why.effects.amounts["volume"]
    assert (10.0, 20.0) == why.facts.requests


def test_a_bill_in_place_of_estimates_is_split_by_what_was_measured(ledger: Ledger, tmp_path: Path) -> None:
    """The bill says 1 and 3 where ten and twenty requests were measured: twice the requests, half as dear again."""
    weeks = [(day, n) for day, count in ((3, 10), (10, 20)) for n in range(count)]
    at = LATER.replace(month=3)
    send(ledger, [event(f"r{day}-{n}", time=at.replace(day=day, minute=n), team="ml") for day, n in weeks], tmp_path)
    bill(ledger, [charge(day, cost, x_Model="claude", SkuId="input") for day, cost in ((3, "1"), (10, "3"))])
    amounts = explain(only(ledger, CostQuery(WEEK, BEFORE), "team", "model", "sku")).effects.amounts
    assert (Decimal("1.25"), Decimal("0.75")) == (amounts["volume"], amounts["price"])


def test_only_complete_days_are_compared(make_ledger: MakeLedger) -> None:
    ledger = make_ledger()
    deliver(ledger, [Charge(date(2026, 3, day), "10") for day in range(1, 20)])
    found = compared(ledger, CostQuery(Period(date(2026, 3, 12), date(2026, 3, 22)), Period(date(2026, 3, 2), date(2026, 3, 12))), UNTIL)
    (cube,) = found.cubes
    assert 0 == cube.change
    assert found.query.period.end <= date(2026, 3, 20)


def test_a_question_that_compares_with_nothing_is_refused(ledger: Ledger) -> None:
    with pytest.raises(QueryError, match="two periods"):
        compared(ledger, CostQuery(MARCH), UNTIL)


def test_an_empty_ledger_has_no_cube(ledger: Ledger) -> None:
    assert () == compared(ledger, CostQuery(WEEK, BEFORE, (Filter("team", ("ml",)),)), UNTIL).cubes
