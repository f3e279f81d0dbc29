"""Counts what waits, what is told and what acts, for monitoring: a few sums over indexes, nothing of what is in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from itertools import product
from typing import TYPE_CHECKING, Any, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from finops.guard.alert_states import AlertState
from finops.guard.proposals import IN_FORCE, State
from finops.ledger.effects import MOVED, Stage
from finops.ledger.forecasts import errors_of_closed
from finops.ledger.outbox import STATES, oldest_waiting
from finops.ledger.tables_alerts import alerts
from finops.ledger.tables_anomalies import anomalies as kept
from finops.ledger.tables_anomalies import anomaly_words
from finops.ledger.tables_effects import effects
from finops.ledger.tables_outbox import outbox
from finops.ledger.tables_proposals import proposals

if TYPE_CHECKING:
    from finops.ledger.ledger import Ledger


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
            Tally("finops_outbox_oldest_pending_seconds", oldest_waiting(connection, now).total_seconds()),
            *_by_state(connection, "finops_alerts", alerts.c.state, get_args(AlertState)),
            *_by_state(connection, "finops_proposals", proposals.c.state, get_args(State)),
            *_in_force(connection),
            *_forecasts(connection, now),
            *_anomalies(connection),
        ]


def _by_state(connection: Connection, name: str, state: Any, every: tuple[str, ...]) -> Iterator[Tally]:
    found = {row[0]: row[1] for row in connection.execute(select(state, func.count()).group_by(state))}
    for each in dict.fromkeys((*every, *sorted(found))):
        yield Tally(name, float(found.get(each, 0)), (("state", each),))


def _in_force(connection: Connection) -> Iterator[Tally]:
    """Targets that are moved, or may be, of proposals that are in force; those that could not be put back among them."""
    stages: tuple[Stage, ...] = (*sorted(MOVED), "stuck")
    which = proposals.c.state.in_(sorted(IN_FORCE)), effects.c.state.in_(stages)
    asked = select(effects.c.state, func.count()).join(proposals, proposals.c.number == effects.c.proposal).where(*which)
    found = {row[0]: row[1] for row in connection.execute(asked.group_by(effects.c.state))}
    for stage in stages:
        yield Tally("finops_effects_in_force", float(found.get(stage, 0)), (("stage", stage),))


def _forecasts(connection: Connection, now: datetime) -> Iterator[Tally]:
    for figure, days_left, share in errors_of_closed(connection, now.date()):
        yield Tally(f"finops_forecast_{figure}", share, (("days_left", days_left),))


def _anomalies(connection: Connection) -> Iterator[Tally]:
    """Open ones, one for each cause, and what people said of those they were told of."""
    causes = (kept.c.state.in_(("open", "growing", "acknowledged")), kept.c.told_with.is_(None))
    asked = select(kept.c.severity, kept.c.step, func.count()).where(*causes).group_by(kept.c.severity, kept.c.step)
    found = {(row[0], row[1]): row[2] for row in connection.execute(asked)}
    for severity, grain in product(("low", "medium", "high"), ("day", "hour")):
        yield Tally("finops_anomalies_open", float(found.get((severity, grain), 0)), (("grain", grain), ("severity", severity)))
    verdicts = anomaly_words.c.verdict
    said = {row[0]: row[1] for row in connection.execute(select(verdicts, func.count()).group_by(verdicts))}
    for verdict in ("expected", "not useful"):
        yield Tally("finops_anomaly_feedback", float(said.get(verdict, 0)), (("verdict", verdict),))


def lags(ledger: "Ledger", now: datetime) -> list[Tally]:
    """Return how old the newest delivery of each source is, and how long ago its newest complete day ended."""
    zone = ZoneInfo(ledger.terms.timezone)
    found: list[Tally] = []
    for one in ledger.sources(now):
        source, ended = (("source", one.source),), datetime.combine(one.complete_until, time(), zone)
        found.append(Tally("finops_ingestion_delivery_age_seconds", max(0.0, (now - one.delivered_at).total_seconds()), source))
        found.append(Tally("finops_ingestion_complete_day_age_seconds", max(0.0, (now - ended).total_seconds()), source))
    return found
