"""Pulls capacity samples from a Prometheus server: bounded answers, windows aligned to the step, gaps left as gaps."""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from finops.capacity import GPU_METRICS, KUBE_METRICS, VLLM_METRICS, Identity, identify
from finops.deliveries import Progress, StagedPart
from finops.errors import SourceError
from finops.secret import Secret
from finops.sources.sample_files import Block, SampleFile, in_order, merged

if TYPE_CHECKING:
    import httpx

MOST_POINTS: Final = 11_000  # Prometheus refuses more a series
SAMPLES: Final = 2_000_000  # asked for at a time
MOST_BYTES: Final = 192 * 1024 * 1024  # of one answer; a larger one is asked for in halves
WINDOW: Final = timedelta(hours=6)
ATTEMPTS: Final = 5
AGAIN: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
NO_NUMBERS: Final = ["NaN", "+Inf", "-Inf", "Inf"]
# kube-state-metrics knows far more than is needed; matchers keep answers small.
MATCHERS: Final = {
    "kube_pod_container_resource_requests": '{resource=~"cpu|memory|.*gpu.*|.*_mig_.*|.*gaudi.*"}',
    "kube_node_status_allocatable": '{resource=~"cpu|memory|.*gpu.*|.*_mig_.*|.*gaudi.*"}',
    "kube_pod_status_phase": '{phase="Running"}',
}


@dataclass(frozen=True)
class Query:
    """What is asked: `text` is PromQL, with `$step` for the step and `$within` for all of it but the instant before; its series
    are kept under their own metric name, else under `name`.
    """

    name: str
    text: str


def _sampled(metric: str) -> Query:
    """Only what was scraped within the step: without it Prometheus repeats an old value for five minutes, over gaps and endings."""
    return Query(
        metric, f"last_over_time({metric}{MATCHERS.get(metric, '')}[$within]){' == 1' if metric == 'kube_pod_status_phase' else ''}"
    )


QUERIES: Final[tuple[Query, ...]] = tuple(map(_sampled, sorted((*GPU_METRICS, *KUBE_METRICS, *VLLM_METRICS))))


@dataclass(frozen=True)
class Server:
    """Where Prometheus is and how to talk to it. `sleep` waits between attempts."""

    url: str
    sleep: Callable[[float], None]
    token: Secret | None = None
    step: timedelta = timedelta(minutes=1)
    queries: tuple[Query, ...] = QUERIES
    timeout: float = 120.0
    ca_file: Path | None = None
    name: str = "prometheus"

    permissions = ("GET and POST on /api/v1/query and /api/v1/query_range",)


@dataclass(frozen=True)
class Window:
    """Instants to ask for: `start`, then every step, up to but not including `end`."""

    start: datetime
    end: datetime

    @property
    def slot(self) -> str:
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.end:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Pulled:
    """What one window held; `gaps` are steps that a series misses between its first and last sample."""

    window: Window
    part: StagedPart | None = None
    series: int = 0
    samples: int = 0
    gaps: int = 0
    metrics: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: msgspec.Raw = msgspec.Raw(b"[]")
    value: msgspec.Raw = msgspec.Raw(b"")


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 - the field's name in Prometheus's answer
    result: msgspec.Raw


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str = ""
    warnings: list[str] = []


def windows(start: datetime, end: datetime, step: timedelta) -> Iterator[Window]:
    """Cut `[start, end)`, widened to whole steps at its start and cut to them at its end, at every sixth hour of the UTC day."""
    at, last = floor(start, step), floor(end, step)
    while at < last:
        upto = min(floor(at, WINDOW) + WINDOW, last)
        stop = max(floor(upto, step), at + step)
        yield Window(at, stop)
        at = stop


def floor(moment: datetime, step: timedelta) -> datetime:
    seconds = int(step.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)


def server_time(server: Server) -> datetime:
    """Return what Prometheus's own clock says."""
    with _client(server) as client:
        answer = _ask(server, client, "query", {"query": "time()"})
        assert answer.data is not None
        try:
            moment, _ = msgspec.json.decode(answer.data.result, type=tuple[float, str])
        except msgspec.DecodeError as problem:
            raise _strange(server) from problem
    return datetime.fromtimestamp(moment, UTC)


