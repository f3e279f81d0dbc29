"""Keeps alerts: one for each finding's key, for ever; each move is a compare-and-set with its audit entry and its messages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from finops.configuration.rulebook_steps import Propose
from finops.errors import UserError
from finops.guard.alert_states import LIVE, NEXT, AlertEvent
from finops.guard.findings import document
from finops.guard.watching import Cap, Firing, Mark, Memory, Past, Round, gravest
from finops.ledger.alert_rows import Alert, alert_of, message_key, read_step, write_step
from finops.ledger.alerts_acted import settled_by
from finops.ledger.audit import Stamp
from finops.ledger.loads import record
from finops.ledger.outbox import Kind, enqueue, escaped
from finops.ledger.proposals import Beside, proposals_for
from finops.ledger.state import writing
from finops.ledger.tables_alerts import alerts as rows
from finops.ledger.tables_alerts import is_live, watch_marks

ACTOR: Final = "check-budgets"
REMEMBERED: Final = timedelta(days=400)
MOST_BESIDE: Final = 3  # proposals in an alert's message: it holds fifty blocks
TO_MACHINES: Final = ("pagerduty", "webhook")  # they follow an alert through its states; a mailbox would only fill up


@dataclass(frozen=True)
class Change:
    """What became of a move: whether it happened, how the alert stands now, and a sentence to tell."""

    happened: bool
    alert: Alert
    said: str


@dataclass(frozen=True)
class Settled:
    """What a round changed: alerts that are new, that were corrected, and that are over."""

    fired: tuple[Alert, ...] = ()
    corrected: tuple[Alert, ...] = ()
    over: tuple[Alert, ...] = ()


@dataclass(frozen=True)
class Owed:
    """Proposals that an alert asks for and that were not made yet."""

    alert: Alert
    steps: tuple[Propose, ...]


def memory(engine: Engine, now: datetime) -> Memory:
    """Return what is remembered of earlier looks."""
    recent = or_(is_live, rows.c.opened_at >= now - REMEMBERED)
    wanted = (rows.c.key, rows.c.rule, rows.c.watcher, rows.c.state, rows.c.opened_at)
    with engine.connect() as connection:
        marks = {row.name: Mark(row.since, row.last, row.times) for row in connection.execute(select(watch_marks))}
        found = connection.execute(select(*wanted).where(recent)).all()
        settled = settled_by(connection)
    past = {row.key: Past(row.key, row.rule, row.watcher, row.state in LIVE, row.opened_at, settled.get(row.key, "")) for row in found}
    return Memory(marks, past)


def settle(engine: Engine, done: Round, fallback: Sequence[str] = ()) -> Settled:
    """Record what a round came to, all of it in one step. What another worker recorded meanwhile changes nothing.

    What has no route of its own is told by the first of `fallback`.
    """
    if not (done.fired or done.below or done.over or done.marks):
        return Settled()
    with writing(engine) as tx:
        fired = _fire(tx, done.fired, done.now, fallback[:1])
        corrected = _correct(tx, done.below, done.now)
        over = [each for watcher, said in sorted(done.over.items()) for each in _end(tx, watcher, said, done.now)]
        _keep(tx, done.marks)
    return Settled(tuple(fired), tuple(corrected), tuple(over))


def take(engine: Engine, firings: Sequence[Firing], now: datetime, fallback: Sequence[str] = ()) -> list[Alert]:
    """Record findings that came from elsewhere; return those that are new."""
    with writing(engine) as tx:
        return _fire(tx, firings, now, fallback[:1])


def _fire(tx: Connection, firings: Sequence[Firing], now: datetime, fallback: Sequence[str]) -> list[Alert]:
    groups: dict[str, list[Firing]] = {}
    for firing in firings:
        groups.setdefault(firing.group or firing.finding.key, []).append(firing)
    return [alert for group in groups.values() for alert in _fire_group(tx, gravest(group), now, fallback)]


def _fire_group(tx: Connection, group: Sequence[Firing], now: datetime, fallback: Sequence[str]) -> list[Alert]:
    """Post the gravest by the routes of all of them; the others are listed in its message."""
    made = [(firing, row) for firing in group if _is_free(tx, firing) and (row := _insert(tx, firing, now))]
    if not made:
        return []
    head, row = made[0]
    host = _graver(tx, head, row.number)
    routes = tuple(dict.fromkeys(route for firing, _ in made for route in firing.routes)) or tuple(fallback)
    if host is None:
        tx.execute(update(rows).where(rows.c.number == row.number).values(routes=json.dumps(routes)))
        _post(tx, row.number, routes, head, now)
    others = [each.number for _, each in made[1:]] + ([row.number] if host is not None else [])
    if others:
        tx.execute(update(rows).where(rows.c.number.in_(others)).values(told_with=host if host is not None else row.number))
    _ask_once(tx, made)
    found = [alert_of(one) for one in tx.execute(select(rows).where(rows.c.number.in_([each.number for _, each in made])))]
    for alert in sorted(found, key=lambda one: one.number):
        detail = {"finding": document(alert.finding), "routes": list(alert.routes), "told_with": alert.told_with}
        record(tx, now, ACTOR, "alert.fire", alert.id, detail, Stamp(after="open"))
    return sorted(found, key=lambda one: one.number)


def _is_free(tx: Connection, firing: Firing) -> bool:
    """Look again where nobody writes beside: another worker may have told it, or used the rule's last word."""
    if firing.once_at_a_time and tx.execute(select(rows.c.number).where(rows.c.watcher == firing.watcher, is_live).limit(1)).first():
        return False
    return firing.cap is None or _count(tx, firing.cap) < firing.cap.times


