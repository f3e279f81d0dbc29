"""For any model of the built-in list, our arithmetic ends in the digits of the list's own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import Usage
from genai_prices.data import providers
from genai_prices.types import Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.pricing.book import Step, Tokens, price_book
from finops.pricing.builtin import IDS, NAMES
from finops.pricing.steps import KINDS

BOOK = price_book()
PAIRS = [(provider, model) for provider in providers for model in provider.models]
NAMED = [(provider.id, model.id) for provider, model in PAIRS]
BY_NAME = {(provider.id, model.id): (provider, model) for provider, model in PAIRS}
SPECIAL = [(provider, model) for provider, model in PAIRS if model.price_variants]
CONTEXTS = {"standard": {}, "batch": {"processing": "batch"}, "flex": {"service_tier": "flex"}, "priority": {"service_tier": "priority"}}
BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)

asked = st.one_of(
    st.tuples(st.integers(0, len(PAIRS) - 1).map(lambda place: NAMED[place]), st.just("standard")),
    st.tuples(st.sampled_from([(provider.id, model.id) for provider, model in SPECIAL]), st.sampled_from(sorted(CONTEXTS))),
)
moments = st.one_of(st.integers(0, 3 * 365 * 24 * 60), st.integers(1_450_000, 1_600_000)).map(lambda m: BEGINNING + timedelta(minutes=m))
counts = st.one_of(st.integers(0, 50), st.integers(0, 400_000), st.sampled_from([99_999, 127_999, 199_999, 200_000, 271_999]))


@settings(max_examples=400, deadline=None)
@given(asked, moments, st.tuples(*[counts] * 5))
def test_a_cost_is_the_lists_to_the_last_digit(what: tuple[tuple[str, str], str], at: datetime, drawn: tuple[int, ...]) -> None:
    name, tier = what
    provider, model = BY_NAME[name]
    rates = BOOK.rates(NAMES.get(provider.id, provider.id), model.id, at, tier)
    special = [
        one for one in model.price_variants or () if one.when == CONTEXTS[tier] and (not one.constraint or one.constraint.active(at))
    ]
    assert (rates is not None) == (tier == "standard" or bool(special))
    if rates is None:
        return
    tokens = _priced_only(rates.steps[0], drawn)
    cost = BOOK.cost(rates, tokens)
    assert cost is not None
    calculated = model.calc_price(_usage(tokens), provider, genai_request_timestamp=at, price_context=CONTEXTS[tier])
    assert (calculated.total_price, calculated.total_price) == (cost.total, cost.list_total)
    assert calculated.output_price == cost.output


@settings(max_examples=200, deadline=None)
@given(asked, moments)
def test_rates_hold_from_the_first_to_the_last_moment_of_their_span(what: tuple[tuple[str, str], str], at: datetime) -> None:
    name, tier = what
    provider, model = BY_NAME[name]
    seller = NAMES.get(provider.id, provider.id)
    rates = BOOK.rates(seller, model.id, at, tier)
    if rates is None:
        return
    edges = [rates.start, rates.end - timedelta(microseconds=1) if rates.end else None]
    fresh = price_book()
    assert [rates] * len([edge for edge in edges if edge]) == [fresh.rates(seller, model.id, edge, tier) for edge in edges if edge]


@pytest.mark.parametrize("provider", providers, ids=lambda provider: provider.id)
def test_each_model_of_the_list_is_found_by_its_own_name(provider: Provider) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    found = [BOOK.rates(NAMES.get(provider.id, provider.id), model.id, at) for model in provider.models]
    assert [(model.id, True) for model in provider.models] == [(rates.model, rates.certain) for rates in found if rates]


def test_our_spellings_of_providers_stand_for_providers_of_the_list() -> None:
    assert set() == set(IDS.values()) - {provider.id for provider in providers}


def _priced_only(step: Step, drawn: tuple[int, ...]) -> Tokens:
    """Take away the tokens that the list has no price for: there we say None where the list's own code says something."""
    counts = dict(zip(KINDS, drawn, strict=True))
    kept = {kind: count if getattr(step, kind) is not None else 0 for kind, count in counts.items()}
    cached = sum(kept[kind] for kind in KINDS[1:4])
    return Tokens(kept["input"] + cached, *(kept[kind] for kind in KINDS[1:])) if step.input is not None else Tokens(output=kept["output"])


def _usage(tokens: Tokens) -> Usage:
    writes = tokens.cache_write_5m + tokens.cache_write_1h
    return Usage(
        input_tokens=tokens.input,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=writes,
        cache_write_1h_tokens=tokens.cache_write_1h,
        output_tokens=tokens.output,
    )


def test_a_price_of_a_million_tokens_loses_no_digit_when_told_for_one() -> None:
    rates = BOOK.rates("AWS", "amazon.nova-micro-v1:0", datetime(2026, 11, 20, tzinfo=UTC))
    assert rates is not None
    assert Decimal("0.000000035") == rates.steps[0].input
