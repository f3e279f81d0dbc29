"""Looks through the whole ledger for what is not as usual: one panel of every layer, by days and by hours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from finops.configuration.rulebook_calendar import PlannedEvent
from finops.insight.anomalies import detect
from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_feedback import Feedback, strictness
from finops.insight.anomalies_groups import Group, group, seen_from
from finops.insight.anomalies_near import Alike
from finops.insight.anomalies_nesting import Nesting, Within
from finops.insight.anomalies_shown import Around, around
from finops.insight.drivers_told import Driver
from finops.insight.panel import Calendar, Key, Panel, Step
from finops.insight.planned import Touch, calendar
from finops.ledger.series import Series, daily, hourly
from finops.ledger.spotting_layers import TOLD, busy, complete_only, layered
from finops.ledger.whying import explained
from finops.periods import DAY, Period
from finops.query import Filter

if TYPE_CHECKING:
    from finops.ledger.ledger import Ledger
    from finops.rulebook import Rulebook

HISTORY: Final = 400  # days before what is looked at: a year, and what is needed to judge its first days
HOURS_BACK: Final = 63  # days of hours: nine weeks
MOST: Final = 400  # series of a layer
TWIN: Final = 0.8  # of each other's excess: one thing under two names
APART: Final = timedelta(days=3)  # by which an event by hours and the same by days may begin apart
RECENT: Final = 28  # days by which the part of a planned event in a series is told


@dataclass(frozen=True, eq=False)
class Spotted:
    """What a look found: `anomalies` the largest first, `groups` of one cause each, and what it was looked for in."""

    anomalies: tuple[Anomaly, ...] = ()
    groups: tuple[Group, ...] = ()
    checked: int = 0
    left_out: int = 0
    as_of: datetime | None = None
    complete_until: date | None = None
    panels: Mapping[Step, Panel] = field(default_factory=dict)
    calendars: Mapping[Step, Calendar] = field(default_factory=dict)
    scope: Key = ()
    within: Within = field(default_factory=dict)

    def row(self, anomaly: Anomaly) -> Panel | None:
        """Return the series of an anomaly by itself."""
        panel = self.panels.get(anomaly.step)
        if panel is None or anomaly.key not in panel.keys:
            return None
        row = slice(number := panel.keys.index(anomaly.key), number + 1)
        fixed = None if panel.fixed is None else panel.fixed[row]
        return replace(panel, keys=panel.keys[row], values=panel.values[row], complete=panel.complete[row], fixed=fixed)


def spot(
    ledger: "Ledger",
    rulebook: "Rulebook",
    period: Period,
    until: datetime,
    grains: Sequence[Step] = ("day", "hour"),
    *,
    scope: Sequence[Filter] = (),
    said: Sequence[Feedback] = (),
) -> Spotted:
    """Return what was not as usual within `period`, judged by what is known at `until`; nothing is kept, and nobody is told.

    A day that is not complete is left to the hours. Raises QueryError where amounts in several currencies cannot be converted.
    """
    inner = () if {each.dimension for each in scope} <= TOLD else tuple(scope)
    found = [_Looking(ledger, rulebook, period, until, step, inner, said).found() for step in grains]
    whole = _joined(found)
    if not scope:
        return whole
    nest = Nesting(whole.within)
    return replace(
        whole,
        anomalies=tuple(one for one in whole.anomalies if _lies_in(one.key, scope, nest)),
        groups=tuple(seen_from(whole.groups, lambda key: _lies_in(key, scope, nest))),
        checked=sum(_lies_in(key, scope, nest) for panel in whole.panels.values() for key in panel.keys),
    )


def today_of(ledger: "Ledger", until: datetime) -> date:
    return until.astimezone(ZoneInfo(ledger.terms.timezone)).date()


def drivers_of(ledger: "Ledger", anomaly: Anomaly, until: datetime, most: int = 3) -> tuple[Driver, ...]:
    """Return what drives an anomaly, the most important first; `why` of the same anomaly names the same."""
    found = explained(ledger, anomaly, until).why
    return found.drivers[:most] if found else ()


def around_of(spotted: Spotted, anomaly: Anomaly) -> Around | None:
    """Return the course of an anomaly's series as it was looked at; None where that series is not at hand."""
    series = spotted.row(anomaly)
    return around(series, spotted.calendars[anomaly.step], anomaly) if series else None