def _count(tx: Connection, cap: Cap) -> int:
    spoken = select(func.count()).where(rows.c.rule == cap.rule, rows.c.opened_at >= cap.since)
    return int(tx.execute(spoken.select_from(rows)).scalar_one())


def _insert(tx: Connection, firing: Firing, now: datetime) -> Row[Any] | None:
    finding = firing.finding
    make = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    values: dict[str, Any] = {
        "key": finding.key[:400],
        "watcher": firing.watcher[:300],
        "rule": finding.rule[:300],
        "kind": finding.kind,
        "period": finding.period,
        "severity": finding.severity,
        "finding": json.dumps(document(finding), sort_keys=True, allow_nan=False),
        "state": "open",
        "version": 1,
        "routes": "[]",
        "opened_at": now,
        "changed_at": now,
        "changed_by": ACTOR,
    }
    return tx.execute(make(rows).values(**values).on_conflict_do_nothing(index_elements=["key"]).returning(rows)).first()


def _graver(tx: Connection, head: Firing, number: int) -> int | None:
    """Return the alert of the same budget, period and kind that told of more before: a lower threshold is no news after it."""
    finding = head.finding
    if finding.threshold is None:
        return None
    same = (rows.c.watcher == head.watcher, rows.c.kind == finding.kind, rows.c.period == finding.period, rows.c.number != number)
    found = [alert_of(row) for row in tx.execute(select(rows).where(*same, rows.c.told_with.is_(None)))]
    of_it = [one for one in found if one.finding.version == finding.version and one.finding.threshold is not None]
    higher = [one for one in of_it if one.finding.threshold and one.finding.threshold > finding.threshold]
    return max((one.number for one in higher), default=None)


def _ask_once(tx: Connection, made: Sequence[tuple[Firing, Row[Any]]]) -> None:
    """Of a group that fires at once only the gravest that asks for proposals does so."""
    asking = next(((firing, row) for firing, row in made if firing.asks), None)
    if asking:
        steps = json.dumps([write_step(step) for step in asking[0].asks], allow_nan=False)
        tx.execute(update(rows).where(rows.c.number == asking[1].number).values(steps=steps))


def _post(tx: Connection, number: int, routes: Sequence[str], firing: Firing, now: datetime) -> None:
    payload = {"render": "alert", "id": f"A-{number}"}
    for place, route in enumerate(routes):
        kind: Kind = "post" if route.startswith("slack:") else "event"
        key = message_key(number, place, route)
        enqueue(tx, key=key, route=route, kind=kind, object_id=f"A-{number}", payload=payload, at=now, due_at=firing.due_at)
    for room in firing.rooms:
        _open_room(tx, number, room, routes, firing, now)


def _open_room(tx: Connection, number: int, room: str, routes: Sequence[str], firing: Firing, now: datetime) -> None:
    slack = next(((place, route) for place, route in enumerate(routes) if route.startswith("slack:")), None)
    payload = {"render": "room", "id": f"A-{number}"}
    after = message_key(number, *slack) if slack else None  # elsewhere too, so that there is a message to link
    told: dict[str, Any] = {"object_id": f"A-{number}", "payload": payload, "at": now, "due_at": firing.due_at, "after": after}
    if room:
        enqueue(tx, key=f"alert:A-{number}:room:{room}", route=f"slack:{room}", kind="post", **told)
    elif slack:
        enqueue(tx, key=f"alert:A-{number}:room", route=slack[1], kind="thread", **told)


