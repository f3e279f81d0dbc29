"""A model is found under the names that clouds and gateways give it, and what is only called alike is said to be uncertain."""

from datetime import UTC, datetime

import pytest

from finops.pricing.book import price_book
from finops.pricing.references import read_reference

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BOOK = price_book()
REGIONAL = "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0"
WORLDWIDE = "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0"


def found(provider: str | None, model: str) -> tuple[str, str, bool] | None:
    rates = BOOK.rates(provider, model, NOW)
    return None if rates is None else (rates.provider, rates.price_id, rates.certain)


@pytest.mark.parametrize(
    ("provider", "model", "seller", "price_id"),
    [
        ("openai", "gpt-4o-2024-08-06", "OpenAI", "openai/gpt-4o"),
        (None, "openai/gpt-4o", "OpenAI", "openai/gpt-4o"),
        ("OpenAI", "openai/gpt-4o", "OpenAI", "openai/gpt-4o"),
        ("OpenAI", "GPT-4o ", "OpenAI", "openai/gpt-4o"),
        ("openai", "gpt-5.2-20251211", "OpenAI", "openai/gpt-5.2"),
        ("anthropic", "claude-sonnet-4-5-20250929", "Anthropic", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4.5", "Anthropic", "anthropic/claude-sonnet-4-5"),
        ("anthropic", "claude-3-5-haiku-latest", "Anthropic", "anthropic/claude-3-5-haiku-latest"),
        ("anthropic", "claude-3-5-haiku-20241022", "Anthropic", "anthropic/claude-3-5-haiku-latest"),
        ("aws.bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        ("AWS", "anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        (None, "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        (None, "apac.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        (None, "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", WORLDWIDE),
        (None, "bedrock/converse/global.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", WORLDWIDE),
        (None, "bedrock/eu-west-1/anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        (None, "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        # telemetry that names the maker as provider, although the id is Bedrock's or Vertex's
        ("anthropic", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "AWS", REGIONAL),
        ("anthropic", "publishers/anthropic/models/claude-sonnet-4-5@20250929", "Google Cloud", "google/claude-sonnet-4-5"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "Google Cloud", "google/claude-sonnet-4-5"),
        (None, "claude-sonnet-4-5@20250929", "Google Cloud", "google/claude-sonnet-4-5"),
        (None, "projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-pro", "Google Cloud", "google/gemini-2.5-pro"),
        (None, "vertex_ai/gemini-2.5-pro", "Google Cloud", "google/gemini-2.5-pro"),
        (None, "gemini/gemini-2.5-pro", "Google Cloud", "google/gemini-2.5-pro"),
        ("groq", "groq/openai/gpt-oss-120b", "Groq", "groq/openai/gpt-oss-120b"),
        ("groq", "openai/gpt-oss-120b", "Groq", "groq/openai/gpt-oss-120b"),
        ("openrouter", "anthropic/claude-sonnet-4.5", "openrouter", "openrouter/anthropic/claude-sonnet-4.5"),
        ("together_ai", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "together", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    ],
)
def test_a_model_is_found_under_the_name_it_is_given(provider: str | None, model: str, seller: str, price_id: str) -> None:
    assert (seller, price_id, True) == found(provider, model)


@pytest.mark.parametrize(
    ("provider", "model", "price_id"),
    [
        ("OpenAI", "gpt-5.6", "openai/gpt-5.6-sol@2026-08-21"),  # the list takes one for the other
        ("OpenAI", "gpt-5-codex", "openai/gpt-5"),
        ("Microsoft", "gpt-4o-2024-08-06", "openai/gpt-4o"),  # Azure's own price is not in the list
        ("AWS", "eu.amazon.nova-pro-v1:0", "aws/amazon.nova-pro-v1:0"),  # the list has the price of the US only
        ("Mistral AI", "mistral-large-latest", "mistral/mistral-large"),  # what is the latest moves
    ],
)
def test_a_match_that_is_not_certain_says_so_and_shows_what_was_taken(provider: str, model: str, price_id: str) -> None:
    rates = found(provider, model)
    assert rates is not None
    assert (price_id, False) == rates[1:]


def test_a_model_of_another_maker_with_a_beginning_in_common_is_not_taken() -> None:
    assert [None, None] == [found("OpenAI", "my-org/gpt-4o-tuned"), found("OpenAI", "gpt-4o-tuned")]


def test_a_tuned_model_has_the_price_of_tuned_ones() -> None:
    assert ("OpenAI", "openai/ft:gpt-4o", False) == found(None, "ft:gpt-4o-2024-08-06:acme::id")


def test_a_reference_keeps_its_names_from_the_fullest_to_the_barest() -> None:
    reference = read_reference("bedrock/eu.anthropic.claude-x-v1:0")
    names = ("bedrock/eu.anthropic.claude-x-v1:0", "eu.anthropic.claude-x-v1:0", "claude-x-v1:0")
    assert (names, "AWS", "Anthropic") == (reference.names, reference.seller, reference.publisher)
