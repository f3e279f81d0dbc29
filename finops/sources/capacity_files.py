"""Reads files of capacity samples: CSV, the text that exporters show, and saved answers of Prometheus."""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from finops.capacity import Identity, identify
from finops.deliveries import StagedPart
from finops.errors import BillError, SourceError, UserError
from finops.sources.bills import Caps
from finops.sources.engine import engine
from finops.sources.openmetrics import MOST_TOLD, Points, read_text
from finops.sources.prometheus import read_answer
from finops.sources.sample_files import Block, SampleFile, merged, stage

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TEXT_ENDINGS: Final = (".prom", ".metrics", ".txt", ".om", ".openmetrics")
ENDINGS: Final = (".csv", ".json", *TEXT_ENDINGS)
MOST_BYTES: Final = 512 * 1024 * 1024  # of a text or JSON file, unpacked; CSV is streamed
NEEDED: Final = ("time", "metric", "value")
BATCH: Final = 500_000


@dataclass(frozen=True)
class ReadFile:
    """What one file held. `digest` names its bytes, and the instant it was read at where its samples have no time of their own."""

    file: str
    digest: str
    parts: tuple[StagedPart, ...]
    rows: int
    series: int
    bad: tuple[tuple[int, str], ...] = ()
    bad_count: int = 0
    notes: tuple[str, ...] = ()

    def complaint(self) -> str | None:
        """Return what is wrong with the first bad lines, in one sentence."""
        if not self.bad_count:
            return None
        told = "; ".join(f"{self.file}:{line}: {reason}" for line, reason in self.bad[:3])
        return f"{self.bad_count} of {self.rows + self.bad_count} lines are left out: {told}"


