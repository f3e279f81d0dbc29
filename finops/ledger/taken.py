"""Remembers what was already taken in: Slack delivers some things twice, and people click twice."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError

from finops.ledger.state import writing
from finops.ledger.tables import taken

KEPT = timedelta(days=1)  # Slack repeats for minutes; a day is generous


def take(engine: Engine, key: str, now: datetime) -> bool:
    """Return True for the first caller with this key, in whatever process, and False for every later one."""
    try:
        with writing(engine) as tx:
            tx.execute(insert(taken).values(key=key[:200], at=now))
    except IntegrityError:
        return False
    return True


def give_back(engine: Engine, key: str) -> None:
    """Let a key be taken once more, because what it stood for certainly did not happen."""
    with writing(engine) as tx:
        tx.execute(delete(taken).where(taken.c.key == key[:200]))


def forget(engine: Engine, now: datetime) -> None:
    """Drop keys too old to come again."""
    with writing(engine) as tx:
        tx.execute(delete(taken).where(taken.c.at < now - KEPT))
