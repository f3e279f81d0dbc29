"""Prices of our own over the list's: which entry wins, what it changes, and what stays the public price."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from finops.pricing.book import Cost, PriceBook, Tokens, price_book
from finops.rulebook import read
from finops.yamlfile import parse

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MILLION = Tokens(1_000_000, output=1_000_000)


def book(*entries: str, currency: str = "USD") -> PriceBook:
    lines = "\n".join(f"  - {{{entry}}}" for entry in entries)
    return price_book(read(parse(f"currency: {currency}\nprices:\n{lines}", "budgets.yaml"), None).prices)


def totals(cost: Cost | None) -> tuple[str, str]:
    assert cost is not None
    return f"{cost.total.normalize():f}", f"{cost.list_total.normalize():f}"


def test_a_model_of_our_own_costs_what_its_entry_says() -> None:
    own = book(
        "model: my-model, provider: self-hosted, from: 2026-01-01, input_per_mtok: 0.50, cache_read_per_mtok: 0.05, "
        "cache_write_5m_per_mtok: 0.60, cache_write_1h_per_mtok: 1.00, output_per_mtok: 1.50, per_request: 0.25"
    )
    tokens = Tokens(4_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, requests=2)
    cost = own.price("vllm", "my-model", NOW, tokens)
    assert cost is not None
    assert (*map(Decimal, ("0.5", "0.05", "1.6", "1.5", "0.5")),) == (
        cost.input,
        cost.cache_read,
        cost.cache_write,
        cost.output,
        cost.request,
    )
    assert ("4.15", "4.15") == totals(cost)
    assert own.rates("vllm", "my-model", datetime(2025, 12, 31, tzinfo=UTC)) is None


def test_the_seller_may_be_missing_where_an_entry_names_the_model() -> None:
    own = book("model: my-model, provider: self-hosted, input_per_mtok: 2")
    rates = own.rates(None, "My-Model", NOW)
    assert rates is not None
    assert ("self-hosted", "my-model", "budgets/my-model", "self-hosted") == (
        rates.provider, rates.model, rates.price_id, own.provider_of("my-model"),
    )  # fmt: skip


def test_who_sells_a_model_of_the_list_is_not_changed_by_an_entry_for_another_seller() -> None:
    own = book("model: gpt-4o, provider: Microsoft, input_per_mtok: 9")
    assert ("OpenAI", ("2.5", "2.5")) == (own.provider_of("gpt-4o"), totals(own.price(None, "gpt-4o", NOW, Tokens(1_000_000))))


def test_a_model_that_entries_give_several_sellers_needs_its_seller() -> None:
    own = book("model: my-model, provider: a, input_per_mtok: 1", "model: my-model, provider: b, input_per_mtok: 2")
    assert (None, None) == (own.provider_of("my-model"), own.rates(None, "my-model", NOW))
    assert ("2", "2") == totals(own.price("b", "my-model", NOW, Tokens(1_000_000)))


def test_an_entry_of_one_seller_says_nothing_of_another() -> None:
    assert book("model: my-model, provider: self-hosted, input_per_mtok: 2").rates("OpenAI", "my-model", NOW) is None


def test_a_negotiated_price_leaves_the_list_price_as_it_is() -> None:
    own = book("model: gpt-4o, input_per_mtok: 2, output_per_mtok: 8")
    assert ("10", "12.5") == totals(own.price("OpenAI", "gpt-4o", NOW, MILLION))


def test_what_an_entry_leaves_out_comes_from_the_list() -> None:
    own = book("model: gpt-4o, from: 2026-02-01, output_per_mtok: 8")
    rates = own.rates("OpenAI", "gpt-4o-2024-08-06", NOW)
    assert rates is not None
    assert ("budgets/gpt-4o@2026-02-01+openai/gpt-4o", datetime(2026, 2, 1, tzinfo=UTC)) == (rates.price_id, rates.start)
    assert ("10.5", "12.5") == totals(own.cost(rates, MILLION))


def test_what_an_entry_leaves_out_in_another_currency_stays_unknown() -> None:
    own = book("model: gpt-4o, output_per_mtok: 8", currency="EUR")
    rates = own.rates("OpenAI", "gpt-4o", NOW)
    assert rates is not None
    assert ("EUR", None, Decimal("8e-6")) == (rates.currency, rates.steps[0].input, rates.steps[0].list_output)
    assert own.cost(rates, MILLION) is None


def test_a_discount_lowers_what_is_paid_and_not_the_list_price() -> None:
    own = book("provider: Anthropic, discount: 15%")
    rates = own.rates("Anthropic", "claude-sonnet-4-5", NOW)
    assert rates is not None
    assert "anthropic/claude-sonnet-4-5:-15%" == rates.price_id
    assert ("12.75", "15") == totals(own.cost(rates, Tokens(output=1_000_000)))
    assert ("6", "6") == totals(own.price("AWS", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", NOW, Tokens(2_000_000)))


def test_a_discount_holds_for_every_step() -> None:
    own = book("provider: Anthropic, discount: 50%")
    assert ("0.750003", "1.500006") == totals(own.price("Anthropic", "claude-sonnet-4-5", NOW, Tokens(250_001)))


def test_a_factor_of_a_region_changes_the_list_price_too() -> None:
    own = book('model: "claude-opus-4-*", provider: Anthropic, region: us, factor: 1.1')
    tokens = Tokens(10_000, output=1_000)
    assert ("0.0825", "0.0825") == totals(own.price("Anthropic", "claude-opus-4-6", NOW, tokens, region="us"))
    assert ("0.075", "0.075") == totals(own.price("Anthropic", "claude-opus-4-6", NOW, tokens, region="eu"))
    assert ("0.075", "0.075") == totals(own.price("Anthropic", "claude-opus-4-6", NOW, tokens))


def test_price_then_factor_then_discount() -> None:
    own = book("model: gpt-4o, region: eu*, factor: 1.1", "provider: OpenAI, discount: 20%", "model: gpt-4o, output_per_mtok: 8")
    rates = own.rates("OpenAI", "gpt-4o", NOW, region="eu-west-1")
    assert rates is not None
    assert "budgets/gpt-4o+openai/gpt-4o:x1.1:-20%" == rates.price_id
    # 2.50 × 1.1 × 0.8 from the list, 8 × 1.1 of our own; 12.50 × 1.1 at list
    assert ("11", "13.75") == totals(own.cost(rates, MILLION))
    assert 4 == len(rates.why)


def test_a_tier_that_the_list_does_not_know_is_priced_by_a_factor() -> None:
    own = book("provider: OpenAI, tier: batch, factor: 0.5, until: 2026-10-14")
    rates = own.rates("OpenAI", "gpt-5", datetime(2026, 1, 1, tzinfo=UTC), "batch")
    assert rates is not None
    assert ("openai/gpt-5:batch:x0.5", datetime(2026, 10, 14, tzinfo=UTC)) == (rates.price_id, rates.end)
    assert ("5.625", "5.625") == totals(own.cost(rates, MILLION))
    assert "openai/gpt-5@2026-10-14:batch" == getattr(own.rates("OpenAI", "gpt-5", NOW, "batch"), "price_id", None)


def test_a_tier_may_have_a_price_of_its_own() -> None:
    own = book(
        "model: claude-opus-4-6, tier: priority, input_per_mtok: 7, output_per_mtok: 30", "provider: Anthropic, tier: priority, factor: 9"
    )
    assert ("37", "37") == totals(own.price("Anthropic", "claude-opus-4-6", NOW, MILLION, "priority"))
    rates = own.rates("Anthropic", "claude-opus-4-6", NOW, "priority")
    assert rates is not None
    assert rates.steps[0].cache_read is None  # the standard price of cached tokens is not that of the tier


def test_a_standard_price_of_ours_is_not_the_price_of_a_tier() -> None:
    own = book("model: my-model, input_per_mtok: 1, output_per_mtok: 1")
    assert own.rates("self-hosted", "my-model", NOW, "batch") is None


def test_tokens_of_our_own_gpus_cost_their_share_of_the_hour() -> None:
    own = book("model: llama-local, provider: self-hosted, per_gpu_hour: 3.60, mtok_per_gpu_hour: 1.2")
    assert ("6", "6") == totals(own.price("vllm", "llama-local", NOW, MILLION))
    assert ("3", "3") == totals(own.price("vllm", "llama-local", NOW, Tokens(1_000_000, cache_read=500_000), "flex"))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["model: gpt-4o, input_per_mtok: 1", 'model: "gpt-*", input_per_mtok: 2'], "1"),
        (['model: "gpt-4*", input_per_mtok: 1', 'model: "gpt-*", input_per_mtok: 2, provider: OpenAI'], "1"),
        (["model: gpt-4o, provider: OpenAI, input_per_mtok: 1", "model: gpt-4o, input_per_mtok: 2"], "1"),
        (["model: gpt-4o, region: us, input_per_mtok: 1", "model: gpt-4o, from: 2026-10-01, input_per_mtok: 2"], "1"),
        (["model: gpt-4o, from: 2026-10-01, input_per_mtok: 1", "model: gpt-4o, from: 2026-09-01, input_per_mtok: 2"], "1"),
        (["model: gpt-4o, from: 2026-12-01, input_per_mtok: 1", "model: gpt-4o, input_per_mtok: 2"], "2"),
        (["model: gpt-4o, from: 2026-10-01, until: 2026-11-20, input_per_mtok: 1", "model: gpt-4o, input_per_mtok: 2"], "2"),
        (["model: gpt-4o-2024-08-06, input_per_mtok: 1", "model: gpt-4o, input_per_mtok: 2"], "1"),
    ],
)
def test_the_most_specific_entry_wins_and_among_equals_the_latest(entries: list[str], expected: str) -> None:
    own = book(*entries), book(*reversed(entries))
    paid = {totals(each.price("OpenAI", "gpt-4o-2024-08-06", NOW, Tokens(1_000_000), region="us"))[0] for each in own}
    assert {expected} == paid


def test_an_entry_for_a_model_is_not_one_for_its_dated_sister_with_a_price_of_its_own() -> None:
    own = book("model: gpt-4o, input_per_mtok: 1")
    assert ("5", "5") == totals(own.price("OpenAI", "gpt-4o-2024-05-13", NOW, Tokens(1_000_000)))


def test_an_entry_for_the_very_name_makes_a_match_certain() -> None:
    rates = book("model: gpt-5.6, provider: OpenAI, input_per_mtok: 1, output_per_mtok: 2").rates("OpenAI", "gpt-5.6", NOW)
    assert rates is not None
    assert rates.certain


def test_the_digest_names_the_table() -> None:
    one, same, other = (book(f"model: m, input_per_mtok: {price}") for price in (1, 1, 2))
    assert one.digest == same.digest
    assert 3 == len({one.digest, other.digest, price_book().digest})
