"""Real daily series with events put into them: which are found, how soon, and how often an untouched series cries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np

from finops.insight.anomalies_events import Anomaly
from finops.insight.panel import Floats, Key, Panel

Shape = Literal["spike", "shift", "ramp", "drop"]
Detector = Callable[[Panel], tuple[Anomaly, ...]]
MONTH: Final = 30.44
BEFORE, AFTER, RAMP, LASTS = 35, 5, 21, 14  # days
# What is put in: the shape, by how much of the usual at its height, and for how many days (a ramp rises for as long).
EVENTS: Final[tuple[tuple[Shape, float, int], ...]] = (
    ("spike", 0.3, 3), ("spike", 0.5, 1), ("spike", 0.5, 3), ("spike", 1.0, 1), ("spike", 2.0, 2),
    ("shift", 0.2, LASTS), ("shift", 0.3, LASTS), ("shift", 0.5, LASTS), ("shift", 1.0, LASTS),
    ("ramp", 0.3, RAMP), ("ramp", 0.5, RAMP), ("ramp", 1.0, RAMP),
    ("drop", -0.6, 3), ("drop", -0.9, 3),
)  # fmt: skip
WORTH, LOUD, LEAST = 0.05, 3.0, 1.0  # share of four weeks · times a series' own noise · money an event has at least
SOON: Final[Mapping[Shape, int]] = {"spike": 1, "shift": 3, "ramp": 8, "drop": 1}  # days in which it should be told, its first among them
SHAPES: Final[tuple[Shape, ...]] = ("spike", "shift", "ramp")  # whose time counts
GRACE: Final = 3  # days after its end in which an event still counts as found


@dataclass(frozen=True)
class Put:
    """One event in one copy of a series: what it is worth beside four weeks of spend, and how far above the series' noise.

    `soon` says that the days in which it should be told have the money below which nothing is.
    """

    key: Key
    origin: Key
    shape: Shape
    size: float
    start: date
    end: date
    worth: float
    loud: float
    half: int
    soon: bool


@dataclass(frozen=True)
class Found:
    """An event and how many days after its start it was told; none where it was not."""

    event: Put
    delay: int | None


@dataclass(frozen=True)
class Injected:
    """A panel of untouched series, and the same with a copy for each event put in."""

    source: str
    untouched: Panel
    changed: Panel
    events: tuple[Put, ...]


def inject(source: str, panel: Panel, positions: int, seed: int, numbered_from: int) -> Injected:
    """Put every event into every series at so many seeded places; series take turns in belonging to the half settings are chosen on."""
    chance = np.random.default_rng(seed)
    copies: list[Floats] = []
    put: list[Put] = []
    for row, values in enumerate(panel.values):
        for event in EVENTS:
            for start in chance.integers(BEFORE, max(panel.steps - AFTER, BEFORE + 1), positions):
                changed, told = _change(panel, row, values, event, int(start), len(put), (numbered_from + row) % 2)
                if told is not None:
                    copies.append(changed)
                    put.append(told)
    keys = (*panel.keys, *(event.key for event in put))
    values = np.concatenate([panel.values, np.array(copies).reshape(len(put), panel.steps)])
    complete = np.full(len(keys), panel.steps, dtype=np.intp)
    return Injected(source, panel, Panel(keys, panel.start, values, complete, panel.currency, panel.step), tuple(put))


@dataclass(frozen=True)
class Cries:
    """Alarms on untouched series of one half: all, those that were no event by the measure events are put in with, and months watched."""

    half: int
    alarms: int
    false: int
    months: float


def judge(case: Injected, detect: Detector) -> tuple[list[Found], list[Cries]]:
    """Return what was found of the events, and by half the alarms on untouched series.

    An event where the untouched series cries too proves nothing and is left out.
    """
    cries = detect(case.untouched)
    halves = {event.origin: event.half for event in case.events}
    told: dict[Key, list[Anomaly]] = {}
    for batch in _batches(case):
        for anomaly in detect(batch):
            told.setdefault(anomaly.key, []).append(anomaly)
    by_key: dict[Key, list[Anomaly]] = {}
    for anomaly in cries:
        by_key.setdefault(anomaly.key, []).append(anomaly)
    found = [
        Found(event, _delay(event, told.get(event.key, ()))) for event in case.events if _delay(event, by_key.get(event.origin, ())) is None
    ]
    return found, [_cries(case, half, halves, by_key) for half in (0, 1)]


def _cries(case: Injected, half: int, halves: Mapping[Key, int], told: Mapping[Key, Sequence[Anomaly]]) -> Cries:
    """Count only series that had events put in: the others are too small to be told of."""
    alarms = false = 0
    months = 0.0
    for key, values in zip(case.untouched.keys, case.untouched.values, strict=True):
        if halves.get(key) == half:
            late = [anomaly for anomaly in told.get(key, ()) if _step(case.untouched, anomaly) >= BEFORE]
            months += max(int((~np.isnan(values)).sum()) - BEFORE, 0) / MONTH
            alarms += len(late)
            false += sum(not _real(case.untouched, values, anomaly) for anomaly in late)
    return Cries(half, alarms, false, months)


def _real(panel: Panel, values: Floats, anomaly: Anomaly) -> bool:
    """Say whether an alarm is what would count as an event: worth 5 % of the four weeks before, three times the series' own noise."""
    start = (anomaly.start - panel.start).days
    steps = values[start : (anomaly.end - panel.start).days]
    before = values[max(start - 28, 0) : start]
    usual = np.nanmedian(before) if len(before) else 0.0
    worth = abs(anomaly.excess) / max(float(np.nansum(before)), 1e-9)
    return worth >= WORTH and float(np.nanmax(np.abs(steps - usual))) >= LOUD * _noise(values[:start])


