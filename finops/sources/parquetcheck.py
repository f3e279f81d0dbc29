"""Looks a Parquet file over before its data is read: footer, columns and the size of its parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from finops.errors import BillError
from finops.sources.bills import MIB, BillFile, Caps
from finops.sources.bytestream import Stream
from finops.sources.casts import literal, name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MAGIC: Final = b"PAR1"
_ENCRYPTED: Final = b"PARE"
_DEPTH: Final = 2  # records within records


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file whose footer was read: its content hash, columns with their DuckDB types, and number of rows."""

    file: BillFile
    sha256: str
    size: int
    columns: tuple[tuple[str, str], ...]
    records: int
    fields: tuple[tuple[str, str, str], ...] = ()  # of records within a row: name joined by dots, type, and the SQL that names it


def check_parquet(con: "DuckDBPyConnection", stream: Stream) -> ParquetFile:
    """Hash a Parquet file and read its footer. Raises BillError where it is damaged or larger than a bill could be."""
    import duckdb

    file, caps = stream.file, stream.caps
    for _ in stream.chunks():
        pass
    _framed(file, caps, stream.size)
    try:
        _column_count(con, file, caps)
        _parts(con, file, caps)
        records = _one(con, f"SELECT sum(num_rows) FROM parquet_file_metadata({literal(glob_free(file))})")
        columns = con.execute(f"DESCRIBE SELECT * FROM {scan(file)}").fetchall()
        fields = tuple(_fields(con, file))
    except (duckdb.Error, UnicodeDecodeError):
        raise BillError(f"{file.name} is not a readable Parquet file; export or fetch it again.") from None
    return ParquetFile(file, stream.sha256, stream.size, tuple((column, type_) for column, type_, *_ in columns), records, fields)


def scan(*files: BillFile, numbered: bool = False) -> str:
    """Return SQL that reads the files; folder names such as BILLING_PERIOD=2026-03 are no columns."""
    paths = ", ".join(literal(glob_free(file)) for file in files)
    return f"read_parquet([{paths}], hive_partitioning = false, binary_as_string = true, file_row_number = {str(numbered).lower()})"


def glob_free(file: BillFile) -> str:
    """Return the path with its wildcards taken literally."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(file.path.resolve()))


def _framed(file: BillFile, caps: Caps, size: int) -> None:
    with file.path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(max(size - 8, 0))
        end = stream.read(8)
    if _ENCRYPTED in (start, end[4:]):
        raise BillError(f"{file.name} is an encrypted Parquet file; deliver it decrypted.")
    if size < 12 or start != _MAGIC or end[4:] != _MAGIC:
        raise BillError(f"{file.name} is not a whole Parquet file (it must begin and end with PAR1); fetch it again.")
    footer = int.from_bytes(end[:4], "little")
    if footer > min(caps.footer, size - 12):
        raise BillError(f"{file.name} claims a footer of {footer:,} bytes, which no bill has; check where it comes from.")


def _column_count(con: "DuckDBPyConnection", file: BillFile, caps: Caps) -> None:
    count = _one(con, f"SELECT count(*) FROM parquet_schema({literal(glob_free(file))})")
    if count > caps.columns:
        raise BillError(f"{file.name}: {count:,} columns, more than the {caps.columns:,} a bill may have.")


def _parts(con: "DuckDBPyConnection", file: BillFile, caps: Caps) -> None:
    """One column of one row group, and with it any dictionary, must fit in memory several times over."""
    largest = _one(con, f"SELECT max(total_uncompressed_size) FROM parquet_metadata({literal(glob_free(file))})")
    if largest > caps.chunk:
        raise BillError(
            f"{file.name} holds a column of {largest // MIB:,} MiB in one row group; write it with row groups of at most 100,000 rows."
        )


def _fields(con: "DuckDBPyConnection", file: BillFile) -> Iterator[tuple[str, str, str]]:
    """The fields of the records that stand in columns, such as `project.id`, and of the records within those."""
    rows = con.sql(f"SELECT * FROM {scan(file)}")
    for column, type_ in zip(rows.columns, rows.types, strict=True):
        yield from _within(column, name(column), type_, _DEPTH)


def _within(path: str, sql: str, type_: Any, depth: int) -> Iterator[tuple[str, str, str]]:
    if type_.id != "struct" or depth == 0:
        return
    for field, inner in type_.children:
        yield f"{path}.{field}", str(inner), f"{sql}.{name(field)}"
        yield from _within(f"{path}.{field}", f"{sql}.{name(field)}", inner, depth - 1)


def _one(con: "DuckDBPyConnection", sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0] or 0) if row else 0
