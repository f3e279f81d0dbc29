"""What members are shown: series that end on their last complete day, without events, holidays, fixed charges and monthly lumps."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from finops.insight.forecast_allowance import allowances
from finops.insight.forecast_members import WEEK, mean_of, median_of
from finops.insight.panel import Calendar, Event, Flags, Floats, Key, Panel
from finops.periods import add_months

DAY = timedelta(days=1)
LONGEST = 800  # days; what is older says nothing of next month
YOUNGEST = 8 * WEEK  # days of a series in which two months can have been compared
ALIKE = 0.7  # of the days of the oldest: series known for so many are tested together


@dataclass(frozen=True, eq=False)
class History:
    """What is left for members to continue, and what is put back onto their answer.

    `usual[s, t]` ends for each series on its last complete day, NaN before its first cost; `back[s, h]` are the fixed charges, lumps
    and event amounts of the days ahead and `times[s, h]` the factors of their holidays and events; `held[s, h]` is what an incomplete
    day holds already. `lumpy[s]` says which series have charges on the same day of each month; `free[s]` which begin
    their months with free days, and `doubt[s]` is what the uncertain end of those is worth. `lumps[s, t]` are the charges of one day
    a month that were taken out, `usage[s, t]` is the past with them and with free days as the zeros they are, up to `ends[s]`; `due` and
    `pace` are what `back` and `times` would be without events.
    """

    usual: Floats
    back: Floats
    times: Floats
    held: Floats
    lumpy: Flags
    free: Flags
    doubt: Floats
    lumps: Floats
    usage: Floats
    due: Floats
    pace: Floats
    ends: tuple[date, ...]

    def of(self, rows: Sequence[int]) -> "History":
        """Return the same of some series, from the first day that is known of any of them."""
        chosen = list(rows)
        oldest = int(age(self.usual[chosen]).max(initial=1))
        ahead = (self.back[chosen], self.times[chosen], self.held[chosen], self.lumpy[chosen], self.free[chosen], self.doubt[chosen])
        past = (self.lumps[chosen, -oldest:], self.usage[chosen, -oldest:], self.due[chosen], self.pace[chosen])
        return History(self.usual[chosen, -oldest:], *ahead, *past, tuple(self.ends[row] for row in chosen))


def age(usual: Floats) -> NDArray[np.intp]:
    """Return for how many days each series is known, gaps included; 0 where nothing is known of it."""
    known = np.isfinite(usual)
    return np.where(known.any(axis=1), usual.shape[1] - known.argmax(axis=1), 0).astype(np.intp)


def of_an_age(usual: Floats) -> list[list[int]]:
    """Return the series in groups of much the same age, the oldest first: those of a group can be tested at the same past days.

    The youngest of a group is known for `ALIKE` of the days of its oldest at least, so that hardly a past day is too early for it.
    """
    groups: list[list[int]] = []
    ages = age(usual)
    for row in np.argsort(-ages, kind="stable").tolist():
        if groups and ages[row] >= ALIKE * ages[groups[-1][0]]:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [sorted(group) for group in groups]


@dataclass(frozen=True)
class Stretch:
    """The days of series that are complete up to the same day: `first` is that of their oldest column, `end` the first incomplete one."""

    first: date
    end: date
    ahead: int

    @property
    def past(self) -> list[date]:
        return [self.first + DAY * n for n in range((self.end - self.first).days)]

    @property
    def future(self) -> list[date]:
        return [self.end + DAY * n for n in range(self.ahead)]


def prepared(panel: Panel, complete: NDArray[np.intp], ahead: int, calendar: Calendar) -> History:
    """Take out of each series what follows the calendar, and align all on their last complete day."""
    width = min(LONGEST, max(int(complete.max(initial=0)), 1))
    rows = len(panel.keys)
    usual, usage, lumps = np.full((rows, width), np.nan), np.full((rows, width), np.nan), np.zeros((rows, width))
    back, times, due, pace = (np.zeros((rows, ahead)) for _ in range(4))
    lumpy, free, doubt = np.zeros(rows, dtype=np.bool_), np.zeros(rows, dtype=np.bool_), np.zeros(rows)
    for steps in np.unique(complete):
        chosen = np.flatnonzero(complete == steps)
        first = max(0, int(steps) - width)
        stretch = Stretch(panel.day(first), panel.day(int(steps)), ahead)
        values = panel.values[chosen, first:steps].copy()
        fixed = np.zeros_like(values) if panel.fixed is None else np.nan_to_num(panel.fixed[chosen, first:steps])
        part = _without_calendar(values, fixed, [panel.keys[row] for row in chosen], stretch, calendar)
        place = slice(width - values.shape[1], width)
        usual[chosen, place], usage[chosen, place], lumps[chosen, place] = part.usual, part.usage, part.lumps
        back[chosen], times[chosen], due[chosen], pace[chosen] = part.back, part.times, part.due, part.pace
        lumpy[chosen], free[chosen], doubt[chosen] = part.lumpy, part.free, part.doubt
    ends = tuple(panel.day(int(steps)) for steps in complete)
    return History(usual, back, times, held_ahead(panel, complete, ahead), lumpy, free, doubt, lumps, usage, due, pace, ends)


def held_ahead(panel: Panel, complete: NDArray[np.intp], ahead: int) -> Floats:
    """Return what the incomplete days hold already, the first incomplete day of each series first; 0 where nothing is known."""
    steps = complete[:, None] + np.arange(ahead)
    inside = steps < panel.steps
    found = np.take_along_axis(panel.values, np.minimum(steps, max(panel.steps - 1, 0)), axis=1) if panel.steps else np.zeros(steps.shape)
    return np.where(inside, np.nan_to_num(found), 0.0)


def _without_calendar(values: Floats, fixed: Floats, keys: list[Key], stretch: Stretch, calendar: Calendar) -> History:
    usage = since_birth(without_events(values - fixed, keys, stretch, calendar.events))
    free = allowances(usage, stretch.past, stretch.future)
    charged = np.where(free.past, np.nan, usage)
    lumps = monthly_lumps(charged, stretch.past)
    usual, holiday = without_holidays(charged - lumps, stretch, calendar.holidays)
    due = recurring(fixed, stretch) + recurring(lumps, stretch)
    pace = np.where(free.ahead, 0.0, np.where([day in calendar.holidays for day in stretch.future], holiday[:, None], 1.0))
    back, times = due, pace
    for event in calendar.events:
        touched = np.outer([within(key, event.scope) for key in keys], [event.start <= day < event.end for day in stretch.future])
        times = np.where(touched, times * event.factor, times)
        back = back + np.where(touched, event.amount, 0.0)
    nothing, lumpy, ends = np.zeros_like(back), (lumps != 0).any(axis=1), (stretch.end,) * len(keys)
    return History(usual, back, times, nothing, lumpy, np.asarray(free.past.any(axis=1)), free.doubt, lumps, usage, due, pace, ends)


def without_events(values: Floats, keys: list[Key], stretch: Stretch, events: Iterable[Event]) -> Floats:
    """Return the values as they would have been without the events: what a day of factor 0 would have cost is unknown."""
    for event in events:
        days = [event.start <= day < event.end for day in stretch.past]
        touched = np.outer([within(key, event.scope) for key in keys], days)
        usual = (values - event.amount) / event.factor if event.factor else np.full_like(values, np.nan)
        values = np.where(touched, usual, values)
    return values


def within(key: Key, scope: Key) -> bool:
    """Say whether a series lies within a scope; one that says nothing of a dimension of the scope does not."""
    return set(scope) <= set(key)


def since_birth(usage: Floats) -> Floats:
    """Return the usage with the zeros before the first cost as unknown: a series does not begin with free months."""
    begun = np.maximum.accumulate(np.nan_to_num(usage) != 0, axis=1)
    return np.where(begun | ~begun.any(axis=1, keepdims=True), usage, np.nan)


def without_holidays(usage: Floats, stretch: Stretch, holidays: frozenset[date], caution: float = 2.0) -> tuple[Floats, Floats]:
    """Return the usage with holidays unknown, and what a holiday costs relative to the same weekday of the weeks around it.

    Few holidays say little: the series' own ratio is drawn towards that of the panel, and that towards 1.
    """
    positions = [place for place, day in enumerate(stretch.past) if day in holidays and place >= WEEK]
    masked = usage.copy()
    masked[:, [place for place, day in enumerate(stretch.past) if day in holidays]] = np.nan
    if not positions:
        return masked, np.ones(len(usage))
    came, expected = np.zeros(len(usage)), np.zeros(len(usage))
    count = np.zeros(len(usage))
    for place in positions:
        around = mean_of(np.stack([masked[:, at] for at in (place - WEEK, place + WEEK) if at < usage.shape[1]], axis=1), 1)
        known = np.isfinite(around) & np.isfinite(usage[:, place]) & (around > 0)
        came += np.where(known, usage[:, place], 0.0)
        expected += np.where(known, around, 0.0)
        count += known
    panel_ratio = (came.sum() / expected.sum() * len(positions) + caution) / (len(positions) + caution) if expected.sum() > 0 else 1.0
    own = np.where(expected > 0, came / np.where(expected > 0, expected, 1.0), 1.0)
    return masked, np.clip((own * count + panel_ratio * caution) / (count + caution), 0.0, 5.0)


def monthly_lumps(usage: Floats, days: list[date], months: int = 4, fewest: int = 2) -> Floats:
    """Return what is charged on the same day of each month beyond the usual, zeros elsewhere.

    A day of the month is lumpy when it stood out in every one of the last `months` months (at least `fewest`, the last included), by
    more than half a usual day and five times the scatter of the two weeks around it, and by much the same amount.
    """
    lumps = np.zeros_like(usage)
    old = np.isfinite(usage[:, : max(0, len(days) - YOUNGEST + 1)]).any(axis=1)
    if not old.any():
        return lumps
    for number in range(1, 29):
        places = [place for place, day in enumerate(days) if day.day == number]
        if len(places) < fewest:
            continue
        excess, floor = _excess(usage, places[-months:])
        known = np.isfinite(excess)
        alike = np.where(known, excess, 0.0).max(axis=1) <= 2.0 * np.where(known & (excess > 0), excess, np.inf).min(axis=1)
        lumpy = old & alike & ((excess > floor) | ~known).all(axis=1) & known[:, -1] & (known.sum(axis=1) >= fewest)
        rows = np.flatnonzero(lumpy)
        if len(rows):  # few series have any: older months are looked at for those alone
            excess, floor = _excess(usage[rows], places)
            lumps[rows[:, None], places] = np.where(excess > floor, excess, 0.0)
    return lumps


def _excess(usage: Floats, places: list[int]) -> tuple[Floats, Floats]:
    """Return by how much days exceed those around them, and how much of that is ordinary."""
    beyond, scatter, level = zip(*(_beyond(usage, place) for place in places), strict=True)
    return np.stack(beyond, axis=1), np.maximum(0.5 * np.stack(level, axis=1), 5 * np.stack(scatter, axis=1))


def _beyond(usage: Floats, place: int, reach: int = 7) -> tuple[Floats, Floats, Floats]:
    """Return by how much a day exceeds the days around it, their scatter and their level."""
    around = np.concatenate([usage[:, max(0, place - reach) : place], usage[:, place + 1 : place + 1 + reach]], axis=1)
    level = median_of(around, 1)
    scatter = 1.4826 * median_of(np.abs(around - level[:, None]), 1)
    return usage[:, place] - level, scatter, np.abs(level)


def recurring(charges: Floats, stretch: Stretch) -> Floats:
    """Return the charges of the days ahead: each month repeats the last whole month, and what this month brought already is not due again.

    What is charged day by day goes on at its last amount.
    """
    if not charges.any() or not stretch.ahead:
        return np.zeros((len(charges), stretch.ahead))
    month = stretch.end.replace(day=1)
    due = _by_day_of_month(charges, stretch, add_months(month, -1))
    arrived = _by_day_of_month(charges, stretch, month).sum(axis=1)
    ahead = np.stack([_due_on(due, day) for day in stretch.future], axis=1)
    soon = np.array([day < add_months(month, 1) for day in stretch.future])
    planned = ahead[:, soon].sum(axis=1)
    still = np.where((due >= 0).all(axis=1), np.maximum(due.sum(axis=1) - arrived, 0.0), np.inf)
    ahead[:, soon] *= np.where(planned > 0, np.minimum(1.0, still / np.where(planned > 0, planned, 1.0)), 1.0)[:, None]
    every_day = (charges[:, -28:] != 0).sum(axis=1) >= 20
    return np.where(every_day[:, None], median_of(charges[:, -WEEK:], 1)[:, None], ahead)


def _by_day_of_month(charges: Floats, stretch: Stretch, month: date) -> Floats:
    """Return the charges of one month by day, [series × 31]; days the history does not reach are 0."""
    found = np.zeros((len(charges), 31))
    first = (month - stretch.first).days
    for number in range((add_months(month, 1) - month).days):
        if 0 <= first + number < charges.shape[1]:
            found[:, number] = charges[:, first + number]
    return found


def _due_on(due: Floats, day: date) -> Floats:
    """Return what is due on a day; the last day of a short month takes the days it lacks."""
    last = (day + DAY).day == 1
    return np.asarray(due[:, day.day - 1 :].sum(axis=1) if last else due[:, day.day - 1])
