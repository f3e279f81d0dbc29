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
from finops.insight.drivers_told import EXACT, Driver, exact_difference, exact_sum

DEPTH: Final = 3
EXPLAINED: Final = 0.85  # of all that causes moved: then only what stands out of the noise is named
LARGE: Final = 0.1  # of all that is unexplained: what is named though it may be noise
SURE: Final = 20.0  # what a cause adds above its price, in logarithms of odds: beyond doubt, so that money decides what comes first
PLACES: Final = Decimal("1e-10")


def drivers(cube: Cube, *, most: int = 5, depth: int = DEPTH) -> tuple[Driver, ...]:
    """Return up to `most` slices that explain the change, the best explained first.

    None where no cell changed, or no slice moved more than a hundredth of what its cells did. Rows and dimensions may come in any order.
    """
    cells = leaves(cube)
    if not len(cells.before) or np.array_equal(cells.before, cells.after):
        return ()
    search = Search.of(cells, depth)
    sure, likely, more = _found(search, most)
    told = _told(cube, search, [*sure, *likely, *more])
    first, last = len(sure), len(sure) + len(likely)
    return (*_by_money(told[:first]), *told[first:last], *_by_money(told[last:]))


def rest(cube: Cube, found: Sequence[Driver]) -> Decimal:
    """Return what the drivers leave unexplained, to the last digit."""
    return exact_difference(cube.change, exact_sum(driver.excess for driver in found))


def _by_money(found: Sequence[Driver]) -> list[Driver]:
    return sorted(found, key=lambda driver: -abs(driver.excess))


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


def _told(cube: Cube, search: Search, causes: Sequence[Found]) -> list[Driver]:
    """The whole change of its cells is a slice's; of cells that slices share each gets what its ratio added, the last the rest."""
    keys = [search.slices.key(cause.inside) for cause in causes]
    masks = [cube.inside(key) for key in keys]
    shared: Mask = np.sum([*masks, np.zeros(len(cube.before), dtype=bool)], axis=0) > 1
    parts = _shared_parts(cube, [mask & shared for mask in masks], search.ratios(causes))
    found = []
    for key, mask, part in zip(keys, masks, parts, strict=True):
        before, after = _sums(cube, mask)
        excess = exact_sum((exact_difference(*reversed(_sums(cube, mask & ~shared))), part))
        found.append(Driver(key, excess, float(excess / cube.change) if cube.change else None, before, after))
    return found


def _sums(cube: Cube, mask: Mask) -> tuple[Decimal, Decimal]:
    chosen = np.flatnonzero(mask).tolist()
    return exact_sum(cube.before[n] for n in chosen), exact_sum(cube.after[n] for n in chosen)


def _shared_parts(cube: Cube, masks: Sequence[Mask], ratios: Sequence[float | None]) -> list[Decimal]:
    reached, after = cube.money
    parts = []
    for n, (mask, ratio) in enumerate(zip(masks, ratios, strict=True)):
        others: Mask = np.any([np.zeros(len(after), dtype=bool), *masks[n + 1 :]], axis=0)
        moved = after if ratio is None else np.where(others, reached * ratio, after)
        part = Decimal(float((moved - reached)[mask].sum())).quantize(PLACES, context=EXACT)
        parts.append(part if mask.any() else Decimal(0))
        reached = np.where(mask, moved, reached)
    return parts
