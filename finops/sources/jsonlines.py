"""Looks a JSON Lines file over before DuckDB does: is every line one whole object, and which columns has it."""

import codecs
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from finops.errors import BillError
from finops.sources.bills import BillFile, Caps
from finops.sources.bytestream import Stream
from finops.sources.casts import literal
from finops.sources.diagnosis import opened
from finops.sources.parquetcheck import glob_free

_DEPTH: Final = 3  # records within records that are columns: project.labels, never labels.anything
_LONG: Final = re.compile(rb'"\s*:\s*-?[0-9.]{18}')  # more digits than a double keeps
# Quotes a long number; only a quote that no backslash precedes can end a key.
_QUOTE_LONG: Final = r"""regexp_replace(json, '([^\\]"\s*:\s*)(-?[0-9][0-9.]{16,}(?:[eE][+-]?[0-9]+)?)(\s*[,}\]])', '\1"\2"\3', 'g')"""
_SHOWN: Final = 800


@dataclass(frozen=True)
class JsonFile:
    """A JSON Lines file that was read through once; `columns` are its names, joined by dots, and where DuckDB finds them."""

    file: BillFile
    sha256: str
    size: int
    gzip: bool
    columns: tuple[tuple[str, str], ...]
    records: int
    long_numbers: bool  # some number has more digits than a double keeps


@dataclass
class _Reader:
    """Takes a file line by line; only columns `nested` names are looked into."""

    file: BillFile
    caps: Caps
    nested: Collection[str]
    found: dict[str, str] = field(default_factory=dict)
    met: dict[str, set[str]] = field(default_factory=dict)  # the keys found, for each place
    line: int = 0
    records: int = 0
    long_numbers: bool = False

    def take(self, text: bytes) -> None:
        """Take in the next line. Raises BillError where it is no object."""
        self.line += 1
        if len(text) > self.caps.record:
            raise self._no(f"the line is longer than {self.caps.record:,} bytes; split or repair it")
        if not text.strip():
            return
        self.records += 1
        self._columns(self._object(text), "", "$", _DEPTH)
        if not self.long_numbers and _LONG.search(text):
            self.long_numbers = True
        if len(self.found) > self.caps.columns:
            raise self._no(f"more than the {self.caps.columns:,} columns a bill may have")

    def _object(self, text: bytes) -> dict[str, Any]:
        import msgspec

        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._no("the line is not one whole JSON object; write one object a line (JSON Lines)") from None
        return found

    def _columns(self, record: dict[str, Any], before: str, path: str, depth: int) -> None:
        """Only keys not met before at this place cost time, and those that hold records."""
        met = self.met.setdefault(before, set())
        for key in record.keys() - met:
            value = record[key]
            if value is None or not _can_be_named(key):
                continue
            name = before + key
            if depth > 1 and type(value) is dict and name.casefold() in self.nested:
                self._columns(value, f"{name}.", f'{path}."{key}"', depth - 1)
            else:
                met.add(key)
                self.found[name] = f'{path}."{key}"'

    def _no(self, reason: str) -> BillError:
        return BillError(f"{self.file.name}:{self.line}: {reason}.")


def _can_be_named(key: str) -> bool:
    """Whether a path can lead to a key; no bill has a column called `*`."""
    return key.isprintable() and key != "" and not set(key) & set('"\\*')


def check_json(stream: Stream, nested: Collection[str]) -> JsonFile:
    """Read a JSON Lines file through once; records named in `nested` give a column for each field. Raises BillError with the line."""
    reader = _Reader(stream.file, stream.caps, nested)
    for line in _lines(stream):
        reader.take(line)
    if not reader.records:
        raise BillError(f"{stream.file.name} is empty; a bill has at least one row.")
    columns = tuple(sorted(reader.found.items()))
    return JsonFile(stream.file, stream.sha256, stream.size, stream.gzip, columns, reader.records, reader.long_numbers)


def _lines(stream: Stream) -> Iterator[bytes]:
    """The lines without their ends; an endless one is cut, since the first bytes too many are reason enough to refuse it."""
    rest = b""
    for number, chunk in enumerate(stream.chunks()):
        if number == 0 and chunk.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BillError(f"{stream.file.name}:1: the file begins with a byte order mark; save it as UTF-8 without one.")
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        if len(rest) > stream.caps.record:
            break
    if rest:
        yield rest


def json_scan(files: Sequence[JsonFile], caps: Caps) -> str:
    """Return SQL that reads JSON Lines files of one shape as a list of texts `v`, one for each column."""
    paths = ", ".join(literal(glob_free(each.file)) for each in files)
    wanted = ", ".join(literal(place) for _, place in files[0].columns)
    packed = "gzip" if files[0].gzip else "uncompressed"
    text = _QUOTE_LONG if any(each.long_numbers for each in files) else "json"
    return (
        f"(SELECT json_extract_string({text}, [{wanted}]) AS v FROM read_json_objects([{paths}], format = 'newline_delimited', "
        f"compression = '{packed}', maximum_object_size = {caps.record + 1}, hive_partitioning = false))"
    )


def lines_of(file: BillFile, records: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return line and text of the numbered records (the first is 1); blank lines are none."""
    found: dict[int, tuple[int, str]] = {}
    wanted, record = set(records), 0
    with opened(file) as lines:
        for number, line in enumerate(lines, 1):
            record += bool(line.strip())
            if record in wanted and record not in found:
                found[record] = (number, line[:_SHOWN].decode(errors="replace"))
            if len(found) == len(wanted):
                break
    return found
