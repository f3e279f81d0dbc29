"""Looks a CSV file over before DuckDB does: is it text, is it whole, what is its header, how many records has it."""

import codecs
import csv
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from finops.errors import BillError
from finops.sources.bills import BillFile, Caps
from finops.sources.bytestream import Stream
from finops.sources.deadline import Deadline
from finops.sources.diagnosis import Diagnosis

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_HEAD: Final = 1024 * 1024  # bytes within which the header must end
_ALL_BUT_QUOTE_AND_NEWLINE: Final = bytes(set(range(256)) - {0x0A, 0x22})
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class CsvFile:
    """A CSV file that was read through once: its content hash, its header and its number of records."""

    file: BillFile
    sha256: str
    size: int
    gzip: bool
    delimiter: str
    columns: tuple[str, ...]
    records: int
    bare: tuple[str, ...] = ()  # the header's last columns where no row reaches them
    even: BillFile | None = None  # a copy whose lines all end alike


@dataclass
class Tally:
    """Counts records: newlines outside quotes. A doubled quote is two, so only the parity matters."""

    newlines: int = 0
    lines: int = 0
    quoted: bool = False
    last: bytes = b""

    def add(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        marks = (b'"' if self.quoted else b"") + chunk.translate(None, _ALL_BUT_QUOTE_AND_NEWLINE)
        self.quoted = marks.count(b'"') % 2 == 1
        self.newlines += sum(part.count(b"\n") for part in marks.replace(b'""', b"").split(b'"')[::2])
        self.lines += chunk.count(b"\n")
        self.last = chunk[-1:]

    @property
    def records(self) -> int:
        """The records so far, the header included."""
        return self.newlines + (self.last not in (b"", b"\n"))


@dataclass
class Runs:
    """Notices lines long enough to hide an oversized value; only then is the file read field by field."""

    limit: int
    run: int = 0
    long: bool = False

    def add(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        first = chunk.find(b"\n")
        if first < 0:
            self.run += len(chunk)
            self.long |= self.run > self.limit
            return
        self.long |= self.run + first > self.limit or self._gap(chunk)
        self.run = len(chunk) - chunk.rfind(b"\n") - 1

    def _gap(self, chunk: bytes) -> bool:
        """Any stretch longer than the limit covers one whole window of half the limit."""
        step = self.limit // 2
        return any(chunk.find(b"\n", at, at + step) < 0 for at in range(0, len(chunk) - step, step))


def check_csv(
    file: BillFile,
    caps: Caps,
    deadline: Deadline,
    fits: Callable[[tuple[str, ...]], bool],
    taken: Callable[[int], None],
    idle: Callable[[str], bool] = lambda _: False,
) -> CsvFile:
    """Read a CSV file through once; `fits` says whether a header is the one looked for, `idle` whether nobody reads a column.

    Raises BillError with the line.
    """
    stream = Stream(file, caps, deadline, taken)
    tally, runs, decoder = Tally(), Runs(caps.field), codecs.getincrementaldecoder("utf-8")()
    head = b""
    for chunk in stream.chunks():
        _is_text(file, chunk, tally, decoder)
        if len(head) < _HEAD:
            head += chunk[: _HEAD - len(head)]
            _not_utf16(file, head)
        tally.add(chunk)
        runs.add(chunk)
    _ended_well(file, head, tally, decoder)
    delimiter, columns = _header(file, head, caps, fits)
    records = tally.records - 1
    short = _short(head, delimiter, len(columns))
    bare = columns[len(columns) - short :] if short and all(map(idle, columns[len(columns) - short :])) else ()
    columns = columns[: len(columns) - len(bare)]
    if runs.long or tally.quoted or bare:  # a value too long, a stray quote that spoils the quick count, or rows shorter than the header
        records = Diagnosis(file, caps, deadline, delimiter, len(columns), len(bare)).records()
    return CsvFile(file, stream.sha256, stream.size, stream.gzip, delimiter, columns, records, bare)


def _is_text(file: BillFile, chunk: bytes, tally: Tally, decoder: codecs.IncrementalDecoder) -> None:
    try:
        if not (chunk.isascii() and decoder.getstate()[0] == b""):
            decoder.decode(chunk)
    except UnicodeDecodeError as error:
        line = tally.lines + chunk.count(b"\n", 0, error.start) + 1
        if chunk.startswith(_UTF16):
            _not_utf16(file, chunk)
        raise BillError(f"{file.name}:{line}: the bytes here are not UTF-8; save the file as UTF-8.") from None
    if b"\0" in chunk:
        line = tally.lines + chunk.count(b"\n", 0, chunk.find(b"\0")) + 1
        raise BillError(f"{file.name}:{line}: a NUL byte, which no text has; the file is binary, UTF-16 or damaged.")


def _not_utf16(file: BillFile, head: bytes) -> None:
    if head.startswith(_UTF16):
        raise BillError(f"{file.name}:1: the file is UTF-16; save it as UTF-8.")


def _ended_well(file: BillFile, head: bytes, tally: Tally, decoder: codecs.IncrementalDecoder) -> None:
    if not head.strip(b"\xef\xbb\xbf\r\n \t"):
        raise BillError(f"{file.name} is empty; a bill has at least a header line and one row.")
    if decoder.getstate()[0]:
        raise BillError(f"{file.name}:{tally.lines + 1}: the file ends in the middle of a UTF-8 character; fetch it again.")


def _header(file: BillFile, head: bytes, caps: Caps, fits: Callable[[tuple[str, ...]], bool]) -> tuple[str, tuple[str, ...]]:
    """The header row and its delimiter: a comma unless only another one makes a header that fits."""
    text = head.decode("utf-8-sig", errors="ignore")
    if "\n" not in text and "\r" in text[:-1]:
        raise BillError(f"{file.name}:1: the lines end in CR alone; save the file with LF or CRLF line ends.")
    if len(head) >= _HEAD and "\n" not in text:
        raise BillError(f"{file.name}:1: the header is longer than {_HEAD // 1024:,} KiB; no bill has so many columns.")
    rows = {delimiter: _first_row(text, delimiter) for delimiter in DELIMITERS}
    delimiter = next((each for each, row in rows.items() if row and fits(row)), ",")
    columns = rows[delimiter]
    if columns is None:
        raise BillError(f"{file.name}:1: a quote in the header is never closed; close it.")
    if len(columns) > caps.columns:
        raise BillError(f"{file.name}:1: {len(columns):,} columns, more than the {caps.columns:,} a bill may have.")
    return delimiter, columns


def _short(head: bytes, delimiter: str, width: int) -> int:
    """How many fields the first row has less than the header; if all rows are so, it is the header that has too many."""
    try:
        rows = csv.reader(io.StringIO(head.decode("utf-8-sig", errors="ignore"), newline=""), delimiter=delimiter, strict=True)
        found = [len(row) for row in itertools.islice((row for row in rows if row), 2)]
    except csv.Error:
        return 0
    return max(width - found[1], 0) if len(found) == 2 else 0


def _first_row(text: str, delimiter: str) -> tuple[str, ...] | None:
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return tuple(next((row for row in rows if row), []))
    except csv.Error:
        return None
