"""What a request costs at list: figures worked out by hand, the moments prices hold for, and what nobody can price."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from finops.pricing.book import PriceBook, Tokens, price_book

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SONNET, EU_SONNET = "claude-sonnet-4-5", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture(scope="module")
def book() -> PriceBook:
    return price_book()


@pytest.mark.parametrize(
    ("provider", "model", "tokens", "tier", "expected"),
    [
        # 4k × $2.50 + 6k × $1.25 + 1k × $10
        ("OpenAI", "gpt-4o", Tokens(10_000, cache_read=6_000, output=1_000), None, "0.0275"),
        # 3k × $3 + 50k × $0.30 + 10k × $3.75 + 2k × $15
        ("Anthropic", SONNET, Tokens(63_000, cache_read=50_000, cache_write_5m=10_000, output=2_000), None, "0.0915"),
        # the same with 10k × $6 for the hour
        ("Anthropic", SONNET, Tokens(63_000, cache_read=50_000, cache_write_1h=10_000, output=2_000), None, "0.114"),
        # more than 200k: 250k × $6 + 2k × $22.50, for all tokens and not only those beyond
        ("Anthropic", SONNET, Tokens(250_000, output=2_000), None, "1.545"),
        # 200k × $2.50 + 50k × $0.25 + 5k × $15
        ("Google Cloud", "gemini-2.5-pro", Tokens(250_000, cache_read=50_000, output=5_000), None, "0.5875"),
        # 10k × $3.30 + 1k × $16.50
        ("AWS", EU_SONNET, Tokens(10_000, output=1_000), None, "0.0495"),
        # 10k × $0.625 + 1k × $5
        ("OpenAI", "gpt-5", Tokens(10_000, output=1_000), "batch", "0.01125"),
        # 10k × $5 + 1k × $25; the tenth more for US-only inference is not in the list, see test_own_prices.py
        ("Anthropic", "claude-opus-4-6", Tokens(10_000, output=1_000), None, "0.075"),
    ],
)
def test_a_request_costs_what_the_list_price_says(
    book: PriceBook, provider: str, model: str, tokens: Tokens, tier: str | None, expected: str
) -> None:
    cost = book.price(provider, model, NOW, tokens, tier)
    assert cost is not None
    assert (Decimal(expected), Decimal(expected)) == (cost.total, cost.list_total)


def test_the_parts_add_up_to_the_total(book: PriceBook) -> None:
    cost = book.price("Anthropic", SONNET, NOW, Tokens(63_000, 50_000, 6_000, 4_000, 2_000))
    assert cost is not None
    parts = (cost.input, cost.cache_read, cost.cache_write, cost.output, cost.request)
    assert tuple(map(Decimal, ("0.009", "0.015", "0.0465", "0.03", "0"))) == parts
    assert cost.total == sum(parts)


@pytest.mark.parametrize(("tokens", "expected"), [(200_000, "0.6"), (200_001, "1.200006")])
def test_a_step_holds_for_more_tokens_than_its_bound(book: PriceBook, tokens: int, expected: str) -> None:
    cost = book.price("Anthropic", SONNET, NOW, Tokens(tokens))
    assert cost is not None
    assert Decimal(expected) == cost.total


def test_a_step_may_end_with_a_date(book: PriceBook) -> None:
    before = book.rates("Anthropic", "claude-opus-4-6", datetime(2026, 3, 12, 23, 59, tzinfo=UTC))
    after = book.rates("Anthropic", "claude-opus-4-6", datetime(2026, 3, 13, tzinfo=UTC))
    assert before is not None
    assert after is not None
    change = datetime(2026, 3, 13, tzinfo=UTC)
    assert (None, change, (0, 200_000)) == (before.start, before.end, tuple(step.above for step in before.steps))
    assert (change, None, (0,)) == (after.start, after.end, tuple(step.above for step in after.steps))
    assert ("anthropic/claude-opus-4-6", "anthropic/claude-opus-4-6@2026-03-13") == (before.price_id, after.price_id)


def test_a_price_by_the_hour_of_the_day_holds_until_that_hour(book: PriceBook) -> None:
    rates = book.rates("DeepSeek", "deepseek-chat", datetime(2026, 11, 20, 0, 29, tzinfo=UTC))
    assert rates is not None
    span = (datetime(2026, 11, 19, 16, 30, tzinfo=UTC), datetime(2026, 11, 20, 0, 30, tzinfo=UTC))
    assert (*span, Decimal("0.135e-6")) == (rates.start, rates.end, rates.steps[0].input)


def test_a_moment_without_an_offset_is_utc_and_others_are_brought_to_it(book: PriceBook) -> None:
    local = datetime.fromisoformat("2026-03-13T01:00+02:00")  # still the 12th in UTC
    plain = datetime(2026, 3, 12, 23)  # noqa: DTZ001
    assert book.rates("Anthropic", "claude-opus-4-6", plain) == book.rates("Anthropic", "claude-opus-4-6", local)


@pytest.mark.parametrize(
    ("provider", "model", "tier"),
    [
        ("OpenAI", "gpt-none", None),
        ("Anthropic", "gpt-4o", None),
        ("IBM", "granite-4", None),
        ("self-hosted", "gpt-4o", None),  # whoever hosts it does not pay OpenAI's price
        (None, "my-model", None),
        (None, "azure/eu/gpt-4o", None),  # Azure asks more in the EU, and the list does not know how much
        ("Anthropic", SONNET, "priority"),  # a commitment, without a price per token
        ("Microsoft", "gpt-5", "batch"),  # OpenAI's batch price is not Azure's
        ("OpenAI", "gpt-5", "scale"),
    ],
)
def test_what_the_list_does_not_know_has_no_price(book: PriceBook, provider: str | None, model: str, tier: str | None) -> None:
    assert book.rates(provider, model, NOW, tier) is None
    assert book.price(provider, model, NOW, Tokens(1), tier) is None


def test_a_tier_has_no_price_before_the_list_has_one(book: PriceBook) -> None:
    assert book.rates("OpenAI", "gpt-5", datetime(2026, 10, 13, 23, 59, tzinfo=UTC), "batch") is None
    rates = book.rates("OpenAI", "gpt-5", datetime(2026, 10, 14, tzinfo=UTC), "batch")
    assert rates is not None
    assert "openai/gpt-5@2026-10-14:batch" == rates.price_id


def test_a_tier_that_the_list_names_without_a_price_of_its_own_costs_the_standard_price(book: PriceBook) -> None:
    batch, standard = (book.price("OpenAI", "gpt-3.5-turbo-1106", NOW, Tokens(1_000_000), tier) for tier in ("batch", None))
    assert standard is not None
    assert (Decimal(1), standard) == (standard.total, batch)


@pytest.mark.parametrize("tier", ["standard", "default", "on_demand", "ON_DEMAND", "", None])
def test_every_word_for_no_special_tier_is_standard(book: PriceBook, tier: str | None) -> None:
    assert book.rates("OpenAI", "gpt-5", NOW) == book.rates("OpenAI", "gpt-5", NOW, tier)


@pytest.mark.parametrize(
    "tokens",
    [
        Tokens(10, cache_write_5m=1),  # gpt-4o has no price of writing to the cache
        Tokens(10, cache_write_1h=1),
        Tokens(10, cache_read=11),  # more read from the cache than there was input
        Tokens(10, output=-1),
    ],
)
def test_tokens_without_a_price_cost_nothing_known_instead_of_nothing(book: PriceBook, tokens: Tokens) -> None:
    assert book.price("OpenAI", "gpt-4o", NOW, tokens) is None


def test_cached_tokens_of_a_batch_are_not_priced_as_standard_ones(book: PriceBook) -> None:
    assert book.price("OpenAI", "gpt-4o", NOW, Tokens(10, cache_read=1), "batch") is None


def test_several_requests_pay_for_each(book: PriceBook) -> None:
    one, three = (book.price("Perplexity", "sonar", NOW, Tokens(300, output=30, requests=count)) for count in (1, 3))
    assert one is not None
    assert three is not None
    assert one.request > 0
    assert (3 * one.request, one.output) == (three.request, three.output)


def test_the_step_of_several_requests_is_that_of_their_average(book: PriceBook) -> None:
    two = book.price("Anthropic", SONNET, NOW, Tokens(400_000, requests=2))
    one = book.price("Anthropic", SONNET, NOW, Tokens(400_000, requests=1))
    assert (Decimal("1.2"), Decimal("2.4")) == (two and two.total, one and one.total)


def test_cache_multipliers_are_each_models_own(book: PriceBook) -> None:
    steps = [rates.steps[0] for model in (SONNET, "claude-fable-5-1") if (rates := book.rates("Anthropic", model, NOW))]
    shares = {step.cache_read / step.input for step in steps if step.cache_read and step.input}
    assert 2 == len(steps) == len(shares)


def test_a_second_question_gets_the_same_rates(book: PriceBook) -> None:
    assert book.rates("OpenAI", "gpt-5", NOW) is book.rates("OpenAI", "gpt-5", NOW)


def test_who_sells_and_who_made_a_model(book: PriceBook) -> None:
    told = {
        model: (book.provider_of(model), book.publisher_of(model))
        for model in (SONNET, EU_SONNET, "publishers/meta/models/llama-4", "o3", "llama3.1:8b", "whatever")
    }
    assert told == {
        SONNET: ("Anthropic", "Anthropic"),
        EU_SONNET: ("AWS", "Anthropic"),
        "publishers/meta/models/llama-4": ("Google Cloud", "Meta"),
        "o3": ("OpenAI", "OpenAI"),
        "llama3.1:8b": (None, "Meta"),
        "whatever": (None, None),
    }
