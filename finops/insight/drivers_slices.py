"""All slices of a cube: every combination of values of up to a few dimensions, and the cells it selects."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.drivers_cube import Codes, Cube, Floats, value_order
from finops.insight.drivers_told import OTHER, DriverKey, Value

TOGETHER: Final = 16_384  # cells times cuboids that are summed in one go: few calls for small cubes, little memory for large ones
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Leaves:
    """The cells that cost anything, each combination once and in one order; dimensions of one value are left out."""

    dimensions: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    codes: Codes
    before: Floats
    after: Floats

    @cached_property
    def size(self) -> Floats:
        """Money of both periods, halved: never nothing."""
        return (np.abs(self.before) + np.abs(self.after)) / 2


def leaves(cube: Cube) -> Leaves:
    """Return the cells of a cube in their one order."""
    costing = (cube.money[0] != 0) | (cube.money[1] != 0)
    codes, before, after = cube.codes[costing], cube.money[0][costing], cube.money[1][costing]
    named = sorted(range(len(cube.dimensions)), key=lambda d: cube.dimensions[d])
    order = [d for d in named if np.count_nonzero(np.bincount(codes[:, d])) > 1]
    values, columns = [], []
    for d in order:
        ranked = sorted(range(len(cube.values[d])), key=lambda n: value_order(cube.values[d][n]))
        place = np.empty(len(ranked), dtype=np.int64)
        place[ranked] = np.arange(len(ranked))
        values.append(tuple(cube.values[d][n] for n in ranked))
        columns.append(place[codes[:, d]])
    rows = np.lexsort((after, before, *_one_number(columns, [len(each) for each in values])))
    sorted_codes = np.stack([column[rows] for column in columns], axis=1) if columns else np.zeros((len(rows), 0), dtype=np.int64)
    starts = np.flatnonzero(np.concatenate(([True], (sorted_codes[1:] != sorted_codes[:-1]).any(axis=1)))) if len(rows) else rows
    before, after = (np.add.reduceat(money[rows], starts) if len(rows) else money for money in (before, after))
    left = (before != 0) | (after != 0)  # a combination may come several times, and sum to nothing
    return Leaves(tuple(cube.dimensions[d] for d in order), tuple(values), sorted_codes[starts][left], before[left], after[left])


def _one_number(columns: Sequence[Codes], sizes: Sequence[int]) -> list[Codes]:
    """Codes as one column to sort by where they fit, which is several times faster; else each, the last first."""
    if not columns or prod(sizes) >= 2**62:
        return list(columns[::-1])
    number = columns[0]
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        number = number * size + column
    return [number]


@dataclass(frozen=True, eq=False)
class _Cuboid:
    """The slices over some dimensions: `slice_of` numbers each leaf's, `first` is a leaf of each."""

    dims: tuple[int, ...]
    slice_of: Codes
    first: Codes


