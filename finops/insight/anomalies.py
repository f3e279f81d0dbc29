"""Finds what is not as usual in a panel: spikes, shifts, drifts, drops and new spend, for as many false alarms as one is ready to take."""

from collections.abc import Iterator
from datetime import date, datetime
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.errors import UserError
from finops.insight.anomalies_events import Alarms, Anomaly, events
from finops.insight.anomalies_expected import Course, course
from finops.insight.anomalies_grain import GRAINS
from finops.insight.anomalies_scores import RISING, Floor, Scores, scores, thresholds
from finops.insight.panel import Calendar, Floats, Panel

PART: Final = 500  # series looked at together: their arrays still fit the processor's cache
YOUNG: Final = 0.25  # the sensitivity at which a score of 1 is worth telling of a series without a past
EPOCH: Final = date(1970, 1, 5)  # a Monday that blocks are counted from, so that a longer past does not move them


def detect(
    panel: Panel,
    *,
    sensitivity: float = 0.25,
    floor: float = 1.0,
    share: float = 0.1,
    since: date | datetime | None = None,
    calendar: Calendar | None = None,
    strictness: Floats | None = None,
) -> tuple[Anomaly, ...]:
    """Return the events found at or after `since`, each judged by what was known on its day, the largest excess first.

    `sensitivity` is how many false alarms a series may cry in a month; `floor` is money and `share` a part of the expected cost
    below which nothing is told; `strictness` multiplies the thresholds of each series by what people said of earlier alarms.
    """
    if not sensitivity > 0:
        raise UserError(f"{sensitivity:g} false alarms a month cannot be promised; use a number above 0, such as 0.25")
    if not panel.values.size:
        return ()
    known, limit = calendar or Calendar(), Floor(floor, share)
    parts = [_look(part, known, limit) for part in _parts(panel)]
    judged = np.concatenate([part.judged for _, part in parts])
    up = _over(np.concatenate([part.up for _, part in parts]), judged, panel, sensitivity * RISING)
    down = _over(np.concatenate([part.down for _, part in parts]), judged, panel, sensitivity * (1 - RISING))
    strict = np.ones(len(panel.keys)) if strictness is None else strictness
    first = _first(panel, since)
    found: list[Anomaly] = []
    for number, (seen, scored) in enumerate(parts):
        rows = slice(number * PART, number * PART + len(scored.up))
        early = scored.young * sqrt(sensitivity / YOUNG)
        over = [np.maximum(side[rows], young) / strict[rows, None] for side, young in ((up, early), (down, -early))]
        new = seen.new & (seen.actual >= max(floor, 0))
        alarms = Alarms(over[0], over[1], scored.creeping, new, patience=min(1.0, sqrt(YOUNG / sensitivity)))
        found.extend(events(_rows(panel, rows), seen, alarms, first, limit))
    return tuple(sorted(found, key=lambda anomaly: (-abs(anomaly.excess), anomaly.key, anomaly.id)))


def _look(panel: Panel, calendar: Calendar, floor: Floor) -> tuple[Course, Scores]:
    seen = course(panel, calendar)
    return seen, scores(seen, GRAINS[panel.step], floor)


def _parts(panel: Panel) -> Iterator[Panel]:
    return (_rows(panel, slice(first, first + PART)) for first in range(0, len(panel.keys), PART))


def _rows(panel: Panel, rows: slice) -> Panel:
    fixed = None if panel.fixed is None else panel.fixed[rows]
    return Panel(panel.keys[rows], panel.start, panel.values[rows], panel.complete[rows], panel.currency, panel.step, fixed)


def _over(score: Floats, judged: NDArray[np.bool_], panel: Panel, rate: float) -> Floats:
    """Return each score as a multiple of its threshold."""
    grain = GRAINS[panel.step]
    per_day = 24 if panel.step == "hour" else 1
    blocks = ((panel.start - EPOCH).days * per_day + np.arange(panel.steps)) // grain.block
    return score / thresholds(score, judged, grain, rate, (blocks - blocks[0]).astype(np.intp))


def _first(panel: Panel, since: date | datetime | None) -> int:
    if since is None:
        return 0
    if isinstance(since, datetime):
        return int((since - panel.hour(0)).total_seconds() // 3600) // (1 if panel.step == "hour" else 24)
    return (since - panel.start).days * (24 if panel.step == "hour" else 1)
