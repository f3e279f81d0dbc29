"""The same delivery from several workers at once, and from one that was killed in the middle: one load, exact sums."""

import gzip
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from bot.assemble import Tools
from tests.integration.conftest import Bucket, Configured
from tests.integration.exports import Export, billed, cur, run

ROOT = Path(__file__).parents[2]
KILLED = """
import sys, time
from pathlib import Path
from finops.sources import downloads
from bot import cli

enough = int(sys.argv[1])
append = downloads._append

def slowly(store, part, partial, count):
    def counted(size):
        count(size)
        if partial.stat().st_size + size > enough:
            print("half", flush=True)
            time.sleep(60)
    append(store, part, partial, counted)

downloads._append = slowly
cli.main(sys.argv[2:])
"""


def loads(tools: Tools) -> list[str]:
    from sqlalchemy import select

    from finops.ledger.tables import audit

    with tools.ledger.engine.connect() as connection:
        return list(connection.execute(select(audit.c.action).where(audit.c.action.like("load.%"))).scalars())


def command(tools: Tools, *words: str) -> list[str]:
    return [sys.executable, "-m", "bot", *words, "--config", str(tools.config)]


def test_three_workers_at_once_make_one_load(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1", "2"], ["4"])
    tools = configured(export.entry())
    workers = [
        subprocess.Popen(command(tools, "ingest", "aws", "--source", "aws-main"), cwd=ROOT, stdout=subprocess.PIPE) for _ in range(3)
    ]
    said = [worker.communicate(timeout=100)[0].decode() for worker in workers]
    assert [0, 0, 0] == [worker.returncode for worker in workers]
    assert 1 == sum("2026-04: loaded, 3 rows" in each for each in said)
    assert 2 == sum("2026-04: unchanged, 3 rows" in each for each in said)
    assert ["load.loaded"] == loads(tools)
    assert {"2026-04": Decimal(7)} == billed(tools)


def test_a_worker_killed_within_a_file_changes_nothing_and_the_next_goes_on(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1"])
    small = export.data("2026-04", 0, cur("2026-04", ["5"]))
    big = bucket.put(f"{export.root}/data/BILLING_PERIOD=2026-04/cur2-00001.csv", _wide(6_000_000))
    export.manifest("2026-04", [small, big])
    tools = configured(export.entry())
    _kill_within_a_file(tools)
    [left] = tools.ledger.staging_folder.glob("offer-*/*.csv.part")
    assert 1_000_000 < left.stat().st_size < 12_000_000
    assert {"2026-03": Decimal(1)} == billed(tools)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-03": Decimal(1), "2026-04": Decimal(11)} == billed(tools)
    assert [] == list(tools.ledger.staging_folder.glob("offer-*/*"))


def _kill_within_a_file(tools: Tools) -> None:
    words = [sys.executable, "-c", KILLED, "4000000", "ingest", "aws", "--source", "aws-main", "--config", str(tools.config)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
        assert worker.stdout is not None
        assert b"half" in worker.stdout.readline()
        worker.send_signal(signal.SIGKILL)


def _wide(size: int) -> bytes:
    """Return a month whose first row costs 6; the others cost nothing and are many megabytes of description."""
    head, row = gzip.decompress(cur("2026-04", ["6"])).decode().splitlines()
    filler = os.urandom(size).hex()
    pieces = [filler[start : start + 60_000] for start in range(0, len(filler), 60_000)]
    free = row.replace(",6,", ",0,")
    return "\n".join([f"{head},line_item_line_item_description", f"{row},", *(f"{free},{piece}" for piece in pieces), ""]).encode()
