"""Whatever entries are written and whatever is asked, the answers agree with each other."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.pricing.book import PriceBook, Tokens, price_book
from finops.rulebook import Price

BEGINNING = date(2026, 1, 1)
MODELS = ("gpt-4o", "gpt-5", "claude-opus-4-6", "deepseek-chat", "my-model")
SELLERS = ("OpenAI", "Anthropic", "DeepSeek", "self-hosted", None)
days = st.integers(0, 330).map(lambda n: BEGINNING + timedelta(days=n))
moments = st.integers(0, 340 * 24 * 60).map(lambda n: datetime(2025, 12, 28, tzinfo=UTC) + timedelta(minutes=n))
amounts = st.one_of(st.none(), st.decimals(0, 99, places=3))
tiers = st.sampled_from((None, None, "batch", "priority"))
regions = st.sampled_from((None, None, "us", "eu*"))


@st.composite
def entries(draw: st.DrawFn) -> Price:
    start, until = draw(st.one_of(st.none(), days)), draw(st.one_of(st.none(), days))
    if start and until and until <= start:
        until = None
    given: dict[str, Any] = {"tier": draw(tiers), "region": draw(regions), "until": until}
    kind = draw(st.sampled_from(("price", "gpu", "factor", "discount")))
    if kind == "price":
        given |= {name: draw(amounts) for name in ("input_per_mtok", "cache_read_per_mtok", "per_request")} | {
            "output_per_mtok": Decimal(7)
        }
    elif kind == "gpu":
        given |= {"per_gpu_hour": draw(st.decimals(1, 9, places=1)), "mtok_per_gpu_hour": Decimal("1.6")}
    else:
        given |= {kind: draw(st.decimals("0.1", "0.9", places=2))}
    model = draw(st.sampled_from((*MODELS, "*", "gpt-*", "*-4*")))
    return Price(model, draw(st.sampled_from(SELLERS)), start, "USD", **given)


tables = st.lists(entries(), max_size=6)


@settings(max_examples=150)
@given(tables, st.sampled_from(MODELS), st.sampled_from(SELLERS), tiers, st.sampled_from((None, "us", "eu-west-1")), moments, moments)
def test_a_book_that_was_asked_before_answers_like_a_fresh_one(
    table: list[Price], model: str, seller: str | None, tier: str | None, region: str | None, first: datetime, second: datetime
) -> None:
    asked = price_book(table)
    asked.rates(seller, model, first, tier, region)
    assert price_book(table).rates(seller, model, second, tier, region) == asked.rates(seller, model, second, tier, region)


@settings(max_examples=150)
@given(tables, st.sampled_from(MODELS), st.sampled_from(SELLERS), tiers, moments, st.floats(0, 1, exclude_max=True))
def test_rates_hold_through_all_of_their_span(
    table: list[Price], model: str, seller: str | None, tier: str | None, at: datetime, share: float
) -> None:
    rates = price_book(table).rates(seller, model, at, tier)
    if rates is None:
        return
    assert rates.holds(at)
    start, end = rates.start or at - timedelta(days=9), rates.end or at + timedelta(days=9)
    assert rates == price_book(table).rates(seller, model, start + (end - start) * share, tier)


@settings(max_examples=150)
@given(tables, st.sampled_from(MODELS), moments, st.tuples(*[st.integers(0, 300_000)] * 3))
def test_a_cost_is_the_sum_of_its_parts_and_changes_alone_lower_it_below_the_list(
    table: list[Price], model: str, at: datetime, counts: tuple[int, int, int]
) -> None:
    fresh, cached, output = counts
    cost = price_book(table).price(None, model, at, Tokens(fresh + cached, cached, output=output))
    if cost is None:
        return
    assert cost.total == cost.input + cost.cache_read + cost.cache_write + cost.output + cost.request
    if not any(entry.has_amounts for entry in table):
        assert 0 <= cost.total <= cost.list_total


@given(tables, st.permutations(range(6)))
def test_the_order_in_the_file_decides_only_between_equals(table: list[Price], order: list[int]) -> None:
    once = list({(entry.model, entry.provider, entry.start, entry.tier, entry.region): entry for entry in table}.values())
    shuffled = [once[place] for place in order if place < len(once)]
    at = datetime(2026, 6, 1, tzinfo=UTC)
    books: list[PriceBook] = [price_book(once), price_book(shuffled)]
    for model in MODELS:
        one, other = (book.rates(None, model, at, "batch", "us") for book in books)
        assert one == other


@given(st.one_of(st.none(), st.text(max_size=30)), st.text(max_size=60), st.text(max_size=10), moments)
def test_no_name_is_too_odd_to_be_asked_for(provider: str | None, model: str, tier: str, at: datetime) -> None:
    book = price_book()
    rates = book.rates(provider, model, at, tier)
    assert rates is None or rates.holds(at)
    assert book.provider_of(model) != ""
    assert book.publisher_of(model) != ""
