"""What becomes of a message that was given up: an admin has it tried again, or lets it go; each once, and on the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, select, update

from finops.errors import UserError
from finops.ledger.audit import PLAIN, Stamp
from finops.ledger.loads import record
from finops.ledger.outbox_unsent import dead_edits, edits_of, instead_of, needless, number_of, on_its_own, subjects
from finops.ledger.state import writing
from finops.ledger.tables_outbox import outbox as rows

MOST_AT_ONCE: Final = 200  # a channel takes one a second, and what follows waits behind them
STANDING: Final = {
    "pending": "waits to be sent already",
    "sending": "is being sent already",
    "ambiguous": "is being looked for already",
    "sent": "arrived",
    "dropped": "was let go",
}

ON_ITS_WAY: Final = "pending"
FATES: Final = {
    "sent": ("arrived", "arrived"),
    "dead": ("was given up again", "were given up again"),
    ON_ITS_WAY: ("is sent again, as things stand then", "are sent again, as things stand then"),
}
NOT_KNOWN: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Doing:
    """Who does it, when, and by which click."""

    at: datetime
    actor: str
    stamp: Stamp


@dataclass
class Again:
    """What came of it: messages that go out again, those that nobody needs any more and why, and what was done by somebody else before."""

    again: list[str] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    late: str | None = None
    left: int = 0  # given up before, too, and too many to be sent at once

    def said(self, states: Mapping[str, str] = NOT_KNOWN) -> str:
        """Tell it in a sentence; `states` are those in which the messages are by now."""
        if self.late:
            return f"{self.late}; nothing was done"
        parts = [_came(names, state) for state, names in self._fates(states).items()]
        parts += [
            f"{_listed(names)} {'is' if len(names) == 1 else 'are'} not sent, because {why}" for why, names in self._reasons().items()
        ]
        parts += [f"{self.left} more were given up; try all again once these are out"] if self.left else []
        return "; ".join(parts) or "nothing was given up that is not tried already"

    def _fates(self, states: Mapping[str, str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {state: [] for state in FATES}
        for name in self.again:
            found[fate if (fate := states.get(name, "")) in FATES else ON_ITS_WAY].append(name)
        return {state: names for state, names in found.items() if names}

    def _reasons(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, why in self.dropped.items():
            found.setdefault(why, []).append(name)
        return found


def _came(names: Sequence[str], state: str) -> str:
    one, several = FATES[state]
    return f"{_listed(names)} {one if len(names) == 1 else several}"


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def try_again(engine: Engine, identity: str, now: datetime, actor: str, *, seen: int | None = None, stamp: Stamp = PLAIN) -> Again:
    """Let a message that was given up be tried again; one that is no news to anybody any more is let go instead.

    `seen` is after how many attempts it was seen to be given up: who looked before somebody else had it tried comes late.
    Raises UserError where there is no such message.
    """
    with writing(engine) as tx:
        row = _found(tx, identity)
        if late := _late(tx, row, seen):
            return Again(late=late)
        return _each(tx, [row], Doing(now, actor, stamp))


def try_all_again(engine: Engine, until: datetime, now: datetime, actor: str, *, stamp: Stamp = PLAIN, most: int = MOST_AT_ONCE) -> Again:
    """The same for all that was given up by `until`, the oldest first, at most so many."""
    with writing(engine) as tx:
        wanted = select(rows).where(on_its_own(), rows.c.settled_at <= until).order_by(rows.c.id)
        found = tx.execute(wanted).all()
        done = _each(tx, found[:most], Doing(now, actor, stamp))
    done.left = max(0, len(found) - most)
    return done


def let_go(engine: Engine, identity: str, now: datetime, actor: str, *, seen: int | None = None, stamp: Stamp = PLAIN) -> Again:
    """Note that nobody needs a message that was given up. Raises UserError where there is no such message."""
    with writing(engine) as tx:
        row = _found(tx, identity)
        if late := _late(tx, row, seen):
            return Again(late=late)
        why = "somebody let it go"
        _drop(tx, row, edits_of(row.key, dead_edits(tx)), why, Doing(now, actor, stamp))
        return Again(dropped={_name(row): why})


def came_of(engine: Engine, names: Sequence[str]) -> dict[str, str]:
    """Return the states in which messages are by now."""
    with engine.connect() as connection:
        found = connection.execute(select(rows.c.id, rows.c.state).where(rows.c.id.in_([number_of(name) for name in names]))).all()
    return {f"M-{row.id}": row.state for row in found}


def refuse(engine: Engine, what: str, now: datetime, actor: str, detail: Mapping[str, Any], stamp: Stamp) -> None:
    """Put on record who was not allowed to."""
    with writing(engine) as tx:
        record(tx, now, actor, "outbox.refused", what, dict(detail), stamp)


def _found(tx: Connection, identity: str) -> Row[Any]:
    row = tx.execute(select(rows).where(rows.c.id == number_of(identity))).first()
    if row is None:
        raise UserError(f"there is no message {identity[:40]}; finops-bot messages lists what did not arrive, such as M-17")
    return row


def _late(tx: Connection, row: Row[Any], seen: int | None) -> str | None:
    if row.state != "dead":
        return f"{_name(row)} {STANDING[row.state]}"
    if original := _edited(tx, row):
        return f"{_name(row)} is an edit of {original}, and goes with it"
    return f"{_name(row)} was tried again meanwhile, and given up anew" if seen not in (None, row.attempts) else None


def _edited(tx: Connection, row: Row[Any]) -> str | None:
    """Return the message that this edits, where that was given up too: without it there is nothing to edit."""
    original = (rows.c.key == row.after, rows.c.state == "dead", rows.c.id != row.id)
    number = tx.execute(select(rows.c.id).where(*original)).scalar() if row.kind == "update" else None
    return None if number is None else f"M-{number}"


def _each(tx: Connection, found: Sequence[Row[Any]], doing: Doing) -> Again:
    known, edits, done = subjects(tx, {row.object_id for row in found}), dead_edits(tx), Again()
    for row in found:
        own = edits_of(row.key, edits)
        if why := needless(tx, row, known.get(row.object_id)):
            _drop(tx, row, own, why, doing)
            done.dropped[_name(row)] = why
        else:
            _revive(tx, row, own, doing)
            done.again.append(_name(row))
    return done


def _revive(tx: Connection, row: Row[Any], edits: Sequence[Row[Any]], doing: Doing) -> None:
    """Its edits go with it. What was told in its place and did not arrive either is taken back, so that it can be told so anew."""
    withdrawn = _withdraw(tx, row)
    for one in (row, *edits):
        state = "ambiguous" if one.doubts else "pending"  # what may be out is looked for first
        _move(tx, one, {"state": state, "doubts": 0, "again_at": None, "settled_at": doing.at, "error": None})
    told = {**_told(row), "with": [_name(one) for one in edits], "withdrawn": withdrawn}
    record(tx, doing.at, doing.actor, "outbox.revived", row.key, told, doing.stamp)


def _drop(tx: Connection, row: Row[Any], edits: Sequence[Row[Any]], why: str, doing: Doing) -> None:
    withdrawn = _withdraw(tx, row)
    for one in (row, *edits):
        _move(tx, one, {"state": "dropped", "settled_at": doing.at})
    told = {**_told(row), "why": why, "with": [_name(one) for one in edits], "withdrawn": withdrawn}
    record(tx, doing.at, doing.actor, "outbox.dropped", row.key, told, doing.stamp)


def _withdraw(tx: Connection, row: Row[Any]) -> list[str]:
    found = [one for one in instead_of(tx, row.key) if one.state == "dead"]
    if found:
        tx.execute(delete(rows).where(rows.c.id.in_([one.id for one in found])))
    return [one.route for one in found]


def _move(tx: Connection, row: Row[Any], values: Mapping[str, Any]) -> None:
    """What was given up is moved from here only, and `writing` lets one in at a time, so what was read still holds."""
    tx.execute(update(rows).where(rows.c.id == row.id, rows.c.state == "dead").values(**values))


def _told(row: Row[Any]) -> dict[str, Any]:
    return {"id": _name(row), "about": row.object_id, "route": row.route, "error": row.error, "attempts": row.attempts}


def _name(row: Row[Any]) -> str:
    return f"M-{row.id}"
