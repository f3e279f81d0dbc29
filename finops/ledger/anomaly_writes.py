"""What every change of an anomaly writes: its row, over exactly what was read, and the messages that tell of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from finops.errors import UserError
from finops.insight.anomalies_feedback import Feedback
from finops.ledger.anomaly_rows import Stored, stored_of, word_of
from finops.ledger.outbox import enqueue
from finops.ledger.tables_anomalies import anomalies as rows
from finops.ledger.tables_anomalies import anomaly_words


def write(tx: Connection, one: Stored, fresh: Mapping[str, Any]) -> Stored:
    """Write over exactly what was read."""
    seen = (rows.c.id == one.id, rows.c.version == one.version)
    return stored_of(tx.execute(update(rows).where(*seen).values(**fresh).returning(rows)).one())


def update_message(tx: Connection, one: Stored, known: Mapping[str, Stored], now: datetime) -> None:
    """Let its message show the true state; one that is listed changes the message it is listed in."""
    head = one if one.told_with is None else known.get(one.told_with) or find(tx, one.told_with)
    if head.route is None or not head.route.startswith("slack:"):
        return
    key = f"{head.message}:v{head.version}" if head is one else f"{head.message}:{one.id}:v{one.version}"
    payload = {"render": "anomaly", "id": head.id}
    enqueue(tx, key=key, route=head.route, kind="update", object_id=head.id, payload=payload, at=now, after=head.message)


def reply_under(tx: Connection, one: Stored, text: str, now: datetime) -> None:
    key = f"{one.message}:said:{one.version}"
    route = one.route or ""
    enqueue(tx, key=key, route=route, kind="thread", object_id=one.id, payload={"text": text}, at=now, after=one.message)


def words(connection: Connection) -> tuple[Feedback, ...]:
    return tuple(word_of(row) for row in connection.execute(select(anomaly_words).order_by(anomaly_words.c.number)))


def find(connection: Connection, identity: str) -> Stored:
    name = identity.strip()
    row = connection.execute(select(rows).where(rows.c.id == f"A-{name[2:].lower()}")).first() if name[:2].upper() == "A-" else None
    if row is None:
        raise UserError(f"there is no anomaly '{identity[:40]}'; /cost anomalies lists them")
    return stored_of(row)
