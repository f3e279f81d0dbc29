"""OTLP traces as usage events: every spelling, nothing twice, protobuf and JSON alike."""

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from finops.errors import UserError
from finops.sources.otlp import read_traces
from finops.sources.usage_events import Event, read, write

START = 1_790_510_400_000_000_000  # 2026-09-27T12:00:00Z
CHAT: Final[dict[str, str | int]] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
}


def span(number: int, told: dict[str, Any], parent: int = 0, **more: Any) -> dict[str, Any]:
    return {"number": number, "told": told, "parent": parent, "start": START, "end": START + 1_500_000_000, "status": 0} | more


def protobuf(spans: list[dict[str, Any]], resource: dict[str, Any] | None = None) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(pairs(resource or {}))
    for each in spans:
        made = group.scope_spans.add().spans.add()
        made.trace_id, made.span_id = b"t" * 16, each["number"].to_bytes(8)
        made.parent_span_id = each["parent"].to_bytes(8) if each["parent"] else b""
        made.start_time_unix_nano, made.end_time_unix_nano = each["start"], each["end"]
        made.status.code = each["status"]
        made.attributes.extend(pairs(each["told"]))
    return bytes(request.SerializeToString())


def pairs(told: dict[str, Any]) -> list[Any]:
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return [KeyValue(key=name, value=AnyValue(**{kinds[type(value)]: value})) for name, value in told.items()]


def written(spans: list[dict[str, Any]], resource: dict[str, Any] | None = None) -> bytes:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}

    def attributes(told: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"key": name, "value": {kinds[type(each)]: str(each) if type(each) is int else each}} for name, each in told.items()]

    made = [
        {
            "traceId": (b"t" * 16).hex(),
            "spanId": each["number"].to_bytes(8).hex(),
            "parentSpanId": each["parent"].to_bytes(8).hex() if each["parent"] else "",
            "startTimeUnixNano": str(each["start"]),
            "endTimeUnixNano": str(each["end"]),
            "status": {"code": each["status"]},
            "attributes": attributes(each["told"]),
        }
        for each in spans
    ]
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": attributes(resource or {})}, "scopeSpans": [{"spans": made}]}]}
    ).encode()


def only(told: dict[str, Any], resource: dict[str, Any] | None = None, **more: Any) -> Event:
    (event,) = read_traces(protobuf([span(1, told, **more)], resource)).events
    return event


def test_a_span_of_today_becomes_an_event() -> None:
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "asked",
        "gen_ai.response.model": "answered",
        "gen_ai.response.id": "msg_1",
        "gen_ai.conversation.id": "c7",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.cache_creation.input_tokens": 100,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "openai.response.service_tier": "default",
        "tenant.id": "acme",
    }
    resource = {"service.name": "api", "service.namespace": "shop", "deployment.environment.name": "prod", "team": "ml"}
    event = only(told, resource)
    assert (
        '{"time":"2026-09-27T12:00:00Z","request_id":"msg_1","provider":"AWS","model":"answered","input_tokens":1000,'
        '"cache_read_tokens":600,"cache_write_5m_tokens":100,"output_tokens":50,"reasoning_tokens":20,"team":"ml","project":"shop",'
        '"env":"prod","tenant":"acme","session":"c7","status":"ok","service_tier":"standard","latency_ms":1500}\n'
    ) == write([event]).decode()


@pytest.mark.parametrize(
    "told",
    [
        {"gen_ai.system": "openai", "gen_ai.request.model": "m", "gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 3},
        {"llm.vendor": "OpenAI", "gen_ai.request.model": "m", "llm.usage.prompt_tokens": 7, "llm.usage.completion_tokens": 3},
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.model_name": "m",
            "llm.token_count.prompt": 7,
            "llm.token_count.completion": 3,
        },
        {"gen_ai.system": "openai", "gen_ai.response.model": "m", "gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": 3.0},
    ],
)
def test_earlier_and_other_spellings_are_understood(told: dict[str, Any]) -> None:
    event = only(told)
    assert ("OpenAI", "m", 7, 3) == (event.provider, event.model, event.input_tokens, event.output_tokens)


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.input_tokens.cached",
        "llm.token_count.prompt_details.cache_read",
    ],
)
def test_cached_tokens_are_found_under_each_of_their_names(name: str) -> None:
    assert (10, 4) == ((event := only({**CHAT, name: 4})).input_tokens, event.cache_read_tokens)


