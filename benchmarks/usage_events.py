"""How fast usage events are accepted: the door as a process of its own, against decoding alone of the same bytes.

`python -m benchmarks.usage_events FOLDER MOST` is that process: a door that keeps at most MOST bytes.
"""

import gzip
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.tables import Goal, heading, table
from finops.sources.usage_events import Event, write

TOKEN: Final = "token-of-the-benchmark"
TICKS: Final = os.sysconf("SC_CLK_TCK")
MIB: Final = 1024 * 1024
START: Final = datetime(2026, 9, 27, 12, tzinfo=UTC)
ENOUGH = 10_000  # events a second
BATCH = 512  # as the exporters of OpenTelemetry send spans
CALLERS = 8
LARGEST_DOOR = 300.0  # MiB


@dataclass(frozen=True)
class Sent:
    """What the door did with one load: seconds, its own processor seconds, replies by status."""

    wall: float
    cpu: float
    statuses: Counter[int]


def run(count: int) -> list[Goal]:
    """Send `count` events in each form, then more than fits; print both, and return the goals."""
    heading(f"Usage events: {count:,} of each form, {BATCH} to a request, {CALLERS} connections, kept on disk before each reply")
    bodies = _jsonl(count), _otlp(count)
    forms = {
        "JSON Lines": ("/v1/usage", {}, bodies[0], msgspec.json.Decoder(Event).decode_lines),
        "JSON Lines, gzip": ("/v1/usage", {"content-encoding": "gzip"}, bodies[0], msgspec.json.Decoder(Event).decode_lines),
        "OTLP spans": ("/v1/traces", {"content-type": "application/x-protobuf"}, bodies[1], _parse),
    }
    goals, rows = [], []
    for name, (path, headers, found, decode) in forms.items():
        packed = [gzip.compress(body, 1) for body in found] if headers.get("content-encoding") else found
        with _door(4 * 1024 * MIB) as (process, port):
            sent = _send(process, port, path, headers, packed)
            peak = _peak(process)
        limit = _decoding(found, decode) / count
        rate, cost = count / sent.wall, sent.cpu / count
        rows.append((name, f"{rate:,.0f}", f"{cost * 1e6:.1f}", f"{limit * 1e6:.2f}", f"{cost / limit:.1f}×", f"{peak / MIB:.0f}"))
        goals.append(Goal(f"{name}: events accepted a second", rate, ENOUGH, at_least=True))
        goals.append(Goal(f"{name}: most memory of the door", peak / MIB, LARGEST_DOOR, " MiB"))
    table(("form", "events/s", "CPU µs/event", "decoding alone", "/ decoding", "peak MiB"), rows)
    return [*goals, *_overload(bodies[0])]


