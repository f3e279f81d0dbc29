"""A day of samples, every minute, of thousands of GPUs: from a server's answers to files of the ledger, and a question over them.

The server is a stand-in that sends ready answers in the form Prometheus documents, so that what is timed is ours alone.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import parse_qs

from benchmarks.measuring import MIB, peak_memory
from benchmarks.tables import Goal, heading, table
from finops.ledger.capacity import samples
from finops.ledger.facts import DuckFacts
from finops.ledger.gpu_hours import gpu_hours
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.sources.prometheus import Query, Server
from jobs.ingest_capacity import ingest_prometheus

T = TypeVar("T")
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
SHAPES: Final = 40  # different courses of values; the series take them in turn
MOST_SECONDS, MOST_MEMORY = 60.0, 1536.0


def run(resources: int) -> list[Goal]:
    """Ingest a day of one metric of so many GPUs at a step of a minute; print the figures and return the goals."""
    heading(f"Capacity: {resources:,} resources × 1,440 minutes from answers of query_range")
    with tempfile.TemporaryDirectory(prefix="finops-bot-bench-") as folder, _served(resources) as url:
        root = Path(folder, "ledger")
        ledger = Ledger(open_state(f"sqlite:///{folder}/state.sqlite"), root, DuckFacts(root), Terms())
        server = Server(url, time.sleep, queries=(Query("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_GPU_UTIL"),))
        done, taken, cpu = _timed(lambda: ingest_prometheus(ledger, server, now=START + DAY, actor="bench", since=START))
        size = sum(file.stat().st_size for file in root.rglob("*.parquet"))
        read, hours = (
            _timed(lambda: samples(ledger, ["DCGM_FI_DEV_GPU_UTIL"], START, START + DAY, timedelta(minutes=5)))[1],
            _timed(lambda: gpu_hours(ledger, START, START + DAY, ("node",)))[1],
        )
        ledger.close()
    peak = peak_memory() / MIB
    assert done.samples == resources * 1440, done
    rows = [
        (f"{done.samples:,}", f"{taken:.1f}", f"{cpu:.1f}", f"{done.samples / taken:,.0f}", f"{size / done.samples:.2f}", f"{peak:.0f}")
    ]
    table(("samples", "wall s", "CPU s", "samples/s", "bytes/sample", "peak MiB"), rows)
    table(("question over the day", "wall s"), [("5-minute means of every series", f"{read:.1f}"), ("GPU hours by node", f"{hours:.1f}")])
    return [
        Goal(f"a day of {resources:,} resources ingested", taken, MOST_SECONDS, " s"),
        Goal("peak memory, the stand-in included", peak, MOST_MEMORY, " MiB"),
    ]


def _timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """Return the result, wall time and processor time of all threads."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


@contextmanager
def _served(resources: int) -> Iterator[str]:
    heads = [
        json.dumps({"__name__": "DCGM_FI_DEV_GPU_UTIL", "UUID": f"GPU-{n:08d}", "Hostname": f"node-{n // 8}", "gpu": str(n % 8)}).encode()
        for n in range(resources)
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            content = _answer(self.path, {name: values[0] for name, values in form.items()}, heads)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Nothing to log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _answer(path: str, form: dict[str, str], heads: list[bytes]) -> bytes:
    if path.endswith("/query"):
        return b'{"status":"success","data":{"resultType":"scalar","result":[%d,"0"]}}' % (START + DAY).timestamp()
    if form["query"].startswith("count("):
        body = b'{"metric":{},"values":[[%d,"%d"]]}' % (float(form["start"]), len(heads))
    else:
        courses = _courses(int(float(form["start"])), int(float(form["end"])), int(form["step"]))
        body = b",".join(b'{"metric":%b,"values":%b}' % (head, courses[n % SHAPES]) for n, head in enumerate(heads))
    return b'{"status":"success","data":{"resultType":"matrix","result":[%b]}}' % body


@lru_cache(maxsize=2)
def _courses(start: int, end: int, step: int) -> list[bytes]:
    moments = range(start, end + 1, step)
    return [
        json.dumps([[moment, str((moment // 60 * (n + 3)) % 101)] for moment in moments]).encode().replace(b" ", b"") for n in range(SHAPES)
    ]
