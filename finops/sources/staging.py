"""From delivered files to a Staging: check, read, map, judge, count. Nothing is published here."""

import hashlib
import json
import shutil
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from finops.deliveries import BadRow, Progress, StagedPart, Staging
from finops.errors import BillError, FinopsError
from finops.sources.badrows import first_bad_rows
from finops.sources.bills import JSON_LINES, MIB, BillFile, Caps, find
from finops.sources.bytestream import Stream
from finops.sources.csvcheck import CsvFile, check_csv
from finops.sources.deadline import Deadline
from finops.sources.diagnosis import Diagnosis
from finops.sources.engine import engine, part_of, run
from finops.sources.formats import format_of
from finops.sources.jsonlines import check_json
from finops.sources.lineends import evened
from finops.sources.mapping import Mapping as Format
from finops.sources.mapping import Mark, lacking, nested, weighs
from finops.sources.parquetcheck import check_parquet
from finops.sources.rows import Select
from finops.sources.rules import MARKS
from finops.sources.shapes import Checked, Shape, names_of, notes, shapes
from finops.sources.spreadsheets import Manner
from finops.sources.spreadsheets import notes as spreadsheet_notes
from finops.sources.totals import staged_part
from finops.sources.twins import refuse_twins
from finops.sources.union import united
from finops.sources.views import viewed
from finops.sources.writing import Batch, Piece, Writer

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_T = TypeVar("_T")
_CHECKING: Final = 0.25  # share of the progress that looking the files over gets


def stage(
    paths: Sequence[Path],
    formats: Format | Sequence[Format],
    *,
    source: str,
    folder: Path,
    derived: Mapping[str, str],
    caps: Caps = Caps(),  # noqa: B008 - frozen
    progress: Progress | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Staging:
    """Read bills into one Parquet file for each billing period under `folder`. Raises BillError when a file is no bill.

    Of several formats the header tells which one it is; all files of a delivery are of the same one.
    `derived` maps ledger columns to SQL over the other ledger columns; it is applied last.
    """
    deadline = Deadline(clock() + caps.seconds, clock, caps.seconds)
    files, found_notes = find(paths, caps)
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".reading-", dir=folder))
    try:
        with engine(work, caps) as con:
            candidates = (formats,) if isinstance(formats, Format) else tuple(formats)
            return _staged(Desk(con, candidates, source, derived, folder, work, caps, deadline, progress), files, found_notes)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@dataclass(frozen=True)
class Desk:
    """What every step of one delivery works with."""

    con: "DuckDBPyConnection"
    candidates: tuple[Format, ...]  # just the one format once the headers were read
    source: str
    derived: Mapping[str, str]
    folder: Path
    work: Path
    caps: Caps
    deadline: Deadline
    progress: Progress | None

    @property
    def format(self) -> Format:
        """The format of the delivery."""
        return self.candidates[0]

    def fits(self, names: Sequence[str]) -> bool:
        """Whether a header is one of a candidate."""
        return any(not lacking(each, names) for each in self.candidates)

    def idle(self, name: str) -> bool:
        """Whether a column may be missing at the end of all rows: no candidate needs it or reads more than a description from it."""
        return not any(weighs(each, name) for each in self.candidates)

    def select(self, shape: Shape) -> Select:
        """Return how a shape of files is read."""
        return Select(self.format, shape.header, self.source, self.derived, shape.manner)


def _staged(desk: Desk, files: Sequence[BillFile], found_notes: Sequence[str]) -> Staging:
    before = [_fingerprint(file) for file in files]
    checked = _checked(desk, files)
    desk = replace(desk, candidates=(_format(desk, checked),))
    all_shapes = shapes(checked, desk.format)
    if not any(file.records for file in checked):
        raise BillError(f"{checked[0].file.name} has a header and no rows; deliver it again once it has charges.")
    all_shapes = _viewed(desk, all_shapes)
    written = _written(desk, all_shapes)
    refuse_twins(desk.con, desk.format, written, desk.deadline)
    if before != [_fingerprint(file) for file in files]:
        raise BillError("A file changed while it was read; deliver it again once it is complete.")
    one_bill, view_notes = united(desk.con, desk.format.views, written, desk.deadline)
    good, left, bad = sorted_out(desk, one_bill)
    used = {name for shape in all_shapes for name in desk.select(shape).used()}
    said = [note for shape in all_shapes for note in desk.select(shape).notes()]
    return Staging(
        digest=digest(desk.format, desk.source, checked, {file: shape.view for shape in all_shapes for file in shape.files}),
        source=desk.source,
        parts=_parts(desk, good),
        bad_rows=_bad_rows(desk, written),
        bad_row_counts=bad,
        notes=tuple(
            dict.fromkeys(
                [*found_notes, *notes(all_shapes, desk.format, used), *said, *_told(written), *view_notes, *_counted(desk, good, left)]
            )
        ),
        read=sum(piece.rows for some in written.values() for piece in some),
    )


