"""Records what a look for anomalies found: each once, told once by cause, grown and ended in place."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_feedback import Feedback, expected_by
from finops.insight.anomalies_groups import Group
from finops.insight.anomalies_muted import muted_by
from finops.insight.anomalies_states import Case, advance, opened, scanned
from finops.insight.panel import Step
from finops.ledger.anomaly_rows import Stored, stored_of, values_of
from finops.ledger.anomaly_writes import reply_under, update_message, words, write
from finops.ledger.audit import Stamp
from finops.ledger.loads import record
from finops.ledger.outbox import enqueue
from finops.ledger.spotting import is_same_cause, is_seen_by_both
from finops.ledger.state import writing
from finops.ledger.tables_anomalies import anomalies as rows
from finops.ledger.tables_anomalies import anomaly_looks, is_live

ACTOR: Final = "spot-anomalies"
REMEMBERED: Final = timedelta(days=120)  # what is over may come back within
FRESH: Final[Mapping[Step, timedelta]] = {"day": timedelta(days=3), "hour": timedelta(hours=24)}
CLOCKS_DIFFER: Final = timedelta(hours=2)
WEEK: Final = timedelta(days=7)
LEAST: Final = "low"  # so little is listed and not told
GRAVE: Final = "high"  # so much is told however long ago it began, as long as it goes on


@dataclass(frozen=True)
class Look:
    """What one look came to: `series` by grain that was looked through, and up to when each grain was known.

    `routes` are where a cause is told and `shown` what its message shows, both by the id of its driver.
    """

    groups: Sequence[Group]
    now: datetime
    today: date
    series: Mapping[Step, int]
    known_until: Mapping[Step, date] = field(default_factory=dict)
    routes: Mapping[str, str | None] = field(default_factory=dict)
    shown: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    per_week: int = 10


@dataclass(frozen=True)
class Settled:
    """What a look changed, by ids: found, told by a message, grown, over, back again."""

    opened: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    held_back: int = 0


def settle(engine: Engine, look: Look) -> Settled:
    """Record what a look found, in one step. A look that is older than the last one recorded changes nothing."""
    with writing(engine) as tx:
        if _is_older(tx, look):
            return Settled()
        done = _Settling(tx, look).done()
        for step, series in look.series.items():
            _put(tx, step, look.now, series)
    return done


def _is_older(tx: Connection, look: Look) -> bool:
    newest = [at for (at,) in tx.execute(select(anomaly_looks.c.at).where(anomaly_looks.c.step.in_(list(look.series))))]
    return any(look.now < at < look.now + CLOCKS_DIFFER for at in newest)


def _put(tx: Connection, step: Step, now: datetime, series: int) -> None:
    make = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    fresh = {"at": now, "series": series}
    tx.execute(make(anomaly_looks).values(step=step, **fresh).on_conflict_do_update(index_elements=["step"], set_=fresh))


class _Settling:
    """One look being recorded, where nobody writes beside it."""

    def __init__(self, tx: Connection, look: Look) -> None:
        self.tx, self.look = tx, look
        recent = or_(is_live, rows.c.changed_at >= look.now - REMEMBERED)
        self.known = {one.id: one for one in map(stored_of, tx.execute(select(rows).where(recent)))}
        self.words = words(tx)
        self.seen = {one.id for group in look.groups for one in (group.driver, *group.members)}
        self.touched: set[str] = set()
        self.opened: list[str] = []
        self.told: list[str] = []
        self.grown: list[str] = []
        self.over: list[str] = []
        self.held_back = 0

    def done(self) -> Settled:
        for group in self.look.groups:
            self._group(group)
        for one in [one for one in self.known.values() if one.case.live and one.id not in self.touched]:
            if self.look.series.get(one.case.anomaly.step):
                self._change(one, scanned(one.case, None, self.look.today))
        return Settled(tuple(self.opened), tuple(self.told), tuple(self.grown), tuple(self.over), self.held_back)

    def _group(self, group: Group) -> None:
        """What is found anew joins the message that tells of its cause already; without one, the driver gets one of its own."""
        every = (group.driver, *group.members)
        matched = {one.id: self._match(one) for one in every}
        head = self._head([found for one in every if (found := matched[one.id])]) or self._elsewhere(group.driver)
        for one in every:
            found = matched[one.id]
            if found is not None:
                self._again(found, one)
            elif head is None:
                head = self._open(one, None)
            else:
                self._open(one, head.id)
        if head is not None and head.id in self.known:
            self.touched.add(head.id)
            self._tell(self.known[head.id], self.look.routes.get(group.driver.id))

    def _match(self, seen: Anomaly) -> Stored | None:
        """By its id, or else as the nearest one of the same series, direction and time: its first day may be told anew."""
        if seen.id in self.known:
            return self.known[seen.id]
        same = (one for one in self.known.values() if (one.case.anomaly.key, one.case.anomaly.step) == (seen.key, seen.step))
        return max(
            (one for one in same if one.id not in self.seen and is_same_cause(one.case.anomaly, seen)),
            key=lambda one: (one.case.live, -abs(one.case.anomaly.start - seen.start), one.id),
            default=None,
        )

    def _head(self, found: Sequence[Stored]) -> Stored | None:
        heads = [self.known.get(one.told_with or one.id, one) for one in found]
        return max(heads, key=lambda one: (one.case.live, one.route is not None, one.id), default=None)

    def _elsewhere(self, driver: Anomaly) -> Stored | None:
        """Return the live one of the other grain that tells of the same thing."""
        others = (one for one in self.known.values() if one.case.live and one.case.anomaly.step != driver.step and one.told_with is None)
        return next((one for one in others if is_seen_by_both(one.case.anomaly, driver)), None)

    def _open(self, seen: Anomaly, told_with: str | None) -> Stored | None:
        case, until = self._begun(seen)
        look = self.look
        values = {"id": seen.id, "version": 1, "told_with": told_with, "opened_at": look.now, "changed_at": look.now}
        values |= {"changed_by": ACTOR, "until": until, "shown": json.dumps(look.shown.get(seen.id, {})), **values_of(case)}
        make = postgresql.insert if self.tx.dialect.name == "postgresql" else sqlite.insert
        made = self.tx.execute(make(rows).values(**values).on_conflict_do_nothing(index_elements=["id"]).returning(rows)).first()
        if made is None:  # so long over that it was not looked at
            return None
        record(
            self.tx, look.now, ACTOR, "anomaly.open", seen.id, {"told_with": told_with}, Stamp(after=case.state, reason=case.reason or None)
        )
        self.known[seen.id] = stored_of(made)
        self.touched.add(seen.id)
        self.opened.append(seen.id)
        return self.known[seen.id]

    def _begun(self, seen: Anomaly) -> tuple[Case, date | None]:
        """What somebody said to expect, or called of no use before, begins as expected; what is over when it is found, as resolved."""
        case = opened(seen, self.look.today)
        if word := expected_by(seen, self.words):
            return advance(case, "expect", self.look.today, reason=word.reason, by=ACTOR), word.until
        if word := muted_by(seen, self.words, self.look.today):
            return advance(case, "expect", self.look.today, reason=_no_use(word), by=ACTOR), None
        return (advance(case, "end", self.look.today) if seen.status == "ended" and not self._is_fresh(seen) else case), None

    def _again(self, one: Stored, seen: Anomaly) -> None:
        self.touched.add(one.id)
        name, seen = seen.id, replace(seen, id=one.id)
        today = self.look.today
        after = scanned(one.case, seen, today)
        if not one.case.live and after.live and (expected_by(seen, self.words) or muted_by(seen, self.words, today)):
            return
        if one.case.state == "expected" and one.until and today >= one.until and after.state == "expected":
            after = advance(one.case, "grew", today, seen=seen, reason="It was expected until then, and goes on.")
        self._change(one, after, self.look.shown.get(name))

    def _change(self, one: Stored, after: Case, shown: Mapping[str, Any] | None = None) -> None:
        if after == one.case:
            return
        fresh = {**values_of(after), "version": one.version + 1, "changed_at": self.look.now}
        if after.state != one.case.state:
            fresh["changed_by"] = ACTOR
        if shown:
            fresh["shown"] = json.dumps(shown)
        changed = write(self.tx, one, fresh)
        self.known[one.id] = changed
        if after.state != one.case.state or after.told != one.case.told:
            self._note(one, changed)
        update_message(self.tx, changed, self.known, self.look.now)

    def _note(self, before: Stored, after: Stored) -> None:
        """Put a move on record, and say in the thread what people would miss in an edited message."""
        moved = after.case.state
        stamp = Stamp(before=before.case.state, after=moved, reason=after.case.reason or None)
        record(self.tx, self.look.now, ACTOR, f"anomaly.{moved}", after.id, {"excess": round(after.case.anomaly.excess, 2)}, stamp)
        (self.over if moved == "resolved" else self.grown if moved == "growing" else self.opened).append(after.id)
        if moved == "growing" and after.route and after.route.startswith("slack:"):
            reply_under(self.tx, after, f"It grew: {after.case.anomaly.excess:+,.0f} {after.case.anomaly.currency} by now.", self.look.now)

    def _tell(self, head: Stored, route: str | None) -> None:
        """Post what is new or grew, where it is recent; of a past that nobody was told of, a first look tells what is grave and goes on."""
        seen = head.case.anomaly
        if head.route or head.told_with or not route or not self._is_news(head):
            return
        if seen.severity == LEAST:
            return
        if self._told_lately(route) >= self.look.per_week:
            self.held_back += 1
            return
        fresh = {"route": route, "told_at": self.look.now, "version": head.version + 1}
        self.known[head.id] = write(self.tx, head, fresh)
        told = {"render": "anomaly", "id": head.id}
        enqueue(
            self.tx,
            key=head.message,
            route=route,
            kind="post" if route.startswith("slack:") else "event",
            object_id=head.id,
            payload=told,
            at=self.look.now,
        )
        record(self.tx, self.look.now, ACTOR, "anomaly.tell", head.id, {"route": route})
        self.told.append(head.id)

    def _told_lately(self, route: str) -> int:
        lately = select(func.count()).where(rows.c.route == route, rows.c.told_at > self.look.now - WEEK)
        return int(self.tx.execute(lately.select_from(rows)).scalar_one())

    def _is_news(self, head: Stored) -> bool:
        if head.case.state == "growing" and head.case.since == self.look.today:
            return True
        seen = head.case.anomaly
        still_grave = seen.severity == GRAVE and seen.status != "ended"
        return head.case.state == "open" and (still_grave or self._is_fresh(seen))

    def _is_fresh(self, seen: Anomaly) -> bool:
        known = self.look.known_until.get(seen.step, self.look.today if seen.step == "day" else self.look.now)
        return seen.detected_on >= known - FRESH[seen.step]


def _no_use(word: Feedback) -> str:
    return f"The like was called of no use on {word.told_on}."
