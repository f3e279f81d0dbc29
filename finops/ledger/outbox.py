"""The outbox: a message is written beside the change it tells of, claimed by one worker at a time, and settled once."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, Row, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from finops.errors import LedgerError, meant
from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ledger.tables_outbox import outbox as rows
from finops.ledger.troubles import moving
from finops.routing import address

Kind = Literal["post", "update", "thread", "event"]
KINDS: Final[tuple[Kind, ...]] = ("post", "update", "thread", "event")
STATES: Final = ("pending", "sending", "ambiguous", "sent", "dead", "dropped")
OPEN: Final = ("pending", "sending", "ambiguous")
SETTLED: Final = ("sent", "dead", "dropped")
LONGEST_KEY: Final = 400
PACE: Final = timedelta(seconds=1)  # Slack takes a message a second in a channel
FAR: Final = timedelta(hours=2)  # further ahead than any lease or wait: the clock was wrong when it was written
KEPT: Final = timedelta(days=180)  # buttons and threads of old messages still find them
ACTOR: Final = "deliver-outbox"
LONGEST_ERROR: Final = 2000


@dataclass(frozen=True)
class Reference:
    """Where a message stands in Slack."""

    channel: str
    ts: str


@dataclass(frozen=True)
class Letter:
    """A claimed message. `attempt` names the claim; `doubts` counts the claims, this one too, since an answer was lost.

    `revived_at` is when somebody had it tried again after it was given up.
    """

    id: int
    key: str
    route: str
    kind: Kind
    object_id: str
    payload: Mapping[str, Any]
    at: datetime
    due_at: datetime | None
    after: str | None
    instead_of: str | None
    attempt: int
    doubts: int
    revived_at: datetime | None = None

    @property
    def wanted_at(self) -> datetime:
        return self.due_at or self.at

    @property
    def tried_since(self) -> datetime:
        """What is tried again has as long as what is tried for the first time."""
        return self.revived_at or self.wanted_at


@dataclass(frozen=True)
class Fallback:
    """Another way to say a message: its key, route and payload."""

    key: str
    route: str
    kind: Kind
    payload: Mapping[str, Any]


def enqueue(
    tx: Connection,
    *,
    key: str,
    route: str,
    kind: Kind,
    object_id: str,
    payload: Mapping[str, Any],
    at: datetime,
    due_at: datetime | None = None,
    after: str | None = None,
    instead_of: str | None = None,
) -> bool:
    """Write a message beside the change it tells of; a key that is there already changes nothing, and the answer is False.

    `update` edits and `thread` replies to the message that `after` names. Raises UserError for a route that leads nowhere,
    LedgerError for what is not a message.
    """
    if kind not in KINDS:
        raise LedgerError(f"'{kind}' is not a kind of message; use {', '.join(KINDS)}.{meant(kind, KINDS)}")
    if not 0 < len(key) <= LONGEST_KEY:
        raise LedgerError(f"the key of a message has {len(key)} characters; use 1 to {LONGEST_KEY}")
    values: dict[str, Any] = {
        "key": key,
        "route": str(address(route)),
        "kind": kind,
        "object_id": object_id[:300],
        "payload": _json(key, payload),
    }
    values |= {"state": "pending", "at": at, "due_at": due_at, "after": after, "instead_of": instead_of, "attempts": 0, "doubts": 0}
    make = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    made = make(rows).values(**values).on_conflict_do_nothing(index_elements=["key"]).returning(rows.c.id)
    return tx.execute(made).first() is not None


def escaped(text: str) -> str:
    """Return what others wrote as Slack shows it to the letter: it calls nobody and links nowhere."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _json(key: str, payload: Mapping[str, Any]) -> str:
    try:
        return json.dumps(payload, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise LedgerError(f"the message {key} is not plain JSON ({problem})") from problem


def claim(engine: Engine, now: datetime, lease: timedelta, schemes: Collection[str]) -> Letter | None:
    """Take the next message that may go out by one of these schemes; None when none may, or when another worker was faster."""
    with engine.connect() as connection:  # nearly always nothing, and then nothing is written
        chosen = next((row for row in _free(connection, now) if row.route.partition(":")[0] in schemes), None)
    if chosen is None:
        return None
    try:
        with moving(engine) as tx:
            return _take(tx, chosen, now, lease)
    except IntegrityError:  # another worker sends on this route
        return None


def _take(tx: Connection, chosen: Row[Any], now: datetime, lease: timedelta) -> Letter | None:
    """A message whose holder fell silent may be out: it is taken as one whose answer was lost."""
    doubts = chosen.doubts + (chosen.state != "pending")
    same = (rows.c.id == chosen.id, rows.c.state == chosen.state, rows.c.attempts == chosen.attempts)
    fresh = {"state": "sending", "attempts": chosen.attempts + 1, "doubts": doubts, "lease_until": now + lease, "again_at": None}
    if not tx.execute(update(rows).where(*same).values(**fresh)).rowcount:
        return None
    row = tx.execute(select(rows).where(rows.c.id == chosen.id)).one()
    told = (row.id, row.key, row.route, row.kind, row.object_id, json.loads(row.payload))
    return Letter(*told, row.at, row.due_at, row.after, row.instead_of, row.attempts, row.doubts, row.settled_at)


def next_at(engine: Engine, now: datetime) -> datetime | None:
    """Return when the next message may go out; None when nothing waits."""
    with engine.connect() as connection:
        found = _open(connection)
        resting = _resting(connection, now)
    moments = [max(ready_at(row, now), resting.get(row.route, now)) for row in heads(found, now)]
    return min([*moments, *(row.due_at for row in found if row.due_at and not is_wanted(row, now))], default=None)


def _free(connection: Connection, now: datetime) -> list[Row[Any]]:
    resting = _resting(connection, now)
    return [row for row in heads(_open(connection), now) if row.route not in resting and ready_at(row, now) <= now]


def _open(connection: Connection) -> Sequence[Any]:
    light = [column for column in rows.c if column.name not in ("payload", "error")]
    return connection.execute(select(*light).where(rows.c.state.in_(OPEN)).order_by(rows.c.id)).all()


def heads(found: Sequence[Row[Any]], now: datetime) -> list[Row[Any]]:
    """Return the first message of each route: it goes before all behind it, unless it is wanted later or waits for another one.

    Who waits for a message waits for the one that is posted in its place, too: that is what it edits or replies to. What is
    being sent holds its route, though an older message was taken up again meanwhile: its holder may have died.
    """
    waiting = {row.key for row in found} | {row.instead_of for row in found if row.kind != "event"}
    first: dict[str, Row[Any]] = {}
    for row in sorted(found, key=lambda row: bool(row.state != "sending")):
        is_free = row.after is None or row.after == row.key or row.after not in waiting
        if row.state == "sending" or (is_wanted(row, now) and is_free):
            first.setdefault(row.route, row)
    return list(first.values())


def is_wanted(row: Row[Any], now: datetime) -> bool:
    return bool(row.attempts) or row.due_at is None or row.due_at <= now


def ready_at(row: Row[Any], now: datetime) -> datetime:
    """Return when a message may be taken: after its holder's lease, or after the wait before it is tried again."""
    moment = (row.lease_until if row.state == "sending" else row.again_at) or now
    return now if moment > now + FAR else moment


def _resting(connection: Connection, now: datetime) -> dict[str, datetime]:
    """Return the routes that just had a message, and when they may have another."""
    just = (rows.c.state == "sent", rows.c.settled_at > now - PACE, rows.c.settled_at <= now + PACE)
    found = connection.execute(select(rows.c.route, func.max(rows.c.settled_at)).where(*just).group_by(rows.c.route)).all()
    return {route: moment + PACE for route, moment in found}


def sent(engine: Engine, letter: Letter, now: datetime, where: Reference | None) -> bool:
    """Note that a message is out; False when another worker took it over meanwhile.

    A lease that ended changes nothing as long as nobody else took the message: what is out is out.
    """
    place = {"channel": where.channel, "ts": where.ts} if where else {}
    with moving(engine) as tx:
        return _settle(tx, letter, {"state": "sent", "settled_at": now, "error": None, **place})


def put_off(engine: Engine, letter: Letter, again_at: datetime, error: str) -> bool:
    """Note that a message certainly did not go out this time; whether it did before is as unclear as it was."""
    state, doubts = ("ambiguous", letter.doubts - 1) if letter.doubts else ("pending", 0)
    with moving(engine) as tx:
        return _settle(tx, letter, {"state": state, "doubts": doubts, "again_at": again_at, "error": error[:LONGEST_ERROR]})


def lost(engine: Engine, letter: Letter, again_at: datetime, error: str) -> bool:
    """Note that a message was sent and its answer lost."""
    with moving(engine) as tx:
        return _settle(tx, letter, {"state": "ambiguous", "again_at": again_at, "error": error[:LONGEST_ERROR]})


def bury(engine: Engine, letter: Letter, now: datetime, error: str, fallback: Fallback | None, *, may_be_out: bool = False) -> bool:
    """Give a message up until somebody has it tried again, and say it another way in the same step.

    `may_be_out`: the answer to this very attempt was lost; it is looked for before it is ever sent again.
    """
    doubts = max(letter.doubts, int(may_be_out))
    with writing(engine) as tx:
        if not _settle(tx, letter, {"state": "dead", "doubts": doubts, "settled_at": now, "error": error[:LONGEST_ERROR]}):
            return False
        _say_otherwise(tx, letter, now, fallback)
        told = {"route": letter.route, "error": error, "fallback": fallback.route if fallback else None}
        record(tx, now, ACTOR, "outbox.dead", letter.key, told)
    return True


def say_otherwise(engine: Engine, letter: Letter, now: datetime, fallback: Fallback) -> bool:
    """Say a message another way while it goes on being tried; False when that was done before."""
    with writing(engine) as tx:
        return _say_otherwise(tx, letter, now, fallback)


def _say_otherwise(tx: Connection, letter: Letter, now: datetime, fallback: Fallback | None) -> bool:
    if fallback is None:
        return False
    whole = letter.instead_of or letter.key
    return enqueue(
        tx,
        key=fallback.key,
        route=fallback.route,
        kind=fallback.kind,
        object_id=letter.object_id,
        payload=fallback.payload,
        at=letter.at,
        due_at=letter.due_at,
        after=letter.after,
        instead_of=whole,
    )


def _settle(tx: Connection, letter: Letter, values: Mapping[str, Any]) -> bool:
    mine = (rows.c.id == letter.id, rows.c.attempts == letter.attempt, rows.c.state == "sending")
    return bool(tx.execute(update(rows).where(*mine).values(**values, lease_until=None)).rowcount)


def reference_of(source: Engine | Connection, key: str) -> Reference | None:
    """Return where the message called `key` stands in Slack, or the one that was posted in its place; None while none does."""
    if isinstance(source, Engine):
        with source.connect() as connection:
            return reference_of(connection, key)
    here = or_(rows.c.key == key, rows.c.instead_of == key)
    row = source.execute(select(rows.c.channel, rows.c.ts).where(here, rows.c.ts.is_not(None)).order_by(rows.c.id).limit(1)).first()
    return Reference(row.channel, row.ts) if row else None


def payload_of(connection: Connection, key: str) -> dict[str, Any] | None:
    """Return what the message called `key` says, or names to be rendered; None where there is no such message any more."""
    found = connection.execute(select(rows.c.payload).where(rows.c.key == key)).scalar()
    return None if found is None else dict(json.loads(found))


def channel_of(engine: Engine, route: str) -> str | None:
    """Return the id of the channel that the newest message of a route went to."""
    there = (rows.c.route == route, rows.c.channel.is_not(None))
    with engine.connect() as connection:
        found: str | None = connection.execute(select(rows.c.channel).where(*there).order_by(rows.c.id.desc()).limit(1)).scalar()
    return found


def counts(engine: Engine) -> dict[str, int]:
    """Return how many messages there are in each state."""
    with engine.connect() as connection:
        found = connection.execute(select(rows.c.state, func.count()).group_by(rows.c.state)).all()
    return dict.fromkeys(STATES, 0) | {row[0]: row[1] for row in found}


def oldest_waiting(source: Connection, now: datetime) -> timedelta:
    """Return how long the oldest message that is wanted has waited; nothing where none waits.

    What waits for its hour is not late before that; one that waits for another waits all the same.
    """
    wanted_at = func.coalesce(rows.c.due_at, rows.c.at)
    found = source.execute(select(rows.c.at, rows.c.due_at).where(rows.c.state.in_(OPEN)).order_by(wanted_at).limit(1)).first()
    return max(timedelta(), now - (found.due_at or found.at)) if found else timedelta()


def forget(engine: Engine, now: datetime, kept: timedelta = KEPT) -> int:
    """Drop settled messages older than `kept`; return how many."""
    with moving(engine) as tx:
        return int(tx.execute(delete(rows).where(rows.c.state.in_(SETTLED), rows.c.settled_at < now - kept)).rowcount)
