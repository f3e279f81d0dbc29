"""Which combinations of values explain a change: a greedy search for the slices whose cells moved by one ratio.

A cause multiplies the money of its cells: three times the requests of one model in one feature. So a slice is judged by how much
nearer its cells come to what they cost when all of them are rescaled by the slice's own ratio. Cells count by the square root of
their money: by money alone the few largest drown the evidence of the many, by number alone cells of a cent decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from math import log, prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.drivers_cube import Codes, Cube, Floats, value_order
from finops.insight.drivers_told import EXACT, OTHER, Driver, DriverKey, Value, exact_difference, exact_sum

DEPTH: Final = 3
ATTRIBUTE: Final = 0.02  # of its gain: what each further attribute costs, so that implied ones are left out
EXPLAINED: Final = 0.85  # of all that moved: then only what stands out is looked for
CLEAR: Final = 50.0  # gain over the cells' usual noise; slices of noise alone reach about 40
LARGE: Final = 0.1  # of all that is unexplained: small cubes cannot say what their noise is
LEAST: Final = 0.01  # of all that moved: less money is not worth a name
PLACES: Final = Decimal("1e-10")


def drivers(cube: Cube, *, most: int = 5, depth: int = DEPTH) -> tuple[Driver, ...]:
    """Return up to `most` slices that explain the change, the best explained first; none where no cell changed.

    Rows and dimensions may come in any order.
    """
    leaves = _leaves(cube)
    if not len(leaves.before) or np.array_equal(leaves.before, leaves.after):
        return ()
    found = _found(leaves, _cuboids(leaves, depth), most)
    masks = [cube.inside(key) for key in found]
    return tuple(_driver(cube, n, key, estimate, masks) for n, (key, estimate) in enumerate(found.items()))


def rest(cube: Cube, found: Sequence[Driver]) -> Decimal:
    """Return what the drivers leave unexplained, to the last digit."""
    return exact_difference(cube.change, exact_sum(driver.excess for driver in found))


@dataclass(frozen=True, eq=False)
class _Leaves:
    """The cells in one order whatever order they came in, each combination once; dimensions of one value are left out."""

    dimensions: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    codes: Codes
    before: Floats
    after: Floats


@dataclass(frozen=True, eq=False)
class _Cuboid:
    """All slices over some dimensions: `slice_of` numbers each leaf's, `first` is a leaf of each, `named` tells which may be causes."""

    dims: tuple[int, ...]
    slice_of: Codes
    first: Codes
    named: Floats


def _leaves(cube: Cube) -> _Leaves:
    order = [
        d
        for d in sorted(range(len(cube.dimensions)), key=lambda d: cube.dimensions[d])
        if np.count_nonzero(np.bincount(cube.codes[:, d])) > 1
    ]
    values, columns = [], []
    for d in order:
        ranked = sorted(range(len(cube.values[d])), key=lambda n: value_order(cube.values[d][n]))
        place = np.empty(len(ranked), dtype=np.int64)
        place[ranked] = np.arange(len(ranked))
        values.append(tuple(cube.values[d][n] for n in ranked))
        columns.append(place[cube.codes[:, d]])
    before, after = cube.money
    rows = np.lexsort((after, before, *_one_number(columns, [len(each) for each in values])))
    codes = np.stack([column[rows] for column in columns], axis=1) if columns else np.zeros((len(rows), 0), dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], (codes[1:] != codes[:-1]).any(axis=1)))) if len(rows) else rows
    sums = [np.add.reduceat(money[rows], starts) if len(rows) else money for money in (before, after)]
    return _Leaves(tuple(cube.dimensions[d] for d in order), tuple(values), codes[starts], *sums)


