"""Publishes deliveries: files first, then one transaction that flips what is live."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from finops.deliveries import Load, StagedPart, Staging, Status
from finops.errors import LedgerError
from finops.ledger.audit import PLAIN, Stamp, write
from finops.ledger.state import writing
from finops.ledger.tables import bad_rows, control_totals, coverage, files, live, load_days, loads

# A later delivery with a tenth of the rows of a bill this large is more likely cut off than right.
LARGE_BILL, FAR_SMALLER = 1000, 10
BILL_SLOT = ""  # a bill answers for its whole period


@dataclass(frozen=True)
class Delivery:
    """When a delivery was made and who loads it. `explicit`: the caller named the instant; `accept` lets bad rows and odd sizes pass."""

    delivered_at: datetime
    recorded_at: datetime
    actor: str
    explicit: bool = False
    accept: bool = False


def publish(engine: Engine, keep: Callable[[StagedPart, str], str], staging: Staging, delivery: Delivery, derived: str) -> list[Load]:
    """Make every staged part that passes live at once, and say what became of each.

    A part whose bytes were delivered before changes nothing; one delivered before the live one is kept as superseded;
    one with bad rows, or with other currencies or far fewer rows than the live one, is kept aside as quarantined while
    the last good load stays. `keep` puts a staged file of a source where readers will find it and names the place.
    """
    kept = [keep(part, staging.source) for part in staging.parts]
    with writing(engine) as tx:
        results = [_publish_part(tx, staging, part, path, delivery, derived) for part, path in zip(staging.parts, kept, strict=True)]
        results += [_only_bad(tx, staging, period, delivery) for period in _wholly_bad(staging)]
    return results


def load_id(digest: str, period: str) -> str:
    return hashlib.sha256(f"{digest}:{period}".encode()).hexdigest()


def move_in(root: Path, part: StagedPart, source: str) -> str:
    """Move a staged file to its place, named by content; until the flip nobody knows it.

    Raises LedgerError when the file is not what it was announced to be.
    """
    if part.path.stat().st_size != part.bytes:
        raise LedgerError(
            f"staged file {part.path.name} has {part.path.stat().st_size} bytes where {part.bytes} were written; load it again"
        )
    relative = f"source={slug(source)}/period={part.period}/{part.sha256[:24]}.parquet"
    target = root / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    _sync(part.path)
    part.path.replace(target)
    _sync(target.parent)
    return relative


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def slug(source: str) -> str:
    """Return a folder name for a source; different sources never share one."""
    safe = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in source)
    return safe if safe == source else f"{safe[:40]}-{hashlib.sha256(source.encode()).hexdigest()[:8]}"


def _publish_part(tx: Connection, staging: Staging, part: StagedPart, path: str, delivery: Delivery, derived: str) -> Load:
    identity = load_id(staging.digest, part.period)
    known = tx.execute(select(loads).where(loads.c.id == identity)).mappings().first()
    current = _live_load(tx, staging.source, part.period)
    status, reason = _verdict(tx, staging, part, delivery, known, current)
    if status == "unchanged":
        return _report(staging.source, part, status, reason)
    if known is None:
        _record(tx, identity, staging, part, delivery, status, reason)
    else:
        revised = {"status": status, "reason": reason, "delivered_at": delivery.delivered_at, "recorded_at": delivery.recorded_at}
        tx.execute(update(loads).where(loads.c.id == identity).values(**revised))
    _record_file(tx, identity, part, path, derived)
    if status == "loaded":
        _flip(tx, staging.source, part.period, identity)
    _note(tx, delivery, f"load.{status}", f"{staging.source} {part.period}", _detail(identity, part, reason, current))
    return _report(staging.source, part, status, reason)


def _live_load(tx: Connection, source: str, period: str) -> dict[str, Any] | None:
    joined = select(loads).join(live, live.c.load_id == loads.c.id)
    row = tx.execute(joined.where(live.c.source == source, live.c.period == period, live.c.slot == BILL_SLOT)).mappings().first()
    return dict(row) if row else None


def _verdict(
    tx: Connection, staging: Staging, part: StagedPart, delivery: Delivery, known: Any, current: dict[str, Any] | None
) -> tuple[Status, str | None]:
    """The rules of which delivery wins, first that applies."""
    if known is not None and known["status"] != "quarantined":
        again = current is not None and known["id"] != current["id"] and delivery.explicit
        if not (again and current and delivery.delivered_at > current["delivered_at"]):
            return "unchanged", f"these bytes were loaded on {known['recorded_at']:%Y-%m-%d %H:%M}Z"
    if known is not None and known["status"] == "quarantined" and not delivery.accept:
        return "unchanged", f"these bytes were quarantined on {known['recorded_at']:%Y-%m-%d %H:%M}Z: {known['reason']}"
    if current is not None and delivery.delivered_at < current["delivered_at"]:
        return "superseded", f"a delivery of {current['delivered_at']:%Y-%m-%d %H:%M}Z is newer"
    doubt = None if delivery.accept else _doubt(tx, staging, part, current)
    return ("quarantined", doubt) if doubt else ("loaded", None)


def _doubt(tx: Connection, staging: Staging, part: StagedPart, current: dict[str, Any] | None) -> str | None:
    bad = staging.bad_row_counts.get(part.period, 0) + staging.bad_row_counts.get(None, 0)
    if bad:
        first = next((row for row in staging.bad_rows if row.period in (part.period, None)), None)
        where = f", first {first.file}:{first.line}: {first.reason}" if first else ""
        return f"{bad} of {part.rows + bad} rows break a rule{where}; mend the file, or load the good rows with --accept"
    if current is None:
        return None
    before = {row.currency for row in tx.execute(select(control_totals.c.currency).where(control_totals.c.load_id == current["id"]))}
    after = {total.currency for total in part.totals}
    if not before & after:
        now, then = ", ".join(sorted(after)), ", ".join(sorted(before))
        return f"billed in {now} where the last delivery was in {then}; load it with --accept if that is right"
    if current["rows"] >= LARGE_BILL and part.rows * FAR_SMALLER < current["rows"]:
        return f"holds {part.rows} rows where the last delivery held {current['rows']}; load it with --accept if that is right"
    return None


def _record(
    tx: Connection, identity: str, staging: Staging, part: StagedPart, delivery: Delivery, status: Status, reason: str | None
) -> None:
    tx.execute(
        insert(loads).values(
            id=identity,
            source=staging.source,
            period=part.period,
            delivered_at=delivery.delivered_at,
            recorded_at=delivery.recorded_at,
            status=status,
            reason=reason,
            rows=part.rows,
            first_day=part.first_day,
            last_day=part.last_day,
            kind="bill",
            slot=BILL_SLOT,
        )
    )
    _record_figures(tx, identity, part)
    tx.execute(
        insert(load_days),
        [{"load_id": identity, "day": d.day, "currency": d.currency, "rows": d.rows, "effective": d.effective} for d in part.days],
    )
    _record_bad(tx, identity, staging, part.period)


def _record_figures(tx: Connection, identity: str, part: StagedPart) -> None:
    tx.execute(
        insert(control_totals),
        [
            {
                "load_id": identity,
                "currency": total.currency,
                "rows": total.rows,
                "billed": total.billed,
                "effective": total.effective,
                "list": total.list,
                "contracted": total.contracted,
            }
            for total in part.totals
        ],
    )
    covered = [{"load_id": identity, "provider": provider, "day": day} for provider, day in part.covers]
    if covered:
        tx.execute(insert(coverage), covered)


def _record_bad(tx: Connection, identity: str, staging: Staging, period: str) -> None:
    rows = [
        {"load_id": identity, "file": row.file, "line": row.line, "reason": row.reason, "excerpt": row.excerpt}
        for row in staging.bad_rows
        if row.period in (period, None)
    ]
    if rows:
        tx.execute(insert(bad_rows), rows)


def _record_file(tx: Connection, identity: str, part: StagedPart, path: str, derived: str) -> None:
    """Note the file; one staged anew replaces the load's earlier file, so that no load ever counts twice."""
    tx.execute(delete(files).where(files.c.path == path))
    tx.execute(delete(files).where(files.c.load_id == identity))
    tx.execute(insert(files).values(path=path, load_id=identity, sha256=part.sha256, bytes=part.bytes, rows=part.rows, derived=derived))


