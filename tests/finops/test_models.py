"""Spellings of one model have one key, and different models keep theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.models import model_key

SAME = [
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("claude-sonnet-4-5", "Claude Sonnet 4.5"),
    ("claude-sonnet-4-5", "vertex_ai/claude-sonnet-4-5@20250929"),
    ("claude-sonnet-4-5", "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "openai/gpt-4o"),
    ("gpt-4o", "azure/gpt-4o"),
    ("gemini-2-0-flash", "gemini-2.0-flash-001"),
    ("nova-lite", "amazon.nova-lite-v1:0"),
    ("llama3", "llama3:latest"),
]


@pytest.mark.parametrize(("key", "written"), SAME)
def test_spellings_of_one_model_have_one_key(key: str, written: str) -> None:
    assert model_key(written) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [("gpt-4o", "gpt-4o-mini"), ("claude-opus-4", "claude-opus-4-1"), ("gpt-4", "gpt-4-32k"), ("o1", "o1-mini"), ("gpt-5", "gpt-5-pro")],
)
def test_different_models_keep_their_keys(one: str, other: str) -> None:
    assert model_key(one) != model_key(other)


@given(st.text(max_size=60))
def test_a_key_is_its_own_key_or_shorter(written: str) -> None:
    assert len(model_key(model_key(written))) <= len(model_key(written))
