"""Compaction: many small files of usage become few large ones, while readers see every request exactly once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from sqlalchemy import func, select

from finops.ledger import catalog
from finops.ledger.batches import replace_batches
from finops.ledger.catalog import LiveFile
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ledger.state import writing
from finops.ledger.tables import live, loads
from finops.ledger.usage_parts import bring_in, requests_of, workshop
from finops.ledger.usage_rows import ledger_columns

MIN_BATCHES: Final = 8  # so many small files are worth one pass over them
MOST_ROWS: Final = 20_000_000  # of one file
GROWTH: Final = 4  # a file joins those smaller than it where it is at most so many times their sum: each row moves few times
SETTLED: Final = timedelta(hours=6)  # so long after the last delivery a closed month is put into its final files
MOST_FILES: Final = 200  # that a question has to open: beyond, they are merged without waiting for the next run
ACTOR: Final = "compact-usage"


@dataclass(frozen=True)
class Compacted:
    """What one run did: files that were replaced, and those that took their place."""

    replaced: int = 0
    made: int = 0
    rows: int = 0


def compact(ledger: Ledger, now: datetime, min_batches: int = MIN_BATCHES, most_rows: int = MOST_ROWS) -> Compacted:
    """Merge the small files of each (source, month); a month that is over and quiet ends as few files as hold its rows."""
    with ledger.engine.connect() as connection:
        files = catalog.live_files(connection, kinds=("usage",))
    done = Compacted()
    for group in plan(files, now, min_batches, most_rows):
        if merge(ledger, group, now):
            done = Compacted(done.replaced + len(group), done.made + 1, done.rows + sum(file.rows for file in group))
    if done.made:
        ledger.split_ahead(now)  # bills are split by files of usage, and these are new ones
    return done


def merge_pile(ledger: Ledger, now: datetime, most: int = MOST_FILES) -> Compacted:
    """Merge where more than so many files of usage have piled up since the last run."""
    with ledger.engine.connect() as connection:
        statement = select(func.count()).select_from(live).join(loads, loads.c.id == live.c.load_id).where(loads.c.kind == "usage")
        held = int(connection.execute(statement).scalar_one())
    return compact(ledger, now) if held > most else Compacted()


def plan(files: Iterable[LiveFile], now: datetime, min_batches: int = MIN_BATCHES, most_rows: int = MOST_ROWS) -> list[list[LiveFile]]:
    """Return which files to merge with which."""
    ordered = sorted(files, key=lambda file: (file.source, file.period, file.rows, file.path))
    months = [list(group) for _, group in groupby(ordered, key=lambda file: (file.source, file.period))]
    return [group for month in months for group in _plan_month(month, now, min_batches, most_rows)]


def merge(ledger: Ledger, group: Sequence[LiveFile], now: datetime) -> bool:
    """Let one file sorted by time take the place of `group`; False, and nothing changed, where another process was faster."""
    source, period = group[0].source, group[0].period
    delivery = Delivery(max(file.delivered_at for file in group), now, ACTOR)
    with workshop(ledger) as shop:
        together = requests_of([str(ledger.root / file.path) for file in group])
        written = shop.write(ledger_columns(together, ledger.terms.derived), period)
        path = bring_in(ledger, written, source)
    old = [file.load_id for file in group]
    slot = written.part.sha256[:16]
    with writing(ledger.engine) as tx:
        return replace_batches(tx, "usage", source, old, slot, written.part, path, delivery, ledger.terms.derived_digest)


def _plan_month(files: Sequence[LiveFile], now: datetime, min_batches: int, most_rows: int) -> list[list[LiveFile]]:
    if _is_quiet(files, now):
        return [group for group in _packed(files, most_rows) if len(group) > 1]
    small = _small(files)
    if len(small) < max(min_batches, 2):
        return []
    return [group for group in _packed(small, most_rows) if len(group) > 1]


def _is_quiet(files: Sequence[LiveFile], now: datetime) -> bool:
    year, month = map(int, files[0].period.split("-"))
    end = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return now >= end + SETTLED and now >= max(file.delivered_at for file in files) + SETTLED


def _small(files: Sequence[LiveFile]) -> Sequence[LiveFile]:
    """Return the small files, smallest first, up to the last one that is not far larger than all before it together."""
    reach, total = 0, 0
    for place, file in enumerate(files):
        if file.rows <= GROWTH * total:
            reach = place + 1
        total += file.rows
    return files[:reach]


def _packed(files: Sequence[LiveFile], most_rows: int) -> list[list[LiveFile]]:
    """Fill groups one after the other, smallest files first, none beyond `most_rows`."""
    groups: list[list[LiveFile]] = []
    room = 0
    for file in files:
        if not groups or file.rows > room:
            groups.append([])
            room = most_rows
        groups[-1].append(file)
        room -= file.rows
    return groups
