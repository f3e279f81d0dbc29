"""Capacity samples in the ledger: made live beside each other, found again by metric and resource, each instant once."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import delete, insert, select

from finops.capacity import COLUMNS, Identity
from finops.deliveries import Load, StagedPart
from finops.insight.kubernetes import owner_of
from finops.ledger.batches import add_batch
from finops.ledger.catalog import LiveFile, live_files
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery, move_in
from finops.ledger.state import writing
from finops.ledger.tables import live, watermarks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS: Final = ("capacity",)
How = Literal["mean", "max", "last", "increase"]
FOLDS: Final[dict[str, str]] = {
    "mean": "avg(value)",
    "max": "max(value)",
    "last": "arg_max(value, time)",
    "increase": "sum(increase)",
}
SERIES: Final = ("resource", "metric", *COLUMNS)
MEMORY: Final = "700MB"


@dataclass(frozen=True)
class SampleSeries:
    """One series, a value for each step from `start`; NaN where nothing was seen, which is not 0."""

    identity: Identity
    start: datetime
    step: timedelta
    values: "NDArray[np.float64]"

    def optional(self) -> list[float | None]:
        """Return the values with None where nothing was seen."""
        return [None if value != value else float(value) for value in self.values]


@dataclass(frozen=True)
class Seen:
    """A resource: its last known labels, its first and last sample, and what was measured of it."""

    resource: str
    first: datetime
    last: datetime
    metrics: tuple[str, ...]
    samples: int
    cluster: str | None
    node: str | None
    namespace: str | None
    pod: str | None
    gpu_model: str | None
    mig_profile: str | None
    model: str | None
    owner: str | None = None  # the team of the pod that held it last


def publish(
    ledger: Ledger, source: str, slot: str, parts: Sequence[StagedPart], delivery: Delivery, watermark: tuple[str, str] | None = None
) -> list[Load]:
    """Make samples live under `slot` in one step, together with the mark up to which they reach."""
    places = [move_in(ledger.root, part, source) for part in parts]
    with writing(ledger.engine) as tx:
        done = []
        for part, path in zip(parts, places, strict=True):
            here = (live.c.source == source, live.c.period == part.period, live.c.slot == slot)
            before = tx.execute(select(live.c.load_id).where(*here)).scalar()
            after = add_batch(tx, "capacity", source, slot, part, path, delivery)
            done.append(Load(source, part.period, part.rows, None, None, None, "unchanged" if before == after else "loaded"))
        if watermark is not None:
            tx.execute(delete(watermarks).where(watermarks.c.name == watermark[0]))
            tx.execute(insert(watermarks).values(name=watermark[0], value=watermark[1], at=delivery.recorded_at))
    return done


def watermark(ledger: Ledger, name: str) -> str | None:
    with ledger.engine.connect() as connection:
        found = connection.execute(select(watermarks.c.value).where(watermarks.c.name == name)).scalar()
    return None if found is None else str(found)


def is_live(ledger: Ledger, source: str, slot: str) -> bool:
    with ledger.engine.connect() as connection:
        return connection.execute(select(live.c.load_id).where(live.c.source == source, live.c.slot == slot)).first() is not None


def samples(
    ledger: Ledger,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    step: timedelta = timedelta(minutes=5),
    *,
    until: datetime | None = None,
    how: How = "mean",
    where: Mapping[str, Sequence[str]] | None = None,
) -> list[SampleSeries]:
    """Return every series of the metrics in `[start, end)`, folded to steps; nothing at or after `until` is seen.

    `how`: gauges by mean, max or last; `increase` is for counters and takes a fall as a restart from 0. `where` keeps
    what has one of the values in a column, such as `{"namespace": ["ml"]}`.
    """
    import numpy as np

    size = -(-(end - start) // step)
    with reading(ledger, metrics, start, end, until, where) as con:
        if con is None:
            return []
        con.execute(f"CREATE TEMP TABLE folded AS {_folded(how, start, step)}")
        order = ", ".join(("metric", "resource", *(name for name in COLUMNS)))
        found = con.execute(
            f"SELECT key, {', '.join(SERIES)} FROM series WHERE key IN (SELECT key FROM folded) ORDER BY {order}"
        ).fetchall()
        con.execute("CREATE TEMP TABLE placed (place INTEGER, key BIGINT)")
        con.executemany("INSERT INTO placed VALUES (?, ?)", [(place, row[0]) for place, row in enumerate(found)]) if found else None
        columns = con.execute("SELECT place, step, value FROM folded JOIN placed USING (key)").fetchnumpy()
    grid = np.full((len(found), size), np.nan)
    grid[columns["place"], columns["step"]] = columns["value"]
    return [SampleSeries(Identity(*row[1:]), start, step, grid[place]) for place, row in enumerate(found)]


def _folded(how: How, start: datetime, step: timedelta) -> str:
    place = f"(epoch_us(time) - {micros(start)}) // {int(step.total_seconds() * 1_000_000)}"
    if how != "increase":
        return f"SELECT key, {place} AS step, {FOLDS[how]} AS value FROM points GROUP BY ALL"
    steps = "value - lag(value) OVER (PARTITION BY key ORDER BY time)"
    grown = f"SELECT key, time, value, {steps} AS difference FROM points"
    return f"""SELECT key, {place} AS step, sum(if(difference < 0, value, difference)) AS value FROM ({grown})
        WHERE difference IS NOT NULL GROUP BY ALL"""


def resources(ledger: Ledger, start: datetime, end: datetime, *, metrics: Sequence[str] = (), until: datetime | None = None) -> list[Seen]:
    """Return every resource with samples in `[start, end)`."""
    with reading(ledger, metrics, start, end, until) as con:
        if con is None:
            return []
        latest = ", ".join(f"arg_max({name}, last) FILTER ({name} IS NOT NULL)" for name in Seen.__dataclass_fields__ if name in COLUMNS)
        rows = con.execute(
            f"""WITH each AS (SELECT key, min(time) AS first, max(time) AS last, count(*) AS samples FROM points GROUP BY key)
            SELECT resource, min(first), max(last), list_sort(list(DISTINCT metric)), sum(samples)::BIGINT, {latest}
            FROM each JOIN series USING (key) GROUP BY resource ORDER BY resource"""
        ).fetchall()
    found = [Seen(row[0], row[1].replace(tzinfo=UTC), row[2].replace(tzinfo=UTC), tuple(row[3]), *row[4:]) for row in rows]
    labels = kube_labels(ledger, start, end, until) if any(one.namespace for one in found) else {}
    return [replace(one, owner=_owner(ledger, labels, one.namespace, one.pod)) for one in found]


def kube_labels(
    ledger: Ledger, start: datetime, end: datetime, until: datetime | None = None
) -> dict[tuple[str, str | None], dict[str, str]]:
    """Return the labels of every (namespace, pod), and of every (namespace, None), as they were last."""
    with reading(ledger, ("kube_pod_labels", "kube_namespace_labels"), start, end, until) as con:
        if con is None:
            return {}
        rows = con.execute(
            """WITH each AS (SELECT key, max(time) AS last FROM points GROUP BY key)
            SELECT namespace, if(metric = 'kube_pod_labels', pod, NULL) AS named, arg_max(labels, last) FROM each JOIN series USING (key)
            WHERE namespace IS NOT NULL GROUP BY ALL"""
        ).fetchall()
    return {(namespace, pod): json.loads(labels) for namespace, pod, labels in rows}


def _owner(ledger: Ledger, labels: Mapping[tuple[str, str | None], dict[str, str]], namespace: str | None, pod: str | None) -> str | None:
    if namespace is None:
        return None
    return owner_of(namespace, labels.get((namespace, pod), {}), labels.get((namespace, None), {}), ledger.terms.owners)


@contextmanager
def reading(
    ledger: Ledger,
    metrics: Sequence[str],
    start: datetime,
    end: datetime,
    until: datetime | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[Any]:
    """Yield a DuckDB as `opened` makes it, over the samples of that time; None where no file holds any."""
    end = min(end, until) if until else end
    paths = [str(ledger.root / file.path) for file in sample_files(ledger, start, end)] if start < end else []
    named = [f"metric IN ({_texts(metrics)})"] if metrics else []
    named += [f"{_column(name)} IN ({_texts(values)})" for name, values in (where or {}).items()]
    if not paths:
        yield None
        return
    with opened(paths, (f"time >= {moment_text(start)}", f"time < {moment_text(end)}"), named) as con:
        yield con


@contextmanager
def opened(paths: Sequence[str], times: Sequence[str] = (), named: Sequence[str] = ()) -> Iterator[Any]:
    """Yield a DuckDB with two relations: `points` (key, time, value; each instant once) and `series` (key and labels).

    `times` limits the points, `named` the series; a series may have no points left.
    """
    import duckdb

    with duckdb.connect(config={"memory_limit": MEMORY}) as con:
        files = f"read_parquet([{_texts(paths)}], filename = true)"
        heads = " AND ".join(("head", *named))
        con.execute(f"CREATE TEMP TABLE series AS SELECT DISTINCT series AS key, {', '.join(SERIES)} FROM {files} WHERE {heads}")
        tests = " AND ".join(("true", *times, *named))
        con.execute(f"CREATE TEMP VIEW raw AS SELECT series AS key, time, value, filename FROM {files} WHERE {tests}")
        con.execute(f"CREATE TEMP VIEW points AS {_points(con, paths)}")
        yield con


def _points(con: Any, paths: Sequence[str]) -> str:
    """Files that do not overlap in time hold no instant twice; where some do, the one delivered last says what was."""
    spans = con.execute(
        f"""SELECT min(stats_min_value) AS first, max(stats_max_value) AS last FROM parquet_metadata([{_texts(paths)}])
        WHERE path_in_schema = 'time' GROUP BY file_name ORDER BY first"""
    ).fetchall()
    if all(later[0] > earlier[1] for earlier, later in pairwise(spans)):
        return "SELECT key, time, value FROM raw"
    places = ", ".join(f"({_text(path)}, {place})" for place, path in enumerate(paths))
    return f"""SELECT key, time, arg_max(value, place) AS value
        FROM raw JOIN (VALUES {places}) AS placed (filename, place) USING (filename) GROUP BY key, time"""


def sample_files(ledger: Ledger, start: datetime, end: datetime) -> list[LiveFile]:
    """What was delivered last stands last, and counts where two say different things of one instant."""
    with ledger.engine.connect() as connection:
        found = live_files(connection, kinds=KINDS)
    first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
    return sorted(
        (file for file in found if file.first_day <= last and file.last_day >= first), key=lambda file: (file.delivered_at, file.path)
    )


def _column(name: str) -> str:
    if name not in SERIES:
        raise ValueError(f"'{name}' is not a column of samples; use {', '.join(SERIES)}")
    return name


def micros(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def moment_text(moment: datetime) -> str:
    return f"make_timestamp({micros(moment)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return ", ".join(map(_text, values))