def pull(server: Server, window: Window, folder: Path, progress: Progress | None = None) -> Pulled:
    """Bring the samples of one window into a Parquet file in `folder`. Raises SourceError when Prometheus cannot be asked."""
    found = Pulled(window)
    file = SampleFile(folder / f"{window.start:%Y%m%dT%H%M%S}.parquet", server.name)
    with _client(server) as client:
        for number, query in enumerate(sorted(server.queries, key=lambda one: one.name)):
            if progress:
                progress(f"{query.name} of {window.start:%Y-%m-%d %H:%M}Z", number / len(server.queries))
            _one_query(server, client, query, window, file, found)
    found.part = file.close(f"{window.start:%Y-%m}")
    return found


def problems(server: Server) -> list[str]:
    """Return what stops Prometheus from being read, a sentence each."""
    try:
        server_time(server)
    except SourceError as problem:
        return [str(problem)]
    return []


def _one_query(server: Server, client: "httpx.Client", query: Query, window: Window, file: SampleFile, found: Pulled) -> None:
    series: list[Identity] = []
    blocks: list[Block] = []
    for start, points in _chunks(server, window, _peak(server, client, query, window)):
        for answer in _ranges(server, client, query, start, points):
            found.notes += [f"{query.name}: {warning}" for warning in answer.warnings]
            blocks.append(_decode(server, answer, query.name, series))
    if not sum(len(block.rank) for block in blocks):
        return
    unique, places = merged(series)
    whole = in_order([Block(places[block.rank], block.time, block.value) for block in blocks])
    file.write(unique, whole)
    found.series += len(unique)
    found.samples += len(whole.rank)
    found.gaps += _gaps(whole, server.step)
    found.metrics.append(query.name)


def _peak(server: Server, client: "httpx.Client", query: Query, window: Window) -> int:
    """Ask a few times within the window how many series there are, so that answers are neither huge nor many."""
    spread = max(server.step, (window.end - window.start) / 8)
    asked = {"query": f"count({_text(server, query)})", "start": _instant(window.start), "end": _instant(window.end - server.step)}
    answer = _ask(server, client, "query_range", {**asked, "step": str(int(spread.total_seconds()))})
    block = _decode(server, answer, query.name, [])
    return int(block.value.max()) if len(block.value) else 1


