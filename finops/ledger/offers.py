"""What connectors were offered: which deliveries were taken, and since when others are waited for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ledger.tables import offers
from finops.ports import Offer


@dataclass(frozen=True)
class Waiting:
    """A delivery that could not be taken when it was last looked at, and since when; `taken` where it was, and is not in use."""

    source: str
    period: str
    since: datetime
    what: str
    reason: str
    taken: bool


def last_taken(engine: Engine, source: str) -> Mapping[str, str]:
    """Return for each period the id of the offer that was taken last: exactly this one need not be fetched again."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(offers.c.period, offers.c.id)
            .where(offers.c.source == source, offers.c.taken_at.is_not(None))
            .order_by(offers.c.taken_at)
        )
        return {row.period: row.id for row in rows}


def taken_until(engine: Engine, source: str) -> datetime | None:
    """Return when something of a source was taken last; None where nothing ever was."""
    with engine.connect() as connection:
        found = connection.execute(select(offers.c.taken_at).where(offers.c.source == source).order_by(offers.c.taken_at.desc()))
        return next((row.taken_at for row in found if row.taken_at is not None), None)


def waiting(engine: Engine, source: str | None = None) -> list[Waiting]:
    """Return what is waited for, the longest wait first."""
    asked = select(offers).where(offers.c.waiting.is_not(None)).order_by(offers.c.first_seen_at)
    with engine.connect() as connection:
        rows = connection.execute(asked if source is None else asked.where(offers.c.source == source))
        return [Waiting(row.source, row.period, row.first_seen_at, row.what, row.waiting, row.taken_at is not None) for row in rows]


def wait(engine: Engine, source: str, offer: Offer, now: datetime) -> datetime:
    """Note that an offer waits; return since when."""
    with writing(engine) as tx:
        here = (offers.c.source == source, offers.c.id == offer.id)
        known = tx.execute(select(offers.c.first_seen_at).where(*here)).scalar()
        if known is not None:
            tx.execute(update(offers).where(*here).values(waiting=offer.waiting, delivered_at=offer.delivered_at))
            return cast(datetime, known)
        _forget_others(tx, source, offer)
        tx.execute(insert(offers).values(source=source, **_facts(offer), first_seen_at=now, waiting=offer.waiting))
        detail = {"what": offer.what, "reason": offer.waiting}
        record(tx, now, "ingest-bills", "offer.waiting", f"{source} {offer.period}", detail)
        return now


def take(engine: Engine, source: str, offer: Offer, now: datetime, trouble: str | None = None) -> None:
    """Note that an offer was taken: it is not fetched again while it stays the newest. `trouble` says why it is not in use."""
    with writing(engine) as tx:
        _forget_others(tx, source, offer)
        here = (offers.c.source == source, offers.c.id == offer.id)
        if tx.execute(select(func.count()).select_from(offers).where(*here)).scalar():
            tx.execute(update(offers).where(*here).values(taken_at=now, waiting=trouble, delivered_at=offer.delivered_at))
        else:
            tx.execute(insert(offers).values(source=source, **_facts(offer), first_seen_at=now, taken_at=now, waiting=trouble))


def _forget_others(tx: Connection, source: str, offer: Offer) -> None:
    """Whatever else of the period was waited for, or was in trouble, is over."""
    same = (offers.c.source == source, offers.c.period == offer.period, offers.c.id != offer.id, offers.c.waiting.is_not(None))
    tx.execute(delete(offers).where(*same, offers.c.taken_at.is_(None)))
    tx.execute(update(offers).where(*same).values(waiting=None))


def _facts(offer: Offer) -> dict[str, object]:
    return {"id": offer.id, "period": offer.period, "delivered_at": offer.delivered_at, "what": offer.what}