def _overload(bodies: list[bytes]) -> list[Goal]:
    """Send ten times what may wait: what fits is taken, the rest told to come back, and both are counted right."""
    most = max(sum(map(len, bodies)) // 10, 4 * MIB)
    heading(f"Overload: {sum(map(len, bodies)) // MIB} MiB sent where {most // MIB} MiB may wait")
    with _door(most) as (process, port):
        sent = _send(process, port, "/v1/usage", {}, bodies)
        peak, folder = _peak(process), Path(str(process.args[3]))  # type: ignore[index]
        kept = sum(path.read_bytes().count(b"\n") for path in folder.glob("*.*") if path.is_file())
    accepted = sent.statuses[202] * BATCH
    table(
        ("replies 202", "replies 429", "other", "events accepted", "on disk", "peak MiB"),
        [
            (
                f"{sent.statuses[202]:,}",
                f"{sent.statuses[429]:,}",
                f"{sum(sent.statuses.values()) - sent.statuses[202] - sent.statuses[429]:,}",
                f"{accepted:,}",
                f"{kept:,}",
                f"{peak / MIB:.0f}",
            )
        ],
    )
    return [
        Goal("overload: accepted events that are not on disk", abs(accepted - kept), 0),
        Goal("overload: replies that are neither 202 nor 429", sum(sent.statuses.values()) - sent.statuses[202] - sent.statuses[429], 0),
    ]


def _jsonl(count: int) -> list[bytes]:
    events = [
        Event(
            time=START + timedelta(milliseconds=number),
            request_id=f"req_{number:012x}",
            provider="Anthropic",
            model="claude-sonnet-4-5",
            input_tokens=1000 + number % 977,
            cache_read_tokens=number % 800,
            output_tokens=number % 300,
            team=f"team-{number % 9}",
            project="search",
            env="prod",
            feature="answers",
            tenant=f"tenant-{number % 211}",
            route="/chat",
            latency_ms=number % 4000,
            status="ok",
        )
        for number in range(count // BATCH * BATCH)
    ]
    return [write(events[start : start + BATCH]) for start in range(0, len(events), BATCH)]


def _otlp(count: int) -> list[bytes]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    bodies = []
    for start in range(0, count // BATCH * BATCH, BATCH):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        _put(group.resource, {"service.name": "search", "deployment.environment.name": "prod", "team": "ml"})
        spans = group.scope_spans.add().spans
        for number in range(start, start + BATCH):
            span = spans.add(name="chat claude-sonnet-4-5", trace_id=number.to_bytes(16), span_id=number.to_bytes(8))
            span.start_time_unix_nano = int(START.timestamp() * 1e9) + number
            span.end_time_unix_nano = span.start_time_unix_nano + 10**9
            _put(span, _told(number))
        bodies.append(bytes(request.SerializeToString()))
    return bodies


def _told(number: int) -> dict[str, str | int]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-sonnet-4-5",
        "gen_ai.response.model": "claude-sonnet-4-5-20250929",
        "gen_ai.response.id": f"msg_{number:012x}",
        "gen_ai.usage.input_tokens": 1000 + number % 977,
        "gen_ai.usage.cache_read.input_tokens": number % 800,
        "gen_ai.usage.output_tokens": number % 300,
        "tenant.id": f"tenant-{number % 211}",
        "server.address": "api.anthropic.com",
    }


def _put(owner: Any, told: dict[str, str | int]) -> None:
    for name, value in told.items():
        pair = owner.attributes.add(key=name)
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value


def _parse(body: bytes) -> object:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return ExportTraceServiceRequest.FromString(body)


def _decoding(bodies: list[bytes], decode: Callable[[bytes], object]) -> float:
    """Return processor seconds of the best of three rounds."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for body in bodies:
            decode(body)
        best = min(best, time.process_time() - began)
    return best


@contextmanager
def _door(most: int) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    with tempfile.TemporaryDirectory(prefix="finops-bot-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.usage_events", folder, str(most)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                yield process, int(process.stdout.readline())
            finally:
                process.terminate()


def _send(process: "subprocess.Popen[bytes]", port: int, path: str, headers: dict[str, str], bodies: list[bytes]) -> Sent:
    left = iter(bodies)
    lock = threading.Lock()
    statuses: Counter[int] = Counter()

    def call() -> None:
        wire = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        sent = {"authorization": f"Bearer {TOKEN}", "content-type": "application/x-ndjson", **headers}
        while True:
            with lock:
                body = next(left, None)
            if body is None:
                return
            wire.request("POST", path, body, sent)
            reply = wire.getresponse()
            reply.read()
            with lock:
                statuses[reply.status] += 1

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    cpu, wall = _cpu(process), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Sent(time.perf_counter() - wall, _cpu(process) - cpu, statuses)


def _cpu(process: "subprocess.Popen[bytes]") -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak(process: "subprocess.Popen[bytes]") -> int:
    text = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmHWM:"))


def serve(folder: Path, most: int) -> None:
    """Be the door, until the process is ended."""
    from api.app import Door, HttpDoor
    from bot.assemble import system_clock
    from bot.web import HttpServer
    from finops.settings import Address
    from finops.sources.spool import Limits, SpoolWriter

    spool = SpoolWriter(folder, "benchmark", Limits(most=most, free=0))
    door = HttpDoor(Door((("benchmark", TOKEN),), spool, system_clock, lambda *_: {}))
    server = HttpServer(door.application(), Address("127.0.0.1", 0))
    server.start()
    print(server.port, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
