"""Which combinations of values explain a change: the slices worth naming by the likelihood of what came, in money that adds up.

What is beyond doubt comes first, the largest money first; then what is likely, and what else is needed to explain most of the change.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from finops.insight.drivers_cube import Cube
from finops.insight.drivers_search import Found, Search
from finops.insight.drivers_slices import Mask, leaves
from finops.insight.drivers_told import OTHER, Driver, DriverKey, exact_difference, exact_sum

DEPTH: Final = 3
EXPLAINED: Final = 0.85  # of all that causes moved: then only what stands out of the noise is named
LARGE: Final = 0.1  # of all that is unexplained: what is named though it may be noise
FEW: Final = 3  # values that say of what those that lack a value are
SURE: Final = 20.0  # what a cause adds above its price, in logarithms of odds: beyond doubt, so that money decides what comes first


def drivers(cube: Cube, *, most: int = 5, depth: int = DEPTH) -> tuple[Driver, ...]:
    """Return up to `most` slices that explain the change, the best explained first.

    None where no cell changed, or no slice moved more than a hundredth of what its cells did. Rows and dimensions may come in any order.
    """
    cells = leaves(cube)
    if not len(cells.before) or np.array_equal(cells.before, cells.after):
        return ()
    search = Search.of(cells, depth)
    sure, likely, more = _found(search, most)
    told = _told(cube, [search.slices.key(cause.inside) for cause in (*sure, *likely, *more)])
    first, last = len(sure), len(sure) + len(likely)
    ordered = [*_by_money(told[:first]), *told[first:last], *_by_money(told[last:])]
    return tuple(driver for driver in ordered if driver is not None)


def rest(cube: Cube, found: Sequence[Driver]) -> Decimal:
    """Return what the drivers leave unexplained, to the last digit."""
    return exact_difference(cube.change, exact_sum(driver.excess for driver in found))


def _by_money(found: Sequence[Driver | None]) -> list[Driver | None]:
    return sorted(found, key=lambda driver: -abs(driver.excess) if driver else Decimal(0))


def _found(search: Search, most: int) -> tuple[list[Found], list[Found], list[Found]]:
    """Return the causes beyond doubt, then the likely ones, the likeliest first, then what explains more of the money."""
    clear, more, money = _clear(search, most), list[Found](), search.by_money()
    while len(clear) + len(more) < most and not _is_explained(search, told := _any_of(search, [*clear, *more])):
        found = money.best(np.where(told, search.leaves.after, search.leaves.before), alone=not told.any())
        if not found or (told.any() and not _is_large(search, told, found[0].inside)):
            break
        more += found
    lost = [search.lost_without(cause, clear) for cause in clear]
    ranked = sorted(range(len(clear)), key=lambda n: -lost[n])
    return [clear[n] for n in ranked if lost[n] >= SURE], [clear[n] for n in ranked if lost[n] < SURE], more


def _any_of(search: Search, causes: Sequence[Found]) -> Mask:
    told: Mask = np.any([np.zeros(len(search.leaves.before), dtype=bool), *(cause.inside for cause in causes)], axis=0)
    return told


def _is_explained(search: Search, told: Mask) -> bool:
    change = search.leaves.after - search.leaves.before
    return bool(told.any() and abs(change[~told].sum()) <= (1 - EXPLAINED) * np.abs(change[told]).sum())


def _is_large(search: Search, told: Mask, inside: Mask) -> bool:
    change = search.leaves.after - search.leaves.before
    return bool(abs(change[inside & ~told].sum()) >= LARGE * np.abs(change[~told]).sum())


def _clear(search: Search, most: int) -> list[Found]:
    """One cause, two, three: while another is worth more than it costs to name."""
    clear = search.best(search.leaves.before)[:most]
    if not clear or (worth := search.worth(clear)) <= 0:
        clear, worth = [], 0.0
    if most > 1 and (pair := search.best_pair()) and (two := search.worth(pair)) > worth:
        clear, worth = pair, two
    while 1 < len(clear) < most:
        wider = [causes for causes in search.with_another(clear) if search.worth(causes) > worth]
        if not wider:
            break
        clear = search.settled(wider[0], rounds=1)
        worth = search.worth(clear)
    return clear


def _told(cube: Cube, keys: Sequence[DriverKey]) -> list[Driver | None]:
    """Each driver has the whole change of its cells, less those that a more specific one has; None is left with none."""
    masks = [cube.inside(key) for key in keys]
    return [_driver(cube, key, whole, own) if own.any() else None for key, whole, own in zip(keys, masks, _owned(masks), strict=True)]


def _driver(cube: Cube, key: DriverKey, whole: Mask, own: Mask) -> Driver:
    before, after = _sums(cube, own)
    excess = exact_difference(after, before)
    share = float(excess / cube.change) if cube.change else None
    return Driver(key, excess, share, before, after, bool((whole & ~own).any()), _made_of(cube, key, whole))


def _made_of(cube: Cube, key: DriverKey, whole: Mask) -> tuple[str, tuple[str, ...]] | None:
    """The few values of one dimension that have just these cells: to lack a value is no name for what moved."""
    if None not in dict(key).values():
        return None
    costing = (cube.money[0] != 0) | (cube.money[1] != 0)
    found = []
    for d, name in enumerate(cube.dimensions):
        codes = np.unique(cube.codes[whole & costing, d])
        values = [cube.values[d][code] for code in codes.tolist()]
        known = sorted(value for value in values if value is not None and value != OTHER)
        if len(known) == len(values) <= FEW and not np.isin(cube.codes[~whole & costing, d], codes).any():
            found.append((name, tuple(known)))
    return min(found, key=lambda one: (len(one[1]), one[0]), default=None)


def _owned(masks: Sequence[Mask]) -> list[Mask]:
    """Give every cell to the one of fewest cells that has it, of as few to the first."""
    taken: Mask = np.zeros_like(masks[0]) if masks else np.zeros(0, dtype=bool)
    owned = list(masks)
    for n in sorted(range(len(masks)), key=lambda n: np.count_nonzero(masks[n])):
        owned[n] = masks[n] & ~taken
        taken = taken | masks[n]
    return owned


def _sums(cube: Cube, mask: Mask) -> tuple[Decimal, Decimal]:
    chosen = np.flatnonzero(mask).tolist()
    return exact_sum(cube.before[n] for n in chosen), exact_sum(cube.after[n] for n in chosen)
