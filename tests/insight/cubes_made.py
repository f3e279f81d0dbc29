"""Cubes for tests: by hand, where sums can be checked by eye, and made by rule with causes put in."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from finops.insight.drivers_cube import Cell, Cube, cube_of

PRICES = {"input": 3.0, "cache_read": 0.3, "output": 15.0}  # USD for a million tokens


def plain(dimensions: Sequence[str], cells: Mapping[Any, tuple[str, str]]) -> Cube:
    """Money only: key → before, after."""
    return cube_of(dimensions, [Cell(key, Decimal(before), Decimal(after)) for key, (before, after) in cells.items()])


def use(requests: int, *, tokens: int = 1_000_000, cached: float = 0.0, price: float = 1.0) -> tuple[Decimal, dict[str, float] | None]:
    """Requests of so many input tokens each, a share of them cached, and a tenth as many of output; what they cost and used."""
    if not requests:
        return Decimal(0), None
    kinds = {"input": tokens * (1 - cached), "cache_read": tokens * cached, "output": tokens / 10}
    costs = {f"{kind}_cost": requests * amount * PRICES[kind] * price / 1e6 for kind, amount in kinds.items()}
    used = {"requests": requests, "input": requests * tokens, "cache_read": requests * kinds["cache_read"], "cache_write": 0}
    money = Decimal(repr(round(sum(costs.values()), 6)))
    return money, {**used, "output": requests * kinds["output"], "cache_write_cost": 0.0, **costs}


def requested(key: tuple[str | None, ...], before: Mapping[str, Any], after: Mapping[str, Any]) -> Cell:
    """One cell of requests, as `use` takes them."""
    (then, used_then), (now, used_now) = use(**before), use(**after)
    return Cell(key, then, now, used_then, used_now)


def counted(key: tuple[str | None, ...], before: tuple[str, float], after: tuple[str, float]) -> Cell:
    """One cell of a cloud bill: money and quantity."""
    return Cell(key, Decimal(before[0]), Decimal(after[0]), {"quantity": before[1]}, {"quantity": after[1]})


def noisy(seed: int, cells: int = 4000, noise: float = 0.3, causes: Mapping[tuple[tuple[str, str], ...], float] | None = None) -> Cube:
    """Random cells of six dimensions, one of which another implies; each cause multiplies the money of its slice."""
    chance = np.random.default_rng(seed)
    sizes = {"model": 12, "team": 15, "feature": 20, "region": 6, "env": 3}
    columns = {name: np.minimum(chance.zipf(1.6, cells) - 1, size - 1) for name, size in sizes.items()}
    columns["provider"] = columns["model"] % 4
    before = np.exp(chance.normal(2, 1.5, cells))
    after = before * np.clip(1 + chance.normal(0, noise, cells), 0.02, None)
    for key, ratio in (causes or {}).items():
        after[np.all([columns[name] == int(value) for name, value in key], axis=0)] *= ratio
    rows = zip(*columns.values(), before, after, strict=True)
    made = [Cell(tuple(str(code) for code in row[:-2]), Decimal(f"{row[-2]:.6f}"), Decimal(f"{row[-1]:.6f}")) for row in rows]
    return cube_of(tuple(columns), made)
