"""Batches of usage or samples: each is live beside the others until one larger file takes the place of many."""

import hashlib
from collections.abc import Collection
from typing import Literal

from sqlalchemy import Connection, delete, insert, select, update

from finops.deliveries import StagedPart
from finops.ledger.catalog import BATCHES
from finops.ledger.loads import Delivery, record
from finops.ledger.tables import control_totals, coverage, files, live, load_days, loads, watermarks

Kind = Literal["usage", "capacity"]


def add_batch(
    tx: Connection, kind: Kind, source: str, slot: str, part: StagedPart, path: str, delivery: Delivery, derived: str = ""
) -> str:
    """Make a file live under `slot` (which is not empty) beside what its period holds already; return the id of its load.

    A slot that is live is replaced. `path` is where the file stands below the ledger's root; `part.covers` of usage names the
    providers and days that were measured.
    """
    identity = hashlib.sha256(f"{kind}:{source}:{part.period}:{slot}:{part.sha256}".encode()).hexdigest()
    here = (live.c.source == source, live.c.period == part.period, live.c.slot == slot)
    before = tx.execute(select(live.c.load_id).where(*here)).scalar()
    if before == identity:
        return identity
    _record(tx, identity, kind, source, slot, part, delivery)
    tx.execute(delete(files).where(files.c.path == path))
    tx.execute(insert(files).values(path=path, load_id=identity, sha256=part.sha256, bytes=part.bytes, rows=part.rows, derived=derived))
    tx.execute(delete(live).where(*here))
    tx.execute(insert(live).values(source=source, period=part.period, slot=slot, load_id=identity))
    if before:
        _forget(tx, [before], identity, delivery)
    _count_up(tx)
    return identity


def replace_batches(
    tx: Connection,
    kind: Kind,
    source: str,
    old: Collection[str],
    slot: str,
    part: StagedPart,
    path: str,
    delivery: Delivery,
    derived: str = "",
) -> bool:
    """Let one file take the place of the loads `old` in one step; False, and nothing changed, where one of them is gone."""
    still = set(tx.execute(select(live.c.load_id).where(live.c.source == source, live.c.load_id.in_(old))).scalars())
    if still != set(old):
        return False
    tx.execute(delete(live).where(live.c.load_id.in_(old)))
    identity = add_batch(tx, kind, source, slot, part, path, delivery, derived)
    _forget(tx, [one for one in old if one != identity], identity, delivery)
    record(
        tx, delivery.recorded_at, delivery.actor, f"{kind}.compacted", f"{source} {part.period}", {"batches": len(old), "rows": part.rows}
    )
    return True


def _record(tx: Connection, identity: str, kind: Kind, source: str, slot: str, part: StagedPart, delivery: Delivery) -> None:
    tx.execute(
        insert(loads).values(
            id=identity,
            source=source,
            period=part.period,
            delivered_at=delivery.delivered_at,
            recorded_at=delivery.recorded_at,
            status="loaded",
            reason=None,
            rows=part.rows,
            first_day=part.first_day,
            last_day=part.last_day,
            kind=kind,
            slot=slot,
        )
    )
    totals = [
        {
            "load_id": identity,
            "currency": each.currency,
            "rows": each.rows,
            "billed": each.billed,
            "effective": each.effective,
            "list": each.list,
            "contracted": each.contracted,
        }
        for each in part.totals
    ]
    if totals:
        tx.execute(insert(control_totals), totals)
    if part.covers:
        tx.execute(insert(coverage), [{"load_id": identity, "provider": provider, "day": day} for provider, day in part.covers])


def _forget(tx: Connection, old: Collection[str], successor: str, delivery: Delivery) -> None:
    """The files of replaced batches stay for whoever is reading them; the sweep removes them later."""
    tx.execute(update(files).where(files.c.load_id.in_(old)).values(load_id=successor, retired_at=delivery.recorded_at))
    for table in (control_totals, coverage, load_days):
        tx.execute(delete(table).where(table.c.load_id.in_(old)))
    tx.execute(delete(loads).where(loads.c.id.in_(old)))


def _count_up(tx: Connection) -> None:
    """Readers keep what they know of the manifest until this number, or the audit, has moved."""
    before = tx.execute(select(watermarks.c.value).where(watermarks.c.name == BATCHES)).scalar()
    if before is None:
        tx.execute(insert(watermarks).values(name=BATCHES, value="1"))
    else:
        tx.execute(update(watermarks).where(watermarks.c.name == BATCHES).values(value=str(int(before) + 1)))
