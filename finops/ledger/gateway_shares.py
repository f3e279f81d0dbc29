"""Shares of daily quotas: who may use how much today, so that all together never may use more than the quota."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from finops.errors import UserError
from finops.guard.leases import Day, allowed
from finops.ledger.tables_gateway import gateway_shares

NOTHING: Final = Decimal(0)
MOST: Final = 10**15  # tokens, or units of money: more is no report but a mistake
LASTS: Final = 60.0  # seconds a worker may go on without a word from us


@dataclass(frozen=True)
class Grants:
    """What may be handed out: the day, and for each limit its tokens and money (None: not counted)."""

    day: Day
    quotas: Mapping[str, tuple[int | None, Decimal | None]]


@dataclass(frozen=True)
class Used:
    """One worker's report on a share."""

    limit: str
    subject: str
    day: str
    used: tuple[int, Decimal]
    stands: tuple[int, Decimal]
    want: tuple[int, Decimal]
    leaving: bool = False


def read_report(report: Mapping[str, Any]) -> Used:
    """Read a worker's report. Raises UserError for what is none."""
    try:
        amounts = [(int(report[name]["tokens"]), Decimal(report[name]["cost"])) for name in ("used", "allowed", "want")]
        used, stands, want = amounts
        leaving = report.get("leaving") is True
        read = Used(str(report["limit"])[:300], str(report["subject"])[:300], str(report["day"]), used, stands, want, leaving)
    except (KeyError, TypeError, ValueError, InvalidOperation):
        raise UserError("a share is {limit, subject, day, used, allowed, want}, the last three each {tokens, cost}") from None
    if not all(-MOST < tokens < MOST and cost.is_finite() and abs(cost) < MOST for tokens, cost in amounts):
        raise UserError(f"the share of {read.limit[:60]} counts what nobody can have used")
    return read


def renew(tx: Connection, worker: str, report: Mapping[str, Any], grants: Grants, workers: int, at: datetime) -> dict[str, Any]:
    """Note one report and answer it. A report on a day that is over closes that day, and is answered for today."""
    told = read_report(report)
    today = grants.day.date
    if told.day and told.day != today.isoformat():
        _close(tx, worker, told, at)
        told = Used(told.limit, told.subject, "", (0, NOTHING), (0, NOTHING), told.want, told.leaving)
    rows = tx.execute(
        select(gateway_shares)
        .where(gateway_shares.c.limit_id == told.limit, gateway_shares.c.subject == told.subject, gateway_shares.c.day == today)
        .order_by(gateway_shares.c.worker)
    ).all()
    others = [row for row in rows if row.worker != worker]
    mine = next((row for row in rows if row.worker == worker), None)
    used = max(told.used[0], mine.used_tokens if mine else 0), max(told.used[1], mine.used_cost if mine else NOTHING)
    stands = (min(told.stands[0], mine.allowed_tokens), min(told.stands[1], mine.allowed_cost)) if mine else (0, NOTHING)
    sharing = 0 if told.leaving else max(1, workers)
    tokens_quota, cost_quota = grants.quotas.get(told.limit, (0, NOTHING))
    tokens, dry_tokens = used[0], False
    cost, dry_cost = used[1], False
    if tokens_quota is not None:
        held = [max(row.allowed_tokens, row.used_tokens) for row in others]
        tokens, dry_tokens = allowed(tokens_quota, held, used[0], stands[0], told.want[0], sharing)
    if cost_quota is not None:
        spent = [max(row.allowed_cost, row.used_cost) for row in others]
        cost, dry_cost = allowed(cost_quota, spent, used[1], stands[1], told.want[1], sharing)
    _keep(tx, worker, told, today, used, (tokens, cost), at, known=mine is not None)
    left = (grants.day.ends - at).total_seconds()
    answer = {"tokens": tokens, "cost": format(cost, "f")}
    return {"day": today.isoformat(), "allowed": answer, "dry": dry_tokens or dry_cost, "lasts": min(LASTS, left), "day_left": left}


def _close(tx: Connection, worker: str, told: Used, at: datetime) -> None:
    """Write down what a past day came to; what was not used of it is nobody's any more."""
    try:
        day = date.fromisoformat(told.day)
    except ValueError:
        raise UserError(f"'{told.day[:40]}' is not a day; write 2026-11-21") from None
    here = _row(worker, told, day)
    values = {"used_tokens": told.used[0], "used_cost": told.used[1], "allowed_tokens": told.used[0], "allowed_cost": told.used[1]}
    tx.execute(update(gateway_shares).where(*here).values(**values, seen_at=at))


def _keep(
    tx: Connection,
    worker: str,
    told: Used,
    day: date,
    used: tuple[int, Decimal],
    may: tuple[int, Decimal],
    at: datetime,
    *,
    known: bool,
) -> None:
    values: dict[str, Any] = {"used_tokens": used[0], "used_cost": used[1], "allowed_tokens": may[0], "allowed_cost": may[1], "seen_at": at}
    if known:
        tx.execute(update(gateway_shares).where(*_row(worker, told, day)).values(**values))
    else:
        tx.execute(insert(gateway_shares).values(limit_id=told.limit, subject=told.subject, day=day, worker=worker, **values))


def _row(worker: str, told: Used, day: date) -> tuple[Any, ...]:
    columns = gateway_shares.c
    return columns.limit_id == told.limit, columns.subject == told.subject, columns.day == day, columns.worker == worker