def filters_of(key: Key) -> tuple[Filter, ...]:
    return tuple(Filter(name, (value,)) for name, value in key)


def day_of(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


class _Looking:
    """One look at one grain."""

    def __init__(
        self,
        ledger: "Ledger",
        rulebook: "Rulebook",
        period: Period,
        until: datetime,
        step: Step,
        scope: tuple[Filter, ...],
        said: Sequence[Feedback],
    ) -> None:
        self.ledger, self.rulebook, self.period, self.until, self.step = ledger, rulebook, period, until, step
        self.scope, self.said, self.today = scope, said, today_of(ledger, until)
        back = HISTORY if step == "day" else HOURS_BACK
        self.days = Period(min(period.start, self.today) - DAY * back, self.today + DAY)

    def found(self) -> Spotted:
        layers = layered(self._series, self._pairs(), self.days, self.step)
        panel = busy(complete_only(layers.panel))
        if not panel.values.size or not np.isfinite(panel.values).any():
            return Spotted(as_of=layers.as_of)
        known = self._calendar(panel)
        terms = self.rulebook.anomalies
        seen = detect(
            panel,
            sensitivity=float(terms.false_alarms_per_month if self.step == "day" else terms.hourly_false_alarms_per_month),
            floor=float(terms.floor),
            share=float(terms.share),
            since=self._since(),
            calendar=known,
            strictness=strictness(panel.keys, self.said, self.today),
        )
        inside = tuple(one for one in seen if self._in_period(one))
        complete = panel.day(int(panel.complete.max())) if self.step == "day" else None
        return Spotted(
            inside,
            group(inside, layers.within),
            len(panel.keys),
            layers.left_out,
            layers.as_of,
            complete,
            {self.step: layers.panel},
            {self.step: known},
            self._pairs(),
            layers.within,
        )

    def _since(self) -> date | datetime:
        start = max(self.period.start, self.days.start)
        return start if self.step == "day" else datetime.combine(start, time(), UTC)

    def _in_period(self, one: Anomaly) -> bool:
        end = self.period.end
        return day_of(one.start) < end and (one.end > self.period.start if not isinstance(one.end, datetime) else one.end > self._since())

    def _pairs(self) -> Key:
        return tuple(sorted((each.dimension, each.values[0]) for each in self.scope if len(each.values) == 1 and not each.negated))

    def _series(self, by: Sequence[str]) -> Series:
        if self.step == "day":
            return daily(self.ledger, self.days, self.until, scope=self.scope, by=by, most=MOST)
        return hourly(self.ledger, self.days, self.until, scope=self.scope, by=by, most=MOST)

    def _calendar(self, panel: Panel) -> Calendar:
        return calendar(self.rulebook.calendar, self.days, panel.keys, lambda event: _touched(event, panel))


def _touched(event: PlannedEvent, panel: Panel) -> list[Touch]:
    """By what each series cost lately: how much of it an announced event touches, as far as the layers tell."""
    lately = panel.values[:, -RECENT * (24 if panel.step == "hour" else 1) :]
    costs = dict(zip(panel.keys, np.nansum(lately, axis=1).tolist(), strict=True))
    about = {name: set(values) for name, values in event.scope}
    everything = sum(cost for key, cost in costs.items() if {name for name, _ in key} == set(about) and _of(about, key)) or 0.0
    return [_touch(key, cost, about, costs, everything) for key, cost in costs.items()]


def _touch(key: Key, cost: float, about: Mapping[str, set[str]], costs: Mapping[Key, float], everything: float) -> Touch:
    inner = _common(key, cost, about, costs)
    return Touch(min(1.0, inner / cost) if cost > 0 else 0.0, min(1.0, inner / everything) if everything > 0 else float(not about))


def _common(key: Key, cost: float, about: Mapping[str, set[str]], costs: Mapping[Key, float]) -> float:
    named = dict(key)
    if any(name in named and named[name] not in values for name, values in about.items()):
        return 0.0
    missing = [(name, values) for name, values in about.items() if name not in named]
    if not missing:
        return cost
    if len(missing) > 1:
        return 0.0
    name, values = missing[0]
    return float(sum(costs.get(tuple(sorted((*key, (name, value)))), 0.0) for value in values))


def _of(about: Mapping[str, set[str]], key: Key) -> bool:
    return all(value in about[name] for name, value in key)


def is_same_cause(one: Anomaly, other: Anomaly) -> bool:
    """Tell whether two are one thing seen at two grains, or from two scopes: nested, of one direction, at one time."""
    nested = set(one.key) <= set(other.key) or set(other.key) <= set(one.key)
    return (
        nested and one.excess * other.excess > 0 and _instant(one.start) < _instant(other.end) and _instant(other.start) < _instant(one.end)
    )


def is_seen_by_both(one: Anomaly, other: Anomaly) -> bool:
    """Tell whether an event by hours and one by days are the same thing: what begins later within a long one is not."""
    return is_same_cause(one, other) and abs(_instant(one.start) - _instant(other.start)) <= APART


def _instant(moment: date) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)


