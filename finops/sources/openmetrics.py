"""Reads the text that exporters show: Prometheus exposition and OpenMetrics."""

import math
import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from finops.capacity import Identity, identify

LABELS: Final = r"""\s*\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\}"""
LINE: Final = re.compile(rf"([A-Za-z_:][A-Za-z0-9_:]*)(?:{LABELS})?\s+(\S+)(?:\s+(-?[0-9.eE+]+))?(?:\s+#\s.*)?")
LABEL: Final = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)')
MILLISECONDS: Final = 100_000_000_000  # the old text counts in these, OpenMetrics in seconds; no second is so late
MOST_TOLD: Final = 1000


@dataclass
class Points:
    """Samples as three columns: the series' place in `series`, seconds since 1970, value. `bad` are lines that say nothing."""

    series: list[Identity] = field(default_factory=list)
    rank: "array[int]" = field(default_factory=lambda: array("q"))
    time: "array[float]" = field(default_factory=lambda: array("d"))
    value: "array[float]" = field(default_factory=lambda: array("d"))
    bad: list[tuple[int, str]] = field(default_factory=list)
    bad_count: int = 0
    untimed: int = 0
    not_numbers: int = 0

    def reject(self, line: int, reason: str) -> None:
        self.bad_count += 1
        if len(self.bad) < MOST_TOLD:
            self.bad.append((line, reason))


def read_text(lines: Iterable[str], taken_at: float) -> Points:
    """Read exposition text; samples without a time were taken at `taken_at` (seconds). Lines that break the form are told."""
    found = Points()
    places: dict[str, int | None] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            _sample(found, places, number, text, taken_at)
    return found


def _sample(found: Points, places: dict[str, int | None], number: int, text: str, taken_at: float) -> None:
    parts = LINE.fullmatch(text)
    if parts is None:
        return found.reject(number, 'is not a sample; it takes name{label="…"} value [time]')
    value, moment = _number(parts[3]), _moment(parts[4], taken_at)
    if value is None or moment is None:
        return found.reject(number, f"'{parts[3] if value is None else parts[4]}' is not a number")
    place = _place(found, places, parts[1], parts[2] or "")
    if place is None:
        return found.reject(number, 'its labels are not of the form name="value"')
    if not math.isfinite(value):
        found.not_numbers += 1
        return None
    found.untimed += parts[4] is None
    found.rank.append(place)
    found.time.append(moment)
    found.value.append(value)
    return None


def _place(found: Points, places: dict[str, int | None], name: str, written: str) -> int | None:
    key = f"{name}{{{written}"
    if key not in places:
        labels = _labels(written)
        places[key] = None if labels is None else len(found.series)
        if labels is not None:
            found.series.append(identify(name, labels))
    return places[key]


def _labels(written: str) -> dict[str, str] | None:
    labels: dict[str, str] = {}
    end = 0
    while end < len(written.rstrip()):
        part = LABEL.match(written, end)
        if part is None:
            return None
        labels[part[1]] = re.sub(r"\\(.)", lambda escaped: "\n" if escaped[1] == "n" else escaped[1], part[2])
        end = part.end()
    return labels


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _moment(text: str | None, taken_at: float) -> float | None:
    moment = taken_at if text is None else _number(text)
    if moment is None:
        return None
    return moment / 1000 if abs(moment) > MILLISECONDS else moment
