"""Whatever a bill says, its difference from the estimate is taken apart exactly, and the cause that was put in comes first."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.insight.reconcile_causes import causes, difference
from finops.insight.reconcile_lines import KINDS, Billed, Measured, kind_of, tokens_of
from tests.insight.reconcile_samples import RATES, TOKENS, bill, line, measured, share_of, uncounted

MONEY = st.decimals(Decimal(-(10**6)), Decimal(10**9), places=10)
COUNT = st.integers(0, 10**12)
TIER = st.sampled_from([None, "standard", "batch", "priority"])


@st.composite
def any_usage(draw: st.DrawFn) -> Measured:
    tokens = {kind: draw(COUNT) for kind in draw(st.sets(st.sampled_from(KINDS)))}
    priced = {kind: draw(st.integers(0, count)) for kind, count in tokens.items()}
    costs = {kind: draw(st.decimals(0, 10**9, places=10)) if count else Decimal(0) for kind, count in priced.items()}
    requests = draw(st.integers(1, 10**9))
    more: dict[str, Any] = {"requests": requests, "unpriced": draw(st.integers(0, requests)), "fees": draw(MONEY)}
    return replace(measured(tokens), tier=draw(TIER), priced=priced, costs=costs, **more)


ANY_LINE = st.builds(
    line,
    st.sampled_from([*KINDS, "cache_write", "all", "requests", "other"]),
    st.none() | COUNT,
    MONEY,
    tier=TIER,
)


@given(st.lists(any_usage(), min_size=1, max_size=4), st.lists(ANY_LINE, min_size=1, max_size=8))
def test_causes_add_up_to_the_difference_to_the_last_digit(usage: list[Measured], lines: list[Billed]) -> None:
    assert difference(usage, lines) == sum((cause.amount for cause in causes(usage, lines)), Decimal(0))


def first(usage: list[Measured], lines: list[Billed]) -> tuple[str, bool]:
    found = causes(usage, lines)
    return found[0].name, found[0].perhaps


@given(st.integers(3, 95))
def test_lost_events_are_named_first(lost: int) -> None:
    assert ("missing events", False) == first([measured(share_of(TOKENS, 100 - lost))], bill())


@given(st.lists(st.tuples(*(st.integers(100, 10**6) for _ in KINDS)), min_size=4, max_size=30), st.data())
def test_lost_events_are_named_first_however_they_differ(requests: list[tuple[int, ...]], data: st.DataObject) -> None:
    lost = data.draw(st.integers(1, len(requests) - 1))
    every, kept = ({kind: sum(each[n] for each in some) for n, kind in enumerate(KINDS)} for some in (requests, requests[lost:]))
    missing = every["output"] - kept["output"]
    if missing > every["output"] // 100 and every["input"] - kept["input"] > every["input"] // 100:
        assert "missing events" == first([measured(kept)], bill(every))[0]


@given(st.integers(3, 100))
def test_repeated_events_are_named_first(more: int) -> None:
    assert ("extra events", False) == first([measured(share_of(TOKENS, 100 + more))], bill())


@given(st.integers(1, 75).filter(lambda off: off != 50))
def test_a_discount_is_named_with_its_size(off: int) -> None:
    (cause,) = causes([measured()], bill(times=str(1 - Decimal(off) / 100)))
    assert ("price", False) == (cause.name, cause.perhaps)
    assert cause.why.endswith(f"a discount of {off} %")


@given(st.integers(1_000_000, 20_000_000))
def test_cache_reads_taken_for_fresh_input_are_named_first(misread: int) -> None:
    wrong = TOKENS | {"input": TOKENS["input"] + misread, "cache_read": TOKENS["cache_read"] - misread}
    assert ("cache", False) == first([measured(wrong)], bill())


@pytest.mark.parametrize("kind", ["cache_read", "cache_write_5m"])
def test_cached_tokens_that_the_sender_leaves_out_are_named_first(kind: str) -> None:
    assert ("cache", False) == first([measured(TOKENS | {kind: 0})], bill())


def test_cached_tokens_counted_a_second_time_as_input_are_named_first() -> None:
    wrong = TOKENS | {"input": TOKENS["input"] + TOKENS["cache_read"]}
    (cause,) = causes([measured(wrong)], bill())
    assert ("cache", Decimal(-60)) == (cause.name, cause.amount)


def test_writes_for_an_hour_taken_for_five_minutes_are_named_first() -> None:
    wrong = TOKENS | {"cache_write_5m": 6_000_000, "cache_write_1h": 0}
    (cause,) = causes([measured(wrong)], bill())
    assert ("cache", Decimal("4.5")) == (cause.name, cause.amount)


@given(st.integers(10, 100))
def test_batch_told_by_the_bill_is_named_with_its_tokens(share: int) -> None:
    batch = share_of(TOKENS, share)
    rest = {kind: TOKENS[kind] - count for kind, count in batch.items()}
    (cause,) = causes([measured()], bill(rest, tier="standard") + bill(batch, "0.5", tier="batch"))
    assert ("tier", False) == (cause.name, cause.perhaps)
    assert "are billed as batch, measured in it were 0" in cause.why


def test_batch_that_we_measured_too_is_no_difference() -> None:
    half = share_of(TOKENS, 50)
    cheap = replace(measured(half, tier="batch"), costs={kind: count * RATES[kind] / 2 for kind, count in half.items()})
    assert () == causes([measured(half), cheap], bill(half, tier="standard") + bill(half, "0.5", tier="batch"))


def test_half_the_price_on_a_bill_without_tiers_is_perhaps_batch() -> None:
    assert ("tier", True) == first([measured()], bill(times="0.5"))


def test_a_tenth_more_on_a_bill_without_tiers_is_perhaps_a_region() -> None:
    assert ("region", True) == first([measured()], bill(times="1.1"))


def test_one_kind_at_another_price_is_named() -> None:
    dear = [replace(each, cost=each.cost * 2) if each.kind == "output" else each for each in bill()]
    (cause,) = causes([measured()], dear)
    assert ("price", "output is billed at 2.00 of our price") == (cause.name, cause.why)


def test_reasoning_left_out_of_the_output_is_no_missing_request() -> None:
    (cause,) = causes([measured(TOKENS | {"output": 2_000_000})], bill())
    assert ("output", Decimal("7.5")) == (cause.name, cause.amount)


def test_two_causes_are_told_apart_by_their_money() -> None:
    found = causes([measured(share_of(TOKENS, 80))], bill(times="0.9"))
    assert [("missing events", Decimal("20.1")), ("price", Decimal("-10.05"))] == [(cause.name, cause.amount) for cause in found]


def test_a_misread_cache_is_told_apart_from_lost_events() -> None:
    few = share_of(TOKENS, 90)
    wrong = few | {"input": few["input"] + 10_000_000, "cache_read": few["cache_read"] - 10_000_000}
    found = {cause.name: cause.amount for cause in causes([measured(wrong)], bill())}
    assert {"missing events", "cache"} == set(found)
    assert (True, True) == (found["missing events"] > 0, found["cache"] < -20)


def test_half_the_price_on_a_bill_that_tells_the_standard_tier_is_a_discount() -> None:
    assert ("price", False) == first([measured()], bill(times="0.5", tier="standard"))


def test_parts_below_half_a_percent_are_a_rest() -> None:
    found = causes([measured()], [*bill(times="0.9"), line("requests", 1000, Decimal("0.02"))])
    assert [("price", Decimal("-10.05")), ("rest", Decimal("0.02"))] == [(cause.name, cause.amount) for cause in found]


def test_a_bill_that_does_not_tell_cache_writes_apart_is_compared_by_both() -> None:
    writes = line("cache_write", 6_000_000, Decimal("29.70"))
    (cause,) = causes([measured()], [*(each for each in bill() if "write" not in each.kind), writes])
    assert ("price", "writing the cache is billed at 1.10 of our price") == (cause.name, cause.why)


def test_requests_without_a_price_are_worth_what_the_bill_says() -> None:
    unknown = replace(measured(), requests=10, unpriced=10, priced={}, costs={})
    (cause,) = causes([unknown], bill())
    assert ("unpriced", Decimal("100.5"), "10 requests have no price") == (cause.name, cause.amount, cause.why)


@pytest.mark.parametrize(
    ("times", "name"), [("0.5", "tier"), ("0.85", "price"), ("0.123", "extra events"), ("1.1", "region"), ("1.3", "missing events")]
)
def test_a_bill_without_counts_gives_candidates_only(times: str, name: str) -> None:
    assert (name, True) == first([measured()], uncounted(bill(times=times)))


def test_a_kind_without_counts_is_a_rest_beside_those_with() -> None:
    lines = [replace(each, quantity=None, cost=each.cost + 1) if each.kind == "output" else each for each in bill()]
    (cause,) = causes([measured()], lines)
    assert ("rest", Decimal(1), "the bill counts no tokens of output") == (cause.name, cause.amount, cause.why)


def test_what_is_no_token_is_told_apart() -> None:
    (cause,) = causes([measured()], [*bill(), line("other", 40, Decimal("12.00"))])
    assert ("not tokens", Decimal(12)) == (cause.name, cause.amount)


def test_a_bill_that_tells_tokens_but_not_their_kind_is_compared_by_all_of_them() -> None:
    whole = [line("all", sum(TOKENS.values()), Decimal("90.45"))]
    (cause,) = causes([measured()], whole)
    assert "every kind of token is billed at 0.90 of our price: a discount of 10 %" == cause.why


@pytest.mark.parametrize(
    ("token_type", "unit", "kind"),
    [
        ("cache_read", "Tokens", "cache_read"),
        ("reasoning", "Tokens", "output"),
        (None, "Requests", "requests"),
        (None, "1K tokens", "all"),
        (None, None, "all"),
        (None, "Images", "other"),
    ],
)
def test_a_line_is_of_a_kind_by_its_token_type_and_its_unit(token_type: str | None, unit: str | None, kind: str) -> None:
    assert kind == kind_of(token_type, unit)


@pytest.mark.parametrize(("unit", "tokens"), [("Tokens", 5), ("1K Tokens", 5000), ("1000 tokens", 5000), ("1M tokens", 5_000_000)])
def test_quantities_are_counted_in_tokens(unit: str, tokens: int) -> None:
    assert tokens == tokens_of(Decimal(5), unit)


@pytest.mark.parametrize("unit", [None, "Images", "GiB-Hours"])
def test_a_quantity_of_something_else_is_no_count_of_tokens(unit: str | None) -> None:
    assert tokens_of(Decimal(5), unit) is None
