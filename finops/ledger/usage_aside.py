"""Keeps events that cannot be counted in a file of their own: told, and never lost."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finops.deliveries import Load
from finops.ledger.loads import slug

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FOLDER: Final = ".quarantine"  # below the ledger's root
UNREADABLE: Final = "it is no usage event"


@dataclass(frozen=True)
class Aside:
    """What was put aside: as lines of the load report, and in words."""

    loads: tuple[Load, ...] = ()
    notes: tuple[str, ...] = ()


def put_aside(con: "DuckDBPyConnection", root: Path, source: str, files: Sequence[Path]) -> Aside:
    """Write what is bad of the table `events` to a file named by its content, so that trying again adds nothing."""
    counts = Counter(dict(con.execute("SELECT problem, count(*) FROM events WHERE problem IS NOT NULL GROUP BY ALL").fetchall()))
    if not counts:
        return Aside()
    lines = [*_events(con), *(_unreadable(files) if counts[UNREADABLE] else ())]
    if not lines:  # a line that was cut off while it was written was never accepted
        return Aside()
    path = _keep(root / FOLDER, source, lines)
    shown = ", ".join(f"{count:,} because {problem}" for problem, count in sorted(counts.items()))
    note = f"{len(lines):,} events are kept aside in {path}: {shown}"
    return Aside((Load(source, "unknown", len(lines), None, None, None, "quarantined", note),), (note,))


def _events(con: "DuckDBPyConnection") -> Iterator[str]:
    bad = "SELECT * EXCLUDE (key) FROM events WHERE problem IS NOT NULL AND problem <> ? ORDER BY rowid"
    statement = f"SELECT CAST(to_json(e) AS VARCHAR) FROM ({bad}) e"
    for (line,) in con.execute(statement, [UNREADABLE]).fetchall():
        yield line


def _unreadable(files: Sequence[Path]) -> Iterator[str]:
    """A last line without its end is what a crash leaves of a write; any other unreadable line is somebody's event."""
    for file in files:
        with file.open("rb") as content:
            for line in content:
                if line.strip() and line.endswith(b"\n") and not _is_event(line):
                    yield json.dumps({"problem": UNREADABLE, "line": line.decode("utf-8", "replace").rstrip("\n")}, ensure_ascii=False)


def _is_event(line: bytes) -> bool:
    try:
        content = json.loads(line)
    except ValueError:
        return False
    return isinstance(content, dict) and all(isinstance(content.get(name), str) for name in ("time", "request_id", "model"))


def _keep(folder: Path, source: str, lines: Sequence[str]) -> Path:
    content = "".join(f"{line}\n" for line in lines).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug(source)}-{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # whoever delivered the events may forget them after this
    unfinished.replace(path)
    return path
