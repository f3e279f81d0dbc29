"""Near ones alone are compared, and the answers are those of comparing every two."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Literal

import pytest

from finops.insight import anomalies_groups
from finops.insight.anomalies_events import Anomaly, name
from finops.insight.anomalies_groups import Group, group
from finops.insight.anomalies_nesting import Within
from finops.insight.panel import Key
from tests.insight.plain_groups import plain

START = date(2026, 5, 4)
Kind = Literal["spike", "shift", "drift", "drop", "new"]
LAYERS = (
    (),
    ("provider",),
    ("service",),
    ("team",),
    ("model",),
    ("service", "team"),
    ("model", "team"),
    ("provider", "service"),
    ("resource",),
)


def named(chance: Random, many: int) -> Key:
    """Return a scope of one of the layers, of so many teams, and more models and machines."""
    sizes = {"provider": 3, "service": many, "team": many, "model": 2 * many, "resource": 5 * many}
    return tuple((each, f"{each}{chance.randrange(sizes[each])}") for each in chance.choice(LAYERS))


def nested(chance: Random, many: int) -> Within:
    """Return where services, models and machines lie; some are known to lie nowhere."""
    within: dict[Key, tuple[Key, ...]] = {}
    for number in range(5 * many):
        service, team = f"service{chance.randrange(many)}", f"team{chance.randrange(many)}"
        within[(("resource", f"resource{number}"),)] = ((("service", service),), (("team", team),))
        if chance.random() < 0.7:
            within[(("model", f"model{number}"),)] = ((("service", service),),)
            within[(("service", f"service{number}"),)] = ((("provider", f"provider{number % 3}"),),)
    return within


def found(chance: Random, count: int, many: int, days: int = 30) -> list[Anomaly]:
    """Return anomalies of few sizes and days, so that many of them meet."""
    made: dict[str, Anomaly] = {}
    while len(made) < count:
        key, hourly = named(chance, many), chance.random() < 0.2
        day = START + timedelta(days=chance.randrange(days))
        hour = datetime(day.year, day.month, day.day, chance.randrange(24), tzinfo=UTC)
        start = hour if hourly else day
        end = start + chance.choice((1, 1, 2, 4, 9, 20)) * (timedelta(hours=1) if hourly else timedelta(days=1))
        excess = chance.choice((-1, 1)) * chance.choice((10, 25, 40, 100, 1000)) * chance.uniform(0.9, 1.1)
        kind: Kind = chance.choice(("spike", "drift")) if excess > 0 else "drop"
        expected = chance.choice((0.0, 50.0, 500.0))
        step: Literal["day", "hour"] = "hour" if hourly else "day"
        one = Anomaly(name(key, start), key, kind, step, start, end, start, expected, expected + excess, "low", "open", 2.0, "USD")
        made[one.id] = one
    return list(made.values())


def told(groups: tuple[Group, ...]) -> list[tuple[str, list[str]]]:
    return [(one.driver.id, [member.id for member in one.members]) for one in groups]


@pytest.mark.parametrize("seed", range(30))
def test_comparing_near_ones_alone_gathers_what_comparing_all_gathers(seed: int) -> None:
    chance = Random(seed)
    many = chance.choice((1, 2, 5))
    anomalies, within = found(chance, 150, many, chance.choice((3, 10, 30))), nested(chance, many)
    assert told(plain(anomalies, within)) == told(group(anomalies, within))


def test_the_order_they_come_in_changes_nothing() -> None:
    anomalies = found(Random(5), 120, 2)
    assert told(group(anomalies)) == told(group(anomalies[::-1]))


def test_four_times_as_many_of_four_times_the_teams_are_compared_less_than_eight_times_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every two compared, it would be sixteen times."""
    chance = Random(3)
    small, large = (compared(found(chance, 500 * times, 10 * times), nested(chance, 10 * times), monkeypatch) for times in (1, 4))
    assert 0 < large < 8 * small


def compared(anomalies: list[Anomaly], within: Within, monkeypatch: pytest.MonkeyPatch) -> int:
    """Count how often two are looked at together."""
    looks = itertools.count()

    def counted(rule: Callable[..., bool]) -> Callable[..., bool]:
        return lambda *both: bool(next(looks) >= 0) and rule(*both)

    with monkeypatch.context() as patch:
        for name in ("_part_of", "_is_alike", "_is_sibling", "replaces"):
            patch.setattr(anomalies_groups, name, counted(getattr(anomalies_groups, name)))
        group(anomalies, within)
    return next(looks)
