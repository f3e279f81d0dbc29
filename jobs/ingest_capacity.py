"""Takes capacity samples in: files as they are given, Prometheus window by window from where it was left."""

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from finops.deliveries import Load, Progress
from finops.errors import UserError
from finops.ledger.capacity import is_live, publish, watermark
from finops.ledger.capacity_days import join_days
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.secret import Secret
from finops.sources.capacity_files import ReadFile, find, read
from finops.sources.prometheus import WINDOW, Pulled, Query, Server, Window, floor, pull, server_time, windows
from jobs.registry import Tools, job
from jobs.taking import Ingested

FIRST_REACH: Final = timedelta(days=7)  # how far back the first pull of a server begins
SKEW: Final = timedelta(minutes=1)
ON_PURPOSE: Final = timedelta(hours=12)  # so far back nobody's clock is wrong: the past was asked for
KIND: Final = "capacity"


@dataclass(frozen=True)
class IngestedSamples(Ingested):
    """What became of one delivery of samples; `samples`, `series` and `gaps` over all of it."""

    samples: int = 0
    series: int = 0
    gaps: int = 0
    bad_lines: int = 0

    @property
    def is_degraded(self) -> bool:
        return self.bad_lines > 0

    @property
    def sentence(self) -> str:
        told = f"{self.samples:,} samples of {self.series:,} series"
        return f"{told}, {self.gaps:,} steps missing within them" if self.gaps else told


def ingest_capacity_files(
    ledger: Ledger,
    paths: Sequence[Path],
    *,
    taken_at: datetime,
    delivery: Delivery,
    source: str | None = None,
    progress: Progress | None = None,
) -> IngestedSamples:
    """Load files of samples; each stands for itself, and one that was loaded before changes nothing.

    Raises UserError for a path that holds none, BillError for a file that cannot be read as a whole.
    """
    files = find(paths)
    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    loads: list[Load] = []
    notes: list[str] = []
    series = bad = 0
    for number, path in enumerate(files):
        if progress:
            progress(path.name, number / len(files))
        with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="samples-") as folder:
            found = read(path, source or KIND, taken_at, Path(folder))
            loads += _publish_file(ledger, source or KIND, found, delivery)
        notes += [f"{found.file}: {note}" for note in found.notes]
        series, bad = series + found.series, bad + found.bad_count
    return IngestedSamples(tuple(loads), tuple(notes), samples=sum(load.rows for load in loads), series=series, bad_lines=bad)


def _publish_file(ledger: Ledger, source: str, found: ReadFile, delivery: Delivery) -> list[Load]:
    if is_live(ledger, source, found.digest):
        same = "these samples were loaded before"
        return [Load(source, part.period, part.rows, None, None, None, "unchanged", same) for part in found.parts]
    done = publish(ledger, source, found.digest, found.parts, delivery)
    return [replace(load, reason=found.complaint()) for load in done]


def ingest_prometheus(
    ledger: Ledger, server: Server, *, now: datetime, actor: str, since: datetime | None = None, progress: Progress | None = None
) -> IngestedSamples:
    """Pull what a server gathered since the last time, or since `since`; every window is kept as soon as it is here.

    Nothing younger than the last whole step is asked for, by our clock and by the server's. Raises SourceError when it cannot
    be asked; the windows before stay.
    """
    name = f"{KIND}.prometheus.{server.name}"
    clock = server_time(server)
    notes = _skewed(clock, now)
    end = floor(min(now, clock), server.step)
    mark = watermark(ledger, name)
    start = since or (datetime.fromisoformat(mark) if mark else now - FIRST_REACH)
    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    loads: list[Load] = []
    done: list[Pulled] = []
    for window in windows(start, end, server.step):
        with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="samples-") as folder:
            found = pull(server, window, Path(folder), progress)
            loads += _publish_window(ledger, server, window, found, (name, _later(mark, window.end)), Delivery(now, now, actor))
        done.append(found)
    join_days(ledger, server.name, end.date(), Delivery(now, now, actor))
    return IngestedSamples(
        tuple(loads),
        (*notes, *_told(server, done, start, end)),
        samples=sum(one.samples for one in done),
        series=max((one.series for one in done), default=0),
        gaps=sum(one.gaps for one in done),
    )


def _publish_window(ledger: Ledger, server: Server, window: Window, found: Pulled, mark: tuple[str, str], delivery: Delivery) -> list[Load]:
    """The mark moves over an empty window too; its emptiness is told, and nothing is written that could read as 0."""
    parts = [found.part] if found.part else []
    return publish(ledger, server.name, window.slot, parts, delivery, mark)


def _later(mark: str | None, end: datetime) -> str:
    """A window of the past that is pulled again must not set the mark back."""
    return max(end, datetime.fromisoformat(mark)).isoformat() if mark else end.isoformat()


def _skewed(clock: datetime, now: datetime) -> list[str]:
    if abs(clock - now) <= SKEW or clock - now > ON_PURPOSE:
        return []
    ahead = "ahead of" if clock > now else "behind"
    return [f"the clock of Prometheus is {_span(abs(clock - now))} {ahead} the instant asked for; the earlier of the two counts"]


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


def _told(server: Server, done: Sequence[Pulled], start: datetime, end: datetime) -> list[str]:
    if not done:
        return [f"nothing to pull: {server.name} was asked up to {start:%Y-%m-%d %H:%M}Z already"]
    empty = [one.window for one in done if not one.samples]
    notes = [f"asked for {floor(start, server.step):%Y-%m-%d %H:%M}Z to {end:%Y-%m-%d %H:%M}Z every {int(server.step.total_seconds())} s"]
    if empty:
        first = f"{empty[0].start:%Y-%m-%d %H:%M}Z"
        notes.append(f"{len(empty)} of {len(done)} windows hold no samples at all, the first from {first}: unknown, not idle")
    return notes + sorted({note for one in done for note in one.notes})


def server_at(url: str, token: Secret | None, name: str = "prometheus", sleep: Callable[[float], None] = time.sleep) -> Server:
    return Server(url, sleep, token, name=name)


def servers(tools: Tools, sleep: Callable[[float], None] = time.sleep) -> list[Server]:
    """Return the sources of kind prometheus; `query` replaces what is asked for, `step` how often (1m, 30s, 5m)."""
    found = []
    for source in tools.rulebook.sources:
        place = source.location or source.option("url")
        if source.kind == "prometheus" and place:
            server = server_at(place, tools.settings.prometheus_token, source.name, sleep)
            query, step = source.option("query"), source.option("step")
            server = replace(server, queries=(Query(source.name, query),)) if query else server
            found.append(replace(server, step=step_of(step)) if step else server)
    return found


def step_of(text: str) -> timedelta:
    """Read `30s`, `1m` or `1h`. Raises UserError."""
    found = re.fullmatch("([1-9][0-9]{0,4})(s|m|h)", text)
    step = timedelta(seconds=int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]) if found else timedelta()
    if not timedelta(seconds=1) <= step <= WINDOW:
        raise UserError(f"'{text}' is not a step between samples; write 30s, 1m or 5m, at most 6h")
    return step


@job("ingest-capacity", every="5m")
def ingest_capacity(tools: Tools) -> str:
    """Pull the samples that Prometheus gathered since the last time."""
    told = []
    for server in servers(tools):
        done = ingest_prometheus(tools.ledger, server, now=tools.now, actor="ingest-capacity")
        told.append(f"{server.name}: {done.sentence}")
    return "; ".join(told) or "no source of kind prometheus is in budgets.yaml; docs/capacity.md shows how to add one"
