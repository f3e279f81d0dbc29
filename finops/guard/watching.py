"""One look at everything that is watched: what fires now, what no longer holds, and what is remembered until the next look."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from finops.configuration.rulebook_steps import Propose
from finops.guard.findings import Finding

AGAIN: Final = timedelta(seconds=60)  # two looks closer together are one: two workers, a repeated run
GAP: Final = timedelta(hours=1)  # after a longer silence nobody knows whether it held all the time
BACKWARDS: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Mark:
    """Something that held at `times` looks one after another, without a gap since `since`, and at `last` for the last time."""

    since: datetime
    last: datetime
    times: int = 1

    def again(self, now: datetime, gap: timedelta = GAP) -> "Mark":
        if now < self.last + AGAIN:  # also where the clock was set back
            return self
        return Mark(self.since if now - self.last <= gap else now, now, self.times + 1)


@dataclass(frozen=True)
class Past:
    """What is remembered of an alert. `settled_by` are the proposals in force that moved all it tells of; '' where some is left."""

    key: str
    rule: str
    watcher: str
    is_live: bool
    opened_at: datetime
    settled_by: str = ""


@dataclass(frozen=True)
class Cap:
    """A rule fires at most `times` from `since` on, over all it watches."""

    rule: str
    since: datetime
    times: int


@dataclass(frozen=True)
class Firing:
    """A finding to be told by `routes`. `watcher` is what the rule was looking at, so that it is told once while it goes on.

    Of those of one `group` only the gravest is posted. `asks` are proposed, `rooms` are where a thread to work in is opened
    ('' is under the message itself).
    """

    finding: Finding
    watcher: str
    routes: tuple[str, ...] = ()
    due_at: datetime | None = None
    asks: tuple[Propose, ...] = ()
    rooms: tuple[str, ...] = ()
    group: str = ""
    cap: Cap | None = None
    once_at_a_time: bool = False


@dataclass(frozen=True)
class Memory:
    """What is known of earlier looks: marks by name, and alerts by key."""

    marks: Mapping[str, Mark] = field(default_factory=dict)
    alerts: Mapping[str, Past] = field(default_factory=dict)

    def live(self, watcher: str) -> list[Past]:
        return [one for one in self.alerts.values() if one.watcher == watcher and one.is_live]

    def settled_by(self, watcher: str) -> str:
        """Return what settled every live alert of a watcher; '' where one is not, or none is live."""
        settled = [one.settled_by for one in self.live(watcher)]
        return " and ".join(dict.fromkeys(settled)) if all(settled) else ""

    def is_live(self, key: str) -> bool:
        return key in self.alerts and self.alerts[key].is_live

    def count(self, cap: Cap) -> int:
        return sum(one.rule == cap.rule and one.opened_at >= cap.since for one in self.alerts.values())


@dataclass
class Round:
    """What one look came to. `below` and `over` say, by key and by watcher, why something no longer holds.

    `marks` replace those that were remembered; None forgets one. `told` are remarks for the record.
    """

    now: datetime
    memory: Memory
    gap: timedelta = GAP
    fired: list[Firing] = field(default_factory=list)
    below: dict[str, str] = field(default_factory=dict)
    over: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Mark | None] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def hold(self, name: str, gap: timedelta | None = None) -> Mark:
        """Note that something holds, and return since when."""
        before = self.memory.marks.get(name)
        mark = before.again(self.now, self.gap if gap is None else gap) if before else Mark(self.now, self.now)
        if mark != before:
            self.marks[name] = mark
        return mark

    def let_go(self, name: str) -> None:
        if name in self.memory.marks:
            self.marks[name] = None

    def fire(self, firing: Firing) -> None:
        """Take a finding in, unless it was told before, goes on, or its rule spoke often enough."""
        if firing.finding.key in self.memory.alerts:
            return
        if firing.once_at_a_time and self.memory.live(firing.watcher):
            return
        before = sum(one.finding.rule == firing.finding.rule for one in self.fired)
        if firing.cap and self.memory.count(firing.cap) + before >= firing.cap.times:
            self.told.append(f"{firing.watcher} holds, and '{firing.cap.rule}' has spoken as often as it may ({firing.cap.times})")
            return
        self.fired.append(firing)

    def fall_below(self, key: str, said: str) -> None:
        if self.memory.is_live(key):
            self.below[key] = said

    def is_over(self, watcher: str, said: str) -> None:
        if self.memory.live(watcher):
            self.over[watcher] = said


def remembered(memory: Memory, done: Round) -> Memory:
    """Return what is known after a round, where nothing is written: a replay."""
    marks = {name: mark for name, mark in {**memory.marks, **done.marks}.items() if mark is not None}
    alerts = dict(memory.alerts)
    for key, one in memory.alerts.items():
        if key in done.below or one.watcher in done.over:
            alerts[key] = Past(key, one.rule, one.watcher, False, one.opened_at)
    for firing in done.fired:
        finding = firing.finding
        alerts[finding.key] = Past(finding.key, finding.rule, firing.watcher, True, done.now)
    return Memory(marks, alerts)


def routes_of(places: Iterable[str], owner: str | None, channel: str | None) -> tuple[str, ...]:
    """Return the routes that words such as owner, channel, slack, "#name" and pagerduty lead to, none twice."""
    found = (route for place in places if (route := _route(place, owner, channel)))
    return tuple(dict.fromkeys(found))


def _route(place: str, owner: str | None, channel: str | None) -> str | None:
    if place == "slack":
        return _route(channel, None, None) if channel else _route("owner", owner, None)
    if place == "channel":
        return _route(channel, None, None) if channel else None
    if place == "owner":
        return _owner(owner) if owner else None
    if place == "email":
        return f"email:{owner}" if owner and _is_mailbox(owner) else None
    if place == "pagerduty":
        return "pagerduty:default"
    if place.startswith(("email:", "webhook:", "pagerduty:", "slack:")):
        return place
    return f"slack:@{place}" if place.startswith("U") and place.isalnum() else f"slack:{place}"


def _owner(owner: str) -> str:
    """An owner is somebody in Slack, a channel, or a mailbox."""
    if _is_mailbox(owner):
        return f"email:{owner}"
    return f"slack:{owner}" if owner[:1] in "@#" else f"slack:@{owner}"


def _is_mailbox(owner: str) -> bool:
    return "@" in owner[1:]


def gravest(firings: Sequence[Firing]) -> list[Firing]:
    """Return the firings of one group, the gravest first: by how grave they are, actual before forecast, and the share."""
    ranks = {"critical": 2, "warning": 1, "info": 0}

    def rank(firing: Firing) -> tuple[int, bool, Decimal]:
        finding = firing.finding
        return ranks[finding.severity], finding.kind == "budget", finding.threshold or Decimal(0)

    return sorted(firings, key=rank, reverse=True)
