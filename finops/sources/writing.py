"""Writes ledger rows to Parquet: one file for a period when all goes well, and apart from it whatever needs a second look."""

import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finops.charges import COLUMNS
from finops.sources import casts
from finops.sources.bills import Caps
from finops.sources.deadline import Deadline
from finops.sources.engine import run
from finops.sources.evidence import manner_of
from finops.sources.rows import Select
from finops.sources.rules import EARLIEST, LATEST, UNREADABLE
from finops.sources.shapes import Checked, Shape
from finops.sources.spreadsheets import PLAIN, Manner

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PEEKED: Final = 2_000  # rows that tell what a file is like
FORMAT: Final = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440"
_NO_PERIOD: Final = "none"
_LEDGER: Final = ", ".join(casts.name(column) for column in COLUMNS)
PERIOD: Final = f"""CASE WHEN "BillingPeriodStart" >= TIMESTAMP '{EARLIEST}' AND "BillingPeriodStart" < TIMESTAMP '{LATEST}'
    THEN strftime("BillingPeriodStart", '%Y-%m') END"""
# `2026-03.good.`, `2026-03.good.tags-`, `2026-03.bad.billed-missing`, `2026-03.left.split`
_KEY: Final = f"""coalesce({PERIOD}, '{_NO_PERIOD}') || CASE WHEN problem IS NOT NULL THEN '.bad.' || problem
    WHEN outside IS NOT NULL THEN '.left.' || outside ELSE '.good.' || marks END"""


@dataclass(frozen=True)
class Key:
    """What the rows of one written file have in common."""

    period: str | None
    verdict: str  # good, bad or left (out)
    name: str  # the marks, the broken rule, or why they are left out

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Return the key spelled `period.verdict.name`."""
        period, verdict, name = text.split(".", 2)
        return cls(None if period == _NO_PERIOD else period, verdict, name)

    @property
    def doubtful(self) -> bool:
        """Whether the rows hold dates or numbers that another manner of reading may understand."""
        return self.name in UNREADABLE if self.verdict == "bad" else "numbers" in self.name.split("-")

    @property
    def condition(self) -> str:
        """SQL that is true for exactly the rows of a good key, cheap to compute."""
        start = f"TIMESTAMP '{self.period}-01'"
        return (
            f'outside IS NULL AND problem IS NULL AND marks = {casts.literal(self.name)} AND "BillingPeriodStart" >= {start} '
            f'AND "BillingPeriodStart" < {start} + INTERVAL 1 MONTH'
        )


@dataclass(frozen=True)
class Piece:
    """A written file with rows of one key."""

    key: Key
    path: Path
    rows: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Files of one shape that seem to hold rows of one key, or of several (None)."""

    shape: Shape
    files: tuple[Checked, ...]
    key: Key | None
    examined: bool = False  # the files were searched for evidence, so the manner of their shape is theirs

    @property
    def records(self) -> int:
        """How many rows the files hold."""
        return sum(each.records for each in self.files)


@dataclass(frozen=True)
class Writer:
    """Writes batches into `folder`; `select` tells how a shape is read."""

    con: "DuckDBPyConnection"
    folder: Path
    caps: Caps
    deadline: Deadline
    select: Callable[[Shape], Select]

    def batches(self, shape: Shape) -> list[Batch]:
        """Group the files of a shape by what their first rows hold."""
        alike: dict[tuple[Manner, bool, Key | None], list[Checked]] = defaultdict(list)
        for file in shape.files:
            if file.records:
                alike[self._look(shape, file)].append(file)
        return [Batch(_in(shape, manner), tuple(files), key, examined) for (manner, examined, key), files in alike.items()]

    def otherwise(self, batch: Batch, pieces: Sequence[Piece]) -> list[Batch]:
        """Return the batches to write instead, where what was written shows that some files need another manner of reading."""
        if batch.examined or not any(piece.key.doubtful for piece in pieces):
            return []
        alike: dict[Manner, list[Checked]] = defaultdict(list)
        for file in batch.files:
            alike[self._manner(batch.shape, file)].append(file)
        if list(alike) == [PLAIN]:
            return []
        return [Batch(_in(batch.shape, manner), tuple(files), batch.key, examined=True) for manner, files in alike.items()]

    def write(self, batch: Batch, number: int, seen: Callable[[float], None]) -> list[Piece]:
        """Write a batch in one pass; where its first rows were no guide to the rest, the others in a second one."""
        scan = batch.shape.scan(self.caps, batch.files)
        rows = self.select(batch.shape).rows(scan)
        if batch.key is None:
            return self._apart(rows, "TRUE", number, seen)
        path = self.folder / f"{number}.parquet"
        written = self._copy(f"SELECT {_LEDGER} FROM ({rows}) WHERE {batch.key.condition}", str(path), "", seen)
        pieces = [Piece(batch.key, path, written)]
        if written != batch.records:
            pieces += self._apart(rows, f"NOT coalesce({batch.key.condition}, FALSE)", number, seen)
        return pieces

    def merge(self, paths: Sequence[Path], target: Path) -> None:
        """Make one file of several."""
        if len(paths) == 1:
            shutil.move(paths[0], target)
            return
        listed = ", ".join(casts.literal(str(path)) for path in paths)
        self._copy(f"SELECT {_LEDGER} FROM read_parquet([{listed}], hive_partitioning = false)", str(target), "", lambda _: None)

    def _look(self, shape: Shape, file: Checked) -> tuple[Manner, bool, Key | None]:
        """The manner the first rows suggest, whether that was examined, and the good key they share."""
        keys = self._peek(shape, file)
        examined = any(key.doubtful for key in keys)
        manner = self._manner(shape, file) if examined else PLAIN
        if manner != PLAIN:
            keys = self._peek(_in(shape, manner), file)
        return manner, examined, keys[0] if len(keys) == 1 and keys[0].verdict == "good" else None

    def _peek(self, shape: Shape, file: Checked) -> list[Key]:
        scan = f"(SELECT * FROM {shape.scan(self.caps, [file])} LIMIT {_PEEKED})"
        keys = run(self.con, f"SELECT DISTINCT {_KEY} FROM ({self.select(shape).rows(scan)})", self.deadline)
        return [Key.parse(str(key)) for (key,) in keys]

    def _manner(self, shape: Shape, file: Checked) -> Manner:
        scan = shape.scan(self.caps, [file])
        return manner_of(lambda sql: run(self.con, sql, self.deadline), self.select(shape), scan, file.file.name)

    def _apart(self, rows: str, condition: str, number: int, seen: Callable[[float], None]) -> list[Piece]:
        """Write the rows into one folder for each key."""
        folder = self.folder / f"{number}-apart"
        sql = f"SELECT {_LEDGER}, {_KEY} AS key FROM ({rows}) WHERE {condition}"
        self._copy(sql, str(folder), ", PARTITION_BY (key)", seen)
        paths = sorted(folder.glob("key=*/*.parquet"))
        return [Piece(Key.parse(path.parent.name.removeprefix("key=")), path, self._count(path)) for path in paths]

    def _copy(self, sql: str, target: str, partition: str, seen: Callable[[float], None]) -> int:
        rows = run(self.con, f"COPY ({sql}) TO {casts.literal(target)} ({FORMAT}{partition})", self.deadline, seen)
        return int(str(rows[0][0]))

    def _count(self, path: Path) -> int:
        row = self.con.execute(f"SELECT num_rows FROM parquet_file_metadata({casts.literal(str(path))})").fetchone()
        return int(row[0]) if row else 0


def _in(shape: Shape, manner: Manner) -> Shape:
    return replace(shape, manner=manner)
