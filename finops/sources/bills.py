"""The files of a delivery: which of the given paths are bills, and the limits none of them may pass."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from finops.errors import BillError

MIB: Final = 1024 * 1024
JSON_LINES: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
ENDINGS: Final = (".csv", ".csv.gz", ".parquet", *JSON_LINES)
_PACKED: Final = {".zip": "unzip", ".tar": "untar", ".tgz": "untar", ".zst": "decompress", ".bz2": "decompress", ".xz": "decompress"}
_BESIDE_BILLS: Final = ("manifest", "_success", "_metadata", "_common_metadata")


@dataclass(frozen=True)
class Caps:
    """How much of our time and memory a delivery may take; real bills stay far below."""

    ratio: int = 200  # decompressed to compressed bytes; bills reach 60
    ratio_from: int = 64 * MIB  # decompressed bytes from which the ratio counts
    bytes: int = 256 * 1024 * MIB  # decompressed, each file
    seconds: float = 3600.0  # the whole delivery
    field: int = 131_072  # bytes of one value
    record: int = 262_144  # bytes of one row
    columns: int = 5_000
    files: int = 20_000
    footer: int = 32 * MIB  # of a Parquet file
    chunk: int = 256 * MIB  # one column of one row group, decompressed
    bad_rows: int = 1_000  # shown; all are counted
    memory: int = 640 * MIB  # DuckDB's own limit
    threads: int = 4


@dataclass(frozen=True)
class BillFile:
    """One file to read; `name` is how messages call it."""

    path: Path
    name: str


def find(paths: Sequence[Path], caps: Caps) -> tuple[tuple[BillFile, ...], tuple[str, ...]]:
    """Return the bill files among `paths` (folders searched to the bottom, in order of name), and notes on what was skipped."""
    files: list[BillFile] = []
    skipped: list[str] = []
    for path in paths:
        for file in _below(path) if path.is_dir() else [_given(path)]:
            if file.name.lower().endswith(ENDINGS):
                files.append(file)
            else:
                skipped.append(file.name)
            if len(files) + len(skipped) > caps.files:
                raise BillError(f"{path} holds more than {caps.files:,} files; deliver them in several parts.")
    unique = {file.path.resolve(): file for file in files}
    if not unique:
        raise BillError(f"No bill was found at {listed(str(path) for path in paths)}; a bill is a {' or '.join(ENDINGS)} file.")
    return tuple(unique.values()), _skipped_note(skipped)


def _given(path: Path) -> BillFile:
    """A file named outright must be a bill; a symlink is followed, for it was asked for."""
    if not path.exists():
        raise BillError(f"There is no file or folder {path}; check the spelling.")
    if not path.is_file():
        raise BillError(f"{path} is neither a file nor a folder; deliver a {' or '.join(ENDINGS)} file.")
    if not path.name.lower().endswith(ENDINGS):
        verb = _PACKED.get(path.suffix.lower())
        hint = f"{verb} it first" if verb else f"a bill ends in {', '.join(ENDINGS)}"
        raise BillError(f"{path.name} cannot be read as a bill: {hint}.")
    return _named(path, path.name)


def _below(folder: Path) -> Iterator[BillFile]:
    """Every visible regular file under `folder`; none may lead out of it."""
    root = folder.resolve()
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(where, name)
            if name.startswith(".") or name.lower().startswith("_") or any(word in name.lower() for word in _BESIDE_BILLS):
                continue
            shown = path.relative_to(folder).as_posix()
            if not path.resolve().is_relative_to(root):
                raise BillError(f"{shown} is a link that leads out of {folder.name or folder}; deliver the file itself.")
            if not stat.S_ISREG(path.stat().st_mode):
                raise BillError(f"{shown} is not a regular file; deliver a {' or '.join(ENDINGS)} file.")
            yield _named(path, shown)


def _named(path: Path, name: str) -> BillFile:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BillError(f"The name of {name!r} is not UTF-8; rename the file.") from None
    return BillFile(path, name)


def _skipped_note(names: Sequence[str]) -> tuple[str, ...]:
    return (f"skipped what is no bill: {listed(names)}",) if names else ()


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first few names in words."""
    shown = list(names)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")
