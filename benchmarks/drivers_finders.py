"""Who looks for causes: ours, a top-contributor drill-down and Adtributor's measure."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from benchmarks.drivers_cases import Mask
from finops.insight.drivers import drivers
from finops.insight.drivers_cube import Cube

Find = Callable[[Cube, int], list[Mask]]


def ours(cube: Cube, most: int) -> list[Mask]:
    return [cube.inside(driver.key) for driver in drivers(cube)[:most]]


def drill_down(cube: Cube, most: int) -> list[Mask]:
    """The value that changed most of all dimensions, then within it, while one value holds nearly all of what changed."""
    found: list[Mask] = []
    before, after = cube.money
    open_cells = np.ones(len(before), dtype=bool)
    for _ in range(most):
        inside = open_cells.copy()
        for _ in range(3):
            change = np.where(inside, after - before, 0)
            sums: list[tuple[Any, int]] = [(np.bincount(cube.codes[:, d], change), d) for d in range(len(cube.dimensions))]
            best, d = max(((int(np.abs(each).argmax()), d) for each, d in sums), key=lambda pick: abs(sums[pick[1]][0][pick[0]]))
            if abs(sums[d][0][best]) < 0.8 * abs(change.sum()) and len(inside) != inside.sum():
                break
            inside &= cube.codes[:, d] == best
        found.append(inside)
        open_cells &= ~inside
    return found


def adtributor(cube: Cube, most: int) -> list[Mask]:
    """Values of the one dimension whose shares of the money changed most unexpectedly, by their part of the change."""
    before, after = cube.money
    change = float((after - before).sum()) or 1.0
    ranked = []
    for d in range(len(cube.dimensions)):
        then, now = (np.bincount(cube.codes[:, d], money, len(cube.values[d])) for money in (before, after))
        p, q = then / max(then.sum(), 1e-12), now / max(now.sum(), 1e-12)
        mean = (p + q) / 2
        surprise: Any = sum(np.where(one > 0, one * np.log(np.maximum(one, 1e-300) / np.maximum(mean, 1e-300)), 0) for one in (p, q)) / 2
        part = (now - then) / change
        chosen = [int(n) for n in np.argsort(-surprise) if part[n] > 0.1][:most]
        ranked.append((float(sum(surprise[n] for n in chosen)), d, chosen))
    _, d, chosen = max(ranked)
    return [cube.codes[:, d] == n for n in chosen]


FINDERS: Final[dict[str, Find]] = {"ours": ours, "drill-down": drill_down, "Adtributor": adtributor}
