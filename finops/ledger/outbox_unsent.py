"""What did not arrive: messages that wait, may be out or were given up, what they tell of, and whether anybody still needs them."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from re import compile as pattern
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, exists, func, not_, or_, select

from finops.errors import UserError
from finops.guard.alert_states import LIVE
from finops.guard.proposals import FINAL
from finops.ledger.tables_alerts import alerts
from finops.ledger.tables_anomalies import anomalies
from finops.ledger.tables_outbox import outbox as rows
from finops.ledger.tables_proposals import proposals

NUMBER: Final = pattern(r"(?:[Mm]-)?([1-9][0-9]{0,8})")
ALERT, PROPOSAL, ANOMALY = pattern(r"A-[1-9][0-9]{0,8}"), pattern(r"P-[1-9][0-9]{0,8}"), pattern(r"A-[0-9a-f]{10}")
CALLS_FOR_SOMEBODY: Final = "compensation_failed"  # the end of a proposal that still wants a pair of hands
CHARACTERS: Final = 200
TO_PEOPLE: Final = ("slack", "email")
Edits = Mapping[str, Sequence[Row[Any]]]
first = rows.alias("first")


@dataclass(frozen=True)
class Unsent:
    """A message that did not arrive, or not for certain.

    `title` is what it tells of, as far as that is written down; `needless` says why nobody needs it any more; `instead` are the
    routes it was told by in its place, and how that went; `along` counts its edits that were given up with it.
    """

    number: int
    key: str
    route: str
    kind: str
    about: str
    title: str
    state: str
    at: datetime
    due_at: datetime | None
    again_at: datetime | None
    settled_at: datetime | None
    attempts: int
    error: str
    needless: str | None
    instead: tuple[tuple[str, str], ...]
    along: int

    @property
    def id(self) -> str:
        return f"M-{self.number}"


@dataclass(frozen=True)
class Pile:
    """The first few messages of one fate, and how many there are in all."""

    letters: tuple[Unsent, ...]
    total: int

    @property
    def rest(self) -> int:
        return self.total - len(self.letters)


@dataclass(frozen=True)
class Piles:
    """All that did not arrive; what was given up begins with the newest, the others with the oldest."""

    given_up: Pile
    ambiguous: Pile
    waiting: Pile


@dataclass(frozen=True)
class Subject:
    """What a message tells of, in a few words, and why that is over, where it is."""

    title: str
    over: str | None


def number_of(identity: str) -> int:
    """Return 17 for M-17. Raises UserError for anything else."""
    found = NUMBER.fullmatch(identity.strip())
    if found is None:
        raise UserError(f"'{identity[:40]}' is no message; it is named M- and its number, such as M-17, and finops-bot messages lists them")
    return int(found[1])


def unsent(engine: Engine, most: int) -> Piles:
    """Return what did not arrive, at most so many of each fate."""
    with engine.connect() as connection:
        return Piles(
            _pile(connection, on_its_own(), rows.c.id.desc(), most),
            _pile(connection, rows.c.state == "ambiguous", rows.c.id, most),
            _pile(connection, rows.c.state.in_(("pending", "sending")), rows.c.id, most),
        )


def message(engine: Engine, identity: str) -> Unsent:
    """Return one by its number, also one that arrived. Raises UserError where there is none."""
    with engine.connect() as connection:
        row = connection.execute(select(rows).where(rows.c.id == number_of(identity))).first()
        if row is None:
            raise UserError(f"there is no message {identity[:40]}; finops-bot messages lists what did not arrive, such as M-17")
        return next(_each(connection, [row]))


def on_its_own() -> ColumnElement[bool]:
    """What was given up, save for that which goes with another message that was."""
    same_fate = (first.c.state == "dead", first.c.id != rows.c.id)
    edits = and_(rows.c.kind == "update", rows.c.after == first.c.key)
    return and_(rows.c.state == "dead", not_(exists().where(*same_fate, or_(edits, rows.c.instead_of == first.c.key))))


def _pile(connection: Connection, which: ColumnElement[bool], order: Any, most: int) -> Pile:
    total = int(connection.execute(select(func.count()).select_from(rows).where(which)).scalar_one())
    found = connection.execute(select(rows).where(which).order_by(order).limit(most)).all() if total else []
    return Pile(tuple(_each(connection, found)), total)


def _each(connection: Connection, found: Sequence[Row[Any]]) -> Iterator[Unsent]:
    known = subjects(connection, {row.object_id for row in found})
    edits = dead_edits(connection) if any(row.state == "dead" for row in found) else {}
    for row in found:
        yield _unsent(connection, row, known.get(row.object_id), edits)


def _unsent(connection: Connection, row: Row[Any], subject: Subject | None, edits: Edits) -> Unsent:
    payload = json.loads(row.payload)
    title = str(payload.get("text") or "") or (subject.title if subject else "")
    return Unsent(
        number=row.id,
        key=row.key,
        route=row.route,
        kind=row.kind,
        about=row.object_id,
        title=" ".join(title.split())[:CHARACTERS],
        state=row.state,
        at=row.at,
        due_at=row.due_at,
        again_at=row.again_at,
        settled_at=row.settled_at,
        attempts=row.attempts,
        error=row.error or "",
        needless=needless(connection, row, subject) if row.state == "dead" else None,
        instead=tuple((one.route, one.state) for one in instead_of(connection, row.key)),
        along=len(edits_of(row.key, edits)) if row.state == "dead" else 0,
    )


def needless(connection: Connection, row: Row[Any], subject: Subject | None) -> str | None:
    """Say why sending a message again would be no news to anybody; None where it would be.

    An edit is needed as long as there is a message to edit, since that one would go on showing what is no longer so; and
    machines are told the end of what they were told the beginning of.
    """
    if any(one.route == row.route and one.state == "sent" for one in instead_of(connection, row.key)):
        return "it was told in the same place as plain text"
    original = select(rows.c.state).where(rows.c.key == row.instead_of)
    if row.instead_of and connection.execute(original).scalar() == "sent":
        return "the message that it stands in for arrived"
    return subject.over if subject and subject.over and _is_news(row) else None


def _is_news(row: Row[Any]) -> bool:
    """Whether a message tells that something begins or goes on; what came of a proposal, or was asked for, is wanted later too."""
    if row.kind == "update" or row.route.partition(":")[0] not in TO_PEOPLE:
        return False
    shown = json.loads(row.payload).get("render")
    return shown != "anomaly_why" and (shown is not None or PROPOSAL.fullmatch(row.object_id) is None)


def dead_edits(connection: Connection) -> Edits:
    """Return the edits that were given up, by what they edit."""
    which = (rows.c.state == "dead", rows.c.kind == "update", rows.c.after.is_not(None), rows.c.after != rows.c.key)
    light = select(rows.c.id, rows.c.key, rows.c.after, rows.c.doubts)
    found: dict[str, list[Any]] = {}
    for row in connection.execute(light.where(*which).order_by(rows.c.id)):
        found.setdefault(row.after, []).append(row)
    return found


def instead_of(connection: Connection, key: str) -> Sequence[Any]:
    """Return what was told in a message's place, by its index alone: SQLite would rather look through all of one state."""
    return connection.execute(select(rows.c.id, rows.c.route, rows.c.state).where(rows.c.instead_of == key).order_by(rows.c.id)).all()


