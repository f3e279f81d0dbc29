"""LiteLLM's success events: whose request it was, how many tokens of which kind, whatever cost they tell."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finops.sources.gateway_events import read_gateway
from finops.sources.usage_events import Event, write

START = 1_790_510_400.25
PLAIN = {
    "litellm_call_id": "c1",
    "id": "chatcmpl-1",
    "model": "claude-sonnet-4-5",
    "model_group": "premium",
    "custom_llm_provider": "anthropic",
    "status": "success",
    "prompt_tokens": 1000,
    "completion_tokens": 50,
    "response_cost": 99.0,
    "cache_hit": None,
    "startTime": START,
    "endTime": START + 1.25,
    "end_user": "ann",
    "metadata": {},
}


def read(*events: Any) -> Any:
    return read_gateway(json.dumps(events).encode())


def only(event: Any) -> Event:
    (found,) = read(event).events
    return found  # type: ignore[no-any-return]


def test_a_request_is_told_by_its_call_id_model_provider_tokens_and_times() -> None:
    assert (
        '{"time":"2026-09-27T12:00:00.250000Z","request_id":"c1","provider":"Anthropic","model":"claude-sonnet-4-5",'
        '"input_tokens":1000,"output_tokens":50,"user":"ann","status":"ok","latency_ms":1250}\n'
    ) == write([only(PLAIN)]).decode()


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens_details": {"cached_tokens": 600}, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 600},
        {"prompt_tokens_details": {"cached_tokens": 600, "cache_creation_tokens": 300}},
        {
            "prompt_tokens_details": {"cached_tokens": 600, "cache_creation_token_details": {"ephemeral_5m_input_tokens": 300}},
            "cache_creation_input_tokens": 300,
        },
    ],
)
def test_cached_tokens_are_part_of_the_prompt_in_each_spelling(usage: dict[str, Any]) -> None:
    event = only(PLAIN | {"metadata": {"usage_object": usage}})
    assert (1000, 600, 300, 0) == (event.input_tokens, event.cache_read_tokens, event.cache_write_5m_tokens, event.cache_write_1h_tokens)


def test_writes_that_last_an_hour_are_kept_apart() -> None:
    usage = {"cache_creation_input_tokens": 300, "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}}
    event = only(PLAIN | {"metadata": {"usage_object": usage}})
    assert (100, 200) == (event.cache_write_5m_tokens, event.cache_write_1h_tokens)


def test_reasoning_is_part_of_the_output() -> None:
    event = only(PLAIN | {"metadata": {"usage_object": {"completion_tokens_details": {"reasoning_tokens": 30}}}})
    assert (50, 30) == (event.output_tokens, event.reasoning_tokens)


def test_an_answer_from_the_gateways_cache_used_no_tokens() -> None:
    event = only(PLAIN | {"cache_hit": True, "response_cost": 0, "saved_cache_cost": 0.1})
    assert ("cache_hit", 0, 0) == (event.status, event.input_tokens, event.output_tokens)


def test_the_key_goes_before_what_the_client_claims() -> None:
    client = {"team": "forged", "tenant": "acme", "route": "/chat", "feature": "search"}
    event = only(PLAIN | {"metadata": {"user_api_key_team_id": "ml", "user_api_key_org_id": "true", "requester_metadata": client}})
    assert ("ml", "true", "/chat", "search") == (event.team, event.tenant, event.route, event.feature)


def test_the_payload_is_found_in_its_envelope() -> None:
    assert "c1" == only({"kwargs": 1, "standard_logging_object": PLAIN}).request_id


def test_json_lines_are_read_too_and_a_bad_one_hides_no_other() -> None:
    body = b"\n".join([json.dumps(PLAIN).encode(), b"{torn", json.dumps(PLAIN | {"model": None, "model_group": None}).encode()])
    found = read_gateway(body)
    assert (1, {2: "it is not JSON", 3: "model is missing"}) == (
        len(found.events),
        {bad.line: bad.reason.partition(":")[0] for bad in found.bad},
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"litellm_call_id": None, "id": None}, "litellm_call_id is missing"),
        ({"startTime": None, "endTime": None}, "startTime is missing"),
        ({"startTime": "soon"}, "'soon' is not a time"),
        ({"startTime": 1e300}, "'1e+300' is not a time"),
        ({"prompt_tokens": -1}, "prompt_tokens is '-1', not a count of tokens"),
        ({"prompt_tokens": None, "completion_tokens": None}, "no count of tokens is given, such as prompt_tokens"),
    ],
)
def test_what_cannot_be_counted_says_why(change: dict[str, Any], reason: str) -> None:
    assert [reason] == [bad.reason for bad in read(PLAIN | change).bad]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*PLAIN, "usage_object"]), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(PLAIN)), JSON, max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_json_is_one_event_or_one_reason(change: dict[str, Any], alone: bool) -> None:
    found = read_gateway(json.dumps(change if alone else PLAIN | change).encode())
    assert 1 == len(found.events) + len(found.bad)


@given(st.binary(max_size=60))
def test_any_bytes_are_lines_or_reasons(body: bytes) -> None:
    assert not read_gateway(body).events
