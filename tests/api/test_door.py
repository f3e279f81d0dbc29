"""The HTTP door: who comes in, what is taken, what is refused and with which sentence."""

import gzip
import json
import socket
import threading
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from api.bodies import Bounds
from finops.sources.spool import Limits
from finops.sources.spool_claims import claim
from finops.usage import EVENT_FIELDS
from tests.api.conftest import TOKEN, Serve, Served
from tests.flows.slack import eventually
from tests.sources.test_otlp import CHAT, protobuf, span, written

EVENT = {"time": "2026-09-27T12:00:00Z", "request_id": "r1", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 5}
GUARD = {f"/v1/guard/{name}" for name in ("snapshot", "lease", "events", "check")}
ROUTES = ("/v1/usage", "/v1/usage/litellm", "/v1/traces", "/v1/metrics", "/v1/ask")
GATEWAY = {"litellm_call_id": "c1", "model": "m", "prompt_tokens": 1, "startTime": 1_790_510_400.0}


def line(**more: Any) -> bytes:
    return json.dumps(EVENT | more).encode()


def test_accepted_events_are_on_disk_before_the_reply(served: Served) -> None:
    reply = served.send("/v1/usage", line() + b"\n" + line(request_id="r2"))
    assert (202, {"accepted": 2, "rejected": [], "rejected_count": 0}) == (reply.status, reply.json)
    assert ["r1", "r2"] == [each["request_id"] for each in served.spooled()]


@pytest.mark.parametrize(
    "body", [line(), b"[" + line() + b"]", json.dumps(EVENT, indent=2).encode(), b"\xef\xbb\xbf" + line() + b"\r\n\r\n"]
)
def test_one_object_an_array_and_lines_are_taken_alike(served: Served, body: bytes) -> None:
    assert 202 == served.send("/v1/usage", body).status
    assert [EVENT] == served.spooled()


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", "application/jsonl"]
)
def test_json_is_taken_under_the_content_types_it_comes_with(served: Served, kind: str) -> None:
    assert 202 == served.send("/v1/usage", line(), kind=kind).status


def test_bad_lines_are_told_by_number_and_the_others_taken(served: Served) -> None:
    reply = served.send("/v1/usage", b"\n".join([line(), b"{}", line(request_id="r2"), line(input_tokens=-1)]))
    assert (202, 2, [2, 4], 2) == (
        reply.status,
        reply.json["accepted"],
        [each["line"] for each in reply.json["rejected"]],
        reply.json["rejected_count"],
    )
    assert all(each["reason"] for each in reply.json["rejected"])


def test_only_the_first_twenty_bad_lines_are_told_and_all_are_counted(served: Served) -> None:
    reply = served.send("/v1/usage", b"\n".join([line(), *[b"{}"] * 50]))
    assert (20, 50) == (len(reply.json["rejected"]), reply.json["rejected_count"])


def test_lines_of_a_large_body_keep_their_numbers(served: Served) -> None:
    wide = line(prompt_hash="x" * 900)
    count = 6_000  # more than a piece of 4 MiB
    body = gzip.compress(b"\n".join([wide] * count + [b"{}"]), 1)
    assert [count + 1] == [each["line"] for each in served.send("/v1/usage", body, content_encoding="gzip").json["rejected"]]
    assert count == len(served.spooled())


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/usage/litellm"])
@pytest.mark.parametrize("body", [b"{}", b"not json", b"[1]"])
def test_a_body_without_a_usable_line_is_refused_with_its_reasons(served: Served, path: str, body: bytes) -> None:
    reply = served.send(path, body)
    assert (400, 0, 1, []) == (reply.status, reply.json["accepted"], reply.json["rejected_count"], served.spooled())
    assert reply.json["error"].startswith("no line is a usage event; the first: line 1: ")


def test_an_empty_body_is_refused(served: Served) -> None:
    assert (400, "the body is empty; send usage events as JSON Lines") == (
        (reply := served.send("/v1/usage", b"")).status,
        reply.json["error"],
    )


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("token", [None, "", "wrong-token-of-nobody", TOKEN + "x", TOKEN[:-1]])
def test_nobody_comes_in_without_a_known_token(served: Served, path: str, token: str | None) -> None:
    reply = served.send(path, line(), token=token, kind="application/json")
    assert (401, "Bearer", []) == (reply.status, reply.headers["www-authenticate"], served.spooled())