def test_cached_tokens_told_beside_the_input_are_added_to_it() -> None:
    assert 110 == only({**CHAT, "gen_ai.usage.cache_read.input_tokens": 100}).input_tokens


def test_a_total_tells_that_cached_tokens_were_left_out_of_a_large_input() -> None:
    told = {**CHAT, "gen_ai.usage.cache_read.input_tokens": 4}
    assert 14 == only({**told, "gen_ai.usage.total_tokens": 10 + 4 + 5}).input_tokens
    assert 10 == only({**told, "gen_ai.usage.total_tokens": 10 + 5}).input_tokens


def test_a_span_without_a_response_id_is_known_by_its_own() -> None:
    assert f"{(b't' * 16).hex()}:{1:016x}" == only(CHAT).request_id


def test_what_the_span_says_goes_before_the_resource_and_finops_before_both() -> None:
    assert ("span", "mine") == (
        (event := only({**CHAT, "team": "span", "finops.env": "mine", "env": "x"}, {"team": "resource"})).team,
        event.env,
    )


@pytest.mark.parametrize("more", [{"status": 2}, {"told": {**CHAT, "error.type": "timeout"}}])
def test_a_failed_request_is_an_error(more: dict[str, Any]) -> None:
    (event,) = read_traces(protobuf([span(1, CHAT) | more])).events
    assert "error" == event.status


@pytest.mark.parametrize("operation", ["invoke_agent", "execute_tool", "create_agent", "invoke_workflow"])
def test_agents_and_tools_are_not_counted(operation: str) -> None:
    assert [] == read_traces(protobuf([span(1, {**CHAT, "gen_ai.operation.name": operation})])).events


@pytest.mark.parametrize("kind", ["AGENT", "CHAIN", "TOOL"])
def test_wrappers_of_openinference_are_not_counted(kind: str) -> None:
    told = {"openinference.span.kind": kind, "llm.model_name": "m", "llm.token_count.prompt": 7}
    assert [] == read_traces(protobuf([span(1, told)])).events


def test_a_call_that_repeats_the_calls_below_it_is_left_out() -> None:
    """
    1 chat 5+5          repeats its children
      2 http            says nothing
        3 chat 5        counted
      4 chat 5          counted
    """
    twice = {**CHAT, "gen_ai.usage.input_tokens": 20, "gen_ai.usage.output_tokens": 10}
    told = read_traces(protobuf([span(1, twice), span(2, {}, 1), span(3, CHAT, 2), span(4, CHAT, 1)]))
    assert ([10, 10], 1) == ([event.input_tokens for event in told.events], told.repeated)


def test_wrappers_around_wrappers_are_left_out_too() -> None:
    told = read_traces(protobuf([span(1, CHAT), span(2, CHAT, 1), span(3, CHAT, 2)]))
    assert ([f"{3:016x}"], 2) == ([event.request_id.partition(":")[2] for event in told.events], told.repeated)


def test_a_call_below_another_that_used_its_own_tokens_counts_beside_it() -> None:
    judge = {**CHAT, "gen_ai.usage.output_tokens": 1}
    assert 2 == len(read_traces(protobuf([span(1, CHAT), span(2, judge, 1)])).events)


