"""From a request to the door to an answer about its cost: real server, real exporter, real ledger."""

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.assemble import Clock, Tools, assemble
from bot.cli import main
from bot.door import UsageDoor
from bot.web import HttpServer
from tests.flows.slack import eventually

TOKEN = "a-token-of-the-gateway"
NOW = datetime(2026, 9, 28, 12, tzinfo=UTC)
NOON = datetime(2026, 9, 27, 12, tzinfo=UTC)
ENVIRON = {"FINOPS_THREADS": "2", "FINOPS_API_TOKENS": f"gateway={TOKEN}", "FINOPS_HTTP_ADDRESS": "127.0.0.1:0"}
SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-5", "input_tokens": 1000, "output_tokens": 100}
COST_OF_ONE = 1000 * 3 / 1e6 + 100 * 15 / 1e6  # 0.0045 USD


@dataclass
class Running:
    """A door that listens, over a ledger of its own."""

    folder: Path
    tools: Tools
    url: str

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        sent = {"authorization": f"Bearer {TOKEN}", "content-type": "application/x-ndjson"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", body, sent)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"{}"), dict(answer.headers)
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read() or b"{}"), dict(refused.headers)

    def get(self, path: str, token: str = TOKEN) -> tuple[int, bytes]:
        request = urllib.request.Request(f"{self.url}{path}", headers={"authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read()

    def ask(self, question: str) -> dict[str, Any]:
        status, body = self.get(f"/v1/ask?q={urllib.request.quote(question)}")  # type: ignore[attr-defined]
        found: dict[str, Any] = json.loads(body)
        assert status == 200, found
        return found

    def requests(self, question: str) -> int:
        rows = self.ask(question)["rows"]
        return sum(row.get("units", {}).get("requests", 0) for row in rows)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    yield from serving(tmp_path, lambda: NOW)


@pytest.fixture
def running_today(tmp_path: Path) -> Iterator[Running]:
    """By the real clock: the SDK measures metrics by it."""
    yield from serving(tmp_path, lambda: datetime.now(UTC))  # noqa: TID251 - as the exporter does


def serving(tmp_path: Path, now: Clock) -> Iterator[Running]:
    with assemble(tmp_path, ENVIRON, now=now) as tools:
        door = UsageDoor(tools)
        server = HttpServer(door.application(), tools.settings.http_address)
        door.start()
        server.start()
        try:
            yield Running(tmp_path, tools, f"http://127.0.0.1:{server.port}")
        finally:
            server.stop()
            door.stop()


def events(count: int, **more: Any) -> bytes:
    lines = [
        json.dumps({"time": (NOON + timedelta(seconds=number)).isoformat(), "request_id": f"r{number}", **SONNET, **more})
        for number in range(count)
    ]
    return "\n".join(lines).encode()


def test_events_are_askable_seconds_after_they_were_accepted(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    status, told, _ = running.post("/v1/usage", events(200, team="ml"))
    assert (202, {"accepted": 200, "rejected": [], "rejected_count": 0}) == (status, told)
    answer = eventually(lambda: (found := running.ask("team=ml 2026-09-27 by=model"))["total"] and found)
    assert isinstance(answer, dict)
    assert float(answer["total"]) == pytest.approx(200 * COST_OF_ONE)
    assert 0 == main(["ask", "team=ml 2026-09-27 by=model", "--json", "--config", str(running.folder), "--as-of", NOW.isoformat()])
    printed = json.loads(capsys.readouterr().out)
    assert (answer["total"], answer["rows"]) == (printed["total"], printed["rows"])


def test_the_same_requests_sent_again_change_nothing(running: Running) -> None:
    for body in (events(50), gzip.compress(events(50)), events(60)):
        packed = {"content_encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
        assert 202 == running.post("/v1/usage", body, **packed)[0]
    eventually(lambda: (running.ask("2026-09-27")["total"] or "0").startswith("0.27"))
    assert float(running.ask("2026-09-27")["total"]) == pytest.approx(60 * COST_OF_ONE)


def test_spans_of_the_real_exporter_are_counted_once(running: Running) -> None:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": "search-api", "deployment.environment.name": "prod"}))
    exporter = OTLPSpanExporter(
        f"{running.url}/v1/traces", headers={"authorization": f"Bearer {TOKEN}"}, compression=Compression.Gzip, timeout=20
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    start = int(NOON.timestamp() * 1e9)
    for number in range(100):
        agent = tracer.start_span("invoke_agent helper", start_time=start, attributes={"gen_ai.operation.name": "invoke_agent"})
        agent.set_attributes({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100, "gen_ai.request.model": "gpt-4o"})
        from opentelemetry.trace import set_span_in_context

        call = tracer.start_span("chat claude", context=set_span_in_context(agent), start_time=start + number)
        call.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.response.model": "claude-sonnet-4-5",
                "gen_ai.usage.input_tokens": 1000,
                "gen_ai.usage.output_tokens": 100,
                "tenant.id": "acme",
            }
        )
        call.end(start + 2_000_000_000)
        agent.end(start + 3_000_000_000)
    provider.shutdown()
    eventually(lambda: running.ask("tenant=acme 2026-09-27")["total"])
    answer = running.ask("2026-09-27 by=env,project,tenant")
    assert float(answer["total"]) == pytest.approx(100 * COST_OF_ONE)
    assert [{"env": "prod", "project": "search-api", "tenant": "acme"}] == [row["key"] for row in answer["rows"]]


def test_metrics_of_the_real_exporter_count_where_no_spans_come(running_today: Running) -> None:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource

    exporter = OTLPMetricExporter(f"{running_today.url}/v1/metrics", headers={"authorization": f"Bearer {TOKEN}"}, timeout=20)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader], resource=Resource({"service.name": "batch"}))
    usage = provider.get_meter("test").create_histogram("gen_ai.client.token.usage")
    told = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.operation.name": "chat"}
    for _ in range(2):  # the exporter sends sums since its start, so the second export holds the first
        for _ in range(10):
            usage.record(1000, {**told, "gen_ai.token.type": "input"})
            usage.record(100, {**told, "gen_ai.token.type": "output"})
        provider.force_flush()
    provider.shutdown()
    eventually(lambda: running_today.ask("mtd by=project")["total"])
    answer = running_today.ask("mtd by=project")
    assert ({"project": "batch"}, 20) == ((row := answer["rows"][0])["key"], row["units"]["requests"])
    assert float(answer["total"]) == pytest.approx(20 * COST_OF_ONE)


def test_gateway_events_are_priced_here_whatever_cost_they_tell(running: Running) -> None:
    event = {
        "litellm_call_id": "c1",
        "model": "claude-sonnet-4-5",
        "custom_llm_provider": "anthropic",
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "response_cost": 0.0,
        "startTime": NOON.timestamp(),
        "endTime": NOON.timestamp() + 1.5,
        "metadata": {"user_api_key_team_id": "ml", "requester_metadata": {"team": "forged", "feature": "chat"}},
    }
    hit = {**event, "litellm_call_id": "c2", "cache_hit": True}
    assert 202 == running.post("/v1/usage/litellm", json.dumps([event, hit]).encode(), content_type="application/json")[0]
    eventually(lambda: running.ask("2026-09-27")["total"])
    rows = running.ask("2026-09-27 by=team,feature,status")["rows"]
    assert {"ok": COST_OF_ONE, "cache_hit": 0.0} == {row["key"]["status"]: pytest.approx(float(row["cost"])) for row in rows}
    assert {("ml", "chat")} == {(row["key"]["team"], row["key"]["feature"]) for row in rows}


def test_a_question_that_is_not_understood_says_what_was_meant(running: Running) -> None:
    status, body = running.get("/v1/ask?q=tem%3Dml")
    told = json.loads(body)
    assert (400, True) == (status, "team" in told["did_you_mean"] or "team" in told["error"])