def test_without_tokens_nobody_comes_in_and_the_setting_is_named(serve: Serve) -> None:
    reply = serve(doors=()).send("/v1/usage", line())
    assert (401, True) == (reply.status, reply.json["error"].startswith("FINOPS_API_TOKENS is not set"))


def test_the_scheme_of_a_token_is_read_in_any_case(served: Served) -> None:
    assert 202 == served.send("/v1/usage", line(), token=None, authorization=f"bearer  {TOKEN} ").status


def test_a_body_too_large_as_sent_is_refused_whether_announced_or_not(serve: Serve) -> None:
    served = serve(bounds=Bounds(packed=1_000))
    assert 413 == served.send("/v1/usage", b" " * 1_001).status
    host, port = served.url.removeprefix("http://").split(":")
    head = f"POST /v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        wire.sendall(head.encode() + b"800\r\n" + b" " * 0x800 + b"\r\n")
        assert wire.recv(64).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/v1/usage", "/v1/traces"])
def test_a_bomb_is_refused_before_it_is_unpacked(served: Served, path: str) -> None:
    kind = "application/json" if path == "/v1/usage" else "application/x-protobuf"
    assert 413 == served.send(path, gzip.compress(bytes(256 * 1024 * 1024), 9), kind=kind, content_encoding="gzip").status


def test_what_does_not_unpack_says_so(served: Served) -> None:
    whole = gzip.compress(line() * 100)
    for body in (line(), whole[:-20], whole[:40] + b"\0\0\0\0" + whole[44:]):
        assert 400 == served.send("/v1/usage", body, content_encoding="gzip").status
    assert [] == served.spooled()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("/v1/usage", {"kind": "application/xml"}),
        ("/v1/usage", {"content_encoding": "br"}),
        ("/v1/traces", {"kind": "text/plain"}),
        ("/v1/metrics", {"kind": "application/grpc"}),
    ],
)
def test_forms_that_are_not_known_are_refused(served: Served, path: str, more: dict[str, str]) -> None:
    assert 415 == served.send(path, line(), **more).status


def test_a_full_spool_answers_429_with_the_time_to_come_back(serve: Serve) -> None:
    served = serve(limits=Limits(most=300, seconds=3600))
    assert 202 == served.send("/v1/usage", line()).status
    for path, body, kind in (
        ("/v1/usage", b"\n".join([line()] * 5), "application/json"),
        ("/v1/usage/litellm", json.dumps([GATEWAY] * 5).encode(), "application/json"),
        ("/v1/traces", protobuf([span(number, CHAT) for number in range(1, 6)]), "application/x-protobuf"),
    ):
        reply = served.send(path, body, kind=kind)
        assert (429, True) == (reply.status, int(reply.headers["retry-after"]) > 0)
    assert 1 == len(served.spooled())


def test_an_exporter_that_was_told_to_come_back_delivers_once_there_is_room(serve: Serve) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    served = serve(limits=Limits(most=350, seconds=0))
    assert 202 == served.send("/v1/usage", line(request_id="x" * 150)).status
    provider = TracerProvider(shutdown_on_exit=False)
    headers = {"authorization": f"Bearer {TOKEN}"}
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{served.url}/v1/traces", headers=headers, timeout=20)))
    sending = threading.Thread(target=provider.get_tracer("t").start_span("chat", attributes=CHAT).end)
    sending.start()
    eventually(lambda: 'route="/v1/traces",status="429"' in served.send("/metrics", token=None).body.decode())
    for segment in claim(served.folder, 10**9):
        segment.done()
    sending.join()
    assert ["gpt-4o"] == [event["model"] for event in served.spooled()]
    provider.shutdown()


def test_bodies_beyond_what_may_be_held_at_once_are_asked_to_come_back(serve: Serve) -> None:
    reply = serve(bounds=Bounds(held=100)).send("/v1/usage", line() * 2)
    assert (429, "1") == (reply.status, reply.headers["retry-after"])