def _batches(case: Injected) -> Iterator[Panel]:
    """Yield the untouched series with a few copies at a time: what a panel's thresholds learn from is mostly as it was."""
    plain, width = len(case.untouched.keys), max(len(case.untouched.keys), 4)
    count = -(-len(case.events) // width)
    for number in range(count):
        rows = [*range(plain), *range(plain + number, len(case.changed.keys), count)]
        keys = tuple(case.changed.keys[row] for row in rows)
        yield Panel(keys, case.changed.start, case.changed.values[rows], case.changed.complete[rows], case.changed.currency)


def recall(found: Sequence[Found]) -> float:
    return sum(item.delay is not None for item in found) / len(found) if found else float("nan")


def in_time(found: Sequence[Found], shape: Shape) -> float:
    """Return the share of what was found of a shape that was told as soon as it should be, of what could be."""
    delays = [item.delay for item in found if item.delay is not None and item.event.shape == shape and item.event.soon]
    return sum(delay < SOON[shape] for delay in delays) / len(delays) if delays else float("nan")


def segments(panel: Panel, weeks: int) -> Panel:
    """Cut one long series into several of so many weeks and lay them side by side: their weekdays fit, their dates are the first one's."""
    days = weeks * 7
    firsts = range(0, panel.steps - days + 1, days)
    keys = tuple((*key, ("from", panel.day(first).isoformat())) for first in firsts for key in panel.keys)
    values = np.concatenate([panel.values[:, first : first + days] for first in firsts])
    return Panel(keys, panel.start, values, np.full(len(keys), days, dtype=np.intp), panel.currency)


def heights(shape: Shape, size: float, days: int) -> Floats:
    """Return by how much of the usual an event is above it on each of its first days."""
    return size * np.arange(1, days + 1) / RAMP if shape == "ramp" else np.full(days, size)


def _change(
    panel: Panel, row: int, values: Floats, event: tuple[Shape, float, int], start: int, number: int, half: int
) -> tuple[Floats, Put | None]:
    shape, size, days = event
    last = min(start + days, panel.steps)
    before = float(np.nansum(values[start - 28 : start]))
    height = heights(shape, size, last - start)
    changed = values.copy()
    changed[start:last] = np.maximum(changed[start:last] * (1 + height), 0)
    extra = changed[start:last] - values[start:last]
    worth = abs(float(np.nansum(extra))) / before if before > 0 else 0.0
    if worth == 0 or abs(float(np.nansum(extra))) < LEAST:
        return changed, None
    key = (*panel.keys[row], ("copy", f"{number:06}"))
    loud = float(np.nanmax(np.abs(extra))) / max(_noise(values[:start]), 1e-9)
    soon = abs(float(np.nansum(extra[: SOON[shape]]))) >= LEAST
    return changed, Put(key, panel.keys[row], shape, size, panel.day(start), panel.day(last), worth, loud, half, soon)


def _noise(past: Floats) -> float:
    """Return how much a series differs from itself a week before, as a robust deviation over eight weeks."""
    weekly = past[-56:][7:] - past[-56:][:-7]
    return float(np.nanmedian(np.abs(weekly)) * 1.4826 / np.sqrt(2))


def _delay(event: Put, told: Sequence[Anomaly]) -> int | None:
    sign = 1 if event.size > 0 else -1
    days = [
        (anomaly.detected_on - event.start).days
        for anomaly in told
        if anomaly.excess * sign > 0 and event.start <= anomaly.detected_on < event.end + timedelta(days=GRACE)
    ]
    return min(days, default=None)


def _step(panel: Panel, anomaly: Anomaly) -> int:
    return (anomaly.detected_on - panel.start).days
