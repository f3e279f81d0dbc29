"""Models in use are checked for a price, and told with the way out."""

from datetime import UTC, datetime

from finops.pricing.book import Tokens, price_book
from finops.pricing.checking import Seen, check

LAST = datetime(2026, 11, 20, tzinfo=UTC)


def seen(model: str, provider: str | None = "OpenAI", tier: str | None = None, **tokens: int) -> Seen:
    return Seen(provider, model, tier, None, Tokens(**{"input": 1000, "output": 10} | tokens), LAST)


def told(*kinds: Seen) -> list[tuple[str, str]]:
    return [(finding.problem, finding.sentence) for finding in check(price_book(), kinds)]


def test_what_has_a_price_of_its_own_model_is_not_mentioned() -> None:
    assert [] == told(seen("gpt-4o", cache_read=10), seen("gpt-4o-2024-08-06"), seen("claude-sonnet-4-5", "Anthropic", cache_write_1h=5))


def test_an_unknown_model_comes_with_what_may_be_meant() -> None:
    way_out = "no price; give one under 'prices' in budgets.yaml. Did you mean 'gpt-4o'?"
    assert [("unpriced", f"'gpt-4oo' of OpenAI (3 requests): {way_out}")] == told(seen("gpt-4oo", requests=3))


def test_tokens_of_a_kind_without_a_price_are_named() -> None:
    (finding,) = check(price_book(), [seen("gpt-4o", cache_write_5m=1, cache_write_1h=1)])
    assert ("unpriced", "openai/gpt-4o") == (finding.problem, finding.price_id)
    assert "openai/gpt-4o has no price for cache write 5m and cache write 1h tokens" in finding.sentence


def test_a_tier_without_a_price_is_named() -> None:
    (finding,) = told(seen("claude-sonnet-4-5", "Anthropic", "priority"))
    assert "'claude-sonnet-4-5' of Anthropic (1 request): no price for the tier 'priority' on 2026-11-20;" in finding[1]
    assert finding[1].endswith("or a 'factor' with 'tier: priority'")


def test_an_uncertain_match_shows_what_was_taken() -> None:
    priced = "'gpt-5.6' of OpenAI (1 request): priced as openai/gpt-5.6-sol@2026-08-21"
    assert [("uncertain", f"{priced}; give it a price of its own in budgets.yaml if that is wrong")] == told(seen("gpt-5.6"))


def test_what_has_no_price_comes_first_and_then_what_is_used_most() -> None:
    found = check(price_book(), [seen("gpt-5.6", requests=99), seen("b", requests=1), seen("a", None, requests=1), seen("c", requests=2)])
    assert ["c", "a", "b", "gpt-5.6"] == [finding.seen.model for finding in found]
