"""The course of one series around an anomaly: what it cost, what was to be expected, and which steps are out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import numpy as np

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_expected import PARTLY, course
from finops.insight.panel import Calendar, Floats, Panel

BEFORE: Final = {"day": 28, "hour": 48}
AFTER: Final = {"day": 7, "hour": 12}
Values = Sequence[float | None]


@dataclass(frozen=True)
class Around:
    """Steps around an anomaly; those from `first` to `last` (their numbers, both included) are it, `partial` may still grow."""

    steps: tuple[date, ...]
    actual: Values
    expected: Values
    partial: frozenset[int]
    first: int
    last: int


def around(series: Panel, calendar: Calendar, anomaly: Anomaly) -> Around:
    """Return the course of a panel of that one series; from its start on, an anomaly is held against the level it left."""
    begin, end = step_of(series, anomaly.start), step_of(series, anomaly.end)
    first, last = max(0, begin - BEFORE[series.step]), min(series.steps, end + AFTER[series.step])
    place = series.day if series.step == "day" else series.hour
    steps = range(first, last)
    complete = int(series.complete[0])
    return Around(
        tuple(place(step) for step in steps),
        [_known(value) for value in series.values[0, first:last]],
        [_known(value) for value in _expected(series, calendar, begin)[first:last]],
        frozenset(number for number, step in enumerate(steps) if step >= complete),
        begin - first,
        end - 1 - first,
    )


def step_of(panel: Panel, moment: date) -> int:
    """Return the number of a step: a day, or an instant on a panel by hours."""
    if isinstance(moment, datetime):
        return int((moment - panel.hour(0)).total_seconds() // 3600)
    return (moment - panel.start).days


def _expected(series: Panel, calendar: Calendar, begin: int) -> Floats:
    seen = course(series, calendar)
    expected, profile = seen.expected[0].copy(), seen.profile[0]
    level = expected[begin] / max(profile[begin], PARTLY) if begin < len(expected) else np.nan
    if not np.isnan(level):
        expected[begin:] = level * profile[begin:]
    return expected if series.fixed is None else np.asarray(expected + np.nan_to_num(series.fixed[0]), dtype=np.float64)


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