def _joined(found: Sequence[Spotted]) -> Spotted:
    """Put grains together; hours that tell of what a day tells of too are parts of the day's cause."""
    days: dict[date, list[Anomaly]] = defaultdict(list)
    for each in found:
        for one in each.groups:
            if one.driver.step == "day":
                days[one.driver.start].append(one.driver)
    anomalies = tuple(sorted((one for each in found for one in each.anomalies), key=lambda one: (-abs(one.excess), one.key, one.id)))
    every = [one for each in found for one in each.groups]
    alone = [one for one in every if not (one.driver.step == "hour" and _is_told_by_days(one.driver, days))]
    groups = _twins_joined(sorted(alone, key=lambda one: (-abs(one.excess), one.driver.id)))
    return Spotted(
        anomalies,
        groups,
        sum(each.checked for each in found),
        sum(each.left_out for each in found),
        max((each.as_of for each in found if each.as_of), default=None),
        max((each.complete_until for each in found if each.complete_until), default=None),
        {step: panel for each in found for step, panel in each.panels.items()},
        {step: known for each in found for step, known in each.calendars.items()},
        next((each.scope for each in found), ()),
        {key: wider for each in reversed(found) for key, wider in each.within.items()},  # bills tell more than hours: days last
    )


def _is_told_by_days(hour: Anomaly, days: Mapping[date, Sequence[Anomaly]]) -> bool:
    near = (day_of(hour.start) + DAY * apart for apart in range(-APART.days, APART.days + 1))
    return any(is_seen_by_both(hour, day) for start in near for day in days.get(start, ()))


def _twins_joined(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Join groups that are one thing named twice, such as a service and the only team that uses it, under the more specific name."""
    kept: list[Group] = []
    index = Alike(TWIN)
    for one in groups:
        near = sorted({place for place, _ in index.near(one.driver)})
        place = next((place for place in near if _is_twin(one.driver, kept[place].driver)), len(kept))
        kept[place : place + 1] = [_under_one_name(one, *kept[place : place + 1])]
        index.add(place, kept[place].driver)
    return tuple(kept)


def _under_one_name(*groups: Group) -> Group:
    first, *others = sorted(groups, key=lambda each: (-len(each.driver.key), -abs(each.excess), each.driver.id))
    return Group(first.driver, (*first.members, *(member for each in others for member in (each.driver, *each.members))))


def _is_twin(one: Anomaly, other: Anomaly) -> bool:
    return one.step == other.step and one.key != other.key and is_same_cause(one, other) and TWIN <= one.excess / other.excess <= 1 / TWIN


def _lies_in(key: Key, scope: Sequence[Filter], nest: Nesting) -> bool:
    """Tell whether all of a series lies within a scope, also where only the bill tells: a machine names no team."""
    return inside(tuple(nest.wide(key)), scope)


def inside(key: Key, scope: Sequence[Filter]) -> bool:
    """Tell whether all of a series lies within a scope, by the pairs it is named by."""
    named = dict(key)
    return all(each.dimension in named and _passes(each, named[each.dimension]) for each in scope)


def _passes(wanted: Filter, value: str) -> bool:
    fits = any(fnmatchcase(value.casefold(), each.casefold().replace("[", "[[]").replace("?", "[?]")) for each in wanted.values)
    return fits != wanted.negated
