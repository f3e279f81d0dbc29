"""Writes the audit for auditors: JSON Lines that prove themselves, and a table whose cells no spreadsheet takes for formulas."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from finops.ledger.audit import entries, head
from finops.ledger.audit_chain import Entry, Keys, instant, summed
from finops.ledger.checkpoints import Checkpoint, public_keys, sign
from finops.telling.csv_cells import cell

HEADER: Final = "export"
COLUMNS: Final = tuple(one.name for one in fields(Entry))


@dataclass(frozen=True)
class Heading:
    """The first line of an export: how much follows and a digest of it, signed, so that it proves itself without the key."""

    size: int
    head: str
    content: str
    checkpoints: int
    at: str
    key: str
    signature: str = ""

    def signed_text(self) -> bytes:
        content = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def read_heading(document: dict[str, Any]) -> Heading:
    """Raises TypeError for anything that is no heading."""
    return Heading(**document)


def export(engine: Engine, keys: Keys, checkpoints: Sequence[Checkpoint], path: Path, now: datetime) -> tuple[Heading, Path]:
    """Write the audit to `path` and, as a table, beside it with the ending .csv; return the heading and the table's path."""
    table = path.with_suffix(".csv")
    with engine.connect() as connection, path.open("w", encoding="utf-8", newline="\n") as lines, _table(table) as sheet:
        size, last = head(connection)
        _, content = summed(upto(entries(connection), size))
        made = Heading(size, last, content, len(checkpoints), instant(now), "".join(public_keys(keys)[:1]))
        made = replace(made, signature=sign(keys, made.signed_text()))
        lines.write(_line({HEADER: asdict(made)}))
        writer = csv.writer(sheet)
        writer.writerow(COLUMNS)
        for entry in upto(entries(connection), size):
            lines.write(_line(entry.document()))
            writer.writerow([cell(value) for value in (entry.document().get(name) for name in COLUMNS)])
        for one in checkpoints:
            lines.write(_line({"checkpoint": asdict(one)}))
    return made, table


def upto(rows: Iterable[Entry], size: int) -> Iterator[Entry]:
    """Leave out what is written meanwhile."""
    return takewhile(lambda entry: entry.seq <= size, rows)


def _table(path: Path) -> Any:
    return path.open("w", encoding="utf-8", newline="")


def _line(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True) + "\n"
