"""Anomalies and looks for tests of what is kept of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from finops.insight.anomalies_events import Anomaly, name
from finops.insight.anomalies_groups import Group
from finops.ledger.settling_anomalies import Look
from finops.ledger.tables_outbox import outbox

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ML = (("team", "ml"),)
OPUS = (("model", "opus"), ("team", "ml"))
ROUTE = "slack:#ml"
DAY = timedelta(days=1)


def found(key: tuple[tuple[str, str], ...] = ML, start: date = TODAY - DAY, excess: float = 100.0, **more: Any) -> Anomaly:
    """A spike of one day that goes on, unless told otherwise."""
    told: dict[str, Any] = {
        "id": name(key, start),
        "key": key,
        "kind": "spike",
        "step": "day",
        "start": start,
        "end": start + DAY,
        "detected_on": start,
        "expected": 50.0,
        "actual": 50.0 + excess,
        "severity": "high",
        "status": "open",
        "score": 2.0,
        "currency": "USD",
    }
    return Anomaly(**(told | more))


def look(*groups: Group | Anomaly, at: datetime = NOON, **more: Any) -> Look:
    """A look by days that found these causes, all told in the channel of ml."""
    causes = tuple(each if isinstance(each, Group) else Group(each) for each in groups)
    routes = {cause.driver.id: ROUTE for cause in causes}
    told: dict[str, Any] = {"series": {"day": 10}, "known_until": {"day": at.date()}, "routes": routes}
    return Look(causes, at, at.date(), **(told | more))


def grown(one: Anomaly, excess: float) -> Anomaly:
    return replace(one, actual=one.expected + excess, end=one.end + DAY)


def letters(engine: Engine, kind: str) -> Sequence[str]:
    with engine.connect() as connection:
        return [row.key for row in connection.execute(select(outbox).where(outbox.c.kind == kind).order_by(outbox.c.id))]
