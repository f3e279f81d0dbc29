"""What people say of anomalies, each a compare-and-set with its audit entry and its messages; and what is kept of them."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Engine, select

from finops.errors import UserError
from finops.insight.anomalies_feedback import Feedback, Pattern, Verdict
from finops.insight.anomalies_states import NEXT, Happening, advance
from finops.insight.panel import Step
from finops.ledger.anomaly_rows import Stored, stored_of, values_of
from finops.ledger.anomaly_writes import find, update_message, words, write
from finops.ledger.audit import Stamp
from finops.ledger.loads import record
from finops.ledger.outbox import enqueue
from finops.ledger.spotting import day_of
from finops.ledger.state import writing
from finops.ledger.tables_anomalies import anomalies as rows
from finops.ledger.tables_anomalies import anomaly_looks, anomaly_words, is_live


@dataclass(frozen=True)
class Change:
    """What became of a move: whether it happened, how the anomaly stands now, and a sentence to tell."""

    happened: bool
    anomaly: Stored
    said: str


def acknowledge(engine: Engine, identity: str, actor: str, now: datetime, today: date) -> Change:
    """Somebody takes care of an anomaly; it is told again when it grows."""
    with writing(engine) as tx:
        return _moved(tx, find(tx, identity), "acknowledge", actor, now, today)


def expect(
    engine: Engine,
    identity: str,
    actor: str,
    now: datetime,
    today: date,
    reason: str,
    pattern: Pattern = "once",
    until: date | None = None,
) -> Change:
    """Somebody says that it was planned, and when the like may come again. Raises UserError without a reason, or for a day that is over."""
    if not reason.strip():
        raise UserError("an anomaly is expected for a reason others can read; say what was planned")
    if until is not None and until <= today:
        raise UserError(f"{until - timedelta(days=1)} is over; expect it until a later day")
    with writing(engine) as tx:
        found = find(tx, identity)
        change = _moved(tx, found, "expect", actor, now, today, reason=reason, until=until)
        if change.happened:
            _say(tx, found, "expected", actor, now, today, reason, pattern, until)
        return change


def not_useful(engine: Engine, identity: str, actor: str, now: datetime, today: date) -> Change:
    """Somebody says that this was not worth telling: the like of it is not told again in its scope. Said once by each person."""
    with writing(engine) as tx:
        found = find(tx, identity)
        same = (anomaly_words.c.anomaly == found.id, anomaly_words.c.verdict == "not useful", anomaly_words.c.by == actor)
        if tx.execute(select(anomaly_words.c.number).where(*same)).first():
            return Change(False, found, f"you said of {found.id} already that it was of no use")
        _say(tx, found, "not useful", actor, now, today)
        if found.case.live:
            after = _moved(tx, found, "end", actor, now, today, reason="Not useful.").anomaly
        else:
            after = write(tx, found, {"version": found.version + 1})
            update_message(tx, after, {}, now)
        said = f"noted: the like of {found.id} is not told again there unless it is larger"
        return Change(True, after, said)


def _moved(
    tx: Connection, one: Stored, what: Happening, actor: str, now: datetime, today: date, *, reason: str = "", until: date | None = None
) -> Change:
    if (one.case.state, what) not in NEXT:
        return Change(False, one, f"{one.id} is {one.case.state} already, by {one.changed_by} at {one.changed_at:%Y-%m-%d %H:%M}Z")
    listed = map(stored_of, tx.execute(select(rows).where(rows.c.told_with == one.id, is_live)))
    with_it = [each for each in listed if (each.case.state, what) in NEXT]
    after = one
    for each in (one, *with_it):
        case = advance(each.case, what, today, by=actor, reason=reason)
        fresh = {**values_of(case), "version": each.version + 1, "changed_at": now, "changed_by": actor, "until": until}
        moved = write(tx, each, fresh)
        stamp = Stamp(before=each.case.state, after=case.state, reason=reason or None)
        record(tx, now, actor, f"anomaly.{what}", each.id, {"until": until.isoformat() if until else None}, stamp)
        after = moved if each is one else after
    update_message(tx, after, {}, now)
    return Change(True, after, f"{one.id} is {after.case.state}, by {actor} at {now:%Y-%m-%d %H:%M}Z")


def _say(
    tx: Connection,
    one: Stored,
    verdict: Verdict,
    actor: str,
    now: datetime,
    today: date,
    reason: str = "",
    pattern: Pattern = "once",
    until: date | None = None,
) -> None:
    seen = one.case.anomaly
    word = Feedback(seen.key, verdict, today, day_of(seen.start), seen.excess, pattern, until, reason)
    scope = json.dumps([list(pair) for pair in word.scope])
    values = {"anomaly": one.id, "verdict": verdict, "scope": scope, "told_on": today, "began": word.began, "excess": word.excess}
    values |= {"pattern": pattern, "until": until, "reason": reason, "by": actor, "at": now}
    tx.execute(anomaly_words.insert().values(**values))
    record(
        tx,
        now,
        actor,
        "anomaly.said",
        one.id,
        {"verdict": verdict, "pattern": pattern, "scope": dict(seen.key)},
        Stamp(reason=reason or None),
    )


def investigate(engine: Engine, identity: str, actor: str, now: datetime) -> Change:
    """Answer under the message why it is so; asking again before it changed answers nothing twice."""
    with writing(engine) as tx:
        one = find(tx, identity)
        if one.route is None or not one.route.startswith("slack:"):
            return Change(False, one, f"{one.id} has no message of its own; ask why {one.id}")
        payload = {"render": "anomaly_why", "id": one.id}
        key = f"{one.message}:why:{one.case.anomaly.end.isoformat()}"
        new = enqueue(tx, key=key, route=one.route, kind="thread", object_id=one.id, payload=payload, at=now, after=one.message)
        if not new:
            return Change(False, one, f"the thread of {one.id} tells why already")
        record(tx, now, actor, "anomaly.investigate", one.id, {})
        return Change(True, one, f"the thread of {one.id} tells why in a moment")


def anomaly(engine: Engine, identity: str) -> Stored:
    """Return one anomaly. Raises UserError where there is none."""
    with engine.connect() as connection:
        return find(connection, identity)


def listed_with(engine: Engine, identity: str) -> list[Stored]:
    """Return those that an anomaly's message lists beside it, the largest first."""
    with engine.connect() as connection:
        found = [stored_of(row) for row in connection.execute(select(rows).where(rows.c.told_with == identity))]
    return sorted(found, key=lambda one: (-abs(one.case.anomaly.excess), one.id))


def kept(engine: Engine, until: datetime) -> list[Stored]:
    """Return every anomaly that was recorded by then, the newest first."""
    with engine.connect() as connection:
        return [
            stored_of(row) for row in connection.execute(select(rows).where(rows.c.opened_at <= until).order_by(rows.c.opened_at.desc()))
        ]


def said(engine: Engine) -> tuple[Feedback, ...]:
    """Return everything people said of anomalies, oldest first."""
    with engine.connect() as connection:
        return words(connection)


def last_looks(engine: Engine) -> dict[Step, datetime]:
    """Return when each grain was last looked through."""
    with engine.connect() as connection:
        return {row.step: row.at for row in connection.execute(select(anomaly_looks))}