def edits_of(key: str, edits: Edits) -> list[Row[Any]]:
    """Return the edits of a message, and edits of these, in the order they were written."""
    found: dict[int, Row[Any]] = {}
    keys = [key]
    while keys:
        fresh = [one for one in edits.get(keys.pop(), ()) if one.id not in found]
        found |= {one.id: one for one in fresh}
        keys += [one.key for one in fresh]
    return [found[number] for number in sorted(found)]


def subjects(connection: Connection, names: Collection[str]) -> Mapping[str, Subject]:
    """Return what is known of alerts, proposals and anomalies, by name."""
    return {
        **dict(_alerts(connection, [name for name in names if ALERT.fullmatch(name)])),
        **dict(_proposals(connection, [name for name in names if PROPOSAL.fullmatch(name)])),
        **dict(_anomalies(connection, [name for name in names if ANOMALY.fullmatch(name)])),
    }


def _alerts(connection: Connection, names: Sequence[str]) -> Iterator[tuple[str, Subject]]:
    wanted = select(alerts.c.number, alerts.c.state, alerts.c.finding).where(alerts.c.number.in_(_numbers(names)))
    for row in connection.execute(wanted) if names else ():
        title = str(json.loads(row.finding).get("title", ""))
        yield f"A-{row.number}", Subject(title, None if row.state in LIVE else f"A-{row.number} is {row.state}")


def _proposals(connection: Connection, names: Sequence[str]) -> Iterator[tuple[str, Subject]]:
    wanted = select(proposals.c.number, proposals.c.state, proposals.c.plan).where(proposals.c.number.in_(_numbers(names)))
    for row in connection.execute(wanted) if names else ():
        title = str(json.loads(row.plan).get("reason", ""))
        is_over = row.state in FINAL and row.state != CALLS_FOR_SOMEBODY
        yield f"P-{row.number}", Subject(title, f"P-{row.number} is {row.state}" if is_over else None)


def _anomalies(connection: Connection, names: Sequence[str]) -> Iterator[tuple[str, Subject]]:
    wanted = select(anomalies.c.id, anomalies.c.state).where(anomalies.c.id.in_(names))
    for row in connection.execute(wanted) if names else ():
        yield row.id, Subject("", f"{row.id} is {row.state}" if row.state in ("expected", "resolved") else None)


def _numbers(names: Sequence[str]) -> list[int]:
    return [int(name[2:]) for name in names]
