"""What a forecast says of itself, in sentences, on 21 November 2026."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from finops.configuration.rulebook_calendar import PlannedEvent
from finops.insight.forecast import Backtest, Day, Forecast
from finops.insight.prediction import Allowance, Prediction
from finops.periods import Period, month_of
from finops.telling.forecast_shown import document, grid
from finops.telling.forecast_words import about, back_test, doubts, during, explained, freshness, sentence

TODAY = date(2026, 11, 21)
NOVEMBER = month_of(TODAY)
TEST = Backtest(12, 10, 0.1, 0.04, -0.03, 0.81, 0.96, 0.2, 0.1)
DAYS = tuple(Day(day, 1000.0, 900.0, 1100.0, day < TODAY) for day in NOVEMBER)
WHOLE = Forecast(
    (), NOVEMBER, "USD", 20_000.0, 30_123.4, 29_010.0, 31_400.0, 28_000.0, 33_000.0,
    DAYS, "why", "steady", (("theta", 0.95), ("x", 0.05)), TEST
)  # fmt: skip
FOUND = Prediction(WHOLE, (), (), TODAY, (31_000.0,), complete_until=TODAY, known_since=date(2026, 1, 1))


def allowed(amount: float, breach: date | None) -> Allowance:
    return Allowance("ml", amount, amount >= 30_123.4, breach)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (None, "."),
        (allowed(40_000, None), "; 25 % below its budget of $40,000."),
        (allowed(29_500, date(2026, 11, 29)), "; 2.1 % over its budget of $29,500, reached on 29 Nov."),
        (allowed(10_000, date(2026, 11, 11)), "; 201 % over its budget of $10,000, spent on 11 Nov."),
        (allowed(0, date(2026, 11, 1)), "; all of it over its budget of $0.00, spent on 1 Nov."),
    ],
)
def test_the_sentence_says_how_much_how_sure_and_what_the_budget_says(limit: Allowance | None, said: str) -> None:
    assert f"ml will cost about $30,100 in November, 80 % between $29,000 and $31,400{said}" == sentence(FOUND, "ml", limit)


def test_of_nothing_known_nothing_is_predicted() -> None:
    nothing = replace(FOUND, whole=replace(WHOLE, total=None))
    assert "Nothing is known of ml, so nothing can be predicted in November." == sentence(nothing, "ml", None)


@pytest.mark.parametrize(
    ("value", "said"),
    [(30_123.4, "$30,100"), (999.6, "$1,000"), (0.012345, "$0.01"), (0.0, "$0.00"), (-12.34, "−$12.30"), (144_777, "$145,000")],
)
def test_an_amount_has_three_digits(value: float, said: str) -> None:
    assert said == about(value, "USD")


@pytest.mark.parametrize(
    ("period", "said"),
    [
        (month_of(date(2026, 12, 1)), "in December"),
        (Period(TODAY, date(2026, 12, 21)), "in the next 30 days, 21 Nov – 20 Dec"),
        (Period(date(2026, 12, 5), date(2026, 12, 8)), "in 5–7 Dec"),
    ],
)
def test_periods_are_named_as_people_do(period: Period, said: str) -> None:
    assert said == during(period, TODAY)


def test_the_back_test_is_told_in_plain_words() -> None:
    """A fifth less than the run-rate is 4 % of 5 %."""
    assert back_test(TEST) == (
        "Back-test: from 12 past days, 10 days ahead, totals were off by 4 %, 3 % too low on the whole; "
        "the 80 % range held 81 % of them; the run-rate was off by 5 %."
    )
    assert "Back-test: there is too little past to test it on." == back_test(Backtest(0, 10))


def test_what_is_sure_needs_no_words() -> None:
    assert [] == list(doubts(FOUND))


def test_each_thing_that_is_not_known_is_told() -> None:
    event = PlannedEvent("launch", date(2026, 11, 24), date(2026, 11, 26), Decimal(2))
    late = replace(WHOLE, label="shifted", daily=DAYS[2:])
    unsure = replace(
        FOUND, whole=late, complete_until=date(2026, 11, 19), known_since=date(2026, 10, 22), gaps=3, left_out=7, events=(event,)
    )
    assert list(doubts(unsure)) == [
        "It is known only since 22 Oct, 30 days; the range is wide.",
        "No delivery covers 3 days of its past.",
        "Its level moved lately; nobody can know whether it stays there.",
        "2 days of the period have no figures and count as nothing.",
        "19–21 Nov are not complete; they count as what they will come to.",
        "It looks 12 days ahead, and could be tested only 10 days ahead.",
        "Planned, and counted in: launch, 24–25 Nov.",
        "The 7 smallest parts are told as one.",
    ]


def test_the_method_names_the_members_that_count() -> None:
    assert "Method: its days are much as foretold (theta 95 %)." == explained(FOUND)[0]


def test_freshness_is_told_even_of_nothing() -> None:
    assert "No bill has been loaded yet" == freshness(FOUND)


def test_rows_sum_to_the_total_to_the_last_digit_and_a_period_to_come_has_no_so_far() -> None:
    parts = tuple(replace(WHOLE, key=(("team", name),), total=30_123.4 / 3) for name in "abc")
    found = replace(FOUND, parts=parts, by=("team",), whole=replace(WHOLE, month_to_date=0.0))
    rows = document(found, "", None, ())["rows"]
    assert Decimal("30123.4") == sum(Decimal(row["total"]) for row in rows)
    assert ("team", "forecast", "80 % between", "95 % between") == grid(found, "ml", 2).head
    assert ["a", "b", "1 other", "all"] == [row[0].text for row in grid(found, "ml", 2).rows]
