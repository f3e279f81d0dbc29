"""One cause, one alert: anomalies of nested scopes gathered under the most specific one that explains them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from finops.insight.anomalies_events import Anomaly
from finops.insight.panel import Key

EXPLAINS: Final = 0.7  # of a wider scope's excess
PART: Final = 0.2  # what a single one among several causes has at least
ALIKE: Final = 0.7  # of the larger one's excess
CAUSES: Final = 3  # more than so many parts are one broad cause, not several
SLACK: Final = 0.1  # of the wider one's excess: what two looks at the same cost may differ by
STEP: Final = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
EARLIER: Final = {"day": timedelta(days=7), "hour": timedelta(hours=12)}  # by less two looks at one beginning may differ
Within = Mapping[Key, tuple[Key, ...]]


@dataclass(frozen=True)
class Group:
    """One cause: the anomaly to tell, and those that are the same seen from a wider scope, or its parts."""

    driver: Anomaly
    members: tuple[Anomaly, ...] = ()

    @property
    def excess(self) -> float:
        return self.driver.excess


class _Nesting:
    """Which pairs a scope lies in, each scope worked out once: every two anomalies are compared."""

    def __init__(self, within: Within | None) -> None:
        self._within, self._known = within or {}, dict[Key, frozenset[tuple[str, str]]]()

    def wide(self, key: Key) -> frozenset[tuple[str, str]]:
        """Return the pairs of a key with those of every scope it, or one of its pairs, is known to lie in."""
        if key not in self._known:
            pairs, waiting = set(key), [key, *((pair,) for pair in key)]
            while waiting:
                for wider in self._within.get(waiting.pop(), ()):
                    if not pairs >= set(wider):
                        pairs |= set(wider)
                        waiting += [wider, *((pair,) for pair in wider)]
            self._known[key] = frozenset(pairs)
        return self._known[key]


def group(anomalies: Iterable[Anomaly], within: Within | None = None) -> tuple[Group, ...]:
    """Gather anomalies by cause, the largest first.

    A scope lies in another when it has all of its pairs; `within` adds the wider scopes that pairs cannot tell, such as the
    provider of a service.
    """
    nest = _Nesting(within)
    ordered = sorted(anomalies, key=lambda anomaly: (len(nest.wide(anomaly.key)), -abs(anomaly.excess), anomaly.id))
    leader: dict[str, str] = {}
    for anomaly in ordered:
        inside = [other for other in ordered if _part_of(other, anomaly, nest)]
        _lead(anomaly, inside, leader, nest)
    roots = [anomaly for anomaly in ordered if anomaly.id not in leader]
    _gather_alike(sorted(roots, key=lambda anomaly: -len(nest.wide(anomaly.key))), leader, nest)
    _gather_siblings([anomaly for anomaly in roots if anomaly.id not in leader], leader, nest)
    by_id = {anomaly.id: anomaly for anomaly in ordered}
    gathered: dict[str, list[Anomaly]] = {}
    for anomaly in ordered:
        root = _root(anomaly.id, leader)
        gathered.setdefault(root, [])
        if root != anomaly.id:
            gathered[root].append(anomaly)
    found = (Group(by_id[root], tuple(sorted(members, key=_order))) for root, members in gathered.items())
    return tuple(sorted(found, key=lambda one: _order(one.driver)))


def _lead(anomaly: Anomaly, inside: Sequence[Anomaly], leader: dict[str, str], nest: _Nesting) -> None:
    """Say who tells this anomaly: one part of it that explains it, the first of a few that do together, or itself for all its parts."""
    causes = _causes(anomaly, inside, nest)
    if len(causes) == 1:
        _follow(anomaly, causes[0], leader)
        for other in inside:
            if other.id != causes[0].id and _overlaps(other, causes[0], anomaly, nest):
                _follow(other, causes[0], leader)
    elif causes:
        _follow(anomaly, causes[0], leader)
    else:
        for other in inside:
            if _begun_together(other, anomaly):
                _follow(other, anomaly, leader)


def _overlaps(part: Anomaly, cause: Anomaly, whole: Anomaly, nest: _Nesting) -> bool:
    """Say whether a part is, by its size, made of the cause too: it is most of the whole, or more than the cause leaves of it."""
    share, left = part.excess / whole.excess, max(1 - cause.excess / whole.excess, 0.0)
    return share >= EXPLAINS or (share > left + SLACK and _begun_together(part, cause) and not _apart(part, cause, nest))


def _causes(anomaly: Anomaly, inside: Sequence[Anomaly], nest: _Nesting) -> list[Anomaly]:
    whole = [other for other in inside if other.excess / anomaly.excess >= EXPLAINS]
    if whole:
        return [max(whole, key=lambda other: _specific(other, anomaly, nest))]
    chosen: list[Anomaly] = []
    for other in sorted(inside, key=_order):
        if other.excess / anomaly.excess >= PART and all(_apart(other, known, nest) for known in chosen):
            chosen.append(other)
    explained = sum(other.excess for other in chosen[:CAUSES]) / anomaly.excess
    return chosen[:CAUSES] if explained >= EXPLAINS else []


def _specific(part: Anomaly, whole: Anomaly, nest: _Nesting) -> tuple[int, float, float, str]:
    """Order by how much a scope says, then by how much of the whole it explains in tenths, then by how much it changed itself."""
    explained = round(min(part.excess / whole.excess, 1.0), 1)
    return len(nest.wide(part.key)), explained, abs(part.share), part.id


def _follow(anomaly: Anomaly, to: Anomaly, leader: dict[str, str]) -> None:
    """Let one be told by another, unless that is told by it."""
    if anomaly.id not in leader and _root(to.id, leader) != anomaly.id:
        leader[anomaly.id] = to.id


def _gather_alike(causes: Sequence[Anomaly], leader: dict[str, str], nest: _Nesting) -> None:
    """Let the first of these, most specific ones first, tell those that cross it: they share a pair, and moved at one time by as much."""
    told: list[Anomaly] = []
    for anomaly in causes:
        first = next((known for known in told if _is_alike(anomaly, known, nest)), None)
        if first is None:
            told.append(anomaly)
        else:
            _follow(anomaly, first, leader)


def _is_alike(one: Anomaly, other: Anomaly, nest: _Nesting) -> bool:
    if one.step != other.step or one.excess * other.excess <= 0 or not set(one.key) & set(other.key) or _apart(one, other, nest):
        return False
    small, large = sorted((abs(one.excess), abs(other.excess)))
    both = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return small >= ALIKE * large and 2 * both >= shorter


def _gather_siblings(causes: Sequence[Anomaly], leader: dict[str, str], nest: _Nesting) -> None:
    """Let the largest of many alike, such as the machines of one team that all stopped on a day, tell the others.

    Nothing wider was out of the ordinary, or that would have gathered them.
    """
    left = sorted(causes, key=_order)
    while left:
        first, *rest = left
        beside = [other for other in rest if _is_sibling(first, other, nest)]
        if len(beside) + 1 >= CAUSES:
            for other in beside:
                _follow(other, first, leader)
            rest = [other for other in rest if other not in beside]
        left = rest


def _is_sibling(one: Anomaly, other: Anomaly, nest: _Nesting) -> bool:
    """Say whether two are things of one kind in one place that moved together: begun within a step, and lasting about as long."""
    if one.step != other.step or one.excess * other.excess <= 0 or not _apart(one, other, nest):
        return False
    if [name for name, _ in one.key] != [name for name, _ in other.key] or not nest.wide(one.key) & nest.wide(other.key):
        return False
    shorter, longer = sorted((one.end - one.start, other.end - other.start))
    return abs(one.start - other.start) <= STEP[one.step] and 2 * shorter >= longer


def _root(name: str, leader: Mapping[str, str]) -> str:
    while name in leader:
        name = leader[name]
    return name


def _part_of(part: Anomaly, whole: Anomaly, nest: _Nesting) -> bool:
    """Say whether one is nested in the other, of the same direction and time."""
    if part.key == whole.key or part.step != whole.step or part.excess * whole.excess <= 0:
        return False
    # What began long before is another event: a spike within a shift is no part of the shift.
    meets = whole.start - EARLIER[whole.step] < part.start < whole.end and whole.start < part.end
    return meets and nest.wide(part.key) >= nest.wide(whole.key)


def _begun_together(one: Anomaly, other: Anomaly) -> bool:
    return abs(one.start - other.start) <= 3 * STEP[one.step]


def _apart(one: Anomaly, other: Anomaly, nest: _Nesting) -> bool:
    """Say whether no charge can be in both: they, or what they lie in, differ in a dimension they share."""
    known = dict(nest.wide(other.key))
    return any(known.get(dimension, value) != value for dimension, value in nest.wide(one.key))


def _order(anomaly: Anomaly) -> tuple[float, Key, str]:
    return -abs(anomaly.excess), anomaly.key, anomaly.id