def _correct(tx: Connection, below: Mapping[str, str], now: datetime) -> list[Alert]:
    """Note alerts whose figure fell below their threshold; one note is posted for each budget, under its gravest message."""
    live = tx.execute(select(rows).where(rows.c.key.in_(sorted(below)), is_live).order_by(rows.c.number)).all() if below else []
    changed = [_move(tx, alert_of(row), "correct", ACTOR, now, below[row.key]) for row in live]
    by_budget: dict[tuple[str, str], list[Alert]] = {}
    for alert in changed:
        by_budget.setdefault((alert.watcher, alert.finding.period), []).append(alert)
    for of_budget in by_budget.values():
        shown = [alert for alert in of_budget if alert.routes]
        if shown:
            last = max(shown, key=lambda one: (one.finding.threshold or 0, one.number))
            _reply(tx, last, f"Corrected: {below[last.key]}", now)
    return changed


def _end(tx: Connection, watcher: str, said: str, now: datetime) -> list[Alert]:
    live = tx.execute(select(rows).where(rows.c.watcher == watcher, is_live).order_by(rows.c.number)).all()
    return [_move(tx, alert_of(row), "resolve", ACTOR, now, said) for row in live]


def _keep(tx: Connection, marks: Mapping[str, Mark | None]) -> None:
    make = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    for name, mark in sorted(marks.items()):
        if mark is None:
            tx.execute(watch_marks.delete().where(watch_marks.c.name == name))
            continue
        fresh = {"since": mark.since, "last": mark.last, "times": mark.times}
        put = make(watch_marks).values(name=name[:400], **fresh)
        tx.execute(put.on_conflict_do_update(index_elements=["name"], set_=fresh))


def acknowledge(engine: Engine, identity: str, actor: str, now: datetime, reason: str | None = None) -> Change:
    """Somebody takes care of an alert."""
    return act(engine, identity, "acknowledge", actor, now, reason)


def snooze(engine: Engine, identity: str, actor: str, now: datetime, reason: str, until: datetime) -> Change:
    """Keep an alert quiet until then. Raises UserError without a reason, or for a time that is over."""
    if not reason.strip():
        raise UserError("an alert is snoozed for a reason; say why")
    if until <= now:
        raise UserError(f"{until:%Y-%m-%d %H:%M}Z is over; snooze until a later time")
    return act(engine, identity, "snooze", actor, now, reason, until)


def resolve(engine: Engine, identity: str, actor: str, now: datetime, reason: str | None = None) -> Change:
    """Somebody says that it is over. It is not told again in its period."""
    return act(engine, identity, "resolve", actor, now, reason)


def act(
    engine: Engine,
    identity: str,
    event: AlertEvent,
    actor: str,
    now: datetime,
    reason: str | None = None,
    until: datetime | None = None,
) -> Change:
    """Move an alert by one step of the table, or say why not. Raises UserError for an alert there is not."""
    with writing(engine) as tx:
        before = _find(tx, identity)
        if (before.state, event) not in NEXT:
            return Change(False, before, f"{before.id} is {before.state} already{_by(before)}; nothing was changed")
        after = _move(tx, before, event, actor, now, reason, until)
        return Change(True, after, f"{after.id} is {after.state}{_by(after)}")


def wake(engine: Engine, now: datetime) -> list[Alert]:
    """Open alerts again whose snooze is over, and say so in their threads."""
    due = (rows.c.state == "snoozed", rows.c.until <= now)
    with engine.connect() as connection:  # nearly always nothing, and then nothing is written
        if connection.execute(select(rows.c.number).where(*due).limit(1)).first() is None:
            return []
    with writing(engine) as tx:
        found = [alert_of(row) for row in tx.execute(select(rows).where(*due).order_by(rows.c.number)).all()]
        woken = [_move(tx, one, "wake", ACTOR, now, None) for one in found]
        for one in woken:
            _reply(tx, one, "The snooze is over, and it still holds.", now)
    return woken


def _move(
    tx: Connection, before: Alert, event: AlertEvent, actor: str, now: datetime, reason: str | None, until: datetime | None = None
) -> Alert:
    state = NEXT[before.state, event]
    fresh = {"state": state, "version": before.version + 1, "changed_at": now, "changed_by": actor, "reason": reason, "until": until}
    seen = (rows.c.number == before.number, rows.c.version == before.version)
    after = alert_of(tx.execute(update(rows).where(*seen).values(**fresh).returning(rows)).one())
    told = {"until": until.isoformat() if until else None}
    record(tx, now, actor, f"alert.{event}", before.id, told, Stamp(before=before.state, after=state, reason=reason))
    _update(tx, after, now)
    return after


