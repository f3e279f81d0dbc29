"""Takes bills in: files become a staged delivery, the ledger makes it live. The agent asks every configured source."""

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from finops.deliveries import Load, Progress
from finops.errors import BillError, FinopsError, SourceError, UserError, close_to, meant
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.sources.connect import Surroundings, configured
from finops.sources.formats import KINDS
from finops.sources.staging import stage
from jobs.registry import Tools, job
from jobs.taking import Ingested, Taking, take_entry, troubles

__all__ = ["Ingested", "delivered", "ingest_bills", "ingest_files"]


def ingest_files(
    ledger: Ledger,
    paths: Sequence[Path],
    kind: str,
    *,
    delivery: Delivery,
    source: str | None = None,
    progress: Progress | None = None,
) -> Ingested:
    """Load bill files of one kind as one delivery of `source` (default: the kind's name).

    Raises UserError for a kind that is not known, BillError for files that cannot be loaded as a whole.
    """
    if kind not in KINDS:
        raise UserError(f"'{kind}' is not a bill format; use {', '.join(KINDS)}.{meant(kind, KINDS)}", did_you_mean=close_to(kind, KINDS))
    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="load-") as folder:
        staged = stage(paths, KINDS[kind], source=source or kind, folder=Path(folder), derived=ledger.terms.derived, progress=progress)
        loads = ledger.publish(staged, delivery)
    if not loads:
        raise BillError(f"{', '.join(map(str, paths))} holds no charges; check that it is a {kind} bill")
    return Ingested(tuple(loads), staged.notes)


def delivered(at: datetime | None, now: datetime, actor: str, *, accept: bool) -> Delivery:
    return Delivery(delivered_at=at or now, recorded_at=now, actor=actor, explicit=at is not None, accept=accept)


@job("ingest-bills", every="1h")
def ingest_bills(tools: Tools) -> str:
    """Ask every source in budgets.yaml for new deliveries and load them."""
    entries = configured(tools.rulebook.sources)
    if not entries:
        return "no sources are configured; docs/connectors.md tells how to add some to budgets.yaml"
    given = Surroundings(tools.settings, tools.rulebook, tools.now)
    loads: list[Load] = []
    failures: list[str] = []
    for entry in entries:
        try:
            done = take_entry(tools.ledger, entry, given, Taking(tools.now, "ingest-bills"))
        except FinopsError as problem:
            failures.append(f"{entry.name}: {problem}")
            continue
        loads += done.loads
        failures += [f"{entry.name}: {sentence}" for sentence in done.failures]
    failures += troubles(tools.ledger, {entry.name for entry in entries}, tools.now)
    if failures:
        raise SourceError("; ".join([*dict.fromkeys(failures), told(loads, len(entries))]))
    return told(loads, len(entries))


def told(loads: Sequence[Load], sources: int) -> str:
    """Return how many deliveries ended how, in one sentence."""
    counts = {status: sum(load.status == status for load in loads) for status in dict.fromkeys(load.status for load in loads)}
    whom = f"{sources} source{'' if sources == 1 else 's'}"
    return f"asked {whom}: {', '.join(f'{count} {status}' for status, count in counts.items()) or 'nothing new'}"
