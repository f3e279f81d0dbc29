"""What actions are expected to save, and what they did: sums worked out by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.guard.saving import Flow, Span, cheap_for, of_block, of_fallback, of_stop, of_throttle, since_fallback, since_limit
from finops.pricing.steps import Rates, Step, Tokens

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PER_TOKEN = {"premium": Decimal("0.01"), "cheap": Decimal("0.001")}
PAIR = {"premium": "cheap"}


class Prices:
    """Premium costs a cent a token, cheap a tenth of that."""

    def rates(self, provider: str | None, model: str, at: datetime) -> Rates | None:
        price = PER_TOKEN.get(model)
        if price is None:
            return None
        values: list[Any] = [0, *[price] * 5, Decimal(0), *[price] * 5, Decimal(0)]
        return Rates(model, "seller", model, "USD", None, None, (Step(*values),))


def flow(hours_ago: float, model: str = "premium", requests: int = 10, tokens: int = 100, cost: str | None = None) -> Flow:
    at = NOON - HOUR * hours_ago
    price = Decimal(cost) if cost else PER_TOKEN.get(model, Decimal(0)) * tokens
    return Flow(at, None, model, Tokens(input=tokens, requests=requests), price, "USD")


def day(model: str = "premium", **more: Any) -> list[Flow]:
    """One minute of traffic in the middle of each of the last 24 hours."""
    return [flow(n + 0.5, model, **more) for n in range(24)]


def shown(saving: Any) -> list[str]:
    return [] if saving is None else [f"{each:f}" for each in (saving.likely, saving.low, saving.high)]


def test_a_fallback_saves_the_difference_of_the_prices_each_hour() -> None:
    """100 tokens an hour at 0.01 instead of 0.001: 0.90."""
    saving = of_fallback(day(), PAIR, Prices(), NOON)
    assert ["0.90", "0.90", "0.90"] == shown(saving)
    assert saving
    assert "the 240 requests of the last 24 h at both prices (premium → cheap)" == saving.basis


def test_the_range_tells_how_much_hours_differ() -> None:
    """Half the hours have three times the traffic of the others: 0.90 and 2.70, on average 1.80."""
    assert ["1.80", "0.90", "2.70"] == shown(of_fallback(day() + day(tokens=200)[:12], PAIR, Prices(), NOON))


def test_what_asks_for_the_cheap_model_already_saves_nothing() -> None:
    assert ["0.90", "0.90", "0.90"] == shown(of_fallback(day() + day("cheap"), PAIR, Prices(), NOON))
    assert [] == shown(of_fallback(day("cheap"), PAIR, Prices(), NOON))


@pytest.mark.parametrize(
    ("flows", "models"),
    [
        ([], PAIR),
        ([flow(1), flow(2)], PAIR),
        (day(), {"premium": "unknown"}),
        ([*day(), Flow(NOON - HOUR, None, "premium", Tokens(10), None, "USD")], PAIR),
        ([*day(), Flow(NOON - HOUR, None, "premium", Tokens(10), Decimal(1), "EUR")], PAIR),
    ],
    ids=["no traffic", "two hours only", "no price", "an unpriced request", "two currencies"],
)
def test_where_nobody_can_say_nothing_is_promised(flows: Sequence[Flow], models: dict[str, str]) -> None:
    assert of_fallback(flows, models, Prices(), NOON) is None


def test_one_model_for_every_other_leaves_itself_alone() -> None:
    assert ["cheap", "cheap", None] == [cheap_for({"*": "cheap"}, each) for each in ("premium", "any", "cheap")]


def test_a_rate_limit_saves_the_share_above_it() -> None:
    """120 requests in a minute at 1 a second: half of them, half of 1.00."""
    saving = of_throttle(day(requests=120), {"requests_per_second": "1"}, NOON)
    assert ["0.50", "0.50", "0.50"] == shown(saving)
    assert saving
    assert "1,440 of the 2,880 requests of the last 24 h lay above the limit" == saving.basis


def test_a_daily_limit_saves_all_after_it_is_reached() -> None:
    """24 in a day, of which 6 may be spent: 18 less, 0.75 an hour, nothing in the first hours and all in the last."""
    assert ["0.75", "0.00", "1.00"] == shown(of_throttle(day(), {"cost_per_day": "6"}, NOON))
    assert ["0.75", "0.00", "1.00"] == shown(of_throttle(day(), {"tokens_per_day": 600}, NOON))


def test_a_limit_that_nothing_reaches_saves_nothing_and_one_per_request_is_not_known() -> None:
    assert [] == shown(of_throttle(day(), {"requests_per_second": "5"}, NOON))
    assert [] == shown(of_throttle(day(), {"max_output_tokens": 5}, NOON))


def test_a_block_saves_all_that_is_spent() -> None:
    assert ["1.00", "1.00", "1.00"] == shown(of_block(day(), NOON))


def test_a_stop_saves_its_share_of_the_last_billed_days() -> None:
    days = [Decimal(24), Decimal(48)]
    assert ["1.50", "1.10", "1.90"] == shown(of_stop(days, "USD"))
    assert ["0.75", "0.55", "0.95"] == shown(of_stop(days, "USD", Decimal("0.5")))
    assert None is of_stop([], "USD") is of_stop(days, "USD", Decimal(0))


def test_measured_is_what_the_cheap_answers_would_have_cost_at_the_other_price() -> None:
    """1000 tokens at 0.009 less each: 9.00; nobody asked for the cheap model before."""
    found = since_fallback(day(), [flow(-0.1, "cheap", tokens=1000)], PAIR, Prices())
    assert (Span(Decimal(9), Decimal(9), Decimal(9)), 10) == found


def test_measured_leaves_out_what_would_have_been_cheap_anyway() -> None:
    """Half of the requests before asked for the cheap model: 9.00 is possible, 4.50 likely."""
    found = since_fallback(day() + day("cheap"), [flow(-0.1, "cheap", tokens=1000)], PAIR, Prices())
    assert (Span(Decimal("4.5"), Decimal("2.25"), Decimal(9)), 5) == found


def test_measured_without_prices_is_not_known() -> None:
    assert None is since_fallback(day("unheard"), [flow(-0.1, "cheap")], {"*": "cheap"}, Prices())


def test_measured_under_names_of_the_gateways_own_is_not_known_rather_than_nothing() -> None:
    assert None is since_fallback(day(), [flow(-0.1, "cheap")], {"our-best": "our-spare"}, Prices())


def test_a_block_is_measured_against_the_hours_of_the_day_before() -> None:
    """1.00 an hour before, 0.25 in two hours since: 1.75."""
    found = since_limit(day(), [flow(-0.5, tokens=25)], NOON, NOON + 2 * HOUR)
    assert Span(Decimal("1.75"), Decimal("1.75"), Decimal("1.75")) == found


@given(st.lists(st.tuples(st.floats(0.1, 23.9), st.integers(1, 500), st.integers(1, 10_000)), min_size=1, max_size=60))
def test_a_promise_is_never_beyond_what_was_spent_and_lies_in_its_range(made: list[tuple[float, int, int]]) -> None:
    flows = [flow(ago, requests=requests, tokens=tokens) for ago, requests, tokens in made]
    spent = sum((each.cost or Decimal(0) for each in flows), Decimal(0))
    given_limits = {"requests_per_second": "0.5", "cost_per_day": "10"}
    for saving in (of_fallback(flows, PAIR, Prices(), NOON), of_throttle(flows, given_limits, NOON), of_block(flows, NOON)):
        if saving:
            assert saving.low <= saving.likely <= saving.high
            assert saving.likely * 24 <= spent + Decimal("0.2")
