"""Lines and counts of LLM reports: what finds what, what is a hole, what a line item names."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.errors import SourceError
from finops.pricing.book import price_book
from finops.sources import openai_rows
from finops.sources.anthropic_rows import lines as anthropic_lines
from finops.sources.llm_bills import Window, list_price, month, pages, windows
from finops.sources.llm_lines import Line, Traits, Used, holes, joined, times_list_price

DAY = date(2026, 3, 2)
MARCH = Window(date(2026, 3, 1), date(2026, 4, 1))


def line(amount: str = "1", tier: str | None = None, **more: object) -> Line:
    given = {"day": DAY, "account": "a", "model": "m", "token_type": "input", "traits": Traits(tier), "item": "m, input"} | more
    return Line(amount=Decimal(amount), currency="USD", **given)  # type: ignore[arg-type]


def used(count: int, tier: str | None = None, day: date = DAY, *, billable: bool = True) -> Used:
    return Used(day, "a", "m", "input", count, Traits(tier), billable=billable)


def test_the_line_that_says_most_chooses_its_tokens_first() -> None:
    found = joined([line(tier=None), line("2", tier="batch")], [used(5, "standard"), used(7, "batch"), used(11, "flex")])
    assert [("batch", Decimal(7)), (None, Decimal(16))] == [
        (each.traits.tier, each.quantity) for each in sorted(found, key=lambda each: -each.amount)
    ]


def test_no_token_is_counted_twice_or_lost() -> None:
    counts = [used(5, "standard"), used(7, "batch"), used(11, "priority"), used(13)]
    found = joined([line(tier="standard"), line("2", tier="batch"), line("3", tier="batch")], counts)
    assert 36 == sum(each.quantity or 0 for each in found)


TIERS = st.sampled_from([None, "standard", "batch", "flex"])


@given(st.lists(st.tuples(TIERS, st.integers(1, 9)), min_size=1, max_size=6), st.lists(st.tuples(TIERS, st.integers(1, 99)), max_size=8))
def test_money_and_tokens_are_kept_whatever_finds_what(billed: list[tuple[str | None, int]], counted: list[tuple[str | None, int]]) -> None:
    found = joined([line(str(amount), tier) for tier, amount in billed], [used(count, tier) for tier, count in counted])
    assert sum(amount for _, amount in billed) == sum(each.amount for each in found)
    assert sum(count for _, count in counted) == sum(each.quantity or 0 for each in found)


def test_a_count_the_bill_itself_tells_is_kept() -> None:
    assert [Decimal(40)] == [each.quantity for each in joined([line(quantity=Decimal(40), unit="Tokens")], [used(39)])]


def test_counts_of_a_day_without_money_are_left_out() -> None:
    assert [DAY] == [each.day for each in joined([line()], [used(5), used(5, day=date(2026, 3, 3))])]


def test_a_day_with_usual_use_and_no_money_before_others_is_a_hole() -> None:
    days = [date(2026, 3, n) for n in range(1, 6)]
    lines = [line(day=day) for day in days if day.day not in (1, 3)]
    assert [days[0], days[2]] == holes(lines, [used(100, day=day) for day in days])


def test_little_use_without_money_is_no_hole() -> None:
    days = [date(2026, 3, n) for n in range(1, 4)]
    assert [] == holes([line(day=days[0]), line(day=days[2])], [used(100, day=days[0]), used(9, day=days[1]), used(100, day=days[2])])


def test_use_that_is_paid_in_advance_is_no_hole() -> None:
    counts = [used(100), used(100, day=date(2026, 3, 3), billable=False), used(100, day=date(2026, 3, 4))]
    assert [] == holes([line(), line(day=date(2026, 3, 4))], counts)


@pytest.mark.parametrize(
    ("item", "model", "token_type", "traits"),
    [
        ("gpt-4o-2024-08-06, input", "gpt-4o-2024-08-06", "input", Traits()),
        ("gpt-5.5-2026-04-23, cached input", "gpt-5.5-2026-04-23", "cache_read", Traits()),
        ("gpt-6-astra, input_tokens", "gpt-6-astra", "input", Traits()),
        ("priority | gpt-5.6-sol, output, long context", "gpt-5.6-sol", "output", Traits("priority", "long context")),
        ("gpt-audio-mini-2025-12-15 audio, input", "gpt-audio-mini-2025-12-15", "input", Traits(modality="audio")),
        ("ft:gpt-4o-mini:acme::abc, output", "ft:gpt-4o-mini:acme::abc", "output", Traits()),
        ("whisper-1, audio", "whisper-1", None, Traits()),
        ("web search tool calls", None, None, Traits()),
        ("assistants api | file search", None, None, Traits()),
        ("Vector storage", None, None, Traits()),
    ],
)
def test_a_line_item_names_model_and_kind_of_token(item: str, model: str | None, token_type: str | None, traits: Traits) -> None:
    assert (model, token_type, traits) == openai_rows.parsed(item)


def test_thousands_of_tokens_are_tokens() -> None:
    row = {"amount": {"value": 1, "currency": "usd"}, "line_item": "m, input", "quantity": Decimal("1.5"), "quantity_unit": "1000_tokens"}
    (found,) = openai_rows.lines([{"start_time": 1772409600, "results": [row]}], MARCH)
    assert (Decimal(1500), "Tokens") == (found.quantity, found.unit)


def test_audio_and_text_tokens_are_counted_apart_where_they_add_up() -> None:
    row = {"model": "m", "input_tokens": 10, "input_text_tokens": 6, "input_audio_tokens": 4, "output_tokens": 5, "output_text_tokens": 1}
    found = openai_rows.completions([{"start_time": 1772409600, "results": [row | {"num_model_requests": 1}]}], MARCH)
    assert [("input", "text", 6), ("input", "audio", 4), ("output", None, 5)] == [
        (each.token_type, each.traits.modality, each.quantity) for each in found if each.unit == "Tokens"
    ]


def test_long_cache_writes_are_kept_apart_from_short_ones() -> None:
    row = {"model": "m", "input_tokens": 10, "input_cache_write_tokens": 7, "input_cache_write_12h_tokens": 2, "num_model_requests": 0}
    found = openai_rows.completions([{"start_time": 1772409600, "results": [row]}], MARCH)
    assert {"input": 3, "cache_write_5m": 5, "cache_write_1h": 2} == {each.token_type: each.quantity for each in found if each.quantity}


@pytest.mark.parametrize("amount", ["", "twelve", None, "NaN", "Infinity"])
def test_an_amount_that_is_no_number_of_cents_is_refused(amount: str | None) -> None:
    with pytest.raises(SourceError, match="no number of cents"):
        anthropic_lines([{"starting_at": "2026-03-02T00:00:00Z", "results": [{"amount": amount, "currency": "USD"}]}], MARCH)


@pytest.mark.parametrize("amount", [None, {}, {"value": "1.5"}, {"value": None}])
def test_an_amount_that_is_no_number_of_dollars_is_refused(amount: object) -> None:
    with pytest.raises(SourceError, match="no number of dollars"):
        openai_rows.lines([{"start_time": 1772409600, "results": [{"amount": amount}]}], MARCH)


def test_days_outside_of_what_was_asked_are_left_out() -> None:
    row = {"amount": "100", "currency": "USD"}
    assert [] == anthropic_lines([{"starting_at": "2026-04-01T00:00:00Z", "results": [row]}], MARCH)


def test_a_page_that_leads_back_to_itself_ends() -> None:
    with pytest.raises(SourceError, match="says that there are more days and does not say where"):
        list(pages(lambda _: {"data": [], "has_more": True, "next_page": "again"}, "Anthropic"))


def test_a_page_that_does_not_say_whether_it_is_the_last_is_refused() -> None:
    with pytest.raises(SourceError, match="no page of a report"):
        list(pages(lambda _: {"data": []}, "OpenAI"))


def test_a_day_counts_once_it_has_been_over_for_some_hours() -> None:
    assert date(2026, 3, 19) == month("2026-03", datetime(2026, 3, 20, 2, 59, tzinfo=UTC)).end
    assert date(2026, 3, 20) == month("2026-03", datetime(2026, 3, 20, 3, tzinfo=UTC)).end


def test_months_run_from_the_one_that_ends_after_the_given_day() -> None:
    found = windows(date(2025, 12, 31), datetime(2026, 2, 5, tzinfo=UTC))
    assert [(date(2025, 12, 1), 31), (date(2026, 1, 1), 31), (date(2026, 2, 1), 3)] == [(each.start, each.days) for each in found]


def test_the_price_list_tells_a_wrong_unit() -> None:
    cost = list_price(price_book(()), "Anthropic")
    billed = line("300", model="claude-sonnet-4-5-20250929", quantity=Decimal(1_000_000), unit="Tokens")
    assert Decimal(100) == times_list_price([billed], cost)


def test_what_has_no_list_price_is_not_judged() -> None:
    assert times_list_price([line(model="no-such-model", quantity=Decimal(5))], list_price(price_book(()), "Anthropic")) is None
