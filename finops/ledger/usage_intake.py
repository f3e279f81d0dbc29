"""Takes files of usage events into the ledger, a bounded number of requests at a time."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from finops.deliveries import Load, Progress
from finops.errors import UserError
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ledger.usage import Published, publish
from finops.ledger.usage_rates import Book
from finops.ledger.usage_report import alarms, requests, together, unpriced
from finops.sources.usage_events import BadLine, Event, Reading, write
from finops.sources.usage_files import find_usage, pieces

AT_ONCE: Final = 100_000  # requests of one batch; what was published stays when a later batch fails
TOLD: Final = 20  # bad lines told one by one


@dataclass(frozen=True)
class Taken:
    """What became of a delivery of usage: a line for each month, and what was noticed."""

    loads: tuple[Load, ...]
    notes: tuple[str, ...]
    is_degraded: bool


@dataclass
class _Tally:
    """What was noticed while reading, file by file."""

    lines: list[tuple[str, BadLine]] = field(default_factory=list)
    bad: int = 0
    read: Reading = field(default_factory=Reading)

    def add(self, name: str, reading: Reading) -> None:
        self.bad += len(reading.bad)
        self.lines += [(name, bad) for bad in reading.bad[: TOLD - len(self.lines)]]
        self.read.unknown.update(reading.unknown)
        self.read.unreadable.update(reading.unreadable)

    @property
    def notes(self) -> tuple[str, ...]:
        told = [f"{name}:{bad.line}: {bad.reason}" for name, bad in self.lines]
        more = [f"{self.bad - len(told):,} more lines are no usage events"] if self.bad > len(told) else []
        return (*told, *more, *self.read.notes)


def take_in(
    ledger: Ledger,
    paths: Sequence[Path],
    book: Book,
    delivery: Delivery,
    source: str = "usage",
    *,
    progress: Progress | None = None,
    at_once: int = AT_ONCE,
) -> Taken:
    """Publish the events of files and folders; bad lines are told and the others count. Raises UserError where there is nothing."""
    files = find_usage(paths)
    tally = _Tally()
    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="events-") as folder:
        batches = _batches(files, Path(folder) / "events.jsonl", tally, progress, at_once)
        published = [publish(ledger, [batch], book, delivery, source) for batch in batches]
    if not published and not tally.bad:
        raise UserError(f"{', '.join(map(str, paths))} holds no usage events")
    return _taken(source, published, tally)


def _batches(files: Sequence[Path], target: Path, tally: _Tally, progress: Progress | None, at_once: int) -> Iterator[Path]:
    """Write the events of all files to `target`, so many at once, and yield it whenever it is full."""
    held = 0
    for events in _events(files, tally, progress):
        while events:
            some, events = events[: at_once - held], events[at_once - held :]
            with target.open("ab") as batch:
                batch.write(write(some))
            held += len(some)
            if held == at_once:
                yield target
                target.unlink()
                held = 0
    if held:
        yield target


def _events(files: Sequence[Path], tally: _Tally, progress: Progress | None) -> Iterator[list[Event]]:
    total = sum(file.stat().st_size for file in files) or 1
    before = 0
    for file in files:
        for piece in pieces(file):
            tally.add(file.name, piece.reading)
            yield piece.reading.events
            if progress:
                progress(f"reading {file.name}", min(1.0, (before + piece.position) / total))
        before += file.stat().st_size


def _taken(source: str, published: Sequence[Published], tally: _Tally) -> Taken:
    months = together(month for one in published for month in one.months)
    missing = unpriced(months)
    repeated = sum(month.repeated for month in months)
    loads = [month.load(source) for month in months] + [load for one in published for load in one.aside.loads] + _refused(source, tally)
    said = [f"{requests(repeated)} had been taken in before and changed nothing"] if repeated else []
    kept = [note for one in published for note in one.aside.notes]
    degraded = bool(missing or tally.bad or kept)
    return Taken(tuple(loads), (*alarms(missing), *said, *kept, *tally.notes), degraded)


def _refused(source: str, tally: _Tally) -> list[Load]:
    if not tally.bad:
        return []
    name, first = tally.lines[0]
    reason = f"{tally.bad:,} lines are no usage events, first {name}:{first.line}: {first.reason}"
    return [Load(source, "unknown", tally.bad, None, None, None, "quarantined", reason)]
