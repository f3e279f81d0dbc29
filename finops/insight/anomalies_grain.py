"""How the detector reads a panel of days and one of hours: the same idea, other lengths."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from finops.insight.panel import Step


@dataclass(frozen=True)
class Grain:
    """Lengths in steps. `tests` are the windows whose mean departure is watched, with how much each is trusted against the others."""

    seasons: tuple[tuple[int, int], ...]  # (length, how many back): the longest with enough of its own past is believed
    cycle: int  # a whole round of the shortest season: its mean knows no season
    level: int  # how long what is usual lasts
    growth: int  # what so many steps before have in common in their distance from the level is growth; 0 for not at all
    active: int  # a series without spend for so long has none
    tests: tuple[tuple[int, float], ...]
    drift: tuple[int, int, float]  # mean of so many steps against the level so many steps ago, and its trust
    stands: float  # a step departs by this share of what its window does, or the window tells of what is over
    full: float  # from this share of the level on a departure counts in full, smaller ones for less; 0 where all do
    crept: float  # the same for what crept in: it is seen in a week, half way up
    alone: float  # a step without the one before must be so many times as far out …
    agreed: float  # … and with it this part
    range: int  # a season can hide that a series never was so high: it is also measured by all of so many steps; 0 for not at all
    sure: float  # from this score on it is hardly a false alarm, and no threshold rises above it
    elsewhere: float  # alarms in a month at a score of 1, by direction, seen where nobody changed anything
    peers: float  # months of the pooled past that weigh against a series' own
    known: float  # months of what was seen elsewhere that weigh against a panel's own
    memory: int  # how far back departures are remembered
    tail: float  # the quantile of them a departure is measured by: the middle of a bursty series is calm, only its tail says what it can do
    refresh: int  # how often the scale of departures is read again
    block: int  # how often thresholds are set again
    judged: int  # known steps before a series can be judged, by what others do …
    young: int  # … and before it can be by its own past
    quiet: int  # a departure within so many steps of another is the same
    longest: int  # after so many steps what lasts is the new usual
    late: int  # a delivery may come so many steps late
    month: float  # steps in a month


GRAINS: Final[Mapping[Step, Grain]] = {
    "day": Grain(
        seasons=((7, 8),),
        cycle=7,
        level=14,
        growth=28,
        active=56,
        tests=((1, 1.0), (3, 1.0), (7, 1.0)),
        drift=(7, 14, 1.0),
        stands=0.75,
        full=0.5,
        crept=0.25,
        alone=1.4,
        agreed=0.8,
        range=0,
        sure=3.0,
        elsewhere=0.08,
        peers=10.0,
        known=60.0,
        memory=120,
        tail=0.95,
        refresh=7,
        block=28,
        judged=10,
        young=21,
        quiet=7,
        longest=28,
        late=2,
        month=30.44,
    ),
    "hour": Grain(
        seasons=((168, 5), (24, 7)),
        cycle=24,
        level=72,
        growth=0,
        active=24 * 7,
        tests=((1, 1.0), (3, 1.0), (12, 1.0)),
        drift=(24, 48, 1.0),
        stands=-1.0,
        full=0.0,
        crept=0.0,
        alone=1.0,
        agreed=1.0,
        range=168,
        sure=4.0,
        elsewhere=1.0,
        peers=0.4,
        known=2.5,
        memory=24 * 28,
        tail=0.99,
        refresh=24,
        block=24 * 7,
        judged=72,
        young=72,
        quiet=12,
        longest=72,
        late=3,
        month=730.5,
    ),
}
