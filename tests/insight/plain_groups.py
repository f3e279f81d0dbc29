"""Groups of one cause in their plain form: every two anomalies are compared. What finds only near ones must give the same."""

from collections.abc import Iterable

from finops.insight import anomalies_groups as quick
from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_groups import Group
from finops.insight.anomalies_nesting import Nesting, Within
from finops.insight.anomalies_replaced import replaces


def plain(anomalies: Iterable[Anomaly], within: Within | None = None) -> tuple[Group, ...]:
    nest, leader = Nesting(within), dict[str, str]()
    ordered = sorted(anomalies, key=lambda one: (len(nest.wide(one.key)), -abs(one.excess), one.id))
    for anomaly in ordered:
        quick._lead(anomaly, [other for other in ordered if quick._part_of(other, anomaly, nest)], leader, nest)
    roots = [one for one in ordered if one.id not in leader]
    alike(sorted(roots, key=lambda one: -len(nest.wide(one.key))), leader, nest)
    siblings(sorted((one for one in roots if one.id not in leader), key=quick._order), leader, nest)
    switches(sorted((one for one in roots if one.id not in leader), key=quick._order), leader, nest)
    return quick._gathered(ordered, leader)


def alike(causes: list[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    told: list[Anomaly] = []
    for anomaly in causes:
        first = next((known for known in told if quick._is_alike(anomaly, known, nest)), None)
        if first:
            quick._follow(anomaly, first, leader)
        else:
            told.append(anomaly)


def siblings(left: list[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    while left:
        first, *left = left
        beside = [other for other in left if quick._is_sibling(first, other, nest)]
        if len(beside) + 1 >= quick.CAUSES:
            for other in beside:
                quick._follow(other, first, leader)
            left = [other for other in left if other not in beside]


def switches(left: list[Anomaly], leader: dict[str, str], nest: Nesting) -> None:
    while left:
        first, *left = left
        together = [first]
        for one in together:
            takers = [other for other in left if replaces(one, other, nest)]
            found = [other for other in takers if quick._begun_together(other, one) and quick._begun_together(other, first)]
            for other in found:
                quick._follow(other, first, leader)
            together += found
            left = [other for other in left if other not in found]