def find(paths: Sequence[Path]) -> list[Path]:
    """Return the files of samples among `paths`, folders searched to the bottom. Raises UserError for what is none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            below = sorted(file for file in path.rglob("*") if file.is_file() and _ending(file) in ENDINGS)
            found += [file for file in below if not file.name.startswith((".", "_"))]
        elif not path.is_file():
            raise UserError(f"there is no file or folder {path}; check the spelling")
        elif _ending(path) not in ENDINGS:
            raise UserError(f"{path.name} is no file of samples by its name; it ends in {', '.join(ENDINGS)}, each also with .gz")
        else:
            found.append(path)
    if not found:
        raise UserError(f"no samples were found at {', '.join(map(str, paths))}; they end in {', '.join(ENDINGS)}")
    return list(dict.fromkeys(found))


def read(path: Path, source: str, taken_at: datetime, folder: Path) -> ReadFile:
    """Read one file into Parquet files below `folder`. Raises BillError when it holds no samples at all."""
    digest = _digest(path)
    readers: dict[str, Callable[[Path, str, str, datetime, Path], ReadFile]] = {".csv": _read_csv, ".json": _read_json}
    done = readers.get(_ending(path), _read_exposition)(path, digest, source, taken_at, folder)
    if not done.rows:
        why = f": line {done.bad[0][0]} {done.bad[0][1]}" if done.bad else ""
        raise BillError(f"{path.name} holds no samples{why}; docs/capacity.md shows the forms that are read")
    return done


def _ending(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _content(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise BillError(f"{path.name} cannot be read ({problem}); fetch it again") from problem
    if len(content) > MOST_BYTES:
        raise BillError(f"{path.name} unpacks to more than {MOST_BYTES >> 20} MiB; deliver it in several files, or as CSV")
    return content


def _read_exposition(path: Path, digest: str, source: str, taken_at: datetime, folder: Path) -> ReadFile:
    found = read_text(_content(path).decode("utf-8", "replace").split("\n"), taken_at.timestamp())
    if found.untimed:
        digest = hashlib.sha256(f"{digest}:{taken_at.isoformat()}".encode()).hexdigest()
    parts = stage(folder, source, found.series, [_block(found)]) if found.rank else []
    notes = _skipped(found.not_numbers)
    if found.untimed:
        notes = (f"{found.untimed} samples without a time are taken at {taken_at:%Y-%m-%d %H:%M:%S}Z", *notes)
    return ReadFile(path.name, digest, tuple(parts), _rows(parts), len(found.series), tuple(found.bad), found.bad_count, notes)


def _block(found: Points) -> Block:
    import numpy as np

    time = np.rint(np.frombuffer(found.time, dtype=np.float64) * 1_000_000).astype(np.int64)
    return Block(np.frombuffer(found.rank, dtype=np.int64).astype(np.int32), time, np.frombuffer(found.value, dtype=np.float64))


def _read_json(path: Path, digest: str, source: str, taken_at: datetime, folder: Path) -> ReadFile:
    try:
        series, blocks = read_answer(_content(path), path.name)
    except SourceError as problem:
        raise BillError(f"{path.name} is not a saved answer of Prometheus ({problem})") from problem
    parts = stage(folder, source, series, blocks)
    return ReadFile(path.name, digest, tuple(parts), _rows(parts), len(series))


def _skipped(count: int) -> tuple[str, ...]:
    return (f"{count} samples are no finite number and are left out",) if count else ()


def _rows(parts: Sequence[StagedPart]) -> int:
    return sum(part.rows for part in parts)


# ISO times, with or without an offset (then UTC), or seconds, milliseconds or microseconds since 1970.
TIME: Final = """CASE
    WHEN regexp_full_match(time, '\\s*[0-9]{9,11}([.][0-9]+)?\\s*') THEN make_timestamp(CAST(round(CAST(time AS DOUBLE) * 1e6) AS BIGINT))
    WHEN regexp_full_match(time, '\\s*[0-9]{12,14}\\s*') THEN make_timestamp(CAST(time AS BIGINT) * 1000)
    WHEN regexp_full_match(time, '\\s*[0-9]{15,17}\\s*') THEN make_timestamp(CAST(time AS BIGINT))
    ELSE make_timestamp(epoch_us(try_cast(time AS TIMESTAMPTZ))) END"""


def _read_csv(path: Path, digest: str, source: str, taken_at: datetime, folder: Path) -> ReadFile:
    import duckdb

    with engine(folder, Caps()) as con:
        con.execute("SET preserve_insertion_order = true")
        try:
            columns = _load(con, path)
            bad, count = _bad_rows(con)
            series = _number_series(con, columns)
            parts = tuple(_months(con, folder, source, series))
        except duckdb.Error as problem:
            first = str(problem).strip().splitlines()[0][:200]
            raise BillError(f"{path.name} cannot be read as CSV ({first}); check its header and quotes") from problem
    return ReadFile(path.name, digest, parts, _rows(parts), len(series), tuple(bad), count)


def _load(con: "DuckDBPyConnection", path: Path) -> list[str]:
    """Keep every row with its number; rows of another width are set aside by DuckDB with theirs."""
    file = "'" + str(path).replace("'", "''") + "'"
    scan = f"read_csv({file}, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', strict_mode = true"
    header = [str(row[0]) for row in con.execute(f"DESCRIBE FROM {scan}, sample_size = 100, ignore_errors = true)").fetchall()]
    missing = [name for name in NEEDED if name not in [each.strip().lower() for each in header]]
    if missing:
        raise BillError(f"{path.name} has no column '{missing[0]}'; its header needs time,resource,metric,value and may have label columns")
    shown = ", ".join(f"{_quoted(name)} AS {_quoted(_plain(name))}" for name in header)
    con.execute(
        f"""CREATE TEMP TABLE rows AS SELECT *, {TIME} AS moment, try_cast(value AS DOUBLE) AS number
        FROM (SELECT {shown}, row_number() OVER () AS n FROM {scan}, store_rejects = true, parallel = false))"""
    )
    return [_plain(name) for name in header]


def _plain(name: str) -> str:
    return name.strip().lower() if name.strip().lower() in (*NEEDED, "resource") else name.strip()


WRONG: Final = """CASE
    WHEN moment IS NULL THEN 'its time ''' || coalesce(left(time, 40), '') || ''' is neither ISO nor seconds since 1970'
    WHEN coalesce(trim(metric), '') = '' THEN 'it names no metric'
    WHEN number IS NULL OR NOT isfinite(number) THEN 'its value ''' || coalesce(left(value, 40), '') || ''' is not a finite number' END"""


def _bad_rows(con: "DuckDBPyConnection") -> tuple[list[tuple[int, str]], int]:
    """Return the first bad lines and how many there are; a row that DuckDB set aside is not among the numbered ones."""
    refused = con.execute("SELECT line, min(error_message) FROM reject_errors GROUP BY line ORDER BY line").fetchall()
    lines = [int(line) for line, _ in refused]
    found = [(line, "it has another number of fields than the header, or a broken quote") for line in lines]
    wrong = con.execute(f"SELECT n, {WRONG} FROM rows WHERE {WRONG} IS NOT NULL ORDER BY n LIMIT {MOST_TOLD}").fetchall()
    counted = con.execute(f"SELECT count(*) FROM rows WHERE {WRONG} IS NOT NULL").fetchone()
    found += [(_line(int(number), lines), str(reason)) for number, reason in wrong]
    con.execute(f"DELETE FROM rows WHERE {WRONG} IS NOT NULL")
    return sorted(found)[:MOST_TOLD], len(lines) + (int(counted[0]) if counted else 0)


def _line(number: int, refused: Sequence[int]) -> int:
    """The header is line 1, and each refused line before moves the rest down."""
    line = number + 1
    for other in refused:
        line += other <= line
    return line


def _number_series(con: "DuckDBPyConnection", columns: Sequence[str]) -> list[Identity]:
    """Give every series its place in the order that files keep, and note the place of each combination of labels."""
    import pyarrow as pa

    labels = [name for name in columns if name not in (*NEEDED, "resource")]
    keys = ["metric", *(["resource"] if "resource" in columns else []), *labels]
    named = ", ".join(map(_quoted, keys))
    con.execute(
        f"CREATE TEMP TABLE combinations AS SELECT {named}, row_number() OVER () - 1 AS place FROM (SELECT DISTINCT {named} FROM rows)"
    )
    found = con.execute(f"SELECT {named} FROM combinations ORDER BY place").fetchall()
    identities = [_identity(dict(zip(keys, row, strict=True))) for row in found]
    unique, places = merged(identities)
    con.register("places", pa.table({"place": range(len(places)), "rank": places}))
    same = " AND ".join(f"r.{_quoted(name)} IS NOT DISTINCT FROM c.{_quoted(name)}" for name in keys)
    con.execute(
        f"CREATE TEMP VIEW ranked AS SELECT rank, moment, number, n FROM rows r JOIN combinations c ON {same} JOIN places USING (place)"
    )
    return unique


def _identity(row: dict[str, Any]) -> Identity:
    labels = {name: str(value).strip() for name, value in row.items() if name not in ("metric", "resource") and value is not None}
    return identify(str(row["metric"]).strip(), labels, (row.get("resource") or "").strip() or None)


def _months(con: "DuckDBPyConnection", folder: Path, source: str, series: Sequence[Identity]) -> Iterator[StagedPart]:
    """Write a file a month, streamed: an instant that a series holds twice counts as its last line says."""
    months = con.execute("SELECT DISTINCT date_trunc('month', moment) FROM rows ORDER BY 1").fetchall()
    for (month,) in months:
        rows = con.execute(
            f"""SELECT rank, epoch_us(moment) AS time, arg_max(number, n) AS value FROM ranked
            WHERE date_trunc('month', moment) = TIMESTAMP '{month:%Y-%m-%d}' GROUP BY ALL ORDER BY rank, time"""
        )
        file = SampleFile(folder / f"{month:%Y-%m}-csv.parquet", source)
        for batch in rows.to_arrow_reader(BATCH):
            file.write(series, Block(*(batch.column(place).to_numpy() for place in range(3))))
        part = file.close(f"{month:%Y-%m}")
        if part is not None:
            yield part


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
