"""Finds the few anomalies that another may have to do with, so that not every two of them need be compared."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from math import floor, log
from typing import Final

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_nesting import Nesting, Pair
from finops.insight.panel import Step

Side = tuple[Step, bool]  # grain, and whether it is more than expected
ANYWHERE: Final[Pair] = ("", "")  # every scope lies in the total
SMALLEST: Final = 1e-9  # of money: what size is told of


def side_of(anomaly: Anomaly) -> Side:
    return anomaly.step, anomaly.excess > 0


class Inside:
    """Anomalies by what they lie in, in the order they began."""

    def __init__(self, ordered: Sequence[Anomaly], nest: Nesting) -> None:
        self._nest = nest
        self._place = {anomaly.id: place for place, anomaly in enumerate(ordered)}
        self._by: dict[tuple[Side, Pair], list[Anomaly]] = defaultdict(list)
        for anomaly in sorted(ordered, key=lambda one: (one.step, one.start)):
            for pair in (ANYWHERE, *nest.wide(anomaly.key)):
                self._by[side_of(anomaly), pair].append(anomaly)

    def of(self, whole: Anomaly, after: date) -> list[Anomaly]:
        """Return those of its direction that may lie in its scope and began after then and before it ended, in the order given."""
        pairs = self._nest.wide(whole.key) or {ANYWHERE}
        few = min((self._by[side_of(whole), pair] for pair in pairs), key=len)
        first = bisect_right(few, after, key=_start)
        found = few[first : bisect_left(few, whole.end, lo=first, key=_start)]
        return sorted(found, key=lambda one: self._place[one.id])


class Alike:
    """Anomalies by one of their pairs and by size, each at a place of its own: `ratio` is how far sizes may differ."""

    def __init__(self, ratio: float) -> None:
        self._width = -log(ratio)
        self._by: dict[tuple[Side, Pair, int], list[tuple[int, Anomaly]]] = defaultdict(list)

    def add(self, place: int, anomaly: Anomaly, pairs: Iterable[Pair] = (ANYWHERE,)) -> None:
        for pair in pairs:
            self._by[side_of(anomaly), pair, self._size(anomaly)].append((place, anomaly))

    def near(self, anomaly: Anomaly, pairs: Iterable[Pair] = (ANYWHERE,)) -> Iterator[tuple[int, Anomaly]]:
        """Yield those that share a pair and may be of like size, each with its place; some come twice."""
        size = self._size(anomaly)
        for pair in pairs:
            for near in (size - 1, size, size + 1):
                yield from self._by.get((side_of(anomaly), pair, near), ())

    def _size(self, anomaly: Anomaly) -> int:
        return floor(log(max(abs(anomaly.excess), SMALLEST)) / self._width)


class Begun:
    """Anomalies by where they are and the step they began in, in the order given."""

    def __init__(self, ordered: Sequence[Anomaly], nest: Nesting) -> None:
        self._nest = nest
        self._by: dict[tuple[Side, Pair, int], list[tuple[int, Anomaly]]] = defaultdict(list)
        for place, anomaly in enumerate(ordered):
            for pair in nest.places(anomaly.key):
                self._by[side_of(anomaly), pair, step_number(anomaly)].append((place, anomaly))

    def near(self, anomaly: Anomaly, steps: int, *, other_way: bool = False) -> list[Anomaly]:
        """Return those that share a place with it and began at most so many steps apart, itself among them if it is."""
        step, more = side_of(anomaly)
        began = step_number(anomaly)
        lists = (
            self._by.get(((step, more != other_way), pair, at), ())
            for pair in self._nest.places(anomaly.key)
            for at in range(began - steps, began + steps + 1)
        )
        return [one for _, one in sorted({place: one for found in lists for place, one in found}.items())]


def step_number(anomaly: Anomaly) -> int:
    """Return when it began as a number of steps."""
    start = anomaly.start
    return int(start.timestamp() // 3600) if isinstance(start, datetime) else start.toordinal()


def _start(anomaly: Anomaly) -> date:
    return anomaly.start
