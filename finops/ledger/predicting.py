"""Forecasts of what the ledger holds: a scope on its sum and by its parts, which are then moved so that they add up to it."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from finops.charges import Metric
from finops.configuration.rulebook_calendar import PlannedEvent
from finops.insight.forecast import Forecast, forecast, known_steps
from finops.insight.forecast_hierarchy import reconcile_children
from finops.insight.forecast_members import SeasonalNaive
from finops.insight.forecast_sums import Sums
from finops.insight.panel import Calendar, Floats, Key, Panel
from finops.insight.planned import Touch, calendar
from finops.insight.prediction import Prediction
from finops.ledger.ledger import Ledger
from finops.ledger.series import Series, daily
from finops.periods import DAY, Period
from finops.query import Filter
from finops.rulebook import Rulebook

HISTORY: Final = 730  # days before today: what comes again each year is met twice
RECENT: Final = 56  # days that tell how much of a series an event touches
RUN_RATE: Final = 30  # days
SHOWN: Final = 21  # days before the period that a picture shows
COMPANY: Final = 60  # parts that are forecast beside a scope: they speak for it too, and members learn from all
PARTS: Final = 2000
KEPT: Final = 1000
TOTAL: Final[Key] = ()
REST: Final[Key] = (("", "others"),)
WHOLE: Final[Key] = (("", "all"),)  # in our panels; () would let an event of the whole touch every part


@dataclass(frozen=True)
class Wanted:
    """What shall be predicted."""

    scope: tuple[Filter, ...]
    period: Period
    by: tuple[str, ...] = ()
    currency: str | None = None
    metric: Metric = "effective"


def predict(
    ledger: Ledger,
    rulebook: Rulebook,
    scope: Sequence[Filter],
    period: Period,
    until: datetime,
    by: Sequence[str] = (),
    *,
    currency: str | None = None,
    metric: Metric = "effective",
    most: int = PARTS,
) -> Prediction:
    """Return what `scope` will cost in `period`, as known at `until`; the same is not worked out twice while the ledger stays as it is.

    Raises QueryError where amounts in several currencies cannot be converted, UserError for a country without a calendar.
    """
    wanted = Wanted(tuple(scope), period, tuple(by), currency, metric)
    return _kept(ledger, rulebook, until, (wanted, most), lambda: _Work(ledger, rulebook, wanted, until, most).predict())


def local_day(ledger: Ledger, until: datetime) -> date:
    return until.astimezone(ZoneInfo(ledger.terms.timezone)).date()


def _kept(ledger: Ledger, rulebook: Rulebook, until: datetime, asked: Hashable, work: Callable[[], Prediction]) -> Prediction:
    """While the files, the day and the configuration stay, so does the answer."""
    files = ledger.manifest(until).files
    newest = max((file.delivered_at for file in files), default=until)
    state = ([file.path for file in files], ledger.terms, rulebook.calendar)
    kept = ledger.predictions  # taken once: another thread may put its own in this place at any moment
    if kept is None or kept[0] != state:
        ledger.predictions = kept = (state, {})
    found: dict[Hashable, Prediction] = kept[1]
    key = (asked, local_day(ledger, until), min(until, newest))
    answer = found.get(key)
    if answer is None:
        answer = work()
        while len(found) >= KEPT:
            found.pop(next(iter(list(found))), None)
        found[key] = answer
    return answer


class _Work:
    """One prediction being made."""

    def __init__(self, ledger: Ledger, rulebook: Rulebook, wanted: Wanted, until: datetime, most: int) -> None:
        self.ledger, self.rulebook, self.wanted, self.until, self.most = ledger, rulebook, wanted, until, most
        self.today = local_day(ledger, until)
        self.days = Period(self.today - DAY * HISTORY, self.today + DAY)

    def predict(self) -> Prediction:
        whole, company = self._series(()), company_of(self.wanted.scope)
        if not np.isfinite(whole.panel.values).any():
            (found,) = forecast(whole.panel, self.wanted.period, today=self.today, members=(SeasonalNaive(),))
            return self._told(found, whole, (), whole.panel, 0)
        around = self._series(company, min(COMPANY, self.most))
        joined = _joined(whole.panel, around)
        total, *parts = self._forecast(joined, {0: range(1, len(joined.keys))})
        if self.wanted.by and (self.wanted.by != company or around.left_out):  # the whole comes to the same, however it is split
            around = self._series(self.wanted.by, self.most)
            joined = _joined(whole.panel, around)
            _, *parts = self._forecast(joined)
        if not self.wanted.by:
            return self._told(total, whole, (), joined, 0)
        return self._told(total, whole, reconcile_children(total, parts), joined, around.left_out)

    def _series(self, by: Sequence[str], most: int = PARTS) -> Series:
        wanted = self.wanted
        return daily(
            self.ledger, self.days, self.until, scope=wanted.scope, by=by, currency=wanted.currency, metric=wanted.metric, most=most
        )

    def _forecast(self, panel: Panel, sums: Sums | None = None) -> list[Forecast]:
        named = replace(panel, keys=(WHOLE, *panel.keys[1:]))
        found = forecast(named, self.wanted.period, today=self.today, calendar=self._calendar(named), sums=sums)
        return [replace(found[0], key=TOTAL), *found[1:]]

    def _calendar(self, panel: Panel) -> Calendar:
        span = Period(self.days.start, max(self.days.end, self.wanted.period.end))
        return calendar(self.rulebook.calendar, span, panel.keys, lambda event: self._touched(event, panel))

    def _touched(self, event: PlannedEvent, panel: Panel) -> list[Touch]:
        """By what each cost lately: how much of each series an event touches, and how much of the event lies in each series."""
        whole = _lately(panel)
        filters = tuple(Filter(name, values) for name, values in event.scope)
        mine = whole if within(self.wanted.scope, filters) else self._costs(panel, (*self.wanted.scope, *filters))
        everything = mine[0] if set(self.wanted.scope) <= set(filters) else self._costs(panel, filters)[0]
        if not everything:  # it begins with the event itself
            inside = set(self.wanted.scope) <= set(filters)
            return [Touch(0.0, float(inside and not number)) for number in range(len(panel.keys))]
        return [Touch(min(1.0, part / cost) if cost else 0.0, part / everything) for part, cost in zip(mine, whole, strict=True)]

    def _costs(self, panel: Panel, scope: tuple[Filter, ...]) -> list[float]:
        """What a scope cost lately: all of it, and within each part of the panel."""
        lately, by = Period(self.today - DAY * RECENT, self.today), tuple(name for name, _ in panel.keys[-1]) if panel.keys[1:] else ()
        found = daily(self.ledger, lately, self.until, scope=scope, by=by, currency=self.wanted.currency, metric=self.wanted.metric)
        costs = dict(zip(found.panel.keys, np.nansum(found.panel.values, axis=1).tolist(), strict=True))
        return [float(sum(costs.values())), *(float(costs.get(key, 0.0)) for key in panel.keys[1:])]

    def _told(self, total: Forecast, whole: Series, parts: Sequence[Forecast], panel: Panel, left_out: int) -> Prediction:
        known = np.isfinite(whole.panel.values[0])
        complete = int(known_steps(whole.panel, self.today)[0])
        first = int(known.argmax()) if known.any() else 0
        rates = run_rates(panel, self.wanted.period, self.today)
        events = [event for event in self.rulebook.calendar.events if _matters(event, self.wanted, self.today)]
        return Prediction(
            total,
            tuple(parts),
            self.wanted.by,
            self.today,
            tuple(rates[: 1 + len(parts)]),
            as_of=whole.as_of,
            complete_until=whole.panel.day(complete) if known.any() else None,
            known_since=whole.panel.day(first) if known.any() else None,
            gaps=int((~known[first:complete]).sum()),
            left_out=left_out,
            lately=_before(whole.panel, self.wanted.period.start),
            events=tuple(events),
        )


def company_of(scope: Sequence[Filter]) -> tuple[str, ...]:
    """Return the dimension whose parts say the most of a scope: teams, then services."""
    named = {each.dimension for each in scope}
    return ("team",) if not named & {"team", "project"} else ("service",) if "service" not in named else ("model",)


def within(scope: Sequence[Filter], other: Sequence[Filter]) -> bool:
    """Tell whether all of a scope lies in another one, by what the two say."""
    return set(other) <= set(scope)


def run_rates(panel: Panel, period: Period, today: date) -> list[float | None]:
    """Return what each series comes to if every day to come costs the mean of the last thirty complete days."""
    complete = known_steps(panel, today)
    return [_run_rate(panel, row, int(steps), period) for row, steps in enumerate(complete)]


def _run_rate(panel: Panel, row: int, complete: int, period: Period) -> float | None:
    last = panel.values[row, max(0, complete - RUN_RATE) : complete]
    if not np.isfinite(last).any():
        return None
    first, end = (period.start - panel.start).days, (period.end - panel.start).days
    past = panel.values[row, max(0, first) : max(0, min(end, complete))]
    return float(np.nansum(past) + np.nanmean(last) * max(0, end - max(first, complete)))


def _joined(whole: Panel, parts: Series) -> Panel:
    """The whole above its parts; what the largest of them leave over is one more."""
    rest = _rest(whole, parts.panel) if parts.left_out else None
    values = [whole.values, parts.panel.values, *([rest[0]] if rest else [])]
    fixed = [_fixed(whole), _fixed(parts.panel), *([rest[1]] if rest else [])]
    keys = (TOTAL, *parts.panel.keys, *([REST] if rest else []))
    complete = [whole.complete, parts.panel.complete, *([whole.complete] if rest else [])]
    return Panel(keys, whole.start, np.concatenate(values), np.concatenate(complete), whole.currency, "day", np.concatenate(fixed))


def _rest(whole: Panel, parts: Panel) -> tuple[Floats, Floats]:
    values = whole.values - np.nansum(parts.values, axis=0, keepdims=True)
    return values, _fixed(whole) - _fixed(parts).sum(axis=0, keepdims=True)


def _fixed(panel: Panel) -> Floats:
    return np.zeros_like(panel.values) if panel.fixed is None else panel.fixed


def _lately(panel: Panel) -> list[float]:
    return [float(cost) for cost in np.nansum(panel.values[:, -RECENT - 1 : -1], axis=1)]


def _before(panel: Panel, start: date) -> tuple[tuple[date, float | None], ...]:
    """The last days before the period, as far as they have come."""
    end = min(panel.steps, (start - panel.start).days)
    steps = range(max(0, end - SHOWN), max(0, end))
    return tuple((panel.day(n), float(value) if np.isfinite(value := panel.values[0, n]) else None) for n in steps)


def _matters(event: PlannedEvent, wanted: Wanted, today: date) -> bool:
    """Tell whether an event lies in the days to come, and may touch the scope."""
    asked = {each.dimension: each.values for each in wanted.scope if not each.negated}
    apart = any(name in asked and not set(values) & set(asked[name]) for name, values in event.scope)
    return event.start < wanted.period.end and max(today, wanted.period.start) < event.end and not apart