def digest(mapping: Format, source: str, files: Sequence[Checked], views: Mapping[Checked, str | None]) -> str:
    """Return the name of a delivery: its bytes in any order, and the mapping that reads them, as which view of the costs."""
    content = [mapping.name, mapping.version, source, sorted([file.sha256, file.size, *_named(views[file])] for file in files)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _named(view: str | None) -> list[str]:
    return [view] if view else []


def _fingerprint(file: BillFile) -> tuple[int, int]:
    try:
        facts = file.path.stat()
    except OSError:
        raise BillError(f"{file.name} went away while it was read; deliver it again.") from None
    return facts.st_size, facts.st_mtime_ns


def _checked(desk: Desk, files: Sequence[BillFile]) -> tuple[Checked, ...]:
    """Look every file over before any of it is loaded."""
    total = sum(file.path.stat().st_size for file in files) or 1
    taken = 0

    def count(size: int) -> None:
        nonlocal taken
        taken += size
        if desk.progress:
            desk.progress("checking", _CHECKING * min(taken / total, 1.0))

    return tuple(_check(desk, file, count) for file in files)


def _check(desk: Desk, file: BillFile, count: Callable[[int], None]) -> Checked:
    name = file.path.name.lower()
    if name.endswith(".parquet"):
        return check_parquet(desk.con, Stream(file, desk.caps, desk.deadline, count))
    if name.endswith(JSON_LINES):
        return check_json(Stream(file, desk.caps, desk.deadline, count), nested(desk.candidates))
    return evened(check_csv(file, desk.caps, desk.deadline, desk.fits, count, desk.idle), desk.work)


def _format(desk: Desk, files: Sequence[Checked]) -> Format:
    """The format of all the files. Raises BillError where they are of several."""
    found = {each.file.name: format_of(desk.candidates, names_of(each)) for each in files}
    (first, format_), *others = found.items()
    for name, other in others:
        if other is not format_:
            raise BillError(f"{first} is in the format '{format_.name}' and {name} in '{other.name}'; deliver them one after the other.")
    return format_


def _viewed(desk: Desk, all_shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    files = [file for shape in all_shapes for file in shape.files]
    return _explained(desk, files, lambda: viewed(all_shapes, desk.format, lambda sql: run(desk.con, sql, desk.deadline), desk.caps))


def _written(desk: Desk, all_shapes: Sequence[Shape]) -> dict[Batch, list[Piece]]:
    """Write every batch, and see that each row that was delivered was written somewhere."""
    writer = Writer(desk.con, desk.work, desk.caps, desk.deadline, desk.select)
    batches = [batch for shape in all_shapes for batch in _explained(desk, shape.files, partial(writer.batches, shape))]
    rows = sum(batch.records for batch in batches) or 1
    left = deque((batch, (1 - _CHECKING) * batch.records / rows) for batch in batches)
    written: dict[Batch, list[Piece]] = {}
    before, numbers = _CHECKING, count()
    while left:
        batch, share = left.popleft()
        seen = part_of(desk.progress, "loading", before, share)
        pieces = _explained(desk, batch.files, partial(writer.write, batch, next(numbers), seen))
        _complete(desk, batch, pieces)
        seen(1.0)
        if instead := _explained(desk, batch.files, partial(writer.otherwise, batch, pieces)):
            _discard(pieces)
            left.extendleft((each, 0.0) for each in instead)
        else:
            written[batch] = pieces
        before += share
    return written


def _discard(pieces: Iterable[Piece]) -> None:
    for piece in pieces:
        piece.path.unlink(missing_ok=True)


def _complete(desk: Desk, batch: Batch, pieces: Sequence[Piece]) -> None:
    """Blank lines make the quick count too high; only the exact one decides."""
    rows = sum(piece.rows for piece in pieces)
    if rows == batch.records:
        return
    delivered = sum(_diagnosis(desk, file).records() if isinstance(file, CsvFile) else file.records for file in batch.files)
    if rows != delivered:
        name = batch.files[0].file.name
        raise BillError(f"{name}: {delivered:,} rows were delivered but {rows:,} could be read; nothing was loaded, export the file again.")


def _explained(desk: Desk, files: Sequence[Checked], work: Callable[[], _T]) -> _T:
    """Do the work; what DuckDB says of a file is never shown, the reason is found and told in our words."""
    import duckdb

    try:
        return work()
    except duckdb.InterruptException:
        raise BillError(f"The bills could not be read within {desk.caps.seconds:g} seconds; deliver them in smaller parts.") from None
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        raise FinopsError("An expression of the mapping or of the owners section is not valid SQL.") from error
    except duckdb.OutOfMemoryException:
        raise BillError(f"The bills need more than {desk.caps.memory // MIB} MiB to read; deliver them in smaller files.") from None
    except duckdb.Error:
        for file in files:
            if isinstance(file, CsvFile):
                _diagnosis(desk, file).records()
        for file in files:
            if isinstance(file, CsvFile):
                _diagnosis(desk, file).refuse()
        raise BillError(f"{files[0].file.name} is damaged inside; export or fetch it again.") from None


def _diagnosis(desk: Desk, file: CsvFile) -> Diagnosis:
    return Diagnosis(file.file, desk.caps, desk.deadline, file.delimiter, len(file.columns), len(file.bare))


Sorted = tuple[list[Piece], dict[str, int], dict[str | None, int]]


def sorted_out(desk: Desk, written: Mapping[Batch, Sequence[Piece]]) -> Sorted:
    """Return the good pieces, how many rows were left out for which reason, and how many are bad in which period."""
    good: list[Piece] = []
    left: dict[str, int] = defaultdict(int)
    bad: dict[str | None, int] = defaultdict(int)
    pieces = [piece for some in written.values() for piece in some if piece.rows]
    doubted = {piece.key.name for piece in pieces if piece.key.verdict == "left"}
    conditions = {rule.name: rule.only_if for rule in desk.format.left_out if rule.only_if and rule.name in doubted}
    kept = {name for name, condition in conditions.items() if not _holds(desk, condition, written)}
    for piece in pieces:
        if piece.key.verdict == "bad":
            bad[piece.key.period] += piece.rows
        elif piece.key.verdict == "left" and piece.key.name not in kept:
            left[piece.key.name] += piece.rows
        else:
            good.append(piece)
    return good, dict(left), dict(bad)


def _holds(desk: Desk, condition: str, batches: Iterable[Batch]) -> bool:
    """Whether some delivered row meets the condition."""
    return any(
        run(desk.con, desk.select(batch.shape).exists(condition, batch.shape.scan(desk.caps, batch.files)), desk.deadline)
        for batch in batches
    )


def _parts(desk: Desk, good: Sequence[Piece]) -> tuple[StagedPart, ...]:
    by_period: dict[str, list[Path]] = defaultdict(list)
    for piece in good:
        if piece.key.period and piece.rows:
            by_period[piece.key.period].append(piece.path)
    writer = Writer(desk.con, desk.work, desk.caps, desk.deadline, desk.select)
    parts = []
    for period, paths in sorted(by_period.items()):
        target = desk.folder / f"{period}.parquet"
        writer.merge(paths, target)
        parts.append(staged_part(desk.con, period, target))
    return tuple(parts)


def _bad_rows(desk: Desk, written: Mapping[Batch, Sequence[Piece]]) -> tuple[BadRow, ...]:
    found: list[BadRow] = []
    for batch, pieces in written.items():
        if any(piece.key.verdict == "bad" for piece in pieces) and len(found) < desk.caps.bad_rows:
            most = desk.caps.bad_rows - len(found)
            found += first_bad_rows(desk.con, batch.shape, batch.files, desk.select(batch.shape), desk.caps, desk.deadline, most)
    return tuple(found)


def _told(written: Iterable[Batch]) -> list[str]:
    """The notes on files that were read in another manner than the plain one."""
    files: dict[Manner, list[str]] = defaultdict(list)
    for batch in written:
        files[batch.shape.manner] += [each.file.name for each in batch.files]
    return spreadsheet_notes(files)


def _counted(desk: Desk, good: Sequence[Piece], left: Mapping[str, int]) -> list[str]:
    """The notes that say how many rows they are about."""
    marks: list[Mark] = [*MARKS, *desk.format.marks]
    marked = {mark.name: sum(piece.rows for piece in good if mark.name in piece.key.name.split("-")) for mark in marks}
    texts = {each.name: each.note for each in (*marks, *desk.format.left_out)}
    return [f"{texts[name]} ({rows:,} {'row' if rows == 1 else 'rows'})" for name, rows in (marked | dict(left)).items() if rows]
