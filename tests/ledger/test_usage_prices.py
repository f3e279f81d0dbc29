"""The statement that prices requests and the price book's own arithmetic come to the same."""

import random
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from finops.ledger.ledger import Ledger
from finops.ledger.usage import publish
from finops.pricing.book import PriceBook, Tokens, price_book
from finops.pricing.steps import Cost
from finops.sources.usage_events import Event, write
from tests.ledger.requests_made import DELIVERY, charges

DIGITS = Decimal("1e-10")
MODELS = (
    ("Anthropic", "claude-sonnet-4-5"),
    ("Anthropic", "claude-opus-4-6"),
    ("AWS", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("OpenAI", "gpt-4o"),
    ("OpenAI", "gpt-5"),
    ("Google Cloud", "gemini-2.5-pro"),  # dearer from 200,000 tokens on
    ("DeepSeek", "deepseek-chat"),  # once cheaper at night
    ("Somebody", "nobody-knows-9b"),
)
FIRST = datetime(2025, 6, 1, tzinfo=UTC)


def some_requests(count: int) -> list[Event]:
    chance = random.Random(7)
    return [one_request(chance, number) for number in range(count)]


def one_request(chance: random.Random, number: int) -> Event:
    provider, model = chance.choice(MODELS)
    read, write_5m, write_1h = (chance.choice((0, 0, chance.randint(1, 90_000))) for _ in range(3))
    fresh = chance.choice((0, 7, 4_321, 199_999, 200_001, 260_000))
    return Event(
        time=FIRST + timedelta(minutes=chance.randint(0, 270 * 24 * 60)),
        request_id=f"r{number:05}",
        provider=provider,
        model=model,
        input_tokens=fresh + read + write_5m + write_1h,
        cache_read_tokens=read,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        output_tokens=chance.randint(0, 9_000),
        service_tier=chance.choice((None, None, "standard", "batch", "flex")),
    )


def by_the_book(book: PriceBook, event: Event) -> tuple[Decimal | None, ...]:
    tokens = Tokens(
        event.input_tokens, event.cache_read_tokens, event.cache_write_5m_tokens, event.cache_write_1h_tokens, event.output_tokens
    )
    cost = book.price(event.provider, event.model, event.time, tokens, event.service_tier, event.region)
    return (None,) * 3 if cost is None else parts(cost)


def parts(cost: Cost) -> tuple[Decimal, ...]:
    return tuple(part.quantize(DIGITS, ROUND_HALF_UP) for part in (cost.input, cost.cache_read, cost.output))


def test_every_request_costs_what_the_book_says(ledger: Ledger, tmp_path: Path) -> None:
    book, made = price_book(), some_requests(2_000)
    path = tmp_path / "events.jsonl"
    path.write_bytes(write(made))
    publish(ledger, [path], book, DELIVERY)
    stored = {identity: costs for identity, *costs in charges(ledger, "x_RequestId, x_InputCost, x_CacheReadCost, x_OutputCost")}
    expected = {event.request_id: list(by_the_book(book, event)) for event in made}
    assert expected == stored
    assert 200 < sum(costs[0] is not None for costs in expected.values()) < 2_000


def test_the_parts_of_every_request_are_its_cost_to_the_last_digit(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(write(some_requests(500)))
    publish(ledger, [path], price_book(), DELIVERY)
    apart = "BilledCost <> x_InputCost + x_CacheReadCost + x_CacheWriteCost + x_OutputCost + x_RequestCost"
    assert [(0,)] == charges(ledger, f"count_if({apart})")


def test_a_sum_of_requests_is_priced_as_that_many_of_the_same_size(ledger: Ledger, tmp_path: Path) -> None:
    """Each has 150,000 tokens, so none is dear, though together they are far beyond where that begins."""

    def asked(identity: str, times: int) -> Event:
        model = ("Google Cloud", "gemini-2.5-pro")
        tokens = (150_000 * times, 1_000 * times)
        return Event(
            time=FIRST,
            request_id=identity,
            provider=model[0],
            model=model[1],
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            requests=times,
        )

    path = tmp_path / "events.jsonl"
    path.write_bytes(write([asked("sum", 4), asked("single", 1)]))
    publish(ledger, [path], price_book(), DELIVERY)
    [(_, one, cost), (_, four, together)] = charges(ledger, "x_RequestId, x_Requests, BilledCost")
    assert (1, 4, 4 * cost) == (one, four, together)
