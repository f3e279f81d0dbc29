"""What the forecasts are asked: real series and sums of them, cut at days of past months whose totals are known by now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from finops.insight.panel import Floats, Key, Panel
from finops.periods import Period, add_months, month_of

Kind = Literal["line", "team"]
KNOWN: Final = (5, 10, 15, 20, 25)
AHEAD: Final = 30  # days: the total that is asked at the first of a month
LEAST: Final = 10  # days before a month, or nobody could know better than the run-rate
MOST: Final = 730  # days of history that any contender sees
TEAM: Final = 6


@dataclass(frozen=True, eq=False)
class Case:
    """Series that one customer would have side by side; a kind of None is there to learn from, and is not scored."""

    name: str
    panel: Panel
    kinds: tuple[Kind | None, ...]
    sums: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Question:
    """What will `period` come to, of which the first `known` days (0: none) are there? `actual` is the answer, `scale` a usual day's."""

    case: str
    panel: Panel
    period: Period
    known: int
    kinds: tuple[Kind | None, ...]
    actual: Floats
    scale: Floats
    sums: Mapping[int, Sequence[int]] = field(default_factory=dict)

    @property
    def horizon(self) -> int:
        return self.period.days - self.known

    @property
    def so_far(self) -> Floats:
        """Return what each series has come to in the period; a day nobody knows adds nothing, to the answer neither."""
        return added(self.panel.values[:, self.panel.steps - self.known :])


def cases(daily: Mapping[str, Panel]) -> list[Case]:
    """Return the real cases; lines are scored once, sums that are no customer's own come from lines shuffled together."""
    binder = stacked(daily["binder-category"], daily["binder-project"])
    years = _stretches(daily["wikipedia"], binder.steps)
    return [
        _lines("binder", binder),
        _lines("sessions", daily["binder-sessions"]),
        with_teams("optscale services", daily["optscale-service"]),
        with_teams("optscale pools", daily["optscale-pool"]),
        with_teams("purchases", daily["purchases"]),
        _lines("wikipedia", daily["wikipedia"]),
        with_teams("shuffled", _alike(stacked(binder, years)), teams=6, lines=None),
    ]


def questions(case: Case, months: int) -> Iterator[Question]:
    """Ask for the last `months` months that are wholly known, at each of the days `KNOWN` and for the days after the first."""
    panel, first = case.panel, case.panel.start
    start = add_months(panel.day(panel.steps).replace(day=1), -months)
    while start < panel.day(panel.steps):
        month, ahead = month_of(start), Period(start, start + timedelta(days=AHEAD))
        if (start - first).days >= LEAST:
            yield from (_question(case, ahead, 0) for _ in range(_fits(panel, ahead)))
            yield from (_question(case, month, known) for known in KNOWN if _fits(panel, month))
        start = month.end


def with_teams(name: str, panel: Panel, teams: int | None = None, lines: Kind | None = "line", seed: int = 7) -> Case:
    """Add sums of six lines that chance picks: each line in one of them, or as many as `teams` says; fewer than six lines have none."""
    if len(panel.keys) < TEAM:
        return _lines(name, panel)
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(panel.keys))
    picks = [order[at : at + TEAM] for at in range(0, len(order) - TEAM + 1, TEAM)]
    if teams is not None:
        picks = [chance.permutation(len(panel.keys))[:TEAM] for _ in range(teams)]
    sums = np.stack([panel.values[pick].sum(axis=0) for pick in picks])
    keys: tuple[Key, ...] = tuple((("team", f"{name} {number}"),) for number in range(1, len(picks) + 1))
    complete = np.full(len(picks), panel.complete.min(), dtype=np.intp)
    joint = replace(
        panel, keys=panel.keys + keys, values=np.vstack([panel.values, sums]), complete=np.concatenate([panel.complete, complete])
    )
    kinds: list[Kind | None] = [lines] * len(panel.keys)
    kinds.extend("team" for _ in picks)
    return Case(name, joint, tuple(kinds), {len(panel.keys) + number: pick.tolist() for number, pick in enumerate(picks)})


def stacked(first: Panel, *others: Panel) -> Panel:
    """Put series of the same days under each other."""
    panels = (first, *others)
    keys = tuple(key for panel in panels for key in panel.keys)
    return replace(first, keys=keys, values=np.vstack([p.values for p in panels]), complete=np.concatenate([p.complete for p in panels]))


def filled(values: Floats) -> Floats:
    """Put the mean of a row's known days where a day is unknown, zero where none is known."""
    known = ~np.isnan(values)
    means = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known, values, means[:, None])


def added(values: Floats) -> Floats:
    sums: Floats = np.nansum(values, axis=1)
    return sums


def _lines(name: str, panel: Panel) -> Case:
    return Case(name, panel, tuple("line" for _ in panel.keys))


def _stretches(panel: Panel, days: int) -> Panel:
    """Cut one long series into several that run side by side from the same weekday on."""
    lag = 3  # binder's bill begins on a Thursday, the page views on a Monday
    step = -(-days // 7) * 7
    rows = [panel.values[0, first : first + days] for first in range(lag, panel.steps - days, step)]
    keys: tuple[Key, ...] = tuple((("page", f"year {number}"),) for number in range(1, len(rows) + 1))
    return Panel(keys, panel.start, np.stack(rows), np.full(len(rows), days, dtype=np.intp))


def _alike(panel: Panel, seed: int = 11) -> Panel:
    """Bring series of different units to sizes that one company could have."""
    sizes = np.random.default_rng(seed).lognormal(4.0, 0.7, len(panel.keys))
    return replace(panel, values=panel.values / np.nanmean(panel.values, axis=1, keepdims=True) * sizes[:, None])


def _fits(panel: Panel, period: Period) -> bool:
    return panel.start <= period.start and period.end <= panel.day(panel.steps)


def _question(case: Case, period: Period, known: int) -> Question:
    panel = case.panel
    first = (period.start - panel.start).days
    seen, rest = first + known, slice(first, first + period.days)
    begin = max(0, seen - MOST)
    values = panel.values[:, begin:seen]
    cut = replace(panel, start=panel.day(begin), values=values, complete=np.full(len(panel.keys), seen - begin, dtype=np.intp))
    asked = _scored(case, panel.values[:, rest], values)
    kinds = tuple(kind if ask else None for kind, ask in zip(case.kinds, asked, strict=True))
    usual = filled(np.abs(panel.values)).mean(axis=1)
    return Question(case.name, cut, period, known, kinds, added(panel.values[:, rest]), usual, case.sums)


def _scored(case: Case, period: Floats, before: Floats) -> NDArray[np.bool_]:
    """Score what is known on nine of ten days and not dead or unborn: a total of zero says nothing about a forecast."""
    known = (~np.isnan(period)).mean(axis=1) >= 0.9
    alive: NDArray[np.bool_] = known & (filled(np.abs(period)).sum(axis=1) > 0) & (filled(np.abs(before)).sum(axis=1) > 0)
    return alive


def count(asked: Sequence[Question]) -> int:
    return sum(kind is not None for question in asked for kind in question.kinds)