def _one_number(columns: Sequence[Codes], sizes: Sequence[int]) -> list[Codes]:
    """Codes as one column to sort by where they fit, which is several times faster; else each, the last first."""
    if not columns or prod(sizes) >= 2**62:
        return list(columns[::-1])
    number = columns[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        number = number * size + column
    return [number]


def _cuboids(leaves: _Leaves, depth: int) -> list[_Cuboid]:
    """Few dimensions first, of as many those with more values: of slices with the same cells the shorter or more specific key is taken."""
    sizes = [len(each) for each in leaves.values]
    chosen = [dims for count in range(depth + 1) for dims in combinations(range(len(sizes)), count)]
    chosen.sort(key=lambda dims: (len(dims), -sum(sizes[d] for d in dims), dims))
    return [_cuboid(leaves, dims) for dims in chosen]


def _cuboid(leaves: _Leaves, dims: tuple[int, ...]) -> _Cuboid:
    cells, size = len(leaves.before), 1
    number = np.zeros(cells, dtype=np.int64)
    for d in dims:
        number = number * len(leaves.values[d]) + leaves.codes[:, d]
        size *= len(leaves.values[d])
        if size > 4 * cells:
            seen, number = np.unique(number, return_inverse=True)
            size = len(seen)
    first = np.full(size, -1, dtype=np.int64)
    first[number[::-1]] = np.arange(cells - 1, -1, -1)
    named = np.where(first >= 0, 0.0, -np.inf)
    for d in dims:
        if OTHER in leaves.values[d]:
            named[leaves.codes[first, d] == leaves.values[d].index(OTHER)] = -np.inf
    return _Cuboid(dims, number, first, named)


@dataclass(frozen=True, eq=False)
class _Slice:
    """The best slice of one look: its leaves, its gain, the usual noise of a leaf, all that is unexplained, the money it explains."""

    key: DriverKey
    inside: NDArray[np.bool_]
    gain: float
    noise: float
    unexplained: float
    moved: float


def _found(leaves: _Leaves, cuboids: Sequence[_Cuboid], most: int) -> dict[DriverKey, float]:
    """Take the best slice, rescale what its leaves are expected to cost, look again; the same slice again corrects its ratio."""
    expected = leaves.before.copy()
    change, found = float((leaves.after - leaves.before).sum()), dict[DriverKey, float]()
    for _ in range(2 * most):
        best = _best(leaves, expected, cuboids)
        if best is None or not _counts(best, change, found) or (best.key not in found and len(found) == most):
            break
        expected[best.inside] = _rescaled(expected[best.inside], leaves.after[best.inside])
        found[best.key] = found.get(best.key, 0.0) + best.moved
    return found


def _best(leaves: _Leaves, expected: Floats, cuboids: Sequence[_Cuboid]) -> _Slice | None:
    size = (np.abs(expected) + np.abs(leaves.after)) / 2
    weight = np.divide(1, np.sqrt(size), out=np.zeros_like(size), where=size > 0)
    off = weight * np.abs(leaves.after - expected)
    moving = off[off > 0]
    if not len(moving):
        return None
    noise = float(np.median(off)) or float(np.median(moving))
    best, score = None, 0.0
    for cuboid in cuboids:
        price, hurdle = 1 - ATTRIBUTE * len(cuboid.dims), noise * log(len(cuboid.first))
        whole = np.asarray(np.bincount(cuboid.slice_of, off, len(cuboid.first)), dtype=np.float64)
        if best is not None and whole.max() * price - hurdle <= score:
            continue  # even if it explained all of its leaves
        gains = _gains(cuboid, weight * expected, weight * leaves.after, off, whole)
        scores = gains * price - hurdle + cuboid.named
        number = int(scores.argmax())
        if np.isfinite(scores[number]) and (best is None or scores[number] > score + 1e-9 * abs(score)):
            score, best = float(scores[number]), (cuboid, number, float(gains[number]))
    if best is None or best[2] <= 0:
        return None
    cuboid, number, gain = best
    inside = cuboid.slice_of == number
    cuboid = _same(cuboids, cuboid, inside)
    number = int(cuboid.slice_of[int(inside.argmax())])
    moved = float((leaves.after[inside] - expected[inside]).sum())
    return _Slice(_key(leaves, cuboid, number), inside, gain, noise, float(off.sum()), moved)


def _same(cuboids: Sequence[_Cuboid], chosen: _Cuboid, inside: NDArray[np.bool_]) -> _Cuboid:
    """Return the first cuboid with a slice of the same leaves: the key is as short, then as specific, as can be."""
    leaf = int(inside.argmax())
    for cuboid in cuboids:
        number = cuboid.slice_of[leaf]
        if cuboid is chosen or (cuboid.named[number] == 0 and np.array_equal(cuboid.slice_of == number, inside)):
            return cuboid
    return chosen


def _gains(cuboid: _Cuboid, expected: Floats, after: Floats, off: Floats, whole: Floats) -> Floats:
    """How much nearer the leaves of each slice come when they are rescaled by its ratio; what was nothing before is explained whole."""
    cell, count = cuboid.slice_of, len(cuboid.first)
    then, now = np.bincount(cell, expected, count), np.bincount(cell, after, count)
    ratio = np.maximum(np.divide(now, then, out=np.zeros(count), where=then != 0), 0)
    gains: Floats = whole - np.bincount(cell, np.abs(after - expected * ratio[cell]), count)
    empty = then == 0
    if empty.any():
        empty &= np.bincount(cell, np.abs(expected), count) == 0
        gains = np.where(empty, whole, gains)
    return gains


def _rescaled(expected: Floats, after: Floats) -> Floats:
    """The slice's money spread over its leaves as before; where that cannot be, the leaves as they came."""
    then, now = float(expected.sum()), float(after.sum())
    scaled: Floats = expected * (now / then) if then and now / then >= 0 else after.copy()
    return scaled


def _counts(best: _Slice, change: float, found: Mapping[DriverKey, float]) -> bool:
    """The best slice always counts; further ones while money is unexplained and they stand out of the noise."""
    if not found or best.key in found:
        return True
    gross = sum(abs(moved) for moved in found.values())
    explained = abs(change - sum(found.values())) <= (1 - EXPLAINED) * gross
    if abs(best.moved) < LEAST * gross:
        return False
    return best.gain >= CLEAR * best.noise or (not explained and best.gain >= LARGE * best.unexplained)


def _key(leaves: _Leaves, cuboid: _Cuboid, number: int) -> DriverKey:
    leaf = leaves.codes[cuboid.first[number]]
    return tuple((leaves.dimensions[d], leaves.values[d][leaf[d]]) for d in cuboid.dims)


def _driver(cube: Cube, number: int, key: DriverKey, estimate: float, masks: Sequence[NDArray[np.bool_]]) -> Driver:
    """Money of a slice by itself is exact; where slices overlap, each gets what it added when it was found."""
    chosen = np.flatnonzero(masks[number]).tolist()
    before, after = (exact_sum(money[n] for n in chosen) for money in (cube.before, cube.after))
    alone = not any((masks[number] & other).any() for n, other in enumerate(masks) if n != number)
    excess = exact_difference(after, before) if alone else Decimal(estimate).quantize(PLACES, context=EXACT)
    return Driver(key, excess, float(excess / cube.change) if cube.change else None, before, after)
