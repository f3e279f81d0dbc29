"""Keeps what reconciling found, and opens and ends the notices about it."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, or_, select

from finops.insight.reconcile import Problem
from finops.insight.reconcile_status import Comparison
from finops.ledger.reconciling import Found
from finops.ledger.tables import job_troubles, reconciliations
from finops.ledger.troubles import moving, open_trouble, recover
from finops.periods import Period
from finops.telling.reconciliation import PREFIX, cause_document

Key = tuple[str, str, date, str]


@dataclass(frozen=True)
class Notice:
    """A problem as it is told: under which name, what is wrong, and what to do next."""

    name: str
    problem: Problem
    error: str
    next_step: str


@dataclass(frozen=True)
class Kept:
    """One stored comparison."""

    provider: str
    model: str | None
    period: Period
    currency: str
    estimated: Decimal | None
    billed: Decimal | None
    difference: Decimal | None
    share: Decimal | None
    status: str
    causes: tuple[Mapping[str, Any], ...]
    loads: tuple[str, ...]
    as_of: datetime | None
    checked_at: datetime
    alerted_at: datetime | None


def record(engine: Engine, period: Period, days: Sequence[Comparison], found: Found, notices: Sequence[Notice], now: datetime) -> int:
    """Store what was found of `period` in place of what was found before; return how many problems are told for the first time.

    All of it is one transaction, so a process that dies tells nothing twice and forgets nothing.
    """
    with moving(engine) as tx:
        alerted = _alerted(tx, period)
        told = {key for notice in notices for key in map(_key, notice.problem.days)}
        inside = and_(reconciliations.c.day >= period.start, reconciliations.c.day < period.end)
        before = [_is(_key(day)) for day in days if day.period.start < period.start]
        tx.execute(delete(reconciliations).where(or_(inside, *before)))
        if days:
            rows = [_row(day, found, now, alerted.get(_key(day)) or now if _key(day) in told else None) for day in days]
            tx.execute(insert(reconciliations), rows)
        return _tell(tx, notices, alerted, now)


def kept(engine: Engine, period: Period) -> list[Kept]:
    """Return what was stored of the days in `period`."""
    inside = and_(reconciliations.c.day >= period.start, reconciliations.c.day < period.end)
    order = [reconciliations.c[name] for name in ("provider", "day", "model", "currency")]
    with engine.connect() as connection:
        return [_kept(row) for row in connection.execute(select(reconciliations).where(inside).order_by(*order)).mappings()]


def _tell(tx: Connection, notices: Sequence[Notice], alerted: Collection[Key], now: datetime) -> int:
    """A problem is told when a day of it is new; it is over when the newest compared day is well, or nothing is left of it."""
    running = set(tx.execute(select(job_troubles.c.job).where(job_troubles.c.job.startswith(PREFIX, autoescape=True))).scalars())
    opened = 0
    for notice in notices:
        is_new = any(_key(day) not in alerted for day in notice.problem.days)
        if is_new or (notice.problem.goes_on and notice.name in running):
            opened += is_new and notice.name not in running
            open_trouble(tx, notice.name, now, notice.error, notice.next_step)
            running.discard(notice.name)
    for name in sorted(running):
        recover(tx, name, now)
    return opened


def _alerted(tx: Connection, period: Period) -> dict[Key, datetime]:
    columns = [reconciliations.c[name] for name in ("provider", "model", "day", "currency", "alerted_at")]
    rows = tx.execute(select(*columns).where(reconciliations.c.end_day > period.start, reconciliations.c.alerted_at.is_not(None)))
    return {(provider, model, day, currency): at for provider, model, day, currency, at in rows}


def _key(day: Comparison) -> Key:
    return (day.provider[:200], (day.model or "")[:200], day.period.start, day.currency)


def _is(key: Key) -> Any:
    return and_(*(reconciliations.c[name] == value for name, value in zip(("provider", "model", "day", "currency"), key, strict=True)))


def _row(day: Comparison, found: Found, now: datetime, alerted_at: datetime | None) -> dict[str, Any]:
    provider, model, start, currency = _key(day)
    return {
        "provider": provider,
        "model": model,
        "day": start,
        "currency": currency,
        "end_day": day.period.end,
        "estimated": day.estimated,
        "billed": day.billed,
        "difference": day.difference,
        "share": None if day.share is None else Decimal(f"{day.share:.6f}"),
        "status": day.status,
        "causes": json.dumps([cause_document(cause) for cause in day.causes], ensure_ascii=False),
        "loads": json.dumps(found.loads.get(day.provider, ())),
        "as_of": found.as_of.get(day.provider),
        "checked_at": now,
        "alerted_at": alerted_at,
    }


def _kept(row: Any) -> Kept:
    same = ("provider", "currency", "estimated", "billed", "difference", "share", "status", "as_of", "checked_at", "alerted_at")
    return Kept(
        **{name: row[name] for name in same},
        model=row["model"] or None,
        period=Period(row["day"], row["end_day"]),
        causes=tuple(json.loads(row["causes"])),
        loads=tuple(json.loads(row["loads"])),
    )