def _flip(tx: Connection, source: str, period: str, identity: str) -> None:
    here = (live.c.source == source, live.c.period == period, live.c.slot == BILL_SLOT)
    if tx.execute(update(live).where(*here).values(load_id=identity)).rowcount == 0:
        tx.execute(insert(live).values(source=source, period=period, slot=BILL_SLOT, load_id=identity))


def _wholly_bad(staging: Staging) -> list[str]:
    """Periods of which not one row was good; rows without a period count where nothing else was staged."""
    staged = {part.period for part in staging.parts}
    periods = [period or "unknown" for period in staging.bad_row_counts if period not in staged]
    return sorted(period for period in periods if period != "unknown" or not staged)


def _only_bad(tx: Connection, staging: Staging, period: str, delivery: Delivery) -> Load:
    identity = load_id(staging.digest, period)
    count = sum(n for name, n in staging.bad_row_counts.items() if (name or "unknown") == period)
    first = staging.bad_rows[0] if staging.bad_rows else None
    reason = f"none of its {count} rows can be read" + (f", first {first.file}:{first.line}: {first.reason}" if first else "")
    if tx.execute(select(loads.c.id).where(loads.c.id == identity)).first() is None:
        values = {"source": staging.source, "period": period[:7], "status": "quarantined", "reason": reason, "rows": 0}
        values |= {"kind": "bill", "slot": BILL_SLOT}
        stamps = {"delivered_at": delivery.delivered_at, "recorded_at": delivery.recorded_at}
        tx.execute(insert(loads).values(id=identity, **values, **stamps))
        _record_bad(tx, identity, staging, period)
        _note(tx, delivery, "load.quarantined", f"{staging.source} {period}", {"load": identity, "reason": reason})
    return Load(staging.source, period, 0, None, None, None, "quarantined", reason)


