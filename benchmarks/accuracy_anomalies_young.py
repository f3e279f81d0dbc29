"""Bills of their first three weeks, cut out of real ones and generated: how often ordinary days cry, and which events are told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.accuracy_anomalies_injected import LOUD, MONTH, WORTH
from benchmarks.series import daily
from finops.insight.anomalies import detect
from finops.insight.anomalies_events import Anomaly
from finops.insight.panel import Floats, Panel

START: Final = date(2026, 1, 5)
DAYS: Final = 24  # of a young bill …
FIRST: Final = 10  # … and the first that is judged
EVERY: Final = {True: 24, False: 8}  # a bill of a year is cut into such bills, one of forty days gives three that overlap
LEAST: Final = 1.0  # of money a day
BATCHES: Final = 8  # so that what the others do is mostly as it was
# What is put in: how many times the usual, for how many days, and from which days on.
EVENTS: Final = (
    ("day × 5", 5.0, 1, (11, 14, 19)),
    ("day × 3", 3.0, 1, (14,)),
    ("twice from then on", 2.0, DAYS, (12,)),
    ("nothing for four days", 0.0, 4, (13,)),
)
COLUMNS: Final = ("young bills", "series", "alerts", "false", *(name for name, *_ in EVENTS))


@dataclass(frozen=True)
class Young:
    """What was found in series of one kind: alarms and false ones in a series-month, and the share of each event that was told."""

    name: str
    series: int
    alerts: float
    false: float
    told: Mapping[str, float]

    def row(self) -> tuple[str, ...]:
        return str(self.series), f"{self.alerts:.2f}", f"{self.false:.2f}", *(f"{self.told[name]:.2f}" for name, *_ in EVENTS)


def young_bills(data: Path | None, names: Sequence[str], seed: int) -> Iterator[Young]:
    """Judge the young bills of both halves, then generated ones, each kind in a panel of its own."""
    for half, values in enumerate(cut(data, names)):
        yield judged(f"real, half {half + 1}", values)
    for name, values in made(seed).items():
        yield judged(name, values)


def cut(data: Path | None, names: Sequence[str]) -> list[Floats]:
    """Cut young bills from the first day on which a series cost anything, series by turns for each half."""
    found: list[list[Floats]] = [[], []]
    rows = [values for name in names for values in daily(data)[name].values]
    for number, values in enumerate(rows):
        begun = values[np.flatnonzero(np.nan_to_num(values) > 0)[:1].sum() :]
        for first in range(0, len(begun) - DAYS + 1, EVERY[len(values) > 100]):
            bill = begun[first : first + DAYS]
            if np.nansum(bill) >= LEAST * DAYS and (np.nan_to_num(bill) > 0).sum() > FIRST // 2:
                found[number % 2].append(bill)
    return [np.array(bills) for bills in found]


def made(seed: int, many: int = 60) -> dict[str, Floats]:
    chance = np.random.default_rng(seed)
    noise, days = chance.standard_normal((many, DAYS)), np.arange(DAYS) + chance.integers(0, 7, (many, 1))
    burst = 1 + 2 * (chance.random((many, DAYS)) < 0.07) * chance.random((many, DAYS))
    return {
        "calm, 5 %": 100 * np.exp(0.05 * noise),
        "15 %": 100 * np.exp(0.15 * noise),
        "40 %": 100 * np.exp(0.4 * noise),
        "weekends at 0.6": 100 * np.where(days % 7 >= 5, 0.6, 1.0) * np.exp(0.1 * noise),
        "weekends at 0.3": 100 * np.where(days % 7 >= 5, 0.3, 1.0) * np.exp(0.1 * noise),
        "growing 3 % a day": 100 * 1.03 ** np.arange(DAYS) * np.exp(0.1 * noise),
        "wandering": 100 * np.exp(np.cumsum(0.08 * noise, axis=1)),
        "bursts": 100 * burst * np.exp(0.1 * noise),
        "every second day": 100 * (chance.random((many, DAYS)) < 0.5) * np.exp(0.3 * noise),
    }


def judged(name: str, values: Floats) -> Young:
    months = len(values) * (DAYS - FIRST) / MONTH
    cried = detect(_panel(values))
    false = sum(not _real(values[_row(one)], one) for one in cried)
    told = {what: _told(values, times, days, places) for what, times, days, places in EVENTS}
    return Young(name, len(values), len(cried) / months, false / months, told)


def _told(values: Floats, times: float, days: int, places: Sequence[int]) -> float:
    """Return the share of events worth the least money that were told within a day of their first."""
    found = [told for at in places for told in _each(values, times, days, at)]
    return sum(found) / len(found) if found else float("nan")


def _each(values: Floats, times: float, days: int, at: int) -> Iterator[bool]:
    size = max(len(values) // BATCHES, 1)
    for first in range(0, len(values), size):
        changed, rows = values.copy(), range(first, min(first + size, len(values)))
        changed[rows.start : rows.stop, at : at + days] *= times
        days_after = (START + timedelta(days=at), START + timedelta(days=at + 1))
        told = {_row(one) for one in detect(_panel(changed)) if one.detected_on in days_after and (one.excess > 0) == (times > 1)}
        yield from (row in told for row in rows if values[row, at] > 0 and abs(changed[row, at] - values[row, at]) >= LEAST)


def _real(values: Floats, one: Anomaly) -> bool:
    """Say whether an alarm would count as an event: worth 5 % of what was before, three times as far as two days differ."""
    start, end = ((day - START).days for day in (one.start, one.end))
    before = values[:start]
    differs = float(np.nanmedian(np.abs(np.diff(before)))) * 1.4826 / np.sqrt(2)
    far = float(np.nanmax(np.abs(np.nan_to_num(values[start:end]) - np.nanmedian(before))))
    return abs(one.excess) >= WORTH * float(np.nansum(before)) and far >= LOUD * differs


def _panel(values: Floats) -> Panel:
    keys = tuple((("row", f"{number:05}"),) for number in range(len(values)))
    return Panel(keys, START, values, np.full(len(values), DAYS, dtype=np.intp))


def _row(one: Anomaly) -> int:
    return int(one.key[0][1])
