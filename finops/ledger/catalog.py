"""Reads the manifest: which files answer for which days, how fresh they are, what was delivered before."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, Engine, Subquery, func, select, union_all

from finops.ledger.tables import audit, bad_rows, control_totals, coverage, files, live, load_days, loads, watermarks
from finops.providers import provider_name

CHARGES: Final = ("bill", "usage")  # the kinds of loads whose rows are charges
BATCHES: Final = "manifest.batches"


@dataclass(frozen=True)
class LiveFile:
    """One Parquet file that answers for `source` and billing `period`, with its charge days and currencies."""

    path: str
    load_id: str
    source: str
    period: str
    delivered_at: datetime
    first_day: date
    last_day: date
    derived: str
    rows: int
    currencies: tuple[str, ...]
    kind: str = "bill"
    slot: str = ""


@dataclass(frozen=True)
class Observed:
    """What one delivery said of one usage day of a source."""

    source: str
    day: date
    currency: str
    delivered_at: datetime
    effective: Decimal


@dataclass(frozen=True)
class PastLoad:
    """One recorded delivery of (source, period); `effective` by currency; `is_live` tells the one that answers."""

    id: str
    source: str
    period: str
    delivered_at: datetime
    recorded_at: datetime
    status: str
    reason: str | None
    rows: int
    is_live: bool
    effective: dict[str, Decimal]
    bad_rows: int


def live_files(connection: Connection, known_at: datetime | None = None, kinds: Sequence[str] = CHARGES) -> list[LiveFile]:
    """Return the files that answer, read in one statement: a consistent set.

    `known_at` asks for the bills that were delivered by that instant instead of those live now; usage is always as it is now.
    """
    answering = _live() if known_at is None else _delivered_by(known_at)
    named = ("source", "period", "delivered_at", "first_day", "last_day", "kind", "slot")
    statement = (
        select(files.c.path, files.c.load_id, files.c.derived, files.c.rows, *(loads.c[name] for name in named))
        .join(loads, loads.c.id == files.c.load_id)
        .join(answering, answering.c.load_id == loads.c.id)
        .where(files.c.retired_at.is_(None), loads.c.kind.in_(kinds))
        .order_by(files.c.path)
    )
    rows = connection.execute(statement).mappings().all()
    billed = _currencies(connection, {row["load_id"] for row in rows})
    return [LiveFile(**row, currencies=billed[row["load_id"]]) for row in rows]


def _currencies(connection: Connection, load_ids: set[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = dict.fromkeys(load_ids, ())
    for row in connection.execute(select(control_totals.c.load_id, control_totals.c.currency)):
        if row.load_id in found:
            found[row.load_id] = (*found[row.load_id], row.currency)
    return found


def _live() -> Subquery:
    return select(live.c.load_id).subquery()


def _delivered_by(instant: datetime) -> Subquery:
    latest = func.row_number().over(
        partition_by=(loads.c.source, loads.c.period), order_by=(loads.c.delivered_at.desc(), loads.c.recorded_at.desc())
    )
    known = loads.c.status.in_(("loaded", "superseded")) & (loads.c.delivered_at <= instant) & (loads.c.kind == "bill")
    ranked = select(loads.c.id.label("load_id"), latest.label("place")).where(known).subquery()
    batches = select(live.c.load_id).where(live.c.slot != "")
    return union_all(select(ranked.c.load_id).where(ranked.c.place == 1), batches).subquery()


def revision(connection: Connection) -> int:
    """Return what grows with every change of the manifest: a bill leaves an audit entry, a batch counts up a number of its own."""
    entries = int(connection.execute(select(func.coalesce(func.max(audit.c.seq), 0))).scalar_one())
    batches = connection.execute(select(watermarks.c.value).where(watermarks.c.name == BATCHES)).scalar()
    return entries + int(batches or 0)


def coverage_of(connection: Connection, load_ids: Collection[str]) -> dict[str, dict[str, set[date]]]:
    """Return of each load the providers, by our spelling, and the days for which it bills or measures usage."""
    found: dict[str, dict[str, set[date]]] = {}
    for row in connection.execute(select(coverage.c.load_id, coverage.c.provider, coverage.c.day)):
        if row.load_id in load_ids:
            found.setdefault(row.load_id, {}).setdefault(provider_name(row.provider), set()).add(row.day)
    return found


def observed(connection: Connection, since: date) -> list[Observed]:
    """Return what every recorded delivery, live or not, said of the usage days from `since` on."""
    statement = (
        select(loads.c.source, load_days.c.day, load_days.c.currency, loads.c.delivered_at, load_days.c.effective)
        .join(loads, loads.c.id == load_days.c.load_id)
        .where(load_days.c.day >= since, loads.c.status.in_(("loaded", "superseded")))
        .order_by(loads.c.source, load_days.c.day, load_days.c.currency, loads.c.delivered_at)
    )
    return [Observed(**row) for row in connection.execute(statement).mappings()]


def past_loads(engine: Engine, source: str | None = None, period: str | None = None) -> list[PastLoad]:
    """Return every recorded delivery, newest last within its (source, period)."""
    counted = select(bad_rows.c.load_id, func.count().label("bad_rows")).group_by(bad_rows.c.load_id).subquery()
    named = ("id", "source", "period", "delivered_at", "recorded_at", "status", "reason", "rows")
    statement = (
        select(*(loads.c[name] for name in named), live.c.load_id.label("live_id"), func.coalesce(counted.c.bad_rows, 0).label("bad_rows"))
        .outerjoin(live, live.c.load_id == loads.c.id)
        .outerjoin(counted, counted.c.load_id == loads.c.id)
        .order_by(loads.c.source, loads.c.period, loads.c.delivered_at, loads.c.recorded_at)
    )
    if source is not None:
        statement = statement.where(loads.c.source == source)
    if period is not None:
        statement = statement.where(loads.c.period == period)
    with engine.connect() as connection:
        sums = _sums(connection)
        rows = connection.execute(statement).mappings().all()
    return [
        PastLoad(
            **{name: row[name] for name in (*named, "bad_rows")}, is_live=row["live_id"] is not None, effective=sums.get(row["id"], {})
        )
        for row in rows
    ]


def _sums(connection: Connection) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for row in connection.execute(select(control_totals.c.load_id, control_totals.c.currency, control_totals.c.effective)):
        found.setdefault(row.load_id, {})[row.currency] = row.effective
    return found
