"""One thing in place of another: a rise and a drop of two of a kind that began together in one place are one cause."""

from collections.abc import Iterable
from typing import Final

from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_nesting import Nesting, kind_of

MOVED: Final = 0.3  # of what each was expected to cost: a machine that is busier by a tenth replaces nothing
BESIDE: Final = 0.2  # of the larger one's excess; models differ in price by as much


def replaces(one: Anomaly, other: Anomaly, nest: Nesting) -> bool:
    """Say whether one rose and the other fell as if one took over from the other; when they began is not looked at."""
    if one.step != other.step or one.excess * other.excess >= 0 or not _of_one_kind(one, other):
        return False
    small, large = sorted((abs(one.excess), abs(other.excess)))
    if small < BESIDE * large or min(abs(one.share), abs(other.share)) < MOVED:
        return False
    shorter, longer = sorted((one.end - one.start, other.end - other.start))
    both = min(one.end, other.end) - max(one.start, other.start)
    return 2 * shorter >= longer and 2 * both >= shorter and nest.beside(one.key, other.key)


def replaced(driver: Anomaly, members: Iterable[Anomaly]) -> Anomaly | None:
    """Return what the driver of a group took over from, or what took over from it: the largest of its kind that went the other way."""
    other_way = [one for one in members if one.excess * driver.excess < 0 and _of_one_kind(one, driver)]
    return max(other_way, key=lambda one: (abs(one.excess), one.id), default=None)


def _of_one_kind(one: Anomaly, other: Anomaly) -> bool:
    """Say whether two are things of one kind that differ in nothing but which they are: two models, both of one team if they name it."""
    kind, mine, known = kind_of(one.key), dict(one.key), dict(other.key)
    if kind is None or kind != kind_of(other.key) or mine[kind] == known[kind]:
        return False
    return all(known.get(name, value) == value for name, value in mine.items() if name != kind)
