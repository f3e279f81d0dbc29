"""Takes bills in: files become a staged delivery, the ledger makes it live."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from finops.deliveries import Load, Progress
from finops.errors import BillError, UserError, close_to, meant
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.sources.formats import FORMATS
from finops.sources.staging import stage


@dataclass(frozen=True)
class Ingested:
    """What became of one delivery: a line for each (source, period), and what the reader noticed."""

    loads: tuple[Load, ...]
    notes: tuple[str, ...]

    @property
    def is_degraded(self) -> bool:
        return any(load.status in ("quarantined", "waiting") for load in self.loads)


def ingest_files(
    ledger: Ledger,
    paths: Sequence[Path],
    kind: str,
    *,
    delivery: Delivery,
    source: str | None = None,
    progress: Progress | None = None,
) -> Ingested:
    """Load bill files of one format as one delivery of `source` (default: the format's name).

    Raises UserError for a format that is not known, BillError for files that cannot be loaded as a whole.
    """
    if kind not in FORMATS:
        raise UserError(
            f"'{kind}' is not a bill format; use {', '.join(FORMATS)}.{meant(kind, FORMATS)}", did_you_mean=close_to(kind, FORMATS)
        )
    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="load-") as folder:
        staged = stage(paths, FORMATS[kind], source=source or kind, folder=Path(folder), derived=ledger.terms.derived, progress=progress)
        loads = ledger.publish(staged, delivery)
    if not loads:
        raise BillError(f"{', '.join(map(str, paths))} holds no charges; check that it is a {kind} bill")
    return Ingested(tuple(loads), staged.notes)


def delivered(at: datetime | None, now: datetime, actor: str, *, accept: bool) -> Delivery:
    return Delivery(delivered_at=at or now, recorded_at=now, actor=actor, explicit=at is not None, accept=accept)
