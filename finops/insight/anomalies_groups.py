"""One cause, one alert: anomalies of nested scopes gathered under the most specific one that explains them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_grain import GRAINS
from finops.insight.anomalies_near import Alike, Begun, Inside
from finops.insight.anomalies_nesting import Nesting, Within
from finops.insight.anomalies_replaced import replaces
from finops.insight.panel import Key

EXPLAINS: Final = 0.7  # of a wider scope's excess
PART: Final = 0.2  # what a single one among several causes has at least
ALIKE: Final = 0.7  # of the larger one's excess
CAUSES: Final = 3  # more than so many parts are one broad cause, not several
TOGETHER: Final = 3  # steps within which one cause begins everywhere
SLACK: Final = 0.1  # of the wider one's excess: what two looks at the same cost may differ by
STEP: Final = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
EARLIER: Final = {"day": timedelta(days=7), "hour": timedelta(hours=12)}  # by less two looks at one beginning may differ


@dataclass(frozen=True)
class Group:
    """One cause: the anomaly to tell, and those that are the same seen from a wider scope, or its parts."""

    driver: Anomaly
    members: tuple[Anomaly, ...] = ()

    @property
    def excess(self) -> float:
        return self.driver.excess


def group(anomalies: Iterable[Anomaly], within: Within | None = None) -> tuple[Group, ...]:
    """Gather anomalies by cause, the largest first.

    A scope lies in another when it has all of its pairs; `within` adds the wider scopes that pairs cannot tell, such as the
    provider of a service.
    """
    nest = Nesting(within)
    ordered = sorted(anomalies, key=lambda anomaly: (len(nest.wide(anomaly.key)), -abs(anomaly.excess), anomaly.id))
    leader: dict[str, str] = {}
    parts = Inside(ordered, nest)
    for anomaly in ordered:
        inside = [other for other in parts.of(anomaly, anomaly.start - _reach(anomaly)) if _part_of(other, anomaly, nest)]
        _lead(anomaly, inside, leader, nest)
    roots = [anomaly for anomaly in ordered if anomaly.id not in leader]
    _gather_alike(sorted(roots, key=lambda anomaly: -len(nest.wide(anomaly.key))), leader, nest)
    for gather in (_gather_siblings, _gather_replaced):
        gather(sorted((anomaly for anomaly in roots if anomaly.id not in leader), key=_order), leader, nest)
    return _gathered(ordered, leader)


def seen_from(groups: Iterable[Group], inside: Callable[[Key], bool]) -> Iterator[Group]:
    """Yield the causes that lie inside, and of wider ones what of them does."""
    for one in groups:
        parts = [each for each in one.members if inside(each.key)]
        if inside(one.driver.key):
            yield one
        elif parts:
            yield Group(parts[0], tuple(parts[1:]))


def _gathered(ordered: Sequence[Anomaly], leader: Mapping[str, str]) -> tuple[Group, ...]:
    by_id = {anomaly.id: anomaly for anomaly in ordered}
    gathered: dict[str, list[Anomaly]] = {}
    for anomaly in ordered:
        root = _root(anomaly.id, leader)
        gathered.setdefault(root, [])
        if root != anomaly.id:
            gathered[root].append(anomaly)
    found = (Group(by_id[root], tuple(sorted(members, key=_order))) for root, members in gathered.items())
    return tuple(sorted(found, key=lambda one: _order(one.driver)))


def _lead(anomaly: Anomaly, inside: Sequence[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    """Say who tells this anomaly: one part of it that explains it, the first of a few that do together, or itself for all its parts."""
    inside = _nearest(anomaly, inside)
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


def _nearest(whole: Anomaly, inside: Sequence[Anomaly]) -> list[Anomaly]:
    """Leave out of two events of one series at one time the one that began further from the whole: it is a part of another whole."""
    by_key: dict[Key, list[Anomaly]] = defaultdict(list)
    for other in inside:
        by_key[other.key].append(other)
    return [part for part in inside if not any(_is_nearer(other, part, whole) for other in by_key[part.key])]


def _is_nearer(other: Anomaly, part: Anomaly, whole: Anomaly) -> bool:
    at_one_time = other.start < part.end and part.start < other.end
    return at_one_time and abs(other.start - whole.start) < abs(part.start - whole.start)


def _overlaps(part: Anomaly, cause: Anomaly, whole: Anomaly, nest: Nesting) -> bool:
    """Say whether a part is, by its size, made of the cause too: it is most of the whole, or more than the cause leaves of it."""
    share, left = part.excess / whole.excess, max(1 - cause.excess / whole.excess, 0.0)
    return share >= EXPLAINS or (share > left + SLACK and _begun_together(part, cause) and not nest.apart(part.key, cause.key))


def _causes(anomaly: Anomaly, inside: Sequence[Anomaly], nest: Nesting) -> list[Anomaly]:
    whole = [other for other in inside if other.excess / anomaly.excess >= EXPLAINS]
    if whole:
        return [max(whole, key=lambda other: _specific(other, anomaly, nest))]
    chosen: list[Anomaly] = []
    for other in sorted(inside, key=_order):
        if other.excess / anomaly.excess >= PART and all(nest.apart(other.key, known.key) for known in chosen):
            chosen.append(other)
    explained = sum(other.excess for other in chosen) / anomaly.excess
    return chosen if explained >= EXPLAINS and len(chosen) <= CAUSES else []


def _specific(part: Anomaly, whole: Anomaly, nest: Nesting) -> tuple[int, float, float, str]:
    """Order by how much a scope says, then by how much of the whole it explains in tenths, then by how much it changed itself."""
    explained = round(min(part.excess / whole.excess, 1.0), 1)
    return len(nest.wide(part.key)), explained, abs(part.share), part.id


def _follow(anomaly: Anomaly, to: Anomaly, leader: dict[str, str]) -> None:
    """Let one be told by another, unless that is told by it."""
    if anomaly.id not in leader and _root(to.id, leader) != anomaly.id:
        leader[anomaly.id] = to.id


def _gather_alike(causes: Sequence[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    """Let the first of these, most specific ones first, tell those that cross it: they share a pair, and moved at one time by as much."""
    told = Alike(ALIKE)
    for number, anomaly in enumerate(causes):
        alike = ((place, known) for place, known in told.near(anomaly, anomaly.key) if _is_alike(anomaly, known, nest))
        first = min(alike, key=lambda found: found[0], default=None)
        if first is None:
            told.add(number, anomaly, anomaly.key)
        else:
            _follow(anomaly, first[1], leader)


def _is_alike(one: Anomaly, other: Anomaly, nest: Nesting) -> bool:
    if one.step != other.step or one.excess * other.excess <= 0 or one.key == other.key:
        return False
    if not set(one.key) & set(other.key) or nest.apart(one.key, other.key):
        return False
    small, large = sorted((abs(one.excess), abs(other.excess)))
    both = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return small >= ALIKE * large and 2 * both >= shorter


def _gather_siblings(causes: Sequence[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    """Let the largest of many alike, such as the machines of one team that all stopped on a day, tell the others.

    Nothing wider was out of the ordinary, or that would have gathered them.
    """
    begun, seen = Begun(causes, nest), set[str]()
    for first in causes:
        if first.id in seen:
            continue
        seen.add(first.id)
        beside = [other for other in begun.near(first, 1) if other.id not in seen and _is_sibling(first, other, nest)]
        if len(beside) + 1 >= CAUSES:
            for other in beside:
                _follow(other, first, leader)
            seen |= {other.id for other in beside}


def _is_sibling(one: Anomaly, other: Anomaly, nest: Nesting) -> bool:
    """Say whether two are things of one kind in one place that moved together: begun within a step, and lasting about as long."""
    if one.step != other.step or one.excess * other.excess <= 0 or not nest.apart(one.key, other.key):
        return False
    if [name for name, _ in one.key] != [name for name, _ in other.key] or not nest.beside(one.key, other.key):
        return False
    shorter, longer = sorted((one.end - one.start, other.end - other.start))
    return abs(one.start - other.start) <= STEP[one.step] and 2 * shorter >= longer


def _gather_replaced(causes: Sequence[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    """Let the largest tell what it took over from or what took over from it, and what else changed hands with them."""
    begun, seen = Begun(causes, nest), set[str]()
    for first in causes:
        if first.id in seen:
            continue
        seen.add(first.id)
        waiting = [first]
        while waiting:
            one = waiting.pop(0)
            others = [other for other in begun.near(one, TOGETHER, other_way=True) if other.id not in seen and replaces(one, other, nest)]
            for other in others:
                if _begun_together(other, first):
                    _follow(other, first, leader)
                    seen.add(other.id)
                    waiting.append(other)


def _root(name: str, leader: Mapping[str, str]) -> str:
    while name in leader:
        name = leader[name]
    return name


def _part_of(part: Anomaly, whole: Anomaly, nest: Nesting) -> bool:
    """Say whether one is nested in the other, of the same direction and time."""
    if part.key == whole.key or part.step != whole.step or part.excess * whole.excess <= 0:
        return False
    meets = whole.start - _reach(whole) < part.start < whole.end and whole.start < part.end
    return meets and nest.wide(part.key) >= nest.wide(whole.key)


def _reach(whole: Anomaly) -> timedelta:
    """What began longer before is another event, as a shift is to a spike within it; a drift is seen weeks after what makes it."""
    recent, lag, _ = GRAINS[whole.step].drift
    return (recent + lag) * STEP[whole.step] if whole.kind == "drift" else EARLIER[whole.step]


def _begun_together(one: Anomaly, other: Anomaly) -> bool:
    return abs(one.start - other.start) <= TOGETHER * STEP[one.step]


def _order(anomaly: Anomaly) -> tuple[float, Key, str]:
    return -abs(anomaly.excess), anomaly.key, anomaly.id
