"""What the ledger answers, with sums that can be worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from finops.answers import Answer
from finops.errors import LedgerError, QueryError
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.manifest import Habits, Manifest
from finops.periods import Period
from finops.query import CostQuery, Filter
from finops.rates import Rate
from tests.ledger.bills import Charge, deliver
from tests.ledger.conftest import MakeLedger

WEEK = Period(date(2026, 3, 9), date(2026, 3, 16))
BEFORE = Period(date(2026, 3, 2), date(2026, 3, 9))
DELIVERED = datetime(2026, 3, 20, 6, tzinfo=UTC)
UNTIL = datetime(2026, 3, 21, tzinfo=UTC)

BILL = (
    Charge(date(2026, 3, 3), "10", "ml", "GPU"),
    Charge(date(2026, 3, 4), "20", "search", "Search"),
    Charge(date(2026, 3, 10), "15", "ml", "GPU"),
    Charge(date(2026, 3, 11), "5", "ml", "Storage"),
    Charge(date(2026, 3, 12), "7", None, "Tax"),
    Charge(date(2026, 3, 18), "1", "ml", "GPU"),
)


@pytest.fixture
def loaded(ledger: Ledger) -> Ledger:
    deliver(ledger, BILL, at=DELIVERED)
    return ledger


def ask(ledger: Ledger, **more: object) -> Answer:
    return ledger.answer(CostQuery(**({"period": WEEK, "compare": BEFORE} | more)), UNTIL)  # type: ignore[arg-type]


def keyed(answer: Answer) -> dict[object, object]:
    return {row.key: (row.cost, row.previous) for row in answer.sums[0].rows}


def test_the_total_and_the_total_before(loaded: Ledger) -> None:
    (sums,) = ask(loaded).sums
    assert (sums.total, sums.previous, sums.change) == (Decimal(27), Decimal(30), Decimal(-3))


def test_groups_name_what_is_gone_new_and_unowned(loaded: Ledger) -> None:
    answer = ask(loaded, by=("team",))
    assert keyed(answer) == {("ml",): (20, 10), (None,): (7, 0), ("search",): (None, 20)}


def test_movers_are_ranked_by_how_much_they_moved(loaded: Ledger) -> None:
    answer = ask(loaded, by=("service",))
    moved: list[object] = [(row.key, row.change) for row in answer.sums[0].movers]
    assert moved == [(("Search",), -20), (("Tax",), 7), (("GPU",), 5), (("Storage",), 5)]


def test_without_a_breakdown_services_are_what_moves(loaded: Ledger) -> None:
    assert ask(loaded).movers_by == ("service",)
    assert ask(loaded).sums[0].movers[0].key == ("Search",)


def test_what_does_not_fit_the_top_is_summed_as_the_rest(loaded: Ledger) -> None:
    (sums,) = ask(loaded, by=("service",), top=1).sums
    assert [row.key for row in sums.rows] == [("GPU",)]
    assert sums.rest is not None
    assert sums.rest_groups == 3
    assert (sums.rows[0].cost or 0) + (sums.rest.cost or 0) == sums.total


@pytest.mark.parametrize(
    ("scope", "total"),
    [
        (Filter("team", ("ml",)), 20),
        (Filter("team", ("ml", "search")), 20),
        (Filter("team", ("ml",), negated=True), 7),
        (Filter("team", ("none",)), 7),
        (Filter("team", ("none", "ml")), 27),
        (Filter("service", ("s*",)), 5),
        (Filter("service", ("*",)), 27),
        (Filter("service", ("G*", "Tax"), negated=True), 5),
    ],
)
def test_filters(loaded: Ledger, scope: Filter, total: int) -> None:
    assert ask(loaded, scope=(scope,)).sums[0].total == total


def test_nothing_found_is_no_data_and_not_zero(loaded: Ledger) -> None:
    assert ask(loaded, scope=(Filter("team", ("nobody",)),)).sums == ()


def test_days_without_charges_are_zero_where_the_bill_reaches_and_unknown_where_it_does_not(loaded: Ledger) -> None:
    answer = ask(loaded, period=Period(date(2026, 3, 17), date(2026, 3, 21)), compare=None)
    assert [point.cost for point in answer.sums[0].series] == [0, 1, None, None]


def test_days_are_complete_a_day_after_they_end(loaded: Ledger) -> None:
    answer = ask(loaded, period=Period(date(2026, 3, 16), date(2026, 3, 20)), compare=None)
    assert answer.complete_until == date(2026, 3, 19)
    assert [point.complete for point in answer.sums[0].series] == [True, True, True, False]


def test_a_source_may_take_longer_until_its_days_are_complete(make_ledger: MakeLedger) -> None:
    ledger = make_ledger(Terms(waits={"aws": timedelta(hours=72)}))
    deliver(ledger, BILL, at=DELIVERED)
    assert ask(ledger).complete_until == date(2026, 3, 17)


def test_the_comparison_leaves_out_days_that_are_not_complete(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, day), "10") for day in range(1, 20)], at=datetime(2026, 3, 19, 12, tzinfo=UTC))
    answer = ask(ledger, period=Period(date(2026, 3, 13), date(2026, 3, 20)), compare=Period(date(2026, 3, 6), date(2026, 3, 13)))
    like = answer.sums[0].like_for_like
    assert like is not None
    assert (like.days, int(like.total), int(like.previous)) == (5, 50, 50)
    assert answer.sums[0].movers == ()


def test_completeness_is_learnt_from_how_earlier_days_grew(ledger: Ledger) -> None:
    """Every day is half billed when it ends, and whole two days later."""
    for last in range(1, 16):
        amounts = [(day, "5" if day == last else "8" if day == last - 1 else "10") for day in range(1, last + 1)]
        deliver(ledger, [Charge(date(2026, 3, day), amount) for day, amount in amounts], at=datetime(2026, 3, last + 1, 1, tzinfo=UTC))
    answer = ask(ledger, period=Period(date(2026, 3, 10), date(2026, 3, 16)), compare=None)
    assert answer.complete_until == date(2026, 3, 14)
    assert [note for note in answer.notes if "50%" in note and "80%" in note]


def test_as_of_hides_what_began_later(loaded: Ledger) -> None:
    answer = loaded.answer(CostQuery(WEEK), datetime(2026, 3, 11, tzinfo=UTC))
    assert answer.sums[0].total == 15
    assert answer.complete_until == date(2026, 3, 11)


def test_currencies_are_never_added(ledger: Ledger) -> None:
    deliver(ledger, (Charge(date(2026, 3, 10), "3"), Charge(date(2026, 3, 10), "4", currency="CHF")))
    assert {sums.currency: sums.total for sums in ask(ledger).sums} == {"USD": 3, "CHF": 4}


RATES = (
    Rate("CHF", "USD", date(2026, 1, 1), Decimal("1.10")),
    Rate("CHF", "USD", date(2026, 3, 11), Decimal("1.20")),
)


def test_dated_rates_convert_each_day_at_its_own_rate(make_ledger: MakeLedger) -> None:
    ledger = make_ledger(Terms(rates=RATES))
    rows = [Charge(date(2026, 3, 10), "4", currency="CHF"), Charge(date(2026, 3, 11), "5", currency="CHF"), Charge(date(2026, 3, 11), "1")]
    deliver(ledger, rows)
    (sums,) = ask(ledger, by=("team",)).sums
    assert (sums.currency, sums.total) == ("USD", Decimal("4.4") + 6 + 1)
    assert sums.rows[0].cost == sums.total


def test_the_other_way_round_uses_the_same_rate(make_ledger: MakeLedger) -> None:
    ledger = make_ledger(Terms(rates=(Rate("CHF", "USD", date(2026, 1, 1), Decimal("1.25")),)))
    deliver(ledger, [Charge(date(2026, 3, 10), "10")])
    assert ask(ledger, currency="CHF").sums[0].total == 8


def test_a_rate_that_is_missing_is_named(loaded: Ledger) -> None:
    with pytest.raises(QueryError, match="no rate from USD to EUR"):
        ask(loaded, currency="EUR")


def test_a_cost_the_bill_does_not_give_is_unknown(loaded: Ledger) -> None:
    answer = ask(loaded, metric="list")
    assert answer.sums[0].total is None
    assert "ListCost" in answer.notes[0]


def test_weeks_and_months_add_up_their_days(loaded: Ledger) -> None:
    march = Period(date(2026, 3, 1), date(2026, 3, 21))
    weeks = ask(loaded, period=march, compare=None, grain="week").sums[0].series
    assert [(str(point.start), point.cost) for point in weeks] == [
        ("2026-02-23", None),
        ("2026-03-02", 30),
        ("2026-03-09", 27),
        ("2026-03-16", 1),
    ]
    (month,) = ask(loaded, period=march, compare=None, grain="month").sums[0].series
    assert month.cost == 58


def test_parts_for_a_chart_add_up_to_each_day(loaded: Ledger) -> None:
    query = CostQuery(WEEK, BEFORE, by=("service",), top=1)
    (sums,) = loaded.answer(query, UNTIL, parts=True).sums
    drawn = [point for point in sums.series if point.parts]
    assert drawn
    assert all(sum(point.parts) == point.cost for point in drawn)


def test_tags_are_dimensions(ledger: Ledger) -> None:
    tagged = [Charge(date(2026, 3, 10), "2", more={"Tags": '{"cost center": "42"}'}), Charge(date(2026, 3, 10), "3")]
    deliver(ledger, tagged)
    assert keyed(ask(ledger, by=("tag:cost center",), compare=None)) == {("42",): (2, None), (None,): (3, None)}


def test_the_same_question_on_the_same_data_has_the_same_id(loaded: Ledger) -> None:
    later = loaded.answer(CostQuery(WEEK, BEFORE), UNTIL + timedelta(days=3))
    assert ask(loaded).id == later.id
    deliver(loaded, BILL[:3], at=DELIVERED + timedelta(days=1))
    assert ask(loaded).id != later.id


def test_a_question_is_found_again_by_its_id(loaded: Ledger) -> None:
    answer = ask(loaded)
    loaded.remember(answer, {"text": "x"}, "U1", UNTIL, UNTIL)
    loaded.remember(answer, {"text": "y"}, "U2", UNTIL, UNTIL)
    assert loaded.recall(answer.id) == ({"text": "x"}, UNTIL)
    with pytest.raises(QueryError, match="Q-NEVER"):
        loaded.recall("Q-NEVER")


def test_a_file_that_is_gone_is_an_error_and_not_a_smaller_figure(loaded: Ledger) -> None:
    for path in loaded.root.glob("source=*/period=*/*.parquet"):
        path.unlink()
    with pytest.raises(LedgerError, match="restore it or load the bill again"):
        ask(loaded)


def test_different_values_are_counted_in_each_group_and_in_all(ledger: Ledger) -> None:
    people = ["ann", "ann", "bob", None]
    rows = [Charge(date(2026, 3, 10), "1", "ml", more={"x_User": name}) for name in people]
    rows += [Charge(date(2026, 3, 11), "1", "search", more={"x_User": "bob"}), Charge(date(2026, 3, 3), "1", "ml", more={"x_User": "carl"})]
    deliver(ledger, rows)
    (sums,) = ask(ledger, by=("team",), count="user").sums
    assert sums.count == 2
    assert {row.key: row.count for row in sums.rows} == {("ml",): 2, ("search",): 1}


def test_a_fee_once_a_month_does_not_make_later_days_incomplete(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, day), "10") for day in range(1, 20)], "cloud", at=DELIVERED)
    deliver(ledger, [Charge(date(2026, month, 1), "99") for month in (1, 2, 3)], "fees", at=DELIVERED)
    answer = ask(ledger, period=Period(date(2026, 3, 1), date(2026, 3, 21)), compare=Period(date(2026, 2, 1), date(2026, 2, 21)))
    assert answer.complete_until == date(2026, 3, 19)


def test_a_bill_that_stops_in_the_middle_is_incomplete_from_there(ledger: Ledger) -> None:
    deliver(ledger, [Charge(date(2026, 3, day), "10") for day in range(1, 20)], "cloud", at=DELIVERED)
    deliver(ledger, [Charge(date(2026, 3, day), "10") for day in range(1, 12)], "late", at=DELIVERED)
    assert ask(ledger, period=Period(date(2026, 3, 1), date(2026, 3, 21))).complete_until == date(2026, 3, 12)


class Overtaken(Ledger):
    """A ledger in which another thread's question always puts its manifest in place first."""

    def __setattr__(self, name: str, value: object) -> None:
        theirs = ("another question", Manifest((), Habits({}, {})))
        super().__setattr__(name, theirs if name == "_read" and value is not None else value)


def test_a_question_keeps_its_own_manifest_while_others_are_asked(loaded: Ledger) -> None:
    overtaken = Overtaken(loaded.engine, loaded.root, loaded.facts, loaded.terms)
    assert ask(overtaken).sums[0].total == 27
