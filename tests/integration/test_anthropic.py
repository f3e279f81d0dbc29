"""Anthropic's cost and usage reports through its own client, from a server of ours on loopback to staged charges."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.deliveries import Staging
from finops.errors import SourceError, UserError
from finops.secret import Secret
from finops.sources.anthropic import anthropic_bills
from finops.sources.llm_bills import LlmBills
from tests.fakes.anthropic_server import AnthropicServer
from tests.fakes.report_server import Extra, Fact, Fault
from tests.integration.reports import billed, march, read

KEY = "sk-ant-admin01-test"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SONNET, HAIKU = "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001"
PRICES = {
    SONNET: {
        "input": Decimal(3),
        "output": Decimal(15),
        "cache_read": Decimal("0.30"),
        "cache_write_5m": Decimal("3.75"),
        "cache_write_1h": Decimal(6),
    },
    HAIKU: {"input": Decimal(1), "output": Decimal(5)},
}
SEARCH = "wrkspc_search"
FACTS = [
    *(Fact(date(2026, 3, day), SEARCH, SONNET, {"input": 1_000_000, "cache_read": 2_000_000, "output": 200_001}) for day in range(1, 20)),
    Fact(date(2026, 3, 2), None, HAIKU, {"input": 3, "output": 7}, tier="batch"),
    Fact(date(2026, 3, 3), SEARCH, SONNET, {"cache_write_5m": 400_000, "cache_write_1h": 100_000}, region="us"),
    Fact(date(2026, 3, 4), SEARCH, SONNET, {"input": 50_000}, tier="priority"),
]
SEARCHES = Extra(date(2026, 3, 5), SEARCH, "Web Search Usage", Decimal("0.07"), "web_search")
# Worked out by hand: 19 days of 3 + 0.60 + 3.000015 · half of 0.000003 + 0.000035 · 1.50 + 0.60 · web search
TOTAL = 19 * Decimal("6.600015") + Decimal("0.000019") + Decimal("2.10") + Decimal("0.07")

Bills = Callable[..., LlmBills]
Rows = Callable[[Staging, str], list[tuple[Any, ...]]]


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    made = AnthropicServer(FACTS, PRICES, [SEARCHES], key=KEY, today=NOW.date(), accounts={SEARCH: "Search"})
    with made.running():
        yield made


@pytest.fixture
def bills(server: AnthropicServer) -> Bills:
    def make(now: datetime = NOW, key: str = KEY, **more: Any) -> LlmBills:
        return anthropic_bills("anthropic", Secret(key), server.url, now, **{"tries": 3} | more)

    return make


def test_cents_become_dollars_to_the_last_digit(bills: Bills, tmp_path: Path) -> None:
    assert TOTAL == billed(march(bills(), tmp_path))


def test_an_answer_in_pages_is_read_to_its_end(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.most_days = 4
    assert TOTAL == billed(march(bills(), tmp_path))
    pages = [query["page"] for path, query in server.asked if path.endswith("usage_report/messages") and "page" in query]
    assert 4 == len(pages)


def test_each_kind_of_token_has_its_count_beside_its_cost(bills: Bills, tmp_path: Path) -> None:
    staged = march(bills(), tmp_path)
    rows = read(staged, "x_TokenType, BilledCost, ConsumedQuantity, ConsumedUnit, ChargePeriodStart, x_ServiceTier, RegionId")
    third = [(kind, cost, tokens) for kind, cost, tokens, unit, start, *_ in rows if start.date() == date(2026, 3, 3) and unit == "Tokens"]
    assert [
        ("cache_read", Decimal("0.60"), 2_000_000),
        ("cache_write_1h", Decimal("0.60"), 100_000),
        ("cache_write_5m", Decimal("1.50"), 400_000),
        ("input", Decimal(3), 1_000_000),
        ("output", Decimal("3.000015"), 200_001),
    ] == third


def test_the_region_is_known_where_all_tokens_of_a_line_were_there(bills: Bills, tmp_path: Path) -> None:
    rows = read(march(bills(), tmp_path), "DISTINCT x_TokenType, RegionId")
    assert [("cache_write_1h", "us"), ("cache_write_5m", "us")] == [row for row in rows if "write" in str(row[0])]


def test_use_without_a_workspace_is_the_default_workspace(bills: Bills, tmp_path: Path) -> None:
    assert [("Default workspace", None), ("Search", SEARCH)] == read(march(bills(), tmp_path), "DISTINCT SubAccountName, SubAccountId")


def test_web_search_is_kept_without_model_or_tokens(bills: Bills, tmp_path: Path) -> None:
    rows = read(march(bills(), tmp_path), "ChargeDescription, BilledCost, x_Model, x_TokenType, ConsumedQuantity")
    assert ("Web Search Usage", Decimal("0.07"), None, None, None) in rows


def test_tokens_that_are_paid_in_advance_are_kept_at_no_cost_and_told_of(bills: Bills, tmp_path: Path) -> None:
    staged = march(bills(), tmp_path)
    assert (Decimal(0), "priority", 50_000) in read(staged, "BilledCost, x_ServiceTier, ConsumedQuantity")
    assert ["Anthropic counts tokens that it bills nothing for; they are kept at no cost (1 row)"] == list(staged.notes)


def test_refused_requests_cost_nothing_and_are_counted(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.facts.append(Fact(date(2026, 3, 6), SEARCH, HAIKU, {"input": 10_000}, refused=True))
    staged = march(bills(), tmp_path)
    assert TOTAL == billed(staged)
    assert (Decimal(0), HAIKU, 10_000) in read(staged, "BilledCost, x_Model, ConsumedQuantity")


def test_every_charge_says_who_bills_and_how_it_is_known(bills: Bills, tmp_path: Path) -> None:
    columns = "DISTINCT ProviderName, InvoiceIssuerName, ServiceName, x_CostSource, ChargeCategory, BillingCurrency"
    assert [("Anthropic", "Anthropic", "Claude API", "provider_cost_api", "Usage", "USD")] == read(march(bills(), tmp_path), columns)


def test_the_running_day_waits_until_it_is_over(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.facts.append(Fact(NOW.date(), SEARCH, SONNET, {"input": 9_000_000}))
    staged = march(bills(), tmp_path)
    assert date(2026, 3, 19) == staged.parts[0].last_day
    assert {("Anthropic", date(2026, 3, day)) for day in range(1, 20)} == set(staged.parts[0].covers)


def test_the_same_answer_makes_the_same_delivery(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    first = march(bills(), tmp_path / "first")
    server.facts.reverse()
    assert first.digest == march(bills(), tmp_path / "second").digest


def test_open_and_lately_closed_months_are_offered(server: AnthropicServer, bills: Bills) -> None:
    server.facts.append(Fact(date(2026, 2, 7), SEARCH, SONNET, {"input": 1_000_000}))
    assert [("2026-02", None), ("2026-03", None)] == [(offer.period, offer.waiting) for offer in bills().offers(date(2026, 2, 1))]


def test_a_month_without_any_use_is_not_offered(bills: Bills) -> None:
    assert ["2026-03"] == [offer.period for offer in bills().offers(date(2025, 12, 1))]


def test_a_month_with_tokens_and_no_costs_waits(server: AnthropicServer, bills: Bills) -> None:
    server.lost = {fact.day for fact in server.facts} | {SEARCHES.day}
    assert ["Anthropic reports tokens but no costs for 2026-03"] == [offer.waiting for offer in bills().offers(date(2026, 3, 1))]


def test_a_month_without_a_whole_day_is_not_offered(bills: Bills) -> None:
    assert ["2026-03"] == [offer.period for offer in bills(datetime(2026, 4, 1, 1, tzinfo=UTC)).offers(date(2026, 3, 15))]


def test_a_month_that_lost_its_costs_is_refused(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    (offer,) = bills().offers(date(2026, 3, 1))
    server.lost = {fact.day for fact in server.facts}
    with pytest.raises(SourceError, match=r"^Anthropic reports no costs for 2026-03; what was loaded before stays, ask again later$"):
        bills().fetch(offer, tmp_path)


def test_a_day_with_tokens_and_no_costs_is_refused(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.lost = {date(2026, 3, 9)}
    with pytest.raises(SourceError, match=r"tokens but no costs for 2026-03-09; what was loaded before stays"):
        march(bills(), tmp_path)


def test_last_days_without_costs_yet_are_left_to_the_estimate(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.lost = {date(2026, 3, 18), date(2026, 3, 19)}
    assert date(2026, 3, 17) == march(bills(), tmp_path).parts[0].last_day


@pytest.mark.parametrize("fault", ["busy", "broken", "reset"])
def test_what_passes_is_tried_again(fault: Fault, server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.fail(fault, "cost_report")
    server.fail(fault, "usage_report")
    assert TOTAL == billed(march(bills(), tmp_path))


def test_a_busy_server_is_left_alone_as_long_as_it_asks(server: AnthropicServer, bills: Bills) -> None:
    server.fail("busy", times=4)
    with pytest.raises(SourceError, match=r"still asks for fewer requests \(429\) after several tries"):
        list(bills().offers(date(2026, 3, 1)))
    assert 4 == len(server.asked)


def test_a_busy_server_is_asked_again_when_it_says(server: AnthropicServer, bills: Bills) -> None:
    server.retry_after = "1.2"
    server.fail("busy")
    before = time.monotonic()
    assert [] == bills().problems()
    assert time.monotonic() - before >= 1.2


def test_the_key_goes_where_the_admin_api_looks_for_it(server: AnthropicServer, bills: Bills) -> None:
    assert [] == bills().problems()
    assert [(KEY, "2023-06-01", None)] == [
        tuple(map(each.get, ("x-api-key", "anthropic-version", "authorization"))) for each in server.headers
    ]


@pytest.mark.parametrize(("fault", "said"), [("html", "no page of a report"), ("half", "could not be reached or understood")])
def test_what_is_no_report_is_refused(fault: Fault, said: str, server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    (offer,) = bills().offers(date(2026, 3, 1))
    server.fail(fault, "usage_report")
    with pytest.raises(SourceError, match=said):
        bills().fetch(offer, tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_names_that_cannot_be_read_are_done_without(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.fail("denied", "workspaces")
    assert [(None, SEARCH), ("Default workspace", None)] == sorted(
        read(march(bills(), tmp_path), "DISTINCT SubAccountName, SubAccountId"), key=lambda row: row[0] or ""
    )


def test_a_key_that_is_not_known_is_told_with_its_variable(bills: Bills) -> None:
    problem = "the key in ANTHROPIC_ADMIN_KEY (401); put in one that has an Admin API key of the organization (sk-ant-admin…)"
    assert [f"anthropic: Anthropic does not know {problem}"] == bills(key="sk-ant-api03-wrong").problems()


def test_a_key_without_permission_is_told_what_it_needs(server: AnthropicServer, bills: Bills) -> None:
    server.fail("denied", "cost_report")
    assert "refuses the key in ANTHROPIC_ADMIN_KEY (403); it needs an Admin API key" in bills().problems()[0]


def test_a_source_that_can_be_read_has_no_problems(bills: Bills) -> None:
    assert [] == bills().problems()


def test_without_a_key_the_variable_is_named() -> None:
    with pytest.raises(UserError, match=r"^ANTHROPIC_ADMIN_KEY is not set; anthropic needs an Admin API key"):
        anthropic_bills("anthropic", None, "http://127.0.0.1:9/", NOW)


def test_amounts_a_hundred_times_off_the_list_price_are_refused(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.scale = Decimal(100)
    with pytest.raises(SourceError, match=r"costs are 100 times the list price of its tokens: the unit must have changed"):
        march(bills(list_cost=listed), tmp_path)


def test_amounts_eight_times_off_the_list_price_are_told_of(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    server.scale = Decimal(1) / 8
    assert any("more than five times off the list price" in note for note in march(bills(list_cost=listed), tmp_path).notes)


def test_a_fetch_that_was_done_is_not_done_again(server: AnthropicServer, bills: Bills, tmp_path: Path) -> None:
    (offer,) = bills().offers(date(2026, 3, 1))
    first = bills().fetch(offer, tmp_path)
    asked = len(server.asked)
    assert first == bills().fetch(replace(offer), tmp_path)
    assert asked == len(server.asked)


def listed(model: str, token_type: str, tokens: Decimal, day: date) -> Decimal | None:
    price = PRICES[model].get(token_type)
    return None if price is None else price * tokens / 1_000_000