def _note(tx: Connection, delivery: Delivery, action: str, thing: str, detail: dict[str, Any]) -> None:
    record(tx, delivery.recorded_at, delivery.actor, action, thing, detail)


def record(tx: Connection, at: datetime, actor: str, action: str, thing: str, detail: dict[str, Any], stamp: Stamp = PLAIN) -> None:
    """Write one audit entry in the transaction of the change it tells of; raises LedgerError where that cannot be."""
    write(tx, at, actor, action, thing, detail, stamp)


def _detail(identity: str, part: StagedPart, reason: str | None, before: dict[str, Any] | None) -> dict[str, Any]:
    totals = {total.currency: {"rows": total.rows, "billed": total.billed, "effective": total.effective} for total in part.totals}
    return {"load": identity, "before": before["id"] if before else None, "reason": reason, "totals": totals, "sha256": part.sha256}


def _report(source: str, part: StagedPart, status: Status, reason: str | None) -> Load:
    """One line for `ingest`; the sums stay empty where the part mixes currencies."""
    only = part.totals[0] if len(part.totals) == 1 else None
    return Load(
        source=source,
        period=part.period,
        rows=part.rows,
        billed_cost=_plain(only.billed) if only else None,
        effective_cost=_plain(only.effective) if only else None,
        currency=only.currency if only else None,
        status=status,
        reason=reason if only or reason else f"in {', '.join(sorted(total.currency for total in part.totals))}",
    )


def _plain(amount: Decimal) -> Decimal:
    return amount.normalize() if amount else Decimal(0)
