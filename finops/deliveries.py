"""One delivery of bills on its way into the ledger: what was staged, what was refused, and the totals that must hold."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

Status = Literal["loaded", "unchanged", "superseded", "waiting", "quarantined"]
Progress = Callable[[str, float], None]  # what is being done, and the share of it done (0–1)


@dataclass(frozen=True)
class ControlTotal:
    """Row count and exact sums of one staged part in one currency; None where the bill does not say."""

    currency: str
    rows: int
    billed: Decimal
    effective: Decimal
    list: Decimal | None = None
    contracted: Decimal | None = None


@dataclass(frozen=True)
class DayTotal:
    """What one delivery said of one usage day: later deliveries show how complete it was."""

    day: date
    currency: str
    rows: int
    effective: Decimal


@dataclass(frozen=True)
class StagedPart:
    """The charges of one billing period (`2026-03`) in one Parquet file, columns as in `finops.charges.COLUMNS`."""

    period: str
    path: Path
    sha256: str
    bytes: int
    rows: int
    first_day: date
    last_day: date
    totals: tuple[ControlTotal, ...]
    days: tuple[DayTotal, ...]
    covers: tuple[tuple[str, date], ...] = ()  # provider and day of billed usage; estimates of these give way


@dataclass(frozen=True)
class BadRow:
    """A record that breaks a rule: where it stands (`line` counts from 1, the header included) and why."""

    period: str | None  # None where the row does not even say when it was
    file: str
    line: int
    reason: str
    excerpt: str


@dataclass(frozen=True)
class Staging:
    """What became of one delivery's files. `digest` names the delivered bytes and the mapping that read them."""

    digest: str
    source: str
    parts: tuple[StagedPart, ...]
    bad_rows: tuple[BadRow, ...]  # at most the first thousand
    bad_row_counts: dict[str | None, int]  # period → all bad rows in it
    notes: tuple[str, ...]
    read: int = 0  # all rows of its files, those left out included


@dataclass(frozen=True)
class Load:
    """What the ledger did with one (source, period) of a delivery: the line that `ingest` reports."""

    source: str
    period: str
    rows: int
    billed_cost: Decimal | None
    effective_cost: Decimal | None
    currency: str | None
    status: Status
    reason: str | None = None
