"""From steps that are too much to events: what belongs together is one anomaly, with what it cost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from finops.insight.anomalies_expected import PARTLY, Course
from finops.insight.anomalies_grain import GRAINS, Grain
from finops.insight.anomalies_scores import Floor
from finops.insight.panel import Floats, Key, Panel, Step

Kind = Literal["spike", "shift", "drift", "drop", "new"]
Status = Literal["open", "growing", "ended"]
Severity = Literal["low", "medium", "high"]
SEVERITIES: Final[tuple[tuple[Severity, float, float], ...]] = (("high", 0.20, 20.0), ("medium", 0.05, 5.0))  # share of 28 days, floors
STILL: Final = 0.5  # an event lasts while this share of what it began with is still there
GROWS: Final = 1.2  # the last step departs so many times as far as the event did on average
BACK: Final = 0.3  # by less than this share beyond the earlier usual a series is only on its way back to it
FURTHER: Final = 2.0  # so many times as far out as an event ever was is an event of its own
BRIEF: Final = 3  # steps a spike may last


@dataclass(frozen=True)
class Anomaly:
    """One event of one series: from `start` up to `end` it cost `excess` more than expected, or less where that is negative.

    Days for a panel by days, moments in UTC for one by hours; `end` is where what is known ends while it is not over.
    """

    id: str
    key: Key
    kind: Kind
    step: Step
    start: date
    end: date
    detected_on: date
    expected: float
    actual: float
    severity: Severity
    status: Status
    score: float
    currency: str

    @property
    def excess(self) -> float:
        return self.actual - self.expected

    @property
    def share(self) -> float:
        """Return the excess as a share of what was expected; infinite where nothing was."""
        return self.excess / self.expected if self.expected > 0 else float("inf")


@dataclass(frozen=True)
class Alarms:
    """Where each series is too much or too little, in score over threshold; 1 and more is told.

    `patience` is how much of what is known a new level must last before it is the usual: less for who is ready for more alarms.
    """

    up: Floats
    down: Floats
    creeping: NDArray[np.bool_]
    new: NDArray[np.bool_]
    patience: float = 1.0


@dataclass(frozen=True)
class _Span:
    """An event by step numbers: begun, found, and the last step that belongs to it; `usual` is the level it left.

    After `longest` steps it is the new usual.
    """

    first: int
    found: int
    last: int
    sign: int
    kind: Kind
    usual: float
    deep: float
    score: float
    over: bool
    longest: int


def events(panel: Panel, found: Course, alarms: Alarms, since: int, floor: Floor) -> Iterator[Anomaly]:
    """Yield every event that is found at or after the step `since`, or lasts into it, by series and time."""
    grain = GRAINS[panel.step]
    told = (alarms.up >= 1) | (alarms.down >= 1) | alarms.new
    told[:, : max(since - 2 * grain.longest, 0)] = False
    for row in np.flatnonzero(told.any(axis=1)):
        for span in _spans(_Row(panel, found, alarms, int(row)), np.flatnonzero(told[row]), grain):
            if span.last >= since or span.found >= since:
                event = _anomaly(_Row(panel, found, alarms, int(row)), span, floor, grain)
                if abs(event.excess) >= floor.money:  # a longer window may reach the floor where its event does not yet
                    yield event


class _Row:
    """One series of all the arrays, and what it was expected to cost from a level that stays."""

    def __init__(self, panel: Panel, found: Course, alarms: Alarms, row: int) -> None:
        self.panel, self.key = panel, panel.keys[row]
        self.actual, self.departure = found.actual[row], found.departure[row]
        self.level = found.expected[row] / np.maximum(found.profile[row], PARTLY)
        self.profile, self.usual = found.profile[row], found.usual[row]
        self.up, self.down, self.creeping, self.new = alarms.up[row], alarms.down[row], alarms.creeping[row], alarms.new[row]
        self.age, self.patience = found.age[row], alarms.patience
        self.known = int(np.flatnonzero(~np.isnan(self.actual))[-1]) + 1

    def over(self, step: int, usual: float) -> float:
        """Return by how much a step exceeds what it costs at that level, as far as its calendar leaves anything to exceed."""
        plain = self.actual[step] - usual * self.profile[step]
        told = self.departure[step]
        excused = self.actual[step] - self.level[step] * self.profile[step] - told if not np.isnan(told) else 0.0
        return float(np.nan_to_num(plain - np.nan_to_num(excused)))

    def scale(self, step: int, usual: float) -> float:
        """Return what a share of a step is a share of: at least half the level, or quiet nights would shout."""
        return float(usual * max(self.profile[step], 0.5)) or 1.0

    def longest(self, first: int, grain: Grain) -> int:
        """Return after how many steps what began then is the new usual: sooner where little is known of the old one."""
        return grain.longest if self.new[first] else min(grain.longest, max(int(self.age[first] * self.patience), grain.level))

    def share(self, step: int, usual: float, sign: int) -> float:
        return sign * self.over(step, usual) / self.scale(step, usual)


def _spans(row: _Row, told: NDArray[np.intp], grain: Grain) -> Iterator[_Span]:
    found: list[_Span] = []
    for step in map(int, told):
        lasting = [span for span in found[:-1] if span.last >= step - grain.quiet] + found[-1:]
        if any(_belongs(row, step, span, grain) for span in lasting):
            continue
        found.append(_span(row, step, grain, found[-1].found + 1 if found else 0))
        yield found[-1]


def _belongs(row: _Row, step: int, past: _Span, grain: Grain) -> bool:
    """Say whether a step is more of an earlier event, the tail of it, or only the way back to what was usual before."""
    sign = 1 if row.new[step] or row.up[step] >= row.down[step] else -1
    if step - past.last > grain.longest:
        return False
    beyond = row.share(step, past.usual, sign)
    if sign != past.sign:
        return beyond < BACK and not (step > past.last and _settled(past, grain))
    if step == past.first + 1 <= past.last:  # it may have begun in the middle of its first step
        return True
    if step <= past.last:
        return not _is_further(beyond, max(row.share(at, past.usual, sign) for at in range(past.first, step)), sign)
    return step - past.last <= grain.quiet and beyond <= GROWS * past.deep * _lingers(step - past.last, grain)


def _is_further(beyond: float, so_far: float, sign: int) -> bool:
    """Say whether a step is far beyond an event that goes on; of a drop also where it takes most of what that had left."""
    left = 1 - so_far
    return beyond >= FURTHER * so_far or (sign < 0 and left > PARTLY and 1 - beyond <= left / FURTHER)


def _lingers(gap: int, grain: Grain) -> float:
    """Return how much of an event may still be its tail so many steps after it: all within a pause, then less with each."""
    return 1 - max(gap - _pause(grain), 0) / (grain.quiet + 1)


def _pause(grain: Grain) -> int:
    """Return for how many steps an event may be away and still go on."""
    return max(grain.quiet // 3, 1)


def _settled(past: _Span, grain: Grain) -> bool:
    """Say whether an event lasted until it was the new usual: to leave that again is news."""
    return past.last - past.first + 1 >= past.longest - _pause(grain)


def _span(row: _Row, step: int, grain: Grain, earliest: int) -> _Span:
    sign = 1 if row.new[step] or row.up[step] >= row.down[step] else -1
    creeping = bool(row.creeping[step]) and sign > 0 and not row.new[step]
    first = step if row.new[step] else max(_begun(row, step, sign, grain), min(earliest, step))
    usual = _usual_before(row, first, creeping, grain)
    deep = max(row.share(at, usual, sign) for at in range(first, step + 1))
    last, over = _until(row, first, step, sign, usual, STILL * deep, grain)
    score = float(np.nan_to_num((row.up if sign > 0 else row.down)[first : last + 1].max()))
    kind = _kind(row, first, step, last, sign, creeping)
    return _Span(first, step, last, sign, kind, usual, deep, score, over, row.longest(first, grain))


def _begun(row: _Row, step: int, sign: int, grain: Grain) -> int:
    """Go back to where the series left the usual, at most a cycle before it was noticed."""
    far = STILL * max((sign * np.nan_to_num(row.departure[at]) for at in range(max(step - grain.cycle + 1, 0), step + 1)), default=0.0)
    first = step
    while first > max(step - grain.cycle + 1, 1) and far > 0 and sign * np.nan_to_num(row.departure[first - 1]) >= far:
        first -= 1
    return first


def _usual_before(row: _Row, first: int, creeping: bool, grain: Grain) -> float:
    """Return the level the event left; what crept in left that of a while ago."""
    at = max(first - grain.drift[1], 0) if creeping else first
    level = row.level[at]
    return float(level) if level > 0 else float(np.nan_to_num(row.level[first]))


def _until(row: _Row, first: int, step: int, sign: int, usual: float, least: float, grain: Grain) -> tuple[int, bool]:
    """Return the last step of the event and whether it is over: back for more than a pause, or so long that it is the new usual."""
    pause, longest = _pause(grain), row.longest(first, grain)
    last = step
    for at in range(step + 1, row.known):
        if at - first >= longest or at - last > pause:
            return last, True
        if row.share(at, usual, sign) >= least > 0:
            last = at
    return last, row.known - 1 - last >= pause or last - first + 1 >= longest


def _kind(row: _Row, first: int, step: int, last: int, sign: int, creeping: bool) -> Kind:
    if row.new[step]:
        return "new"
    if sign < 0:
        return "drop"
    if creeping:
        return "drift"
    return "spike" if last - first < BRIEF else "shift"


def _anomaly(row: _Row, span: _Span, floor: Floor, grain: Grain) -> Anomaly:
    steps = slice(span.first, span.last + 1)
    actual = np.nan_to_num(row.actual[steps])
    usual = sum(cost - row.over(at, span.usual) for at, cost in enumerate(actual.tolist(), span.first))
    place = row.panel.day if row.panel.step == "day" else row.panel.hour
    start = place(span.first)
    status: Status = "ended" if span.over else "growing" if _grows(row, span) else "open"
    plain = Anomaly(
        id=name(row.key, start),
        key=row.key,
        kind=span.kind,
        step=row.panel.step,
        start=start,
        end=place(span.last + 1),
        detected_on=place(span.found),
        expected=0.0 if span.kind == "new" else usual,
        actual=float(actual.sum()),
        severity="low",
        status=status,
        score=span.score,
        currency=row.panel.currency,
    )
    return replace(plain, severity=_severity(plain, span.usual * 28 * (24 if row.panel.step == "hour" else 1), floor))


def name(key: Key, start: date) -> str:
    """Return the same short name for the same key and start, in every process."""
    return "A-" + blake2b(repr((key, start.isoformat())).encode(), digest_size=5).hexdigest()


def _grows(row: _Row, span: _Span) -> bool:
    departures = [span.sign * row.over(at, span.usual) for at in range(span.first, span.last + 1)]
    return len(departures) > 1 and departures[-1] >= GROWS * (sum(departures) / len(departures))


def _severity(anomaly: Anomaly, four_weeks: float, floor: Floor) -> Severity:
    excess = abs(anomaly.excess)
    for severity, share, floors in SEVERITIES:
        if excess >= share * four_weeks and excess >= floors * floor.money:
            return severity
    return "low"
