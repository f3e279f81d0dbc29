"""When a rule may speak: how often at most, which hours are quiet, and what is known to be out of order."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final, Literal, cast
from zoneinfo import ZoneInfo

from finops.configuration import shapes
from finops.configuration.fields import WrongError, as_text, as_zone, fields, items, one_of
from finops.configuration.problems import Problems
from finops.configuration.readers import as_clock, as_moment, many
from finops.configuration.rulebook_sections import Scope, found, scope_of
from finops.configuration.shapes import Shape, Shapes
from finops.yamlfile import Node

Span = Literal["hour", "day", "week", "month", "quarter"]
SPANS: Final[tuple[Span, ...]] = ("hour", "day", "week", "month", "quarter")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OFTEN: Final = re.compile(rf"([1-9][0-9]{{0,3}}) (?:per|a|an) ({'|'.join(SPANS)})")

AT_MOST: Final = {"type": "string", "pattern": f"^{OFTEN.pattern}$", "examples": ["1 per day", "3 per month"]}
QUIET: Final[Shapes] = {
    "from": Shape(shapes.CLOCK, "When they begin.", needed=True),
    "to": Shape(shapes.CLOCK, "When they end; on the next day where that is not later.", needed=True),
    "days": Shape(shapes.one_or_many(shapes.one_of(DAYS)), "The days they begin on; every day without it."),
    "timezone": Shape(shapes.ZONE, "The clock they go by; the zone of budgets.yaml without it."),
}
MAINTENANCE: Final[Shapes] = {
    "from": Shape(shapes.MOMENT, "The first day, or the minute it begins.", needed=True),
    "to": Shape(shapes.MOMENT, "The last day, or the minute it ends.", needed=True),
    "scope": Shape(shapes.SCOPE, "What is out of order; everything without it."),
    "reason": Shape(shapes.TEXT, "Why, in the words a message shows.", needed=True),
    "timezone": Shape(shapes.ZONE, "The clock it goes by; the zone of budgets.yaml without it."),
}


@dataclass(frozen=True)
class AtMost:
    """A rule fires at most `times` in each `per` of the calendar, over all it watches."""

    times: int
    per: Span


@dataclass(frozen=True)
class QuietHours:
    """From `start` up to `end` on the local clock, into the next day where `end` is not later; `days` are those it begins on.

    What is not critical waits until they are over.
    """

    start: time
    end: time
    days: tuple[int, ...] = tuple(range(7))  # Monday is 0
    timezone: str = "UTC"

    def cover(self, moment: datetime) -> bool:
        """Say whether an aware `moment` falls into them."""
        local = moment.astimezone(ZoneInfo(self.timezone))
        clock, today = local.time(), local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


@dataclass(frozen=True)
class Maintenance:
    """From `start` up to `end` (in UTC), what happens within `scope` (empty: anywhere) is expected and fires no rule."""

    start: datetime
    end: datetime
    reason: str
    scope: Scope = ()

    def covers(self, moment: datetime, scope: Scope) -> bool:
        """Say whether all of `scope` lies within this window at an aware `moment`."""
        asked = dict(scope)
        within = all(name in asked and set(asked[name]) <= set(values) for name, values in self.scope)
        return self.start <= moment < self.end and within


def as_at_most(node: Node) -> AtMost:
    """Read `1 per day`."""
    often = OFTEN.fullmatch(node.text)
    if not often:
        raise WrongError(f"how often, such as '1 per day', and not per anything but {', '.join(SPANS)}")
    return AtMost(int(often[1]), cast(Span, often[2]))


def quiet_hours_of(section: Node | None, zone: str, problems: Problems) -> tuple[QuietHours, ...]:
    """Read one window, or a list of them."""
    if section is None:
        return ()
    listed = section.value if isinstance(section.value, tuple) else (section,)
    return found(_quiet(item, zone, problems) for item in listed)


def _quiet(node: Node, zone: str, problems: Problems) -> QuietHours | None:
    row = fields(node, QUIET, problems, "quiet hours")
    if row is None:
        return None
    start, end, days = row.need("from", as_clock), row.need("to", as_clock), row.get("days", many(one_of(DAYS)))
    own = row.get("timezone", as_zone)
    if start is None or end is None:
        return None
    if start == end:
        row.wrong("quiet hours that begin and end at the same time say nothing; for a whole day write from: '00:00', to: '23:59'")
        return None
    begins = tuple(sorted(DAYS.index(day) for day in days)) if days else tuple(range(7))
    return QuietHours(start, end, begins, own or zone)


def maintenance_of(section: Node | None, zone: str, problems: Problems) -> tuple[Maintenance, ...]:
    return found(_maintenance(item, zone, problems) for item in items(section, problems, "maintenance"))


def _maintenance(node: Node, zone: str, problems: Problems) -> Maintenance | None:
    row = fields(node, MAINTENANCE, problems, "a maintenance window")
    if row is None:
        return None
    clock = row.get("timezone", as_zone) or zone
    start, end = row.need("from", as_moment(clock)), row.need("to", as_moment(clock, last=True))
    reason, scope = row.need("reason", as_text), scope_of(row.raw("scope"), problems)
    if start is None or end is None or reason is None:
        return None
    if end <= start:
        row.wrong("'to' is not after 'from'; it is the last day, or the minute the window ends", at="to")
        return None
    return Maintenance(start, end, reason, scope)
