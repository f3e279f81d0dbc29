"""Joins the many small files of a day's pulls into one, once the day is over."""

import tempfile
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from finops.capacity import Identity
from finops.deliveries import StagedPart
from finops.ledger.batches import replace_batches
from finops.ledger.capacity import KINDS, SERIES, opened
from finops.ledger.catalog import LiveFile, live_files
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery, move_in
from finops.ledger.state import writing
from finops.sources.sample_files import Block, SampleFile

MANY: Final = 8  # files of a day from which joining them pays
MOST_ROWS: Final = 20_000_000  # of a day; the files of a larger one are large already
BATCH: Final = 500_000


def join_days(ledger: Ledger, source: str, before: date, delivery: Delivery) -> int:
    """Join the files of each day before `before` that has many; return how many days were joined. Readers see no difference."""
    with ledger.engine.connect() as connection:
        found = [file for file in live_files(connection, kinds=KINDS) if file.source == source and _is_of_one_day(file)]
    days: dict[date, list[LiveFile]] = defaultdict(list)
    for file in found:
        days[file.first_day].append(file)
    worth = [(day, files) for day, files in sorted(days.items()) if day < before and _pays(files)]
    return sum(_join(ledger, source, day, files, delivery) for day, files in worth)


def _is_of_one_day(file: LiveFile) -> bool:
    """Windows and days that were pulled: a file somebody delivered keeps its own slot."""
    return file.first_day == file.last_day and "/" in file.slot


def _pays(files: Sequence[LiveFile]) -> bool:
    return len(files) >= MANY and sum(file.rows for file in files) <= MOST_ROWS


def _join(ledger: Ledger, source: str, day: date, files: Sequence[LiveFile], delivery: Delivery) -> bool:
    ordered = sorted(files, key=lambda file: (file.delivered_at, file.path))
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="samples-") as folder:
        part = _joined(Path(folder) / "day.parquet", source, [str(ledger.root / file.path) for file in ordered], files[0].period)
        if part is None:
            return False
        path = move_in(ledger.root, part, source)
    with writing(ledger.engine) as tx:
        return replace_batches(tx, "capacity", source, [file.load_id for file in files], f"day/{day}", part, path, delivery)


def _joined(path: Path, source: str, paths: Sequence[str], period: str) -> StagedPart | None:
    """One metric after the other, so that a day need not fit into memory."""
    file = SampleFile(path, source)
    names = ", ".join(SERIES)
    with opened(paths) as con:
        for (metric,) in con.execute("SELECT DISTINCT metric FROM series ORDER BY 1").fetchall():
            found = con.execute(f"SELECT key, {names} FROM series WHERE metric = ?", [metric]).fetchall()
            ordered = sorted(((row[0], Identity(*row[1:])) for row in found), key=lambda pair: pair[1].order)
            con.execute("CREATE OR REPLACE TEMP TABLE ranked (key BIGINT, rank INTEGER)")
            con.executemany("INSERT INTO ranked VALUES (?, ?)", [(key, rank) for rank, (key, _) in enumerate(ordered)])
            rows = con.execute("SELECT rank, epoch_us(time), value FROM points JOIN ranked USING (key) ORDER BY rank, time")
            for batch in rows.to_arrow_reader(BATCH):
                file.write([identity for _, identity in ordered], Block(*(batch.column(place).to_numpy() for place in range(3))))
    return file.close(period)
