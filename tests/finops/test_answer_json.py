"""The JSON document of an answer: a contract."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from finops.answers import Answer, LikeForLike, Row
from finops.telling.answer_json import amount, document, moment
from tests.finops.answer_samples import answer, any_answer, ask, by_model, money, week

CONTRACT = [
    "id",
    "query",
    "currency",
    "total",
    "previous",
    "change",
    "change_share",
    "rows",
    "series",
    "as_of",
    "complete_through",
    "notes",
]
UNITS = (
    *("requests", "tokens", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("unpriced", "cost_per_request", "cost_per_1k_requests", "cost_per_1k_tokens", "cost_per_1k_input_tokens"),
    *("cost_per_1k_output_tokens", "tokens_per_request", "cache_hit_ratio"),
)


def told_of(given_answer: Answer) -> Any:
    return document(given_answer)


def test_every_key_of_the_contract_is_there_whatever_the_answer() -> None:
    for each in (answer(), answer(week()), answer(week(), week(currency="EUR")), by_model()):
        assert [key for key in CONTRACT if key not in document(each)] == []


def test_the_figures_of_one_currency_stand_at_the_top() -> None:
    told = told_of(by_model())
    assert {"currency": "USD", "total": "21", "change": "-129", "change_share": -0.86}.items() <= told.items()
    assert told["previous"] == {"start": "2026-11-06", "end": "2026-11-13", "total": "150"}
    assert {"as_of": "2026-11-20T06:00:00Z", "complete_through": "2026-11-19", "by_currency": None}.items() <= told.items()


def test_a_row_has_its_key_cost_share_and_units() -> None:
    assert told_of(by_model())["rows"][1] == {
        "key": {"model": "haiku"},
        "cost": "7",
        "previous": "90",
        "share": 7 / 21,
        "count": None,
        "units": dict.fromkeys(UNITS),
    }


def test_before_the_first_bill_a_row_has_no_previous_cost() -> None:
    sums = replace(by_model(previous="0").sums[0], previous=None)
    assert [row["previous"] for row in told_of(replace(by_model(), sums=(sums,)))["rows"]] == [None, None]


def test_a_point_has_its_date_cost_and_completeness() -> None:
    assert told_of(by_model())["series"][0] == {"date": "2026-11-13", "cost": "3", "complete": True}


def test_a_question_that_compares_with_nothing_has_no_previous() -> None:
    told = told_of(answer(week(previous=None), query=ask(compare=None)))
    assert (told["previous"], told["change"], told["change_share"]) == (None, None, None)


def test_two_currencies_are_listed_apart() -> None:
    told = told_of(answer(week("7"), week("70", currency="EUR")))
    assert (told["currency"], told["total"], told["rows"]) == (None, None, [])
    assert [(each["currency"], each["total"]) for each in told["by_currency"]] == [("USD", "7"), ("EUR", "70")]
    assert {"currency", "total", "previous", "rows", "series"} <= told["by_currency"][0].keys()


def test_nothing_found_is_null_and_not_zero() -> None:
    told = told_of(answer())
    assert (told["currency"], told["total"], told["rows"], told["series"]) == (None, None, [], [])


def test_what_moved_what_is_left_and_what_compares_are_added() -> None:
    sums = week(
        movers=(Row(("opus",), None, money("4"), None),),
        rest=Row((None,), money("1.50"), money("2"), 0.1),
        rest_groups=3,
        like_for_like=LikeForLike(6, money("3"), money("2")),
    )
    told = told_of(answer(sums))
    assert told["movers"] == [{"key": {"model": "opus"}, "cost": None, "previous": "4", "share": None, "change": "-4"}]
    assert told["other"] == {"cost": "1.5", "previous": "2", "share": 0.1, "groups": 3}
    assert told["like_for_like"] == {"days": 6, "total": "3", "previous": "2", "change": "1", "change_share": 0.5}
    assert told["sources"] == [
        {"source": "aws", "delivered_at": "2026-11-20T06:00:00Z", "last_day": "2026-11-19", "complete_through": "2026-11-19"}
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.500", "1.5"),
        ("1E+3", "1000"),
        ("-0.00", "0"),
        ("1E-10", "0.0000000001"),
        ("12345678901234567890.0123456789", "12345678901234567890.0123456789"),
        ("100", "100"),
    ],
)
def test_an_amount_is_plain_and_exact(value: str, expected: str) -> None:
    assert expected == amount(Decimal(value))


def test_a_time_without_an_offset_is_utc() -> None:
    assert moment(datetime(2026, 11, 20, 6)) == "2026-11-20T06:00:00Z"  # noqa: DTZ001


@given(any_answer())
def test_any_answer_survives_json_and_its_rows_sum_to_its_total(given_answer: Answer) -> None:
    told = json.loads(json.dumps(document(given_answer), allow_nan=False))
    for each in told["by_currency"] or [told]:
        if each["rows"] and each["total"] is not None:
            parts = [row["cost"] for row in each["rows"]] + [each["other"]["cost"] if each["other"] else None]
            assert Decimal(each["total"]) == sum((Decimal(part) for part in parts if part is not None), Decimal(0))


@given(any_answer())
def test_the_series_sums_to_the_total(given_answer: Answer) -> None:
    told = told_of(given_answer)
    for each in told["by_currency"] or [told]:
        costs = [Decimal(point["cost"]) for point in each["series"] if point["cost"] is not None]
        assert (sum(costs, Decimal(0)) if costs else None) == (None if each["total"] is None else Decimal(each["total"]))


def test_an_unknown_freshness_is_null() -> None:
    told = told_of(replace(answer(week()), as_of=None, complete_until=None))
    assert (told["as_of"], told["complete_through"]) == (None, None)
