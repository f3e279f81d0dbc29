"""Who runs a job for which period, and how each run went. Every move is a compare-and-set that also writes its record."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from finops.ledger import troubles
from finops.ledger.tables import claims, job_runs
from finops.ledger.troubles import moving

LONGEST: Final = 2000  # characters of a result or an error that are kept
KEPT: Final = timedelta(days=60)
FAR: Final = timedelta(hours=2)  # longer than any lease or wait
OPEN: Final = ("running", "waiting")
LOST: Final = "the process that ran it ended without a word"


@dataclass(frozen=True)
class Claim:
    """The right to run `job` for `period` until `lease_until`. `run` names the attempt: whoever took over has another one."""

    job: str
    period: str
    due_at: datetime | None
    holder: str
    run: int
    state: str
    attempt: int
    lease_until: datetime

    def has_ended(self, now: datetime) -> bool:
        """Whether the lease is over, or so far ahead that whoever gave it had a clock that was wrong."""
        return self.lease_until <= now or self.lease_until > now + FAR


@dataclass(frozen=True)
class Run:
    """One attempt as it is told: running, done, failed, lost (its process died), released (handed back) or skipped."""

    job: str
    period: str
    attempt: int
    started_at: datetime
    finished_at: datetime | None
    state: str
    result: str | None
    error: str | None
    holder: str


@dataclass(frozen=True)
class Standing:
    """What is claimed of a job: claims that are not settled, the oldest first, and when the newest slot up to now was due."""

    open: tuple[Claim, ...]
    last: datetime | None


@dataclass(frozen=True)
class Skipped:
    """Missed slots that are left out, as one record; `why` is a sentence."""

    period: str
    why: str


class _MovedError(Exception):
    """Somebody else moved first; nothing of the transaction stays."""


def standing(engine: Engine, job: str, now: datetime) -> Standing:
    with engine.connect() as connection:
        rows = connection.execute(select(claims).where(claims.c.job == job, claims.c.state.in_(OPEN)).order_by(claims.c.due_at)).all()
        last = connection.execute(select(func.max(claims.c.due_at)).where(claims.c.job == job, claims.c.due_at <= now)).scalar()
    return Standing(tuple(map(_claim, rows)), last)


def begin(
    engine: Engine,
    job: str,
    period: str,
    *,
    due_at: datetime | None,
    holder: str,
    now: datetime,
    lease: timedelta,
    instead_of: Sequence[Claim] = (),
    skipped: Skipped | None = None,
) -> Claim | None:
    """Take a period for the first time; None when it was taken already, or when another run of the job is under way.

    Claims that the new slot takes the place of are settled as skipped, and slots left out are recorded, in the same step.
    """
    try:
        with moving(engine) as tx:
            for old in instead_of:
                _close_lost(tx, old, now, f"It runs now for {period}.")
                _move(tx, old, {"state": "skipped"}, ended=now if old.state == "running" else None)
            if skipped:
                _record(tx, job, skipped.period, 0, holder, now, "skipped", skipped.why)
            made = _record(tx, job, period, 1, holder, now)
            values = {"job": job, "period": period, "due_at": due_at, "holder": holder, "run": made, "state": "running", "attempts": 1}
            tx.execute(insert(claims).values(**values, lease_until=now + lease))
    except (IntegrityError, _MovedError):
        return None
    return Claim(job, period, due_at, holder, made, "running", 1, now + lease)


def take_over(engine: Engine, old: Claim, *, holder: str, now: datetime, lease: timedelta) -> Claim | None:
    """Try a period once more: its holder died, or the wait before the next attempt is over. None when somebody else did."""
    attempt = old.attempt + 1
    try:
        with moving(engine) as tx:
            _close_lost(tx, old, now, f"It is tried again now, for the {_times(attempt)} time.")
            made = _record(tx, old.job, old.period, attempt, holder, now)
            fresh = {"holder": holder, "run": made, "state": "running", "attempts": attempt, "lease_until": now + lease}
            _move(tx, old, fresh, ended=now)
    except (IntegrityError, _MovedError):
        return None
    return Claim(old.job, old.period, old.due_at, holder, made, "running", attempt, now + lease)


def give_up(engine: Engine, old: Claim, now: datetime, next_step: str) -> bool:
    """Settle a claim whose lease ended and that is not tried again; True for the one process that did it."""
    try:
        with moving(engine) as tx:
            _close_lost(tx, old, now, next_step)
            _move(tx, old, {"state": "failed"}, ended=now)
    except _MovedError:
        return False
    return True


def renew(engine: Engine, claim: Claim, until: datetime) -> bool:
    """Extend the lease; False when somebody else has the period by now."""
    with moving(engine) as tx:
        return bool(tx.execute(update(claims).where(*_still(claim)).values(lease_until=until)).rowcount)


def finish(engine: Engine, claim: Claim, now: datetime, result: str) -> bool:
    """Mark the period done, which also ends the job's trouble; False, and nothing written, when the lease was lost."""
    try:
        with moving(engine) as tx:
            _settle(tx, claim, "done", now, result=result)
            troubles.recover(tx, claim.job, now)
    except _MovedError:
        return False
    return True


