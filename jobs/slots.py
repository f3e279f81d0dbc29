"""Which local periods of a schedule are due. Pure: a schedule, a zone and instants in, slots out.

A slot is known by its key (a local date, week or month, or the start of an interval in UTC), never by the instant at
which somebody looked: so a clock that is set back or a night that is an hour longer cannot run it twice.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from finops.errors import UserError, close_to, meant

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
DAYS_OF_EVERY_MONTH: Final = 28
CLOCK: Final = r"([01]\d|2[0-3]):([0-5]\d)"


@dataclass(frozen=True)
class Slot:
    """One period of a schedule and the instant (UTC) from which on it is due."""

    key: str
    due_at: datetime


class Schedule(Protocol):
    """Numbers its slots in order; `text` is how the schedule is told."""

    @property
    def text(self) -> str: ...
    def slot(self, number: int, zone: ZoneInfo) -> Slot: ...
    def number_at(self, now: datetime, zone: ZoneInfo) -> int:
        """Return the number of the period that `now` lies in, whether its slot is due yet or not."""
        ...


@dataclass(frozen=True)
class Every:
    """Each interval of real time, counted in UTC, whatever local clocks do."""

    text: str
    step: timedelta

    def slot(self, number: int, zone: ZoneInfo) -> Slot:
        start = EPOCH + number * self.step
        precision = "seconds" if self.step % MINUTE else "minutes"
        return Slot(f"{start.replace(tzinfo=None).isoformat(timespec=precision)}Z", start)

    def number_at(self, now: datetime, zone: ZoneInfo) -> int:
        return (now - EPOCH) // self.step


@dataclass(frozen=True)
class Daily:
    """Each local date, at a time of day."""

    text: str
    at: time

    def slot(self, number: int, zone: ZoneInfo) -> Slot:
        day = date.fromordinal(number)
        return Slot(day.isoformat(), first_moment(day, self.at, zone))

    def number_at(self, now: datetime, zone: ZoneInfo) -> int:
        return now.astimezone(zone).toordinal()


@dataclass(frozen=True)
class Weekly:
    """Each local ISO week, on a weekday (Monday is 0) at a time of day."""

    text: str
    weekday: int
    at: time

    def slot(self, number: int, zone: ZoneInfo) -> Slot:
        monday = date.fromordinal(number * 7 + 1)  # the calendar's first day was a Monday
        year, week, _ = monday.isocalendar()
        return Slot(f"{year}-W{week:02}", first_moment(monday + timedelta(days=self.weekday), self.at, zone))

    def number_at(self, now: datetime, zone: ZoneInfo) -> int:
        return (now.astimezone(zone).toordinal() - 1) // 7


@dataclass(frozen=True)
class Monthly:
    """Each local month, on a day that every month has, or on its last one (day None), at a time of day."""

    text: str
    day: int | None
    at: time

    def slot(self, number: int, zone: ZoneInfo) -> Slot:
        year, month = divmod(number, 12)
        day = date(year, month + 1, self.day or monthrange(year, month + 1)[1])
        return Slot(f"{day:%Y-%m}", first_moment(day, self.at, zone))

    def number_at(self, now: datetime, zone: ZoneInfo) -> int:
        local = now.astimezone(zone)
        return local.year * 12 + local.month - 1


def schedule(
    *, every: str | None = None, daily: str | None = None, weekly: str | None = None, monthly: str | None = None
) -> Schedule | None:
    """Read a declaration; None where nothing is given. Raises UserError with what would work."""
    given = [
        (reader, text) for reader, text in ((_every, every), (_daily, daily), (_weekly, weekly), (_monthly, monthly)) if text is not None
    ]
    if len(given) > 1:
        raise UserError("a job has one schedule; give one of every, daily, weekly, monthly")
    return given[0][0](given[0][1]) if given else None


def newest(schedule: Schedule, zone: ZoneInfo, now: datetime) -> int:
    """Return the number of the newest slot that is due at `now`."""
    number = schedule.number_at(now, zone) + 1  # where clocks are set back across midnight the next date has begun before
    while schedule.slot(number, zone).due_at > now:
        number -= 1
    return number


def due(schedule: Schedule, zone: ZoneInfo, last: datetime | None, now: datetime) -> range:
    """Return the numbers of the slots due after `last` (when the last one taken was due) up to `now`.

    Who never ran takes up with the newest slot alone. A clock that went back finds nothing.
    """
    end = newest(schedule, zone, now)
    begin = end if last is None else newest(schedule, zone, last) + 1
    return range(begin, end + 1)


def upcoming(schedule: Schedule, zone: ZoneInfo, now: datetime) -> Slot:
    """Return the next slot that is not due yet."""
    return schedule.slot(newest(schedule, zone, now) + 1, zone)


def first_moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return when a local time is first reached on `day`, in UTC: before the clock is set back, or after the gap it jumps over."""
    wall = datetime.combine(day, at, zone)
    there = wall.astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return there
    return _end_of_gap(wall.replace(fold=1).astimezone(UTC), there, zone)


def _end_of_gap(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Find the second at which the offset changes between two instants."""
    old = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // 2 // SECOND * SECOND
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _every(text: str) -> Schedule:
    found = re.fullmatch(r"([1-9]\d{0,3})([mh])", text)
    if not found:
        raise UserError(f"'{text}' is not an interval; write 5m or 1h")
    return Every(f"every {text}", timedelta(**{{"m": "minutes", "h": "hours"}[found[2]]: int(found[1])}))


def _daily(text: str) -> Schedule:
    return Daily(f"daily {text}", _clock(text, text))


def _weekly(text: str) -> Schedule:
    day, _, at = text.partition(" ")
    if day not in WEEKDAYS:
        raise UserError(
            f"'{day}' is not a weekday; write it out, as in 'monday 06:30'.{meant(day, WEEKDAYS)}", did_you_mean=close_to(day, WEEKDAYS)
        )
    return Weekly(f"weekly {text}", WEEKDAYS.index(day), _clock(at, text))


def _monthly(text: str) -> Schedule:
    day, _, at = text.partition(" ")
    if day == "last":
        return Monthly(f"monthly {text}", None, _clock(at, text))
    if not re.fullmatch(r"[1-9]\d?", day) or int(day) > 31:
        raise UserError(f"'{day}' is not a day of the month; write 1 to {DAYS_OF_EVERY_MONTH}, or last")
    if int(day) > DAYS_OF_EVERY_MONTH:
        raise UserError(f"day {day} is missing in short months; write 'last {at}' for the last day of each month")
    return Monthly(f"monthly {text}", int(day), _clock(at, text))


def _clock(text: str, whole: str) -> time:
    found = re.fullmatch(CLOCK, text)
    if not found:
        raise UserError(f"'{whole}' has no time of day; write one such as 06:30")
    return time(int(found[1]), int(found[2]))
