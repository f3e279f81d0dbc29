"""Usage events from files of any size: found, unpacked and read a piece at a time."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final, cast

from finops.errors import UserError
from finops.sources.usage_events import BadLine, Reading, read, read_lines

ENDINGS: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
MIB: Final = 1024 * 1024
PIECE: Final = 4 * MIB  # some 10,000 events
LONGEST_LINE: Final = 16 * MIB
LONGEST_ARRAY: Final = 256 * MIB  # an array can only be read as a whole


@dataclass(frozen=True)
class Piece:
    """Some lines of a file, and how many of its bytes have been read with them."""

    reading: Reading
    position: int


def find_usage(paths: Sequence[Path]) -> list[Path]:
    """Return the files of usage events among `paths`, folders searched to the bottom, in order of name. Raises UserError."""
    found = [file for path in paths for file in (_below(path) if path.is_dir() else [_given(path)])]
    if not found:
        raise UserError(f"no usage events were found at {', '.join(map(str, paths))}; they stand in {' or '.join(ENDINGS)} files")
    return list(dict.fromkeys(found))


def pieces(path: Path, piece: int = PIECE, longest: int = LONGEST_LINE) -> Iterator[Piece]:
    """Yield what a file holds; lines are counted from its beginning. A file that is cut off or damaged ends with a bad line."""
    with path.open("rb") as raw:
        stream = cast("IO[bytes]", gzip.open(raw)) if path.name.lower().endswith(".gz") else raw  # noqa: SIM115 - closed with `raw`
        line = 0
        try:
            head = stream.read(piece)
            if head.lstrip()[:1] == b"[":
                yield Piece(_array(head, stream), raw.tell())
                return
            for lines, skipped in _lines(head, stream, piece, longest):
                reading = _too_long(longest) if skipped else read_lines(lines)
                yield Piece(_moved(reading, line), raw.tell())
                line += 1 if skipped else lines.count(b"\n") + 1
        except (OSError, EOFError, zlib.error) as problem:
            yield Piece(Reading(bad=[BadLine(line + 1, f"the file cannot be read beyond here: {problem}", "")]), raw.tell())


def _lines(head: bytes, stream: IO[bytes], piece: int, longest: int) -> Iterator[tuple[bytes, bool]]:
    """Yield whole lines, many at a time; a line too long for memory is passed over and marked."""
    rest, skipping = b"", False
    block = head
    while block:
        whole, end, rest = (rest + block).rpartition(b"\n")
        if skipping and end:
            yield b"", True
            skipping = False
            _, end, whole = whole.partition(b"\n")
        if end:
            yield whole, False
        if len(rest) > longest:
            rest, skipping = b"", True
        elif skipping:
            rest = b""
        block = stream.read(piece)
    if skipping:
        yield b"", True
    elif rest:
        yield rest, False


def _array(head: bytes, stream: IO[bytes]) -> Reading:
    body = head + stream.read(LONGEST_ARRAY)
    if len(body) > LONGEST_ARRAY:
        return Reading(bad=[BadLine(1, f"a JSON array can be at most {LONGEST_ARRAY // MIB} MiB long; write one event a line", "")])
    return read(body)


def _too_long(longest: int) -> Reading:
    return Reading(bad=[BadLine(1, f"it is longer than {longest // MIB} MiB", "")])


def _moved(reading: Reading, by: int) -> Reading:
    return replace(reading, bad=[replace(bad, line=bad.line + by) for bad in reading.bad])


def _given(path: Path) -> Path:
    if not path.exists():
        raise UserError(f"there is no file or folder {path}; check the spelling")
    if not path.name.lower().endswith(ENDINGS):
        raise UserError(f"{path.name} cannot be read as usage events; they stand in {' or '.join(ENDINGS)} files, one event a line")
    return path


def _below(folder: Path) -> list[Path]:
    """Every visible file of the right name; links are not followed out of the folder."""
    root = folder.resolve()
    inside = (path for path in sorted(folder.rglob("*")) if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    return [path for path in inside if path.name.lower().endswith(ENDINGS) and path.is_file() and path.resolve().is_relative_to(root)]
