"""Keeps how far each target of a plan is, and who is at work on it: written before each call and after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, Row, insert, select, update

from finops.errors import FinopsError, LedgerError
from finops.ledger.state import writing
from finops.ledger.tables_effects import effects as rows
from finops.ledger.tables_effects import executions

Stage = Literal["intended", "calling", "applied", "failed", "undoing", "undone", "stuck"]

# From stage to stage. `calling` and `undoing` mean that a call may be out; they follow themselves when it is repeated.
NEXT: Final[Mapping[Stage, frozenset[Stage]]] = {
    "intended": frozenset({"calling"}),
    "calling": frozenset({"calling", "applied", "failed", "undoing"}),
    "applied": frozenset({"undoing"}),
    "undoing": frozenset({"undoing", "undone", "stuck"}),
    "failed": frozenset(),
    "undone": frozenset(),
    "stuck": frozenset(),
}
MOVED: Final[frozenset[Stage]] = frozenset({"calling", "applied", "undoing"})  # something is there to be put back, or may be
FAR: Final = timedelta(hours=1)  # no lease is so long: the clock was wrong when it was written
LONGEST_ERROR: Final = 2000


class OvertakenError(FinopsError):
    """Another worker has taken this over; whoever learns it writes nothing more."""


@dataclass(frozen=True)
class Effect:
    """One target of a proposal's plan, and how far it is. `again_at`: nothing is repeated before."""

    proposal: int
    position: int
    target: str
    stage: Stage
    attempts: int
    again_at: datetime | None
    error: str | None
    changed_at: datetime


def intend(tx: Connection, proposal: int, targets: Sequence[str], now: datetime) -> None:
    """Write down what is about to be moved, in the transaction that starts it."""
    for position, target in enumerate(targets):
        values = {"proposal": proposal, "position": position, "target": target, "state": "intended", "attempts": 0, "changed_at": now}
        tx.execute(insert(rows).values(**values))
    tx.execute(update(executions).where(executions.c.proposal == proposal).values(started_at=now))


def effects_of(source: Connection | Engine, proposal: int) -> list[Effect]:
    """Return every target in the order of the plan."""
    if isinstance(source, Engine):
        with source.connect() as connection:
            return effects_of(connection, proposal)
    return [_effect(row) for row in source.execute(select(rows).where(rows.c.proposal == proposal).order_by(rows.c.position))]


def mark(
    tx: Connection,
    before: Effect,
    stage: Stage,
    now: datetime,
    *,
    attempts: int | None = None,
    again_at: datetime | None = None,
    error: str | None = None,
) -> Effect:
    """Move a target to a stage, if it still stands where it was seen."""
    if stage not in NEXT[before.stage]:
        raise LedgerError(f"{before.target} is {before.stage} and cannot become {stage}; nothing was written")
    after = replace(
        before,
        stage=stage,
        attempts=before.attempts if attempts is None else attempts,
        again_at=again_at,
        error=error and error[:LONGEST_ERROR],
        changed_at=now,
    )
    here = (rows.c.proposal == before.proposal, rows.c.position == before.position)
    same = (rows.c.state == before.stage, rows.c.attempts == before.attempts)
    values = {"state": stage, "attempts": after.attempts, "again_at": again_at, "error": after.error, "changed_at": now}
    if tx.execute(update(rows).where(*here, *same).values(**values)).rowcount == 0:
        raise OvertakenError(f"{before.target} was moved beside us")
    return after


def take(engine: Engine, proposal: int, holder: str, now: datetime, lease: timedelta) -> int | None:
    """Become the only one at work on a proposal; the number of the turn, None while another one is."""
    with writing(engine) as tx:
        found = tx.execute(select(executions).where(executions.c.proposal == proposal)).first()
        values = {"holder": holder[:120], "lease_until": now + lease}
        if found is None:
            tx.execute(insert(executions).values(proposal=proposal, turn=1, started_at=now, **values))
            return 1
        if now < found.lease_until <= now + FAR:
            return None
        tx.execute(update(executions).where(executions.c.proposal == proposal).values(turn=found.turn + 1, **values))
        return int(found.turn) + 1


def hold(tx: Connection, proposal: int, turn: int, until: datetime) -> None:
    """Go on with a turn, in the transaction of what is written under it. Raises OvertakenError for one that is over."""
    mine = (executions.c.proposal == proposal, executions.c.turn == turn)
    if tx.execute(update(executions).where(*mine).values(lease_until=until)).rowcount == 0:
        raise OvertakenError(f"P-{proposal} was taken over by another worker")


def release(engine: Engine, proposal: int, turn: int, now: datetime) -> None:
    """Let others go on at once."""
    with writing(engine) as tx:
        mine = (executions.c.proposal == proposal, executions.c.turn == turn)
        tx.execute(update(executions).where(*mine).values(lease_until=now))


def started_at(engine: Engine, proposal: int) -> datetime | None:
    """Return when a proposal was begun to be carried out."""
    with engine.connect() as connection:
        found: datetime | None = connection.execute(select(executions.c.started_at).where(executions.c.proposal == proposal)).scalar()
    return found


def _effect(row: Row[Any]) -> Effect:
    return Effect(row.proposal, row.position, row.target, row.state, row.attempts, row.again_at, row.error, row.changed_at)
