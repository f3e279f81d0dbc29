"""Which days are compared, what they are called, and what is worth an alert."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.insight.reconcile import Seen, billed_twice, by_day, newest_runs, problems, together
from finops.insight.reconcile_lines import KINDS, Billed, Measured
from finops.insight.reconcile_status import Comparison, Tolerance
from finops.periods import DAY, Period
from tests.insight.reconcile_samples import MONDAY, TOKENS, bill, line, measured, share_of

WEEK = Period(MONDAY, MONDAY + 7 * DAY)
TOLERANCE = Tolerance(Decimal("0.02"), Decimal(1))
ALWAYS = {"Anthropic": frozenset(WEEK)}
SINCE = {"Anthropic": MONDAY - DAY}


def seen(usage: list[Measured], lines: list[Billed], settled: dict[str, frozenset[date]] | None = None) -> Seen:
    return Seen(usage, lines, ALWAYS if settled is None else settled, SINCE)


def statuses(rows: list[Comparison]) -> dict[str, str]:
    return {row.model or "all": row.status for row in rows}


def on(day: int, percent: int = 100) -> Measured:
    return replace(measured(share_of(TOKENS, percent)), day=MONDAY + day * DAY)


@pytest.mark.parametrize(("percent", "status"), [(100, "within"), (99, "within"), (97, "over"), (103, "under")])
def test_a_day_within_two_percent_is_within(percent: int, status: str) -> None:
    assert {"claude": status, "all": status} == statuses(by_day(seen([on(0, percent)], bill()), WEEK, TOLERANCE))


def test_a_cent_on_a_tiny_day_is_no_difference() -> None:
    tiny = measured({"input": 10_000})
    assert {"claude": "within", "all": "within"} == statuses(by_day(seen([tiny], [line("input", 20_000)]), WEEK, TOLERANCE))


def test_the_difference_is_a_share_of_what_was_billed() -> None:
    row = by_day(seen([on(0, 80)], bill()), WEEK, TOLERANCE)[0]
    assert (Decimal("80.4"), Decimal("100.5"), Decimal("20.1"), 0.2) == (row.estimated, row.billed, row.difference, row.share)


def test_a_day_without_a_complete_bill_waits() -> None:
    rows = by_day(seen([on(0), on(1)], bill(), {"Anthropic": frozenset([MONDAY])}), WEEK, TOLERANCE)
    assert [("within", MONDAY), ("within", MONDAY), ("not billed yet", MONDAY + DAY), ("not billed yet", MONDAY + DAY)] == [
        (row.status, row.period.start) for row in rows
    ]
    assert [None, None] == [row.billed for row in rows[2:]]


def test_a_bill_nobody_measured_is_told_and_alerts_nobody() -> None:
    days = by_day(seen([], bill(provider="OpenAI"), {"OpenAI": frozenset(WEEK)}), WEEK, TOLERANCE)
    assert {"claude": "not measured", "all": "not measured"} == statuses(days)
    assert [] == problems(days, SINCE)


def test_a_model_nobody_measured_of_a_measured_provider_is_a_problem() -> None:
    days = by_day(seen([on(0)], [*bill(), *bill(model="opus")]), WEEK, TOLERANCE)
    assert {"claude": "within", "opus": "not measured", "all": "over"} == statuses(days)
    assert ["opus"] == [problem.model for problem in problems(days, SINCE)]
    assert [("not measured", Decimal("100.5"))] == [(cause.name, cause.amount) for cause in days[-1].causes]


def test_requests_without_a_price_cost_nothing_known_rather_than_nothing() -> None:
    unknown = replace(measured(), requests=3, unpriced=3, priced={}, costs={})
    row = by_day(seen([unknown], bill()), WEEK, TOLERANCE)[0]
    assert ("unpriced", None, Decimal("100.5")) == (row.status, row.estimated, row.billed)


def test_a_model_that_is_not_on_the_bill_is_under() -> None:
    rows = by_day(seen([on(0), replace(on(0), model="opus")], bill()), WEEK, TOLERANCE)
    assert {"claude": "within", "opus": "under", "all": "under"} == statuses(rows)
    assert [("not on the bill", Decimal("-100.5"))] == [(cause.name, cause.amount) for cause in rows[1].causes]


def test_a_model_that_may_be_on_a_line_without_one_is_not_told_apart() -> None:
    nameless = line("all", None, Decimal(100), model=None)
    rows = by_day(seen([on(0), replace(on(0), model="opus")], [*bill(), nameless]), WEEK, TOLERANCE)
    assert {"claude": "within", "opus": "not told apart", "all": "within"} == statuses(rows)


def test_a_bill_that_names_no_model_is_compared_as_a_whole() -> None:
    rows = by_day(seen([on(0), replace(on(0), model="opus")], [line("all", None, Decimal("160.80"), model=None)]), WEEK, TOLERANCE)
    assert {"all": "under"} == statuses(rows)
    assert ("price", True) == (rows[0].causes[0].name, rows[0].causes[0].perhaps)


def test_currencies_are_never_mixed() -> None:
    rows = by_day(seen([on(0)], bill(currency="EUR")), WEEK, TOLERANCE)
    assert [("EUR", "other currency", None), ("USD", "other currency", None)] == [
        (row.currency, row.status, row.difference) for row in rows
    ]


def test_a_line_of_several_days_is_compared_with_all_of_them() -> None:
    three = [
        replace(each, period=Period(MONDAY, MONDAY + 3 * DAY), cost=each.cost * 3, quantity=(each.quantity or Decimal(0)) * 3)
        for each in bill()
    ]
    rows = by_day(seen([on(0), on(1), on(2)], three), Period(MONDAY + DAY, MONDAY + 2 * DAY), TOLERANCE)
    assert [("claude", "within", 3), (None, "within", 3)] == [(row.model, row.status, row.days) for row in rows]


def test_a_line_of_several_days_waits_until_all_are_complete() -> None:
    two = [replace(each, period=Period(MONDAY, MONDAY + 2 * DAY)) for each in bill()]
    rows = by_day(seen([on(0)], two, {"Anthropic": frozenset([MONDAY])}), WEEK, TOLERANCE)
    assert {"claude": "not billed yet", "all": "not billed yet"} == statuses(rows)


def test_days_together_are_the_sum_of_the_days() -> None:
    lines = [*bill(), *bill(day=MONDAY + DAY), *bill(day=MONDAY + 2 * DAY)]
    every = seen([on(0), on(1, 50), on(2)], lines)
    whole = together(every, WEEK, TOLERANCE)[0]
    days = [day for day in by_day(every, WEEK, TOLERANCE) if day.model]
    assert (whole.difference, whole.days) == (sum((day.difference or 0 for day in days), Decimal(0)), 3)
    assert [("missing events", Decimal("50.25"))] == [(cause.name, cause.amount) for cause in whole.causes]


def test_a_run_of_days_is_one_problem_and_ends_with_a_day_within() -> None:
    lines = [each for n in range(6) for each in bill(day=MONDAY + n * DAY)]
    days = by_day(seen([on(n, 50 if n in (0, 2, 3) else 100) for n in range(6)], lines), WEEK, TOLERANCE)
    (problem,) = problems(days, SINCE)
    assert ("claude", False, 3) == (problem.model, problem.goes_on, len(problem.days))
    assert [MONDAY + 2 * DAY, MONDAY + 3 * DAY] == [day.period.start for day in problem.newest]


def test_a_problem_is_told_over_its_newest_run() -> None:
    lines = [each for n in range(4) for each in bill(day=MONDAY + n * DAY)]
    every = seen([on(0, 10), on(1), on(2, 50), on(3, 50)], lines)
    (problem,) = problems(by_day(every, WEEK, TOLERANCE), SINCE)
    ((_, whole),) = newest_runs(every, [problem], TOLERANCE)
    assert (True, Decimal("100.5"), 2) == (problem.goes_on, whole.difference, whole.days)


def test_the_day_on_which_measuring_began_is_no_problem() -> None:
    days = by_day(seen([on(0, 50)], bill()), WEEK, TOLERANCE)
    assert [] == problems(days, {"Anthropic": MONDAY})


def test_the_whole_is_a_problem_only_where_no_model_is() -> None:
    nameless = line("all", None, Decimal(50), model=None)
    days = by_day(seen([on(0)], [*bill(), nameless]), WEEK, TOLERANCE)
    assert [None] == [problem.model for problem in problems(days, SINCE)]
    assert [("no model", Decimal(50))] == [(cause.name, cause.amount) for cause in days[-1].causes]


def test_two_bills_of_one_account_count_twice_and_the_models_still_agree() -> None:
    every = seen([on(0)], [*bill(), *bill(source="invoice")])
    rows = by_day(every, WEEK, TOLERANCE)
    assert {"claude": "within", "all": "over"} == statuses(rows)
    assert [("billed twice", Decimal("100.5"), False)] == [(cause.name, cause.amount, cause.perhaps) for cause in rows[-1].causes]
    (found,) = billed_twice(every, WEEK)
    assert {"claude", "invoice"} == {found.kept, found.source}
    assert ("w-1", MONDAY, False) == (found.account, found.day, found.perhaps)


def test_a_bill_that_names_no_account_is_the_same_only_where_its_sum_is() -> None:
    same = [*bill(), line("all", None, Decimal("100.00"), source="invoice", model=None, account=None)]
    other = [*bill(), line("all", None, Decimal("40.00"), source="invoice", model=None, account=None)]
    assert [("invoice", True)] == [(one.source, one.perhaps) for one in billed_twice(seen([], same), WEEK)]
    assert [] == billed_twice(seen([], other), WEEK)


def test_two_accounts_of_one_provider_are_two_bills() -> None:
    assert [] == billed_twice(seen([], [*bill(), *bill(source="second", account="w-2")]), WEEK)


def test_claude_on_a_cloud_is_compared_with_the_cloud_alone() -> None:
    cloud = replace(on(0), provider="AWS")
    rows = by_day(seen([cloud], bill(), {"Anthropic": frozenset(WEEK), "AWS": frozenset(WEEK)}), WEEK, TOLERANCE)
    assert {("AWS", "under"), ("Anthropic", "not measured")} == {(row.provider, row.status) for row in rows if row.model is None}


def test_tokens_that_cost_nothing_do_not_name_the_models_of_the_money() -> None:
    free = [replace(each, cost=Decimal(0)) for each in bill()]
    rows = by_day(seen([on(0)], [*free, line("all", None, Decimal("100.50"), model=None)]), WEEK, TOLERANCE)
    assert {"all": "within"} == statuses(rows)


MODELS = st.sampled_from(["claude", "opus", None])
LINES = st.builds(
    line,
    st.sampled_from([*KINDS, "all", "requests", "other"]),
    st.none() | st.integers(0, 10**9),
    st.decimals(-1000, 10**6, places=10),
    model=MODELS,
    source=st.sampled_from(["api", "invoice"]),
    account=st.sampled_from(["w-1", "w-2", None]),
    tier=st.sampled_from([None, "batch"]),
    currency=st.sampled_from(["USD", "EUR"]),
)
USAGE = st.builds(
    lambda percent, model, lost: replace(measured(share_of(TOKENS, percent)), model=model, unpriced=lost, requests=10),
    st.integers(0, 300),
    st.sampled_from(["claude", "opus"]),
    st.integers(0, 9),
)


@given(st.lists(USAGE, max_size=4), st.lists(LINES, max_size=8))
def test_of_every_comparison_the_causes_add_up_and_the_whole_is_all_there_is(usage: list[Measured], lines: list[Billed]) -> None:
    rows = by_day(seen(usage, lines), WEEK, TOLERANCE)
    for row in rows:
        if row.difference is not None:
            assert row.difference == sum((cause.amount for cause in row.causes), Decimal(0))
    for currency in {each.currency for each in lines}:
        (whole,) = (row for row in rows if row.model is None and row.currency == currency)
        assert whole.billed == sum((each.cost for each in lines if each.currency == currency), Decimal(0))
