"""What was used beside what it cost: each request and each token once, however the question cuts them."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from finops.answers import Units
from finops.ledger.ledger import Ledger, Terms
from finops.periods import Period
from finops.query import Filter
from finops.rates import Rate
from tests.ledger.billed import ask, bill, charge, costs, day, only
from tests.ledger.conftest import MakeLedger
from tests.ledger.requests_made import event, send

MIXED = {"input_tokens": 1000, "cache_read_tokens": 400, "cache_write_5m_tokens": 100, "cache_write_1h_tokens": 50, "output_tokens": 100}


def units(ledger: Ledger, *by: str, **more: object) -> Units:
    found = only(ask(ledger, *by, **more)).units  # type: ignore[arg-type]
    assert found
    return found


def rows(ledger: Ledger, *by: str, **more: object) -> dict[str | None, Units]:
    return {row.key[0]: row.units for row in only(ask(ledger, *by, **more)).rows if row.units}  # type: ignore[arg-type]


def test_requests_and_tokens_are_counted_beside_the_cost(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("r1", **MIXED, reasoning_tokens=30), event("r2", model="own", input_tokens=5, output_tokens=1)], tmp_path)
    assert units(ledger) == Units(
        requests=2,
        input_tokens=1005,
        output_tokens=101,
        cache_read_tokens=400,
        cache_write_tokens=150,
        reasoning_tokens=30,
        input_cost=Decimal("0.002145"),
        output_cost=Decimal("0.0015"),
        unpriced=1,
    )


def test_people_are_counted_where_asked_each_once(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event(f"r{n}", user=f"u{n % 2}", session=f"s{n}") for n in range(4)], tmp_path)
    asked = only(ask(ledger, people=True)).units
    assert asked
    assert (2, 4, 4) == (asked.users, asked.sessions, asked.requests)
    assert units(ledger).users is None


def test_list_prices_of_input_and_output_are_in_the_answers_currency(make_ledger: MakeLedger, tmp_path: Path) -> None:
    ledger = make_ledger(Terms(rates=(Rate("USD", "CHF", day(1), Decimal("0.5")),), currency="CHF"))
    send(ledger, [event("r1")], tmp_path)
    assert (Decimal("0.0015"), Decimal("0.00075")) == (units(ledger).input_cost, units(ledger).output_cost)


def test_by_kind_of_token_all_costs_and_tokens_are_there_once(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("r1", **MIXED), event("r2")], tmp_path)
    kinds = {"input": Decimal("0.00435"), "cache_read": Decimal("0.00012"), "cache_write": Decimal("0.000675"), "output": Decimal("0.003")}
    assert kinds == costs(ledger, "token_type")
    assert only(ask(ledger, "token_type")).total == only(ask(ledger)).total
    assert (2, 2200) == (units(ledger, "token_type").requests, units(ledger, "token_type").tokens)
    assert {"input": 1450, "cache_read": 400, "cache_write": 150, "output": 200} == {
        kind: found.tokens for kind, found in rows(ledger, "token_type").items()
    }


def test_asked_for_some_kinds_a_request_with_several_of_them_counts_once(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("r1", **MIXED), event("r2")], tmp_path)
    scope = (Filter("token_type", ("input", "output")),)
    assert (2, 1650) == (units(ledger, scope=scope).requests, units(ledger, scope=scope).tokens)
    assert {"claude": 2} == {model: found.requests for model, found in rows(ledger, "model", scope=scope).items()}


@pytest.mark.parametrize("metric", ["effective", "billed", "list", "contracted"])
def test_by_kind_of_token_every_kind_of_cost_keeps_its_total(ledger: Ledger, tmp_path: Path, metric: str) -> None:
    send(ledger, [event("r1", **MIXED), event("r2"), event("r3", model="own"), event("r4", input_tokens=0, output_tokens=0)], tmp_path)
    assert only(ask(ledger, metric=metric)).total == only(ask(ledger, "token_type", metric=metric)).total
    assert 4 == units(ledger, "token_type", metric=metric).requests


def test_counting_the_kinds_of_tokens_counts_requests_once(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("r1", **MIXED)], tmp_path)
    answer = only(ask(ledger, count="token_type"))
    assert (4, Decimal("0.003645")) == (answer.count, answer.total)
    assert answer.units
    assert 1 == answer.units.requests


def test_periods_that_overlap_both_count_what_they_share(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event(f"r{n}", time=datetime(2026, 3, n, tzinfo=UTC)) for n in (5, 10, 15)], tmp_path)
    sums = only(ask(ledger, period=Period(day(8), day(20)), compare=Period(day(1), day(12)), people=True))
    assert sums.units
    assert sums.previous_units
    assert (2, 2) == (sums.units.requests, sums.previous_units.requests)


def test_bills_alone_tell_the_tokens_their_provider_counted(ledger: Ledger) -> None:
    tokens = {"ConsumedQuantity": "2", "ConsumedUnit": "1000 Tokens"}
    bill(ledger, [charge(10, "1", x_TokenType="input", **tokens), charge(10, "2", x_TokenType="output", **tokens)])
    assert Units(None, 2000, 2000) == units(ledger)


REQUESTS = charge(10, "0", "OpenAI", ConsumedQuantity="40", ConsumedUnit="Requests")
OPENAI = charge(10, "2", "OpenAI", x_TokenType="input", ConsumedQuantity="900", ConsumedUnit="Tokens")


def test_requests_of_bills_are_told_where_every_provider_counts_them(ledger: Ledger) -> None:
    bill(ledger, [REQUESTS, OPENAI], "openai")
    assert Units(40, 900, 0) == units(ledger)


def test_requests_of_one_provider_do_not_divide_the_costs_of_another(ledger: Ledger) -> None:
    bill(ledger, [REQUESTS, OPENAI], "openai")
    bill(ledger, [charge(10, "5", x_TokenType="input", ConsumedQuantity="100", ConsumedUnit="Tokens")])
    assert Units(None, 1000, 0) == units(ledger)
    assert {"OpenAI": Units(40, 900, 0), "Anthropic": Units(None, 100, 0)} == rows(ledger, "provider")


def test_a_provider_that_bills_nothing_needs_no_requests(ledger: Ledger) -> None:
    bill(ledger, [REQUESTS, OPENAI], "openai")
    bill(ledger, [charge(10, "0", x_TokenType="input", ConsumedQuantity="100", ConsumedUnit="Tokens")])
    assert 40 == units(ledger).requests


def test_where_nothing_was_used_there_are_no_units(ledger: Ledger) -> None:
    bill(ledger, [charge(10, "5")])
    assert only(ask(ledger)).units is None