def test_a_body_that_never_ends_is_given_up(serve: Serve) -> None:
    served = serve(bounds=Bounds(seconds=0.2))
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        wire.sendall(f"POST /v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 50\r\n\r\n[".encode())
        assert wire.recv(64).startswith(b"HTTP/1.1 408 ")


def test_traces_are_answered_in_the_form_they_came(served: Served) -> None:
    spans = [span(1, CHAT), span(2, {"gen_ai.usage.input_tokens": 1})]
    reply = served.send("/v1/traces", gzip.compress(protobuf(spans)), kind="application/x-protobuf", content_encoding="gzip")
    told = ExportTraceServiceResponse.FromString(reply.body)
    assert (200, "application/x-protobuf", 1) == (reply.status, reply.headers["content-type"], told.partial_success.rejected_spans)
    assert "names no model" in told.partial_success.error_message
    reply = served.send("/v1/traces", written(spans), kind="application/json")
    assert (200, "1") == (reply.status, reply.json["partialSuccess"]["rejectedSpans"])


def test_nothing_refused_is_an_empty_answer(served: Served) -> None:
    assert b"" == served.send("/v1/traces", protobuf([span(1, CHAT)]), kind="application/x-protobuf").body
    assert {} == served.send("/v1/traces", written([span(2, CHAT)]), kind="application/json").json


def test_what_is_no_otlp_is_answered_with_a_status(served: Served) -> None:
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

    reply = served.send("/v1/traces", b"\xff\xff\xff", kind="application/x-protobuf")
    told = Status.FromString(reply.body)
    assert (400, 3, True) == (reply.status, told.code, told.message.startswith("the body is not an OTLP Export"))


def test_questions_come_by_get_and_post_and_know_who_asks(served: Served) -> None:
    expected = {"caller": "gateway", "asked": "team=ml last 7d", "as_of": "2026-09-01"}
    assert expected == served.send("/v1/ask?q=team%3Dml%20last%207d&as_of=2026-09-01").json
    assert expected == served.send("/v1/ask", json.dumps({"q": "team=ml last 7d", "as_of": "2026-09-01"}).encode()).json


def test_a_question_not_understood_says_what_was_meant(served: Served) -> None:
    reply = served.send("/v1/ask?q=tem%3Dml")
    assert (400, {"error": "'tem' is not a field.", "suggestion": "team=ml", "did_you_mean": ["team"]}) == (reply.status, reply.json)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"q":1}', b'{"q":"a","as_of":2}', b"\xff"])
def test_a_question_without_words_is_refused(served: Served, body: bytes) -> None:
    assert 400 == served.send("/v1/ask", body, kind="application/json").status


def test_health_and_counters_need_no_token(served: Served) -> None:
    served.send("/v1/usage", line() + b"\n{}")
    assert {"ok": True} == served.send("/healthz", token=None).json
    told = served.send("/metrics", token=None).body.decode().splitlines()
    assert 'finops_usage_events_accepted_total{by="usage"} 1' in told
    assert 'finops_usage_events_rejected_total{by="usage"} 1' in told
    assert 'finops_http_requests_total{route="/v1/usage",status="202"} 1' in told
    assert any(row.startswith("finops_spool_bytes ") and float(row.split()[1]) > 0 for row in told)


def test_openapi_describes_each_field_of_an_event_and_every_route(served: Served) -> None:
    told = served.send("/openapi.json", token=None).json
    assert list(EVENT_FIELDS) == [name for name in EVENT_FIELDS if name in told["components"]["schemas"]["UsageEvent"]["properties"]]
    assert set(ROUTES) | GUARD | {"/v1/alertmanager", "/healthz", "/metrics"} == set(told["paths"])
    assert {"time", "request_id", "model"} == set(told["components"]["schemas"]["UsageEvent"]["required"])
    text = json.dumps(told)
    names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(told["components"]["schemas"])


def test_unknown_paths_and_methods_are_told_apart(served: Served) -> None:
    assert (404, 405) == (served.send("/v1/nothing", b"").status, served.send("/v1/usage").status)
