"""Reads a CSV file record by record, the slow and exact way: to say what is wrong with it, and where a bad row stands."""

import csv
import gzip
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final, NoReturn, cast

from finops.errors import BillError
from finops.sources.bills import BillFile, Caps
from finops.sources.bytestream import GZIP
from finops.sources.deadline import Deadline

_ROWS_PER_LOOK: Final = 10_000  # rows between two looks at the clock
_SHOWN: Final = 800  # bytes of a record that are kept to show


@dataclass(frozen=True)
class Diagnosis:
    """A CSV file under examination; Latin-1 keeps one character for each byte, so that lengths are bytes."""

    file: BillFile
    caps: Caps
    deadline: Deadline
    delimiter: str
    columns: int
    bare: int = 0  # columns at the end of the header for which no row has a value

    def records(self) -> int:
        """Return the number of records without the header. Raises BillError at the first that breaks the form of CSV."""
        return sum(1 for _ in self._rows()) - 1

    def refuse(self) -> NoReturn:
        """Raise BillError with the reason why the file could not be read."""
        ends = {end for _, end in self._rows()}
        if len(ends - {""}) > 1:
            raise BillError(f"{self.file.name} mixes line ends (LF and CRLF); save it with one of them.")
        raise BillError(f"{self.file.name} cannot be read as CSV; export it again with comma, double quotes and UTF-8.")

    def _rows(self) -> Iterator[tuple[int, str]]:
        """The line each record starts on and how it ends; blank lines between records are none."""
        with opened(self.file) as stream:
            lines = _Lines(stream, self)
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            start, bare = 1, self.bare
            try:
                for row in reader:
                    if row:
                        self._widths(start, row[: len(row) - bare])
                        bare = 0
                        yield start, lines.end
                    start = reader.line_num + 1
            except csv.Error as error:
                raise BillError(self._explained(start, str(error))) from None

    def _widths(self, start: int, row: Sequence[str]) -> None:
        width = len(row) - (len(row) == self.columns + 1 and row[-1] == "")  # a trailing delimiter does no harm
        if width != self.columns:
            raise BillError(f"{self.file.name}:{start}: {len(row)} fields where the header has {self.columns}; repair the row.")
        if any(len(value) > self.caps.field for value in row):
            raise BillError(self._explained(start, "field larger than field limit"))

    def _explained(self, start: int, error: str) -> str:
        where = f"{self.file.name}:{start}"
        if "field limit" in error:
            return f"{where}: a value is longer than {self.caps.field:,} bytes; is a quote before it left open?"
        if "unexpected end" in error:
            return f"{where}: a quote opened in this row is never closed; close it."
        if "expected after" in error:
            return f"{where}: text follows a closing quote in this row; is a quote left open, or not doubled?"
        return f"{where}: the row is not valid CSV; repair it."


class _Lines:
    """The lines of a file as text, none longer than a record may be; `end` is how the latest one ends."""

    def __init__(self, stream: IO[bytes], diagnosis: Diagnosis) -> None:
        self._stream, self._for = stream, diagnosis
        self.number, self.end = 0, ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        caps, name = self._for.caps, self._for.file.name
        line = self._stream.readline(caps.record + 1).decode("latin-1")
        if not line:
            raise StopIteration
        self.number += 1
        if self.number % _ROWS_PER_LOOK == 0:
            self._for.deadline.check(name)
        if len(line) > caps.record:
            raise BillError(f"{name}:{self.number}: the line is longer than {caps.record:,} bytes; split or repair it.")
        self.end = line[len(line.rstrip("\r\n")) :]
        return line


def opened(file: BillFile) -> IO[bytes]:
    """Open a checked CSV file, unpacked."""
    with file.path.open("rb") as stream:
        packed = stream.read(2) == GZIP
    return cast(IO[bytes], gzip.open(file.path, "rb")) if packed else file.path.open("rb")


def located(file: BillFile, records: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return line and text of the numbered records (the first after the header is 1); quotes are counted, not parsed."""
    found: dict[int, tuple[int, str]] = {}
    wanted, record, start, text, quoted = set(records), 0, 1, b"", False
    with opened(file) as lines:
        for number, line in enumerate(lines, 1):
            text, start = ((text + line)[:_SHOWN], start) if quoted else (line, number)
            quoted ^= line.count(b'"') % 2 == 1
            if quoted or not line.strip(b"\r\n"):
                continue
            if record in wanted:
                found[record] = (start, text[:_SHOWN].decode(errors="replace"))
            if len(found) == len(wanted):
                break
            record += 1
    return found
