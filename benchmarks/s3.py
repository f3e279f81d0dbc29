"""Loading a bill from S3 by its manifest: ours from moto's server against bare DuckDB reading the same files from disk."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.error import HTTPError

from benchmarks.made_bills import made_bill
from benchmarks.measuring import MIB, Timing, in_turn
from benchmarks.tables import Goal, heading, ms, table, times
from finops.sources.aws_s3 import S3
from finops.sources.downloads import bring
from finops.sources.objects_source import ObjectSource
from finops.sources.retries import Backoff

PARTS: Final = 8
PERIOD: Final = "2026-05"
NOW: Final = datetime(2026, 6, 3, 12, tzinfo=UTC)
BUCKET, ROOT = "billing", "exports/cur2"
OURS, FETCH, READ, COPY = "ours: fetch, stage, publish", "ours: fetch alone", "bare read into memory", "bare copy to Parquet"
LEAST: Final = 0.5  # of the bare copy, which neither fetches nor checks


def run(data: Path, rows: int, rounds: int) -> list[Goal]:
    """Load a bill of `rows` in eight parts; print MB/s of each way and return the goal."""
    parts = _parts(data, rows)
    size = sum(part.stat().st_size for part in parts)
    heading(
        f"Loading {rows:,} rows of CUR 2.0 from S3 by manifest: {len(parts)} Parquet files, {size / MIB:.0f} MiB, {rounds} rounds in turn"
    )
    with _server() as endpoint, tempfile.TemporaryDirectory(dir=data) as folder:
        _upload(endpoint, parts)
        ways: dict[str, Callable[[], object]] = {
            OURS: partial(_ours, endpoint, Path(folder, "ours"), rows),
            FETCH: partial(_fetch, endpoint, Path(folder, "fetched")),
            READ: partial(_read, parts),
            COPY: partial(_copy, parts, Path(folder, "bare.parquet")),
        }
        timings = in_turn(ways, rounds, warm_up=1)
    table(("way", "MB/s", "median ms", "CPU ms", "speed of ours / this"), [_line(name, size, timings) for name in timings])
    return [Goal("from S3: MB/s of ours / bare copy from disk", timings[COPY].over(timings[OURS]), LEAST, "×", at_least=True)]


def _line(name: str, size: int, timings: dict[str, Timing]) -> tuple[str, ...]:
    timing = timings[name]
    ratio = "" if name == OURS else times(timing.over(timings[OURS]))
    return (name, f"{size / 1e6 / timing.median:.1f}", ms(timing.median), ms(timing.cpu), ratio)


def _parts(data: Path, rows: int) -> list[Path]:
    """Return the made bill in eight files of as many rows."""
    import duckdb

    bill = made_bill(data, rows, ".parquet")
    folder = data / f"{bill.stem}-parts"
    each = -(-rows // PARTS)
    if not folder.exists():
        unfinished = folder.with_name("unfinished-parts")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with duckdb.connect() as con:
            for number in range(PARTS):
                target = unfinished / f"cur2-{number + 1:05}.snappy.parquet"
                con.execute(f"COPY (FROM '{bill}' LIMIT {each} OFFSET {number * each}) TO '{target}' (FORMAT parquet, COMPRESSION snappy)")
        unfinished.rename(folder)
    return sorted(folder.glob("*.parquet"))


def _upload(endpoint: str, parts: list[Path]) -> None:
    import boto3

    os.environ.setdefault("AWS_ACCESS_KEY_ID", "benchmark")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "benchmark")
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    keys = [f"{ROOT}/data/BILLING_PERIOD={PERIOD}/{part.name}" for part in parts]
    for part, key in zip(parts, keys, strict=True):
        s3.upload_file(str(part), BUCKET, key)
    manifest = json.dumps({"dataFiles": [f"s3://{BUCKET}/{key}" for key in keys]})
    s3.put_object(Bucket=BUCKET, Key=f"{ROOT}/metadata/BILLING_PERIOD={PERIOD}/cur2-Manifest.json", Body=manifest)


def _ours(endpoint: str, folder: Path, rows: int) -> None:
    """Do all that the agent does for a delivery, into a new ledger."""
    from benchmarks.made_ledger import open_ledger
    from jobs.taking import Taking, take_source

    shutil.rmtree(folder, ignore_errors=True)
    ledger = open_ledger(folder)
    done = take_source(ledger, ObjectSource("aws", "aws", S3(BUCKET, {"endpoint": endpoint}), ROOT), date.min, Taking(NOW, "benchmark"))
    ledger.close()
    loaded = sum(load.rows for load in done.loads if load.status == "loaded")
    if loaded < rows * 0.9:  # discounts that net costs hold already are left out
        raise RuntimeError(f"{loaded} of {rows} rows were loaded: {done}")


def _fetch(endpoint: str, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    store = S3(BUCKET, {"endpoint": endpoint})
    bring(store, list(store.list(f"{ROOT}/data/")), folder, Backoff(), None)


def _read(parts: list[Path]) -> None:
    import duckdb

    with duckdb.connect() as con:
        con.execute("CREATE TEMP TABLE bill AS FROM read_parquet(?)", [[str(part) for part in parts]])


def _copy(parts: list[Path], target: Path) -> None:
    import duckdb

    with duckdb.connect() as con:
        copy = f"COPY (FROM read_parquet(?)) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
        con.execute(copy, [[str(part) for part in parts]])


@contextmanager
def _server() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _ready(f"http://127.0.0.1:{port}/moto-api/")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _ready(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except HTTPError as answered:
            answered.close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no server at {address}")
