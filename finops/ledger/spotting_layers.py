"""The series a look goes through: every layer under one another, and which scope the bill shows to lie in which."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from finops.insight.anomalies_nesting import Pair, Within
from finops.insight.panel import Floats, Key, Panel, Step
from finops.ledger.series import Series
from finops.periods import Period
from finops.query import NONE

LAYERS: Final[Mapping[Step, tuple[tuple[str, ...], ...]]] = {
    "day": (
        (),
        ("provider",),
        ("service",),
        ("team",),
        ("model",),
        ("provider", "service"),
        ("team", "service"),
        ("team", "model"),
        ("team", "service", "resource"),
    ),
    "hour": ((), ("provider",), ("team",), ("model",), ("team", "model"), ("team", "feature")),
}
# Read only to see what lies in what.
SHOWING: Final[Mapping[Step, tuple[tuple[str, ...], ...]]] = {"day": (("service", "model"),), "hour": (("provider", "model"),)}
NESTED: Final = (("provider", "service"), ("service", "resource"), ("team", "resource"), ("service", "model"), ("provider", "model"))
NAMED_ONLY: Final = ("model", "resource", "feature")  # that a charge has none of these says nothing
NEARLY_ALL: Final = 0.95  # of what a thing costs: a few cents of it billed elsewhere do not matter
LATELY: Final = 28  # days whose money says where a thing is …
BEFORE: Final = 1e-6  # … and how much that of earlier ones counts beside it, for what is over
BUSY: Final = 0.25  # of its hours; a series that is used in fewer is left to the days
TOLD: Final = frozenset(name for layers in LAYERS.values() for layer in layers for name in layer)


@dataclass(frozen=True)
class Layers:
    """Every series of a grain, and which scope each lies in where its own pairs do not tell."""

    panel: Panel
    within: Within
    left_out: int
    as_of: datetime | None


def layered(read: Callable[[Sequence[str]], Series], pairs: Key, days: Period, step: Step) -> Layers:
    """Put every layer under one another, each series once; a resource has a name of its own, and is the sum of its parts."""
    rows: dict[Key, list[tuple[Panel, int]]] = {}
    found, nested = [read(by) for by in LAYERS[step]], _Nested()
    for series in found:
        seen: dict[Key, list[tuple[Panel, int]]] = {}
        for number, key in enumerate(series.panel.keys):
            named = dict(key)
            if not any(named.get(name) == NONE for name in NAMED_ONLY):
                own = (("resource", named["resource"]),) if "resource" in named else key
                seen.setdefault(tuple(sorted({*pairs, *own})), []).append((series.panel, number))
        rows = {**seen, **rows}
    for series in (*found, *(read(by) for by in SHOWING[step])):
        nested.note(series.panel)
    currency = next((series.panel.currency for series in found if series.panel.keys), "USD")
    empty = Panel((), days.start, np.zeros((0, 0)), np.zeros(0, dtype=np.intp), currency, step)
    panel = _panel(rows, days, step, currency) if rows else empty
    as_of = max((series.as_of for series in found if series.as_of), default=None)
    return Layers(panel, nested.within(), sum(series.left_out for series in found), as_of)


class _Nested:
    """What each thing costs in every wider one, as far as layers tell."""

    def __init__(self) -> None:
        self._costs: dict[Pair, dict[str, dict[str, float]]] = {}

    def note(self, panel: Panel) -> None:
        lately = panel.values[:, -LATELY * (24 if panel.step == "hour" else 1) :]
        costs = np.nansum(np.abs(lately), axis=1) + BEFORE * np.nansum(np.abs(panel.values), axis=1)
        for key, cost in zip(panel.keys, costs.tolist(), strict=True):
            named = dict(key)
            for wide, narrow in NESTED:
                if wide in named and named.get(narrow, NONE) != NONE:
                    places = self._costs.setdefault((narrow, named[narrow]), {}).setdefault(wide, defaultdict(float))
                    places[named[wide]] += cost

    def within(self) -> dict[Key, tuple[Key, ...]]:
        """A service of several providers lies in none of them; a thing lies in the one provider that all its services are of."""
        return {(pair,): tuple(((wide, value),) for wide, value in self._wider(pair).items()) for pair in self._costs}

    def _wider(self, pair: Pair) -> dict[str, str]:
        places = self._costs[pair]
        found = {wide: value for wide, costs in places.items() if (value := _nearly_all(costs)) is not None}
        providers = {self._wider(("service", service)).get("provider") for service in places.get("service", ()) if pair[0] != "service"}
        if "provider" not in found and len(providers) == 1 and (provider := providers.pop()) is not None:
            found["provider"] = provider
        return found


def _nearly_all(costs: Mapping[str, float]) -> str | None:
    """Return where nearly all of the money is; what costs nothing is where it is seen, if that is one place."""
    total, most = sum(costs.values()), max(costs, key=lambda value: (costs[value], value))
    return most if len(costs) == 1 or costs[most] >= NEARLY_ALL * total > 0 else None


def _panel(rows: Mapping[Key, Sequence[tuple[Panel, int]]], days: Period, step: Step, currency: str) -> Panel:
    def stack(name: str) -> Floats:
        return np.stack([_sum([getattr(panel, name)[number] for panel, number in parts]) for parts in rows.values()])

    complete = np.array([min(int(panel.complete[number]) for panel, number in parts) for parts in rows.values()], dtype=np.intp)
    return Panel(tuple(rows), days.start, stack("values"), complete, currency, step, stack("fixed"))


def _sum(parts: Sequence[Floats]) -> Floats:
    """Add up what one thing cost in several places; a day is unknown only where no place knows it."""
    if len(parts) == 1:
        return parts[0]
    every = np.stack(parts)
    return np.where(np.isnan(every).all(axis=0), np.nan, np.nansum(every, axis=0))


def complete_only(panel: Panel) -> Panel:
    """Forget the days that may still grow: they are looked at when they are complete, and by the hour until then."""
    final = np.arange(panel.steps) < panel.complete[:, None]
    return replace(panel, values=np.where(final, panel.values, np.nan))


def busy(panel: Panel) -> Panel:
    """Leave series that are used now and then to the days: most of their hours are nothing, and each that is not would stand out."""
    if panel.step == "day" or not panel.values.size:
        return panel
    lately = panel.values[:, -LATELY * 24 :]
    kept = np.flatnonzero((lately > 0).sum(axis=1) >= BUSY * np.maximum((~np.isnan(lately)).sum(axis=1), 1))
    fixed = None if panel.fixed is None else panel.fixed[kept]
    keys = tuple(panel.keys[row] for row in kept.tolist())
    return replace(panel, keys=keys, values=panel.values[kept], complete=panel.complete[kept], fixed=fixed)
