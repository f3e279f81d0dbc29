"""Usage events become priced charges, each request once."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from finops.ledger.ledger import Ledger, Terms
from finops.ledger.loads import Delivery
from finops.ledger.usage import publish, publish_events
from finops.owners import OwnerRule
from finops.sources.usage_events import write
from tests.ledger.conftest import MakeLedger
from tests.ledger.requests_made import DELIVERY, NOON, Prices, charge, charges, event, events, ids, rates, send, step


def test_one_request_is_one_charge(ledger: Ledger, tmp_path: Path) -> None:
    more = {"team": "ml", "user": "u1", "service_tier": None, "latency_ms": 800, "status": "ok", "prefix_hashes": ("a", "b")}
    send(ledger, [event("r1", cache_read_tokens=400, cache_write_5m_tokens=100, cache_write_1h_tokens=50, **more)], tmp_path)
    assert charge(ledger) == {
        "BilledCost": Decimal("0.0036450000"),
        "EffectiveCost": Decimal("0.0036450000"),
        "ContractedCost": Decimal("0.0036450000"),
        "ListCost": Decimal("0.0036450000"),
        "BillingCurrency": "USD",
        "BillingPeriodStart": datetime(2026, 3, 1),  # noqa: DTZ001
        "BillingPeriodEnd": datetime(2026, 4, 1),  # noqa: DTZ001
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": datetime(2026, 3, 10, 9),  # noqa: DTZ001
        "ChargePeriodEnd": datetime(2026, 3, 10, 9, 0, 1),  # noqa: DTZ001
        "ConsumedQuantity": Decimal(1100),
        "ConsumedUnit": "Tokens",
        "InvoiceIssuerName": "Anthropic",
        "PricingCategory": "Standard",
        "ProviderName": "Anthropic",
        "PublisherName": "Anthropic",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Claude API",
        "ServiceSubcategory": "Generative AI",
        "SkuId": "claude",
        "x_Team": "ml",
        "x_BilledTeam": "ml",
        "x_Model": "claude",
        "x_User": "u1",
        "x_CostSource": "price_list_estimate",
        "x_Source": "usage",
        "x_ChargeDay": date(2026, 3, 10),
        "x_RequestId": "r1",
        "x_Requests": 1,
        "x_InputTokens": 1000,
        "x_CacheReadTokens": 400,
        "x_CacheWrite5mTokens": 100,
        "x_CacheWrite1hTokens": 50,
        "x_OutputTokens": 100,
        "x_ReasoningTokens": 0,
        "x_InputCost": Decimal("0.0013500000"),
        "x_CacheReadCost": Decimal("0.0001200000"),
        "x_CacheWriteCost": Decimal("0.0006750000"),
        "x_OutputCost": Decimal("0.0015000000"),
        "x_RequestCost": Decimal(0),
        "x_PriceId": "list:claude",
        "x_LatencyMs": 800,
        "x_Status": "ok",
        "x_PrefixHashes": '["a","b"]',
        "x_PrefixBlockTokens": 512,
    }


def test_the_load_says_what_the_new_requests_cost(ledger: Ledger, tmp_path: Path) -> None:
    (load,) = send(ledger, events(3), tmp_path).loads
    assert ("usage", "2026-03", 3, Decimal("0.0135"), "USD", "loaded", None) == (
        load.source, load.period, load.rows, load.effective_cost, load.currency, load.status, load.reason
    )  # fmt: skip


def test_of_a_repeated_id_in_one_batch_the_first_counts(ledger: Ledger, tmp_path: Path) -> None:
    done = send(ledger, [event("r1", user="first"), event("r1", user="second"), event("r2")], tmp_path)
    assert [("r1", "first"), ("r2", None)] == charges(ledger, "x_RequestId, x_User")
    assert 1 == done.repeated


def test_an_id_taken_in_before_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(3), tmp_path)
    done = send(ledger, events(4), tmp_path)
    assert ["r0", "r1", "r2", "r3"] == ids(ledger)
    assert [(1, "loaded", "3 requests taken in before")] == [(load.rows, load.status, load.reason) for load in done.loads]


def test_the_same_file_again_is_unchanged(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(3), tmp_path)
    (load,) = send(ledger, events(3), tmp_path).loads
    assert (0, "unchanged", "3 requests taken in before") == (load.rows, load.status, load.reason)


def test_months_have_a_file_each(ledger: Ledger, tmp_path: Path) -> None:
    april = event("b", time=datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC) + timedelta(microseconds=1))
    march = event("a", time=datetime(2026, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    late = Delivery(april.time, april.time, "test")
    done = send(ledger, [april, march], tmp_path, delivery=late)
    assert [("2026-03", 1), ("2026-04", 1)] == [(load.period, load.rows) for load in done.loads]


def test_an_unknown_model_is_visible_and_never_free(ledger: Ledger, tmp_path: Path) -> None:
    done = send(ledger, [event("r1", model="gpt-99", provider=None), event("r2")], tmp_path)
    shown = charges(ledger, "x_RequestId, BilledCost, ListCost, x_PriceId, x_InputTokens, ProviderName, ServiceName")
    assert ("r1", None, None, None, 1000, "unknown", "LLM API") == shown[0]
    assert {"gpt-99": 1} == done.unpriced
    assert "1 request without a price" == done.loads[0].reason


def test_when_nothing_is_priced_the_load_has_no_cost_rather_than_none_at_all(ledger: Ledger, tmp_path: Path) -> None:
    (load,) = send(ledger, [event("r1", model="gpt-99")], tmp_path).loads
    assert (1, None, None) == (load.rows, load.billed_cost, load.currency)


def test_tokens_of_a_kind_without_a_price_leave_the_whole_request_unpriced(ledger: Ledger, tmp_path: Path) -> None:
    no_hour = Prices({"claude": (rates("p", replace(step(), cache_write_1h=None)),)})
    send(ledger, [event("r1", cache_write_1h_tokens=1), event("r2")], tmp_path, no_hour)
    assert [("r1", None, None), ("r2", Decimal("0.0045"), "p")] == charges(ledger, "x_RequestId, BilledCost, x_PriceId")


def test_a_long_input_is_priced_by_the_higher_step_from_the_first_token(ledger: Ledger, tmp_path: Path) -> None:
    book = Prices({"claude": (rates("p", step(), step(above=200_000, times="2")),)})
    made = [
        event("a", input_tokens=200_000, output_tokens=0),
        event("b", input_tokens=200_001, output_tokens=0),
        event("c", input_tokens=0),
    ]
    send(ledger, made, tmp_path, book)
    assert [Decimal("0.6"), Decimal("1.200006"), Decimal("0.0015")] == [cost for (_, cost) in charges(ledger, "x_RequestId, BilledCost")]


def test_a_price_holds_up_to_the_moment_the_next_one_begins(ledger: Ledger, tmp_path: Path) -> None:
    change = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
    book = Prices({"claude": (rates("old", end=change), rates("new", step(times="2"), start=change))})
    made = [event(str(n), time=change + timedelta(seconds=n)) for n in (-1, 0, 1)]
    send(ledger, made, tmp_path, book)
    assert [("-1", "old"), ("0", "new"), ("1", "new")] == charges(ledger, "x_RequestId, x_PriceId")


def test_the_book_is_asked_once_for_a_month_of_one_model(ledger: Ledger, tmp_path: Path) -> None:
    book = Prices()
    send(ledger, events(5000), tmp_path, book)
    assert 1 == book.asked


def test_list_cost_stands_beside_the_contract_price(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("r1")], tmp_path, Prices({"claude": (rates("p", step(times="0.8", public="1.25")),)}))
    assert [(Decimal("0.0036"), Decimal("0.0045"))] == charges(ledger, "BilledCost, ListCost")


def test_a_tier_has_its_own_price(ledger: Ledger, tmp_path: Path) -> None:
    book = Prices({"claude": (rates("p"),), "claude/batch": (rates("b", step(times="0.5")),)})
    send(ledger, [event("r1", service_tier="batch"), event("r2")], tmp_path, book)
    assert [("r1", "b"), ("r2", "p")] == charges(ledger, "x_RequestId, x_PriceId")


def test_parts_add_up_to_the_cost_when_prices_have_more_digits_than_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    book = Prices({"claude": (rates("p", step(times="0.3333333333333")),)})
    send(ledger, events(200, cache_read_tokens=333, cache_write_5m_tokens=77), tmp_path, book)
    parts = "sum(x_InputCost + x_CacheReadCost + x_CacheWriteCost + x_OutputCost + x_RequestCost)"
    assert [(Decimal(0),)] == charges(ledger, f"{parts} - sum(BilledCost)")


def test_owners_of_the_configuration_apply(make_ledger: MakeLedger, tmp_path: Path) -> None:
    ledger = make_ledger(Terms(timezone="America/New_York", owners=(OwnerRule((("model", ("claude*",)),), team="assistants"),)))
    send(ledger, [event("r1", time=datetime(2026, 3, 10, 3, tzinfo=UTC)), event("r2", team="ml")], tmp_path)
    assert [("r1", "assistants", None, date(2026, 3, 9)), ("r2", "ml", "ml", date(2026, 3, 10))] == charges(
        ledger, "x_RequestId, x_Team, x_BilledTeam, x_ChargeDay"
    )


def test_a_time_that_cannot_be_is_put_aside_and_told(ledger: Ledger, tmp_path: Path) -> None:
    ahead = event("late", time=NOON + timedelta(days=1, seconds=1))
    done = send(ledger, [event("r1"), ahead], tmp_path)
    assert ["r1"] == ids(ledger)
    assert [("2026-03", "loaded", 1), ("unknown", "quarantined", 1)] == [(load.period, load.status, load.rows) for load in done.loads]
    (kept,) = (ledger.root / ".quarantine").glob("*.jsonl")
    assert "late" == json.loads(kept.read_text())["request_id"]


def test_a_line_torn_by_a_crash_is_passed_over(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    path.write_bytes(write(events(2)) + write([event("torn")])[:-20])
    assert [("loaded", 2)] == [(load.status, load.rows) for load in publish_events(ledger, [path], Prices(), DELIVERY)]


def test_an_unreadable_line_among_others_is_kept_aside(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    path.write_bytes(write([event("a")]) + b'{"time": broken}\n' + write([event("b")]))
    done = publish(ledger, [path], Prices(), DELIVERY)
    assert ["a", "b"] == ids(ledger)
    (kept,) = (ledger.root / ".quarantine").glob("*.jsonl")
    assert '{"time": broken}' == json.loads(kept.read_text())["line"]
    assert str(kept) in done.aside.notes[0]


def test_a_source_has_its_own_name_and_ids_are_one_for_all_sources(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(2), tmp_path, source="gateway")
    send(ledger, events(3), tmp_path, source="traces")
    assert [("r0", "gateway"), ("r1", "gateway"), ("r2", "traces")] == charges(ledger, "x_RequestId, x_Source")


def test_no_events_make_no_load(ledger: Ledger, tmp_path: Path) -> None:
    assert () == send(ledger, [], tmp_path).loads
