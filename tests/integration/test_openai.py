"""OpenAI's cost and usage reports through its own client, from a server of ours on loopback to staged charges."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.errors import SourceError, UserError
from finops.secret import Secret
from finops.sources.llm_bills import LlmBills
from finops.sources.openai import openai_bills
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.report_server import Extra, Fact, Fault
from tests.integration.reports import billed, march, read

KEY = "sk-admin-test"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
BIG, SMALL, EMBEDDING = "gpt-5.5-2026-04-23", "gpt-4o-mini-2024-07-18", "text-embedding-3-small"
PRICES = {
    BIG: {"input": Decimal("1.25"), "output": Decimal(10), "cache_read": Decimal("0.125"), "cache_write_5m": Decimal("1.5")},
    SMALL: {"input": Decimal("0.15"), "output": Decimal("0.60")},
    EMBEDDING: {"input": Decimal("0.02")},
}
CHAT, BATCHES = "proj_chat", "proj_batches"
FACTS = [
    *(
        Fact(date(2026, 3, day), CHAT, BIG, {"input": 800_000, "cache_read": 200_000, "output": 10_000}, requests=40)
        for day in range(1, 20)
    ),
    Fact(date(2026, 3, 2), BATCHES, SMALL, {"input": 1_000_000, "output": 100_000}, tier="batch", requests=7),
    Fact(date(2026, 3, 3), CHAT, BIG, {"input": 10, "cache_write_5m": 400_000}, tier="priority", requests=1),
    Fact(date(2026, 3, 4), CHAT, EMBEDDING, {"input": 3_000_000}, requests=300),
]
SEARCHES = Extra(date(2026, 3, 5), CHAT, "web search tool calls", Decimal("0.35"))
# Worked out by hand: 19 days of 1 + 0.025 + 0.10 · half of 0.15 + 0.06 · 0.0000125 + 0.60 · embeddings · web search
TOTAL = 19 * Decimal("1.125") + Decimal("0.105") + Decimal("0.6000125") + Decimal("0.06") + Decimal("0.35")

Bills = Callable[..., LlmBills]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    made = OpenAIServer(FACTS, PRICES, [SEARCHES], key=KEY, today=NOW.date(), accounts={CHAT: "Chat", BATCHES: "Night batches"})
    with made.running():
        yield made


@pytest.fixture
def bills(server: OpenAIServer) -> Bills:
    def make(now: datetime = NOW, key: str = KEY, **more: Any) -> LlmBills:
        return openai_bills("openai", Secret(key), f"{server.url}v1/", now, **{"tries": 3} | more)

    return make


def test_dollars_stay_dollars_to_the_last_digit(bills: Bills, tmp_path: Path) -> None:
    assert TOTAL == billed(march(bills(), tmp_path))


def test_a_float_is_taken_by_its_shortest_text(server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.facts, server.extras = [], [Extra(date(2026, 3, 1), CHAT, f"session {n}", Decimal("0.1")) for n in range(10)]
    assert Decimal("1.0") == billed(march(bills(), tmp_path))


def test_an_answer_in_pages_is_read_to_its_end(server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.most_days = 4
    assert TOTAL == billed(march(bills(), tmp_path))
    assert 4 == sum("page" in query for path, query in server.asked if path.endswith("completions"))


def test_cached_tokens_are_a_part_of_the_input_and_not_counted_twice(bills: Bills, tmp_path: Path) -> None:
    rows = read(march(bills(), tmp_path), "ChargePeriodStart, x_TokenType, BilledCost, ConsumedQuantity, ConsumedUnit")
    first = [row[1:4] for row in rows if row[0].date() == date(2026, 3, 1) and row[4] == "Tokens"]
    assert [("cache_read", Decimal("0.025"), 200_000), ("input", Decimal(1), 800_000), ("output", Decimal("0.1"), 10_000)] == first


def test_requests_are_counted_at_no_cost(bills: Bills, tmp_path: Path) -> None:
    rows = read(march(bills(), tmp_path), "x_Model, ConsumedUnit, BilledCost, ConsumedQuantity")
    counts = {model: sum(count for each, unit, _, count in rows if (each, unit) == (model, "Requests")) for model in PRICES}
    assert {BIG: 19 * 40 + 1, SMALL: 7, EMBEDDING: 300} == counts
    assert {Decimal(0)} == {cost for _, unit, cost, _ in rows if unit == "Requests"}


def test_tiers_are_kept_apart(bills: Bills, tmp_path: Path) -> None:
    rows = read(march(bills(), tmp_path), "DISTINCT x_ServiceTier, x_Model, SubAccountName")
    assert ("batch", SMALL, "Night batches") in rows
    assert ("priority", BIG, "Chat") in rows
    assert ("standard", BIG, "Chat") in rows


def test_what_is_no_model_is_kept_by_its_words(bills: Bills, tmp_path: Path) -> None:
    rows = read(march(bills(), tmp_path), "ChargeDescription, BilledCost, x_Model, x_TokenType, ConsumedQuantity")
    assert ("web search tool calls", Decimal("0.35"), None, None, None) in rows


def test_a_row_without_a_project_is_a_row_of_the_organization(server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.facts.append(Fact(date(2026, 3, 6), None, SMALL, {"input": 1_000_000}))
    assert TOTAL + Decimal("0.15") == billed(march(bills(), tmp_path))


def test_free_tokens_are_kept_at_no_cost_and_told_of(server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.facts.append(Fact(date(2026, 3, 6), CHAT, SMALL, {"input": 70}, refused=True))
    staged = march(bills(), tmp_path)
    assert ["OpenAI counts tokens that it bills nothing for; they are kept at no cost (1 row)"] == list(staged.notes)
    assert TOTAL == billed(staged)


def test_every_charge_says_who_bills_and_how_it_is_known(bills: Bills, tmp_path: Path) -> None:
    columns = "DISTINCT ProviderName, ServiceName, x_CostSource, ChargeCategory, BillingCurrency, SubAccountType"
    assert [("OpenAI", "OpenAI API", "provider_cost_api", "Usage", "USD", "Project")] == read(march(bills(), tmp_path), columns)


@pytest.mark.parametrize("fault", ["busy", "broken", "reset"])
def test_what_passes_is_tried_again(fault: Fault, server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.fail(fault, "costs")
    server.fail(fault, "completions")
    assert TOTAL == billed(march(bills(), tmp_path))


def test_a_busy_server_is_asked_again_when_it_says(server: OpenAIServer, bills: Bills) -> None:
    server.retry_after = "1.2"
    server.fail("busy")
    before = time.monotonic()
    assert [] == bills().problems()
    assert time.monotonic() - before >= 1.2


@pytest.mark.parametrize("fault", ["html", "half"])
def test_what_is_no_report_is_refused(fault: Fault, server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    (offer,) = bills().offers(date(2026, 3, 1))
    server.fail(fault, "completions")
    with pytest.raises(SourceError, match=r"^OpenAI answered what is no JSON"):
        bills().fetch(offer, tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_a_day_with_tokens_and_no_costs_is_refused(server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.lost = {date(2026, 3, 1)}
    with pytest.raises(SourceError, match=r"^OpenAI reports tokens but no costs for 2026-03-01; what was loaded before stays"):
        march(bills(), tmp_path)


def test_names_of_projects_come_in_pages_and_are_done_without(server: OpenAIServer, bills: Bills, tmp_path: Path) -> None:
    server.accounts |= {f"proj_{n:03}": f"Project {n}" for n in range(150)}
    assert {("Chat",), ("Night batches",)} == set(read(march(bills(), tmp_path / "named"), "DISTINCT SubAccountName"))
    server.fail("denied", "projects")
    assert [(None,)] == read(march(bills(), tmp_path / "unnamed"), "DISTINCT SubAccountName")


def test_a_key_that_is_not_known_is_told_with_its_variable(bills: Bills) -> None:
    (problem,) = bills(key="sk-proj-wrong").problems()
    assert "openai: OpenAI does not know the key in OPENAI_ADMIN_KEY (401); put in one that has an admin key" in problem


def test_a_key_without_permission_is_told_what_it_needs(server: OpenAIServer, bills: Bills) -> None:
    server.fail("denied", "costs")
    assert "refuses the key in OPENAI_ADMIN_KEY (403); it needs an admin key of the organization" in bills().problems()[0]


def test_without_a_key_the_variable_is_named() -> None:
    with pytest.raises(UserError, match=r"^OPENAI_ADMIN_KEY is not set; openai needs an admin key"):
        openai_bills("openai", None, "http://127.0.0.1:9/v1/", NOW)
