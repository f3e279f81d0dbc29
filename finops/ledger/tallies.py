"""Counts what waits, what is told and what acts, for monitoring: a few sums over indexes, nothing of what is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from sqlalchemy import Connection, Engine, func, select

from finops.guard.alert_states import AlertState
from finops.guard.proposals import IN_FORCE, State
from finops.ledger.effects import MOVED, Stage
from finops.ledger.outbox import OPEN, STATES
from finops.ledger.tables_alerts import alerts
from finops.ledger.tables_effects import effects
from finops.ledger.tables_outbox import outbox
from finops.ledger.tables_proposals import proposals


@dataclass(frozen=True)
class Tally:
    """One figure: a metric's name, its labels, its value."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def tallies(engine: Engine, now: datetime) -> list[Tally]:
    """Return every figure as of one instant of the database; a state in which nothing is, is told as 0."""
    with engine.connect() as connection:
        return [
            *_by_state(connection, "finops_outbox_messages", outbox.c.state, STATES),
            Tally("finops_outbox_oldest_pending_seconds", _oldest(connection, now)),
            *_by_state(connection, "finops_alerts", alerts.c.state, get_args(AlertState)),
            *_by_state(connection, "finops_proposals", proposals.c.state, get_args(State)),
            *_in_force(connection),
        ]


def _by_state(connection: Connection, name: str, state: Any, every: tuple[str, ...]) -> Iterator[Tally]:
    found = {row[0]: row[1] for row in connection.execute(select(state, func.count()).group_by(state))}
    for each in dict.fromkeys((*every, *sorted(found))):
        yield Tally(name, float(found.get(each, 0)), (("state", each),))


def _oldest(connection: Connection, now: datetime) -> float:
    """What waits for its hour is not late before that; one that waits for another waits all the same."""
    since = func.coalesce(outbox.c.due_at, outbox.c.at)
    oldest = connection.execute(select(outbox.c.at, outbox.c.due_at).where(outbox.c.state.in_(OPEN)).order_by(since).limit(1)).first()
    return 0.0 if oldest is None else max(0.0, (now - (oldest.due_at or oldest.at)).total_seconds())


def _in_force(connection: Connection) -> Iterator[Tally]:
    """Targets that are moved, or may be, of proposals that are in force; those that could not be put back among them."""
    stages: tuple[Stage, ...] = (*sorted(MOVED), "stuck")
    which = proposals.c.state.in_(sorted(IN_FORCE)), effects.c.state.in_(stages)
    asked = select(effects.c.state, func.count()).join(proposals, proposals.c.number == effects.c.proposal).where(*which)
    found = {row[0]: row[1] for row in connection.execute(asked.group_by(effects.c.state))}
    for stage in stages:
        yield Tally("finops_effects_in_force", float(found.get(stage, 0)), (("stage", stage),))
