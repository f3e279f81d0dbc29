"""What could be found at all: an oracle is told which event may come and on which day, and only has to say whether it did.

It holds the days of the event against what was usual when it began, and says yes where they fit it better than days of the untouched
series do that are no event, but for the alarms it may raise. It reads them twice, by their mean and by their median day, and what either
finds counts.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.accuracy_anomalies_injected import LOUD, MONTH, RAMP, SHAPES, SOON, WORTH, Found, Injected, Shape, heights, recall
from finops.insight.anomalies_expected import PARTLY, Course, course
from finops.insight.panel import Calendar, Floats

QUIET: Final = 7  # days for which what goes on to fit is the same alarm
FIRST: Final = 10  # days of a series before one is judged
COLUMNS: Final = (
    "",
    "≥ 5 %",
    "oracle",
    "either",
    "≥ 3 × noise",
    "oracle",
    *(f"{s} d{SOON[s] - 1}{by}" for s in SHAPES for by in ("", " oracle")),
)
Judged = Sequence[tuple[Injected, Sequence[Found]]]


def beside_oracle(name: str, judged: Judged, rate: float) -> tuple[str, ...]:
    """Set what was found beside what an oracle finds: of events worth 5 %, of loud ones, and of both in the days they should be told in."""
    big, loud = (_only(judged, **least) for least in ({"worth": WORTH}, {"loud": LOUD}))
    ours, knows = _all(big), _oracle(big, rate)
    either = [mine if mine.delay is not None else its for mine, its in zip(ours, knows, strict=True)]
    shares = [recall(found) for found in (ours, knows, either, _all(loud), _oracle(loud, rate))]
    shares += [share for shape in SHAPES for share in _soon(_only(big, loud=LOUD), shape, rate)]
    return name, *(f"{share:.3f}" for share in shares)


def _soon(judged: Judged, shape: Shape, rate: float) -> tuple[float, float]:
    """Return the share of events of a shape that was told as soon as it should be, of all that could be, and the oracle's."""
    asked = [(case, [each for each in found if each.event.shape == shape and each.event.soon]) for case, found in judged]
    ours = [each.delay is not None and each.delay < SOON[shape] for each in _all(asked)]
    return sum(ours) / len(ours) if ours else float("nan"), recall(_oracle(asked, rate, SOON[shape]))


def oracle(case: Injected, found: Sequence[Found], rate: float, days: int = RAMP) -> list[Found]:
    """Return the same events as an oracle with so many alarms in a series-month tells them; it is shown their first `days` at most."""
    usual = course(case.untouched, Calendar())
    rows, copies = ({key: row for row, key in enumerate(panel.keys)} for panel in (case.untouched, case.changed))
    allowed = round(rate * (case.untouched.steps - FIRST) / MONTH)
    told = []
    for event in (each.event for each in found):
        row, start = rows[event.origin], (event.start - case.untouched.start).days
        height = heights(event.shape, event.size, min((event.end - event.start).days, days))
        seen = case.untouched.values[row], case.changed.values[copies[event.key]]
        plain, changed = (_fits(values, usual, row, height) for values in seen)
        yes = any(_as_good(one, other[start]) <= allowed for one, other in zip(plain, changed, strict=True))
        told.append(Found(event, 0 if yes else None))
    return told


def _fits(values: Floats, usual: Course, row: int, height: Floats) -> Iterator[Floats]:
    """Yield for every day how much of the event the days from it on hold, by their mean and by their median."""
    days = len(height)
    level = usual.expected[row] / np.maximum(usual.profile[row], PARTLY)
    apart, profile = (sliding_window_view(part, days) for part in (values, usual.profile[row]))
    expected = level[: len(apart), None] * profile
    away = apart / np.where(expected > 0, expected, np.nan) - 1
    yield np.nan_to_num(np.nansum(away * height, axis=1) / (height**2).sum(), nan=-np.inf)
    yield np.median(np.nan_to_num(away / height), axis=1)


def _as_good(plain: Floats, seen: float) -> int:
    """Count the alarms of the untouched series if what fits so well is one, told again after a week where it goes on."""
    alarms, quiet_until = 0, 0
    for day in np.flatnonzero(plain[FIRST:] >= seen).tolist():
        if day >= quiet_until:
            alarms, quiet_until = alarms + 1, day + QUIET
    return alarms


def _only(judged: Judged, worth: float = 0.0, loud: float = 0.0) -> Judged:
    return [(case, [each for each in found if each.event.worth >= worth and each.event.loud >= loud]) for case, found in judged]


def _all(judged: Judged) -> list[Found]:
    return [each for _, found in judged for each in found]


def _oracle(judged: Judged, rate: float, days: int = RAMP) -> list[Found]:
    return [each for case, found in judged for each in oracle(case, found, rate, days)]