def fail(engine: Engine, claim: Claim, now: datetime, error: str, *, retry_at: datetime | None, next_step: str | None) -> bool:
    """Record a failed attempt: to be repeated from `retry_at` on, else for good. With `next_step`, Slack hears of it."""
    try:
        with moving(engine) as tx:
            _settle(tx, claim, "failed", now, error=error, retry_at=retry_at)
            if next_step:
                troubles.open_trouble(tx, claim.job, now, error[:LONGEST], next_step)
    except _MovedError:
        return False
    return True


def hand_back(engine: Engine, claim: Claim, now: datetime) -> bool:
    """Let another process take the period at once, as if this attempt had not been."""
    try:
        with moving(engine) as tx:
            _end_run(tx, claim.run, "released", now, error="the process was stopped")
            _move(tx, claim, {"state": "waiting", "attempts": claim.attempt - 1, "lease_until": now})
    except _MovedError:
        return False
    return True


def history(engine: Engine, job: str, most: int = 20) -> list[Run]:
    """Return the newest runs of a job, newest first."""
    with engine.connect() as connection:
        rows = connection.execute(select(job_runs).where(job_runs.c.job == job).order_by(job_runs.c.id.desc()).limit(most)).all()
    return [_run(row) for row in rows]


def run(engine: Engine, identity: int) -> Run:
    """Return the record of an attempt that a claim names."""
    with engine.connect() as connection:
        return _run(connection.execute(select(job_runs).where(job_runs.c.id == identity)).one())


def latest(engine: Engine) -> dict[str, Run]:
    """Return each job's newest run that was not merely skipped."""
    newest = select(func.max(job_runs.c.id)).where(job_runs.c.state != "skipped").group_by(job_runs.c.job)
    with engine.connect() as connection:
        return {row.job: _run(row) for row in connection.execute(select(job_runs).where(job_runs.c.id.in_(newest)))}


def forget(engine: Engine, now: datetime, kept: timedelta = KEPT) -> int:
    """Drop settled claims and runs older than `kept`, all but the newest of each job; return how many."""
    runs_kept = select(func.max(job_runs.c.id)).group_by(job_runs.c.job)
    claims_kept = select(func.max(claims.c.run)).group_by(claims.c.job)
    with moving(engine) as tx:
        old = (claims.c.state.not_in(OPEN), claims.c.lease_until < now - kept, claims.c.run.not_in(claims_kept))
        gone = tx.execute(delete(claims).where(*old)).rowcount
        past = (job_runs.c.state != "running", job_runs.c.started_at < now - kept, job_runs.c.id.not_in(runs_kept))
        return int(gone + tx.execute(delete(job_runs).where(*past)).rowcount)


def database_clock(engine: Engine) -> datetime | None:
    """Return what the database's own clock says; None where it is this machine's."""
    if engine.dialect.name != "postgresql":
        return None
    with engine.connect() as connection:
        found: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return found.astimezone(UTC)


def _still(claim: Claim) -> tuple[Any, ...]:
    here = (claims.c.job == claim.job, claims.c.period == claim.period)
    return (*here, claims.c.run == claim.run, claims.c.holder == claim.holder, claims.c.state == claim.state)


def _move(tx: Connection, claim: Claim, values: dict[str, Any], *, ended: datetime | None = None) -> None:
    """Change a claim that still stands as it was seen; with `ended`, only once its lease is over by then."""
    over = (or_(claims.c.lease_until <= ended, claims.c.lease_until > ended + FAR),) if ended else ()
    if not tx.execute(update(claims).where(*_still(claim), *over).values(**values)).rowcount:
        raise _MovedError


def _settle(
    tx: Connection,
    claim: Claim,
    state: str,
    now: datetime,
    *,
    result: str | None = None,
    error: str | None = None,
    retry_at: datetime | None = None,
) -> None:
    _move(tx, claim, {"state": "waiting" if retry_at else state, "lease_until": retry_at or now})
    if claim.state == "running":
        _end_run(tx, claim.run, state, now, result=result, error=error)


def _close_lost(tx: Connection, old: Claim, now: datetime, next_step: str) -> None:
    """Where a run was under way its process died; that is a failure to be told, unless somebody started it by hand."""
    if old.state == "running":
        _end_run(tx, old.run, "lost", now, error=LOST)
        if old.due_at:
            troubles.open_trouble(tx, old.job, now, LOST, next_step)


def _times(attempt: int) -> str:
    return {2: "second", 3: "third"}.get(attempt, f"{attempt}th")


def _record(
    tx: Connection, job: str, period: str, attempt: int, holder: str, now: datetime, state: str = "running", result: str | None = None
) -> int:
    ended = None if state == "running" else now
    values = {"job": job, "period": period, "attempt": attempt, "started_at": now, "finished_at": ended, "state": state, "result": result}
    made = tx.execute(insert(job_runs).values(**values, holder=holder)).inserted_primary_key
    assert made is not None
    return int(made[0])


def _end_run(tx: Connection, run: int, state: str, now: datetime, *, result: str | None = None, error: str | None = None) -> None:
    told = {"result": result[:LONGEST] if result else None, "error": error[:LONGEST] if error else None}
    tx.execute(update(job_runs).where(job_runs.c.id == run).values(state=state, finished_at=now, **told))


def _claim(row: Row[Any]) -> Claim:
    return Claim(row.job, row.period, row.due_at, row.holder, row.run, row.state, row.attempts, row.lease_until)


def _run(row: Row[Any]) -> Run:
    return Run(row.job, row.period, row.attempt, row.started_at, row.finished_at, row.state, row.result, row.error, row.holder)