def test_parents_in_a_circle_are_counted_and_end() -> None:
    assert 3 == len(read_traces(protobuf([span(1, CHAT, 3), span(2, CHAT, 1), span(3, CHAT, 2)])).events)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"gen_ai.usage.input_tokens": 1}, "it names no model; set gen_ai.request.model"),
        ({**CHAT, "gen_ai.usage.input_tokens": -1}, "gen_ai.usage.input_tokens is '-1', not a count of tokens"),
        ({**CHAT, "gen_ai.usage.output_tokens": 0.5}, "gen_ai.usage.output_tokens is '0.5', not a count of tokens"),
        ({**CHAT, "gen_ai.usage.output_tokens": 10**13}, "gen_ai.usage.output_tokens is '10000000000000', not a count of tokens"),
    ],
)
def test_a_call_that_cannot_be_counted_is_refused_and_the_others_are_not(told: dict[str, Any], reason: str) -> None:
    found = read_traces(protobuf([span(1, told), span(2, CHAT)]))
    assert (1, [f"span {1:016x}: {reason}"]) == (len(found.events), found.refused)


def test_a_span_without_a_time_is_refused() -> None:
    assert ["span 0000000000000001: it has no time"] == read_traces(protobuf([span(1, CHAT, start=0, end=0)])).refused


def test_spans_that_are_no_requests_are_passed_over_without_complaint() -> None:
    assert ([], []) == ((told := read_traces(protobuf([span(1, {"http.route": "/"})]))).events, told.refused)


def test_services_heard_of_are_named() -> None:
    assert frozenset({"shop/api"}) == read_traces(protobuf([span(1, CHAT)], {"service.name": "api", "service.namespace": "shop"})).services


def test_json_and_protobuf_say_the_same() -> None:
    spans = [span(1, CHAT), span(2, {**CHAT, "error.type": "x", "tenant.id": "ä"}, 1), span(3, {"gen_ai.usage.input_tokens": 1})]
    resource = {"service.name": "api", "flag": True, "share": 0.5}
    assert read_traces(protobuf(spans, resource)) == read_traces(written(spans, resource), "json")


def test_ids_in_base64_are_refused_with_what_would_work() -> None:
    body = written([span(1, CHAT)]).replace((b"t" * 16).hex().encode(), b"dHR0dHR0dHR0dHR0dHR0dA==")
    with pytest.raises(UserError, match="not hexadecimal; OTLP/JSON writes ids in hex, not in base64"):
        read_traces(body, "json")


@pytest.mark.parametrize("form", ["protobuf", "json"])
@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_events_or_one_sentence(form: Any, data: st.DataObject) -> None:
    whole = (written if form == "json" else protobuf)([span(1, CHAT), span(2, {**CHAT, "tenant.id": "x"}, 1)], {"service.name": "s"})
    cut = data.draw(st.integers(0, len(whole)))
    body = data.draw(
        st.one_of(st.binary(max_size=80), st.binary(max_size=12).map(lambda noise: whole[:cut] + noise + whole[cut + len(noise) :]))
    )
    try:
        told = read_traces(body, form)
    except UserError:
        return
    counted = [event for event in told.events if event.input_tokens or event.output_tokens]
    assert counted == read(write(counted)).events


VALUES = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=True), st.text(max_size=10), st.booleans())
NAMES = st.sampled_from(
    [*CHAT, "gen_ai.response.id", "gen_ai.usage.total_tokens", "gen_ai.usage.cache_read.input_tokens", "team", "tenant.id"]
)


@given(st.lists(st.tuples(st.dictionaries(NAMES, VALUES, max_size=6), st.integers(0, 4), st.integers(0, 2**64 - 1)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_attributes_hold_each_call_is_counted_refused_or_left_out(found: list[tuple[dict[str, Any], int, int]]) -> None:
    spans = [span(number, told, parent, start=start) for number, (told, parent, start) in enumerate(found, 1)]
    told = read_traces(protobuf(spans))
    usage = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
    calls = [each for each in spans if any(name in each["told"] for name in usage) and is_no_wrapper(each["told"])]
    assert len(calls) == len(told.events) + len(told.refused) + told.repeated


def is_no_wrapper(told: dict[str, Any]) -> bool:
    from finops.sources.otlp_names import is_call

    return is_call(told)
