"""Generated days of AI spend, kept apart from real data: what they show is a hint, not a proof."""

from collections.abc import Callable
from datetime import date
from typing import Final

import numpy as np

from finops.insight.panel import Floats, Panel

FIRST: Final = date(2024, 1, 1)  # a Monday
SEED: Final = 20240101


def made(each: int = 12, days: int = 730, seed: int = SEED) -> Panel:
    """Return `each` series of every kind below, the same for the same seed."""
    chance = np.random.default_rng(seed)
    rows = [(f"{name} {number}", make(chance, days)) for name, make in KINDS.items() for number in range(1, each + 1)]
    keys = tuple((("line", name),) for name, _ in rows)
    return Panel(keys, FIRST, np.stack([row for _, row in rows]), np.full(len(rows), days, dtype=np.intp))


def steady(chance: np.random.Generator, days: int) -> Floats:
    """Make an API that people use at work: a weekly profile on a level that wanders slowly."""
    return _size(chance) * _week(chance, days) * _wander(chance, days, 0.01) * _noise(chance, days, 0.06)


def shifting(chance: np.random.Generator, days: int) -> Floats:
    """Make a service whose level jumps four times or so a year: a new model, a new price, a new customer."""
    jumps = np.where(chance.random(days) < 4 / 365, chance.normal(0.0, 0.5, days), 0.0)
    levels: Floats = np.exp(np.cumsum(jumps) - jumps.sum() / 2)
    return steady(chance, days) * levels


def bursting(chance: np.random.Generator, days: int) -> Floats:
    """Make training: a small base, and runs of one to six days at many times of it."""
    cost = 0.15 * _noise(chance, days, 0.1)
    for first in np.flatnonzero(chance.random(days) < 0.06):
        cost[first : first + int(chance.integers(1, 7))] += chance.lognormal(0.8, 0.5)
    return _size(chance) * cost


def growing(chance: np.random.Generator, days: int) -> Floats:
    """Make a young feature: nothing for most of the time, then growth of some percent a week that slows down."""
    age = np.arange(days) - int(days * chance.uniform(0.55, 0.8))
    level = np.where(age < 0, 0.0, np.exp(np.clip(chance.uniform(0.004, 0.015) * np.maximum(age, 0), 0.0, 3.0)))
    return _size(chance) / 4 * level * _week(chance, days) * _noise(chance, days, 0.1)


def intermittent(chance: np.random.Generator, days: int) -> Floats:
    """Make a batch job: nothing on most days, an amount of its own on the others."""
    runs = chance.random(days) < chance.uniform(0.08, 0.4)
    return _size(chance) * np.where(runs, chance.lognormal(0.0, 0.7, days), 0.0)


KINDS: Final[dict[str, Callable[[np.random.Generator, int], Floats]]] = {
    "steady": steady,
    "shifting": shifting,
    "bursting": bursting,
    "growing": growing,
    "intermittent": intermittent,
}


def _size(chance: np.random.Generator) -> float:
    return float(chance.lognormal(4.5, 0.8))


def _week(chance: np.random.Generator, days: int) -> Floats:
    profile = np.ones(7)
    profile[5:] = chance.uniform(0.3, 0.9)
    return np.resize(profile * chance.normal(1.0, 0.04, 7), days)


def _wander(chance: np.random.Generator, days: int, step: float) -> Floats:
    """Make a level that remembers half of where it was a hundred days ago, with a slow trend of its own."""
    level, walk = np.empty(days), 0.0
    for day in range(days):
        walk = 0.993 * walk + chance.normal(0.0, step)
        level[day] = walk
    return np.exp(level + chance.normal(0.0, 0.3) * np.arange(days) / 365)


def _noise(chance: np.random.Generator, days: int, share: float) -> Floats:
    return np.exp(chance.normal(0.0, share, days))