def _update(tx: Connection, alert: Alert, now: datetime, mark: str | None = None) -> None:
    """Let every message show the true state; a listed one changes the message it is listed in. With a `mark` only people are told."""
    shown = alert if alert.told_with is None else _find(tx, f"A-{alert.told_with}")
    payload = {"render": "alert", "id": shown.id}
    suffix = mark or (f":v{alert.version}" if shown is alert else f":{alert.id}:v{alert.version}")
    for base, route in shown.messages:
        scheme = route.partition(":")[0]
        if scheme == "slack":
            enqueue(tx, key=base + suffix, route=route, kind="update", object_id=shown.id, payload=payload, at=now, after=base)
        elif scheme in TO_MACHINES and shown is alert and mark is None:
            enqueue(tx, key=base + suffix, route=route, kind="event", object_id=shown.id, payload=payload, at=now)


def _reply(tx: Connection, alert: Alert, text: str, now: datetime) -> None:
    for base, route in alert.messages:
        if route.startswith("slack:"):
            told = {"text": escaped(text)}
            key = f"{base}:said:{alert.version}:{len(text)}"
            enqueue(tx, key=key, route=route, kind="thread", object_id=alert.id, payload=told, at=now, after=base)


def _by(alert: Alert) -> str:
    until = f" until {alert.until:%Y-%m-%d %H:%M}Z" if alert.state == "snoozed" and alert.until else ""
    return f"{until}, by {alert.changed_by} at {alert.changed_at:%Y-%m-%d %H:%M}Z"


def alert(engine: Engine, identity: str) -> Alert:
    """Return one alert. Raises UserError where there is none."""
    with engine.connect() as connection:
        return _find(connection, identity)


def of_key(engine: Engine, key: str) -> Alert | None:
    with engine.connect() as connection:
        row = connection.execute(select(rows).where(rows.c.key == key)).first()
    return alert_of(row) if row else None


def beside(engine: Engine, key: str, route: str | None) -> Beside | None:
    """Return the message on `route` that tells of a finding, for a proposal to be shown in; None where there is none, or it is full."""
    found = of_key(engine, key)
    if found is None or route is None or not route.startswith("slack:") or len(proposals_for(engine, key)) >= MOST_BESIDE:
        return None
    shown = found if found.told_with is None else alert(engine, f"A-{found.told_with}")
    return next((Beside(shown.id, base) for base, there in shown.messages if there == route), None)


def listed_in(engine: Engine, number: int) -> list[Alert]:
    """Return the alerts that an alert's message lists beside it."""
    with engine.connect() as connection:
        return [alert_of(row) for row in connection.execute(select(rows).where(rows.c.told_with == number).order_by(rows.c.number))]


def past_alerts(engine: Engine, until: datetime, *, live: bool = False, most: int = 50) -> list[Alert]:
    """Return the newest alerts, newest first; only those that are not over with `live`."""
    wanted = [rows.c.opened_at <= until, *([is_live] if live else [])]
    with engine.connect() as connection:
        return [alert_of(row) for row in connection.execute(select(rows).where(*wanted).order_by(rows.c.number.desc()).limit(most))]


def owing(engine: Engine) -> list[Owed]:
    """Return alerts whose proposals were not made yet, oldest first; one that is over asks for nothing any more."""
    wanted = (rows.c.steps.is_not(None), rows.c.asked_at.is_(None), is_live)
    with engine.connect() as connection:
        found = connection.execute(select(rows).where(*wanted).order_by(rows.c.number)).all()
    return [Owed(alert_of(row), tuple(read_step(step) for step in json.loads(row.steps))) for row in found]


def asked(engine: Engine, number: int, now: datetime, said: Sequence[str] = ()) -> None:
    """Note that an alert's proposals were made, or say in its thread why they could not be."""
    with writing(engine) as tx:
        done = tx.execute(update(rows).where(rows.c.number == number, rows.c.asked_at.is_(None)).values(asked_at=now)).rowcount
        if done:
            record(tx, now, ACTOR, "alert.asked", f"A-{number}", {"said": list(said)})
            if said:
                of = _find(tx, f"A-{number}")
                _reply(tx, of, "\n".join(said), now)
                _update(tx, of, now, f":asked:v{of.version}")  # its message tells of its proposals


def _find(connection: Connection, identity: str) -> Alert:
    mark, _, number = identity.strip().upper().partition("-")
    row = None
    if mark == "A" and number.isascii() and number.isdigit() and len(number) < 10:
        row = connection.execute(select(rows).where(rows.c.number == int(number))).first()
    if row is None:
        raise UserError(f"there is no alert '{identity[:40]}'; /cost alerts lists them, such as A-12")
    return alert_of(row)