@dataclass(frozen=True, eq=False)
class Slices:
    """The slices that may be causes, one number for each: few dimensions first, of as many those with more values."""

    leaves: Leaves
    cuboids: tuple[_Cuboid, ...]
    starts: Codes  # of the numbers of each cuboid, among all slices
    kept: Codes  # which of all slices may be causes
    share: Floats  # of all money
    depth: int

    @classmethod
    def of(cls, leaves: Leaves, depth: int, least: float) -> "Slices":
        """Leave out what is not told apart, and slices whose cells cost less than `least` in both periods."""
        cuboids = tuple(_cuboids(leaves, depth))
        starts = np.cumsum([0, *(len(cuboid.first) for cuboid in cuboids)])
        named = ~np.concatenate([_has(leaves, cuboid, OTHER) for cuboid in cuboids])
        size = _sums(_together(cuboids, len(leaves.size)), leaves.size)
        kept = np.flatnonzero(named & (2 * size >= least))
        return cls(leaves, cuboids, starts, kept, size[kept] / leaves.size.sum(), depth)

    def sums(self, figures: Floats) -> Floats:
        """Sum a figure of each leaf over each slice."""
        whole: Floats = _sums(self._groups, figures)[self.kept]
        return whole

    @cached_property
    def _groups(self) -> list[tuple[Codes, int]]:
        return _together(self.cuboids, len(self.leaves.size))

    @cached_property
    def dims(self) -> Codes:
        """How many dimensions each slice names."""
        return np.repeat([len(cuboid.dims) for cuboid in self.cuboids], np.diff(self.starts))[self.kept]

    def inside(self, number: int) -> Mask:
        cuboid, place = self._place(number)
        mask: Mask = cuboid.slice_of == place
        return mask

    def _place(self, number: int) -> tuple[_Cuboid, int]:
        whole = int(self.kept[number])
        cuboid = int(np.searchsorted(self.starts, whole, "right")) - 1
        return self.cuboids[cuboid], whole - int(self.starts[cuboid])

    def key(self, inside: Mask) -> DriverKey:
        """Return the shortest key that selects these leaves, of as short ones the most specific; one of values before one without."""
        leaf = int(inside.argmax())
        keys = [self._key(cuboid, leaf) for cuboid in self.cuboids if np.array_equal(cuboid.slice_of == cuboid.slice_of[leaf], inside)]
        told = [key for key in keys if OTHER not in dict(key).values()]
        if not told:
            raise ValueError("no combination of values selects these leaves")
        return min(told, key=lambda key: None in dict(key).values())

    def _key(self, cuboid: "_Cuboid", leaf: int) -> DriverKey:
        return tuple((self.leaves.dimensions[d], self.leaves.values[d][self.leaves.codes[leaf, d]]) for d in cuboid.dims)


def _cuboids(leaves: Leaves, depth: int) -> Iterator[_Cuboid]:
    sizes = [len(each) for each in leaves.values]
    chosen = [dims for count in range(depth + 1) for dims in combinations(range(len(sizes)), count)]
    chosen.sort(key=lambda dims: (len(dims), -sum(sizes[d] for d in dims), dims))
    return (_cuboid(leaves, dims) for dims in chosen)


def _cuboid(leaves: Leaves, dims: tuple[int, ...]) -> _Cuboid:
    """Number the slices that have leaves."""
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
    has = first >= 0
    return _Cuboid(dims, (np.cumsum(has) - 1)[number], first[has])


def _together(cuboids: Sequence[_Cuboid], leaves: int) -> list[tuple[Codes, int]]:
    """The slices of all leaves, several cuboids in one column where they are small, and how many slices there are in it."""
    count, found = max(1, TOGETHER // max(leaves, 1)), []
    for n in range(0, len(cuboids), count):
        group = cuboids[n : n + count]
        starts = np.cumsum([0, *(len(cuboid.first) for cuboid in group)])
        column = group[0].slice_of  # alone as it is: of large cubes a copy of all would take as long as a search
        if len(group) > 1:
            column = np.concatenate([cuboid.slice_of + start for cuboid, start in zip(group, starts[:-1], strict=True)])
        found.append((column, int(starts[-1])))
    return found


def _sums(groups: Sequence[tuple[Codes, int]], figures: Floats) -> Floats:
    several = np.tile(figures, max((len(column) for column, _ in groups), default=0) // len(figures))
    parts = [np.bincount(column, several[: len(column)], bins) for column, bins in groups]
    return np.asarray(np.concatenate(parts), dtype=np.float64)


def _has(leaves: Leaves, cuboid: _Cuboid, value: Value) -> Mask:
    """Tell which slices are of this value in any of their dimensions."""
    found = np.zeros(len(cuboid.first), dtype=bool)
    for d in cuboid.dims:
        if value in leaves.values[d]:
            found |= leaves.codes[cuboid.first, d] == leaves.values[d].index(value)
    return found