def _chunks(server: Server, window: Window, series: int) -> Iterator[tuple[datetime, int]]:
    steps = int((window.end - window.start) / server.step)
    most = max(1, min(MOST_POINTS, SAMPLES // max(1, series)))
    for done in range(0, steps, most):
        yield window.start + done * server.step, min(most, steps - done)


def _ranges(server: Server, client: "httpx.Client", query: Query, start: datetime, points: int) -> Iterator[_Answer]:
    """Series that come and go can make an answer larger than was counted: then each half is asked for by itself."""
    end = start + (points - 1) * server.step
    asked = {"query": _text(server, query), "start": _instant(start), "end": _instant(end)}
    try:
        yield _ask(server, client, "query_range", {**asked, "step": str(int(server.step.total_seconds()))})
    except _TooLargeError as problem:
        if points == 1:
            raise SourceError(f"{query.name} of {server.url} has more series than one answer holds; narrow its query") from problem
        half = points // 2
        yield from _ranges(server, client, query, start, half)
        yield from _ranges(server, client, query, start + half * server.step, points - half)


def _text(server: Server, query: Query) -> str:
    """Before Prometheus 3 a range holds both its ends, so that a whole step would reach the sample of the step before."""
    seconds = int(server.step.total_seconds())
    return query.text.replace("$step", f"{seconds}s").replace("$within", f"{seconds * 1000 - 1}ms")


def _instant(moment: datetime) -> str:
    return f"{moment.timestamp():.3f}"


def _decode(server: Server, answer: _Answer, name: str, series: list[Identity]) -> Block:
    """Turn a matrix or vector into columns, adding its series to `series`; the samples themselves are never Python objects."""
    import numpy as np

    assert answer.data is not None
    try:
        rows = msgspec.json.decode(answer.data.result, type=list[_Series])
    except msgspec.DecodeError as problem:
        raise _strange(server) from problem
    is_matrix = answer.data.resultType == "matrix"
    bodies = [_bare(row.values)[2:-2] if is_matrix else _bare(row.value)[1:-1] for row in rows]
    body = b"\n".join(each for each in bodies if each)
    counts = np.array([each.count(b"],[") + 1 if each else 0 for each in bodies], dtype=np.int64)
    rank = np.repeat(np.arange(len(series), len(series) + len(rows), dtype=np.int32), counts)
    series += [identify(row.metric.get("__name__", name), row.metric) for row in rows]
    time, value = numbers(body, server.url)
    if len(time) != len(rank):
        raise _strange(server)
    known = ~np.isnan(value)
    return Block(rank[known], time[known], value[known])


def _bare(raw: msgspec.Raw) -> bytes:
    return bytes(raw).translate(None, b' \t\r\n"')


def numbers(body: bytes, where: str) -> tuple[Any, Any]:
    """Read `time,value],[time,value` as microseconds and floats; what is no number is NaN. Raises SourceError for other text."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    if not body.strip():
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
    text = body.replace(b"],[", b"\n")
    try:
        table = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=["time", "value"]),
            convert_options=csv.ConvertOptions(column_types={"time": pa.float64(), "value": pa.float64()}, null_values=NO_NUMBERS),
        )
    except pa.ArrowInvalid as problem:
        raise SourceError(f"{where} answered with values that are not numbers; check that it is a Prometheus server") from problem
    seconds = table["time"].to_numpy()
    return np.rint(seconds * 1_000_000).astype(np.int64), table["value"].to_numpy()


def _gaps(block: Block, step: timedelta) -> int:
    import numpy as np

    size = int(step.total_seconds() * 1_000_000)
    inside = block.rank[1:] == block.rank[:-1]
    return int(np.maximum((block.time[1:] - block.time[:-1])[inside] // size - 1, 0).sum())


class _TooLargeError(Exception):
    """An answer passed the number of bytes we hold at a time."""


def _client(server: Server) -> "httpx.Client":
    import httpx

    headers = {"Accept-Encoding": "identity"}  # packing and unpacking takes several times as long as all the rest
    if server.token:
        headers["Authorization"] = f"Bearer {server.token.reveal()}"
    trusted = ssl.create_default_context(cafile=str(server.ca_file)) if server.ca_file else True
    return httpx.Client(base_url=server.url.rstrip("/") + "/api/v1/", headers=headers, timeout=server.timeout, verify=trusted)


def _ask(server: Server, client: "httpx.Client", path: str, form: Mapping[str, str]) -> _Answer:
    """Ask until there is an answer, with longer and longer waits; what is refused for good is not asked again."""
    import httpx

    trouble = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            server.sleep(min(30.0, 2.0 ** (attempt - 1)))
        try:
            status, body = _post(client, path, form)
        except httpx.TransportError as problem:
            trouble = f"cannot be reached ({type(problem).__name__}: {problem})"
            continue
        if status not in AGAIN:
            return _read(server, status, body)
        trouble = f"answers {status}"
    raise SourceError(f"Prometheus at {server.url} {trouble}; it is tried again later")


def _post(client: "httpx.Client", path: str, form: Mapping[str, str]) -> tuple[int, bytes]:
    taken: list[bytes] = []
    size = 0
    with client.stream("POST", path, data=dict(form)) as answer:
        for chunk in answer.iter_bytes():
            taken.append(chunk)
            size += len(chunk)
            if size > MOST_BYTES:
                raise _TooLargeError
        return answer.status_code, b"".join(taken)


def _read(server: Server, status: int, body: bytes) -> _Answer:
    if status in (401, 403):
        raise SourceError(f"Prometheus at {server.url} refuses us ({status}); set FINOPS_PROMETHEUS_TOKEN to a token that may query")
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError as problem:
        raise _strange(server) from problem
    if answer.status != "success" or answer.data is None:
        said = re.sub(r"\s+", " ", answer.error)[:200]
        raise SourceError(f"Prometheus at {server.url} refuses the question ({said or status}); check the query")
    return answer


def _strange(server: Server) -> SourceError:
    return SourceError(f"{server.url} does not answer as Prometheus does; check the address")


def read_answer(body: bytes, file: str) -> tuple[list[Identity], Sequence[Block]]:
    """Read a saved answer of `/api/v1/query` or `query_range`. Raises SourceError for anything else."""
    server = Server(file, sleep=lambda _: None)
    answer = _read(server, 200, body)
    assert answer.data is not None
    if answer.data.resultType not in ("vector", "matrix"):
        raise SourceError(f"{file} holds a {answer.data.resultType}; save the answer of a query for a vector or a matrix")
    series: list[Identity] = []
    return series, [_decode(server, answer, "query", series)]
