"""What is wrong with jobs at present, and who tells it: one notice when a failure begins, one when it is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, and_, delete, insert, or_, select, update

from finops.ledger.tables import job_troubles as rows

TELLING: Final = timedelta(minutes=2)  # longer than a message takes, also one that Slack makes wait


@dataclass(frozen=True)
class Trouble:
    """A job that fails since `since`, or that failed and has recovered. `teller` holds the notice at present."""

    job: str
    since: datetime
    error: str
    next_step: str
    recovered_at: datetime | None
    told_at: datetime | None
    teller: str | None


def open_trouble(tx: Connection, job: str, now: datetime, error: str, next_step: str) -> None:
    """Note a failure; one that goes on keeps its beginning and is not told again."""
    fresh = {"error": error, "next_step": next_step, "recovered_at": None}
    if not tx.execute(update(rows).where(rows.c.job == job).values(**fresh)).rowcount:
        tx.execute(insert(rows).values(job=job, since=now, **fresh))


def recover(tx: Connection, job: str, now: datetime) -> None:
    """Note that a job works again: what nobody was told of is forgotten, the rest is told as over."""
    tx.execute(delete(rows).where(rows.c.job == job, rows.c.told_at.is_(None), rows.c.teller.is_(None)))
    tx.execute(update(rows).where(rows.c.job == job, rows.c.recovered_at.is_(None)).values(recovered_at=now))


def note(engine: Engine, job: str, now: datetime, problem: tuple[str, str] | None) -> None:
    """Open the trouble (error, next step) of something that is no job itself, or end it."""
    with moving(engine) as tx:
        if problem:
            open_trouble(tx, job, now, *problem)
        else:
            recover(tx, job, now)


def current(engine: Engine) -> dict[str, Trouble]:
    """Return what fails now, by job."""
    with engine.connect() as connection:
        found = connection.execute(select(rows).where(rows.c.recovered_at.is_(None)).order_by(rows.c.job)).all()
    return {row.job: _trouble(row) for row in found}


def take_untold(engine: Engine, now: datetime, teller: str) -> list[Trouble]:
    """Take the notices that are due and that nobody else is about to send; `teller` must be new each time."""
    free = or_(rows.c.telling_until.is_(None), rows.c.telling_until <= now)
    wanted = and_(or_(rows.c.told_at.is_(None), rows.c.recovered_at.is_not(None)), free)
    with engine.connect() as connection:  # nearly always nothing, and then nothing is written
        if connection.execute(select(rows.c.job).where(wanted).limit(1)).first() is None:
            return []
    with moving(engine) as tx:
        tx.execute(update(rows).where(wanted).values(teller=teller, telling_until=now + TELLING))
        found = tx.execute(select(rows).where(rows.c.teller == teller).order_by(rows.c.job)).all()
    return [_trouble(row) for row in found]


def told(engine: Engine, trouble: Trouble, now: datetime) -> None:
    """Note that the notice is out. A trouble that ended while its beginning was told stays until its end is told too."""
    here = (rows.c.job == trouble.job, rows.c.teller == trouble.teller)
    free = {"teller": None, "telling_until": None}
    with moving(engine) as tx:
        if trouble.recovered_at is None:
            tx.execute(update(rows).where(*here).values(told_at=now, **free))
        elif not tx.execute(delete(rows).where(*here, rows.c.recovered_at.is_not(None))).rowcount:  # it fails anew since
            tx.execute(update(rows).where(*here).values(since=now, told_at=None, **free))


def not_told(engine: Engine, trouble: Trouble, again_at: datetime) -> None:
    """Let whoever comes after `again_at` try once more."""
    with moving(engine) as tx:
        mine = (rows.c.job == trouble.job, rows.c.teller == trouble.teller)
        tx.execute(update(rows).where(*mine).values(telling_until=again_at))


@contextmanager
def moving(engine: Engine) -> Iterator[Connection]:
    """Yield a transaction that does not queue behind the ledger's writers on PostgreSQL: a heartbeat must not wait for a load."""
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        yield connection


def _trouble(row: Row[Any]) -> Trouble:
    return Trouble(row.job, row.since, row.error, row.next_step, row.recovered_at, row.told_at, row.teller)
