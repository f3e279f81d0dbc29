"""Bills that name no team, split by measured usage.

The split file stands beside the bill's file, has the same columns and sums to the same amounts to the last digit. It is made
when a question first needs it and named by all it was made of: losing it costs time, not truth.
"""

import hashlib
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from finops.ledger import split_statements as statements
from finops.ledger.catalog import LiveFile
from finops.ledger.derive import quoted
from finops.models import model_key
from finops.providers import provider_name

VERSION: Final = 2  # raise it whenever the same files would be split differently
MARK: Final = ".split-"
NOTHING: Final = ".none"  # marks that a bill has no line to split


def name_of(bill: LiveFile, usage: Sequence[LiveFile]) -> str:
    """Return where the split of a bill's file by these usage files stands, below the ledger's root."""
    content = repr((VERSION, bill.path, sorted(file.path for file in usage)))
    return f"{bill.path}{MARK}{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def measured_by(usage: Iterable[LiveFile], bill: Mapping[str, set[date]], covers: Mapping[str, Mapping[str, set[date]]]) -> list[LiveFile]:
    """Return the usage files that measured something a bill covers."""
    return [file for file in usage if any(days & covers.get(file.load_id, {}).get(provider, set()) for provider, days in bill.items())]


def at_hand(root: Path, bill: LiveFile, usage: Sequence[LiveFile]) -> bool:
    """Tell whether the files to split and to split by are in the ledger's folder: with another engine they need not be."""
    return all((root / file.path).exists() for file in (bill, *usage))


def build(root: Path, bill: LiveFile, usage: Sequence[LiveFile]) -> str | None:
    """Write the split of a bill's file, whole or not at all, and return its path; None where the bill has no line to split."""
    import duckdb

    path = name_of(bill, usage)
    if _touch(root / (path + NOTHING)):
        return None
    if _touch(root / path):
        return path
    with duckdb.connect(config={"memory_limit": "700MB"}) as con:
        if not _prepare(con, root, bill, usage):
            (root / (path + NOTHING)).touch()
            return None
        handle, part = tempfile.mkstemp(dir=(root / path).parent, suffix=".part")
        os.close(handle)
        con.execute(f"COPY ({statements.whole()}) TO {quoted(part)} (FORMAT parquet, COMPRESSION zstd)")
        Path(part).replace(root / path)
    return path


def beside(root: Path, path: str) -> Iterator[Path]:
    """Yield every split that was made of a bill's file."""
    file = root / path
    yield from file.parent.glob(f"{file.name}{MARK}*")


def unused(root: Path, wanted: Collection[str], before: datetime) -> Iterator[str]:
    """Yield the splits that nobody asked since `before` and that no question will ask again: each use of one touches it."""
    for file in root.glob(f"source=*/period=*/*{MARK}*"):
        path = str(file.relative_to(root))
        if path.removesuffix(NOTHING) not in wanted and file.stat().st_mtime < before.timestamp():
            yield path


def _touch(file: Path) -> bool:
    """Tell whether a file is there, and leave a trace for the sweep that it was needed."""
    if not file.exists():
        return False
    with suppress(OSError):  # a folder that only may be read is not swept from here either
        os.utime(file)
    return True


def _prepare(con: Any, root: Path, bill: LiveFile, usage: Sequence[LiveFile]) -> bool:
    """Make the tables the split is selected from; False where no line of the bill was measured."""
    rows = f"read_parquet({quoted(str(root / bill.path))}, file_row_number = true, hive_partitioning = false)"
    files = ", ".join(quoted(str(root / file.path)) for file in usage)
    con.execute(f"CREATE VIEW bill AS SELECT * FROM {rows}")
    con.execute(f"CREATE VIEW usage AS SELECT * FROM read_parquet([{files}], hive_partitioning = false)")
    _spell(con)
    for statement in (statements.lines(), statements.measured(), statements.less_what_is_owned(), *statements.parts()):
        con.execute(statement)
    (found,) = con.execute("SELECT count(*) FROM parts").fetchone()
    return bool(found)


def _spell(con: Any) -> None:
    """Tables from what was written to one key for each provider and each model."""
    for table, column, key in (("providers", "ProviderName", provider_name), ("models", "x_Model", model_key)):
        written = con.execute(f"SELECT DISTINCT {column} FROM bill UNION SELECT DISTINCT {column} FROM usage ORDER BY ALL").fetchall()
        con.execute(f"CREATE TABLE {table} (written VARCHAR, key VARCHAR)")
        values = ", ".join(f"({quoted(name)}, {quoted(key(name))})" for (name,) in written if name)
        if values:
            con.execute(f"INSERT INTO {table} VALUES {values}")
