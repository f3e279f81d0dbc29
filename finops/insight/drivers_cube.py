"""Leaf cells of two periods: what a search for causes and a split into effects read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.drivers_told import Value, exact_difference, exact_sum

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
USED: Final = (
    *("requests", "input", "cache_read", "cache_write", "output"),  # `input` holds all of it, cached tokens too
    *("input_cost", "cache_read_cost", "cache_write_cost", "output_cost", "quantity"),
)


@dataclass(frozen=True)
class Cell:
    """One combination of values with its money in both periods, and what it used by the names of USED."""

    key: tuple[Value, ...]
    before: Decimal
    after: Decimal
    used_before: Mapping[str, float] | None = None
    used_after: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Cube:
    """Money of two periods by combinations of values, in one currency.

    `codes[cell, d]` numbers the cell's value in `values[d]`. `before` may be what was forecast instead of what was. A combination may
    come several times. `used[0 | 1, cell, n]` is what USED[n] was before and after, NaN where nobody knows; a `quantity` has one unit.
    """

    dimensions: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    codes: Codes
    before: tuple[Decimal, ...]
    after: tuple[Decimal, ...]
    used: Floats | None = None
    currency: str = "USD"

    def __post_init__(self) -> None:
        cells = len(self.before)
        if self.codes.shape != (cells, len(self.dimensions)) or len(self.after) != cells or len(self.values) != len(self.dimensions):
            raise ValueError(f"{cells} cells of {len(self.dimensions)} dimensions need codes of that shape, not {self.codes.shape}")
        if self.used is not None and self.used.shape != (2, cells, len(USED)):
            raise ValueError(f"what {cells} cells used needs the shape {(2, cells, len(USED))}, not {self.used.shape}")

    @cached_property
    def money(self) -> tuple[Floats, Floats]:
        """Both periods as floats, for searching only."""
        return np.array(self.before, dtype=np.float64), np.array(self.after, dtype=np.float64)

    @cached_property
    def totals(self) -> tuple[Decimal, Decimal]:
        return exact_sum(self.before), exact_sum(self.after)

    @property
    def change(self) -> Decimal:
        return exact_difference(self.totals[1], self.totals[0])

    def inside(self, key: Iterable[tuple[str, Value]]) -> NDArray[np.bool_]:
        """Tell which cells have all of these values."""
        found = np.ones(len(self.before), dtype=bool)
        for dimension, value in key:
            d = self.dimensions.index(dimension)
            found &= self.codes[:, d] == (self.values[d].index(value) if value in self.values[d] else -1)
        return found

    def by(self, dimensions: Sequence[str]) -> "Cube":
        """Return the same cells told apart by some dimensions only, as far as the cube has them."""
        kept = [d for d, name in enumerate(self.dimensions) if name in dimensions]
        named, values = tuple(self.dimensions[d] for d in kept), tuple(self.values[d] for d in kept)
        return Cube(named, values, self.codes[:, kept], self.before, self.after, self.used, self.currency)

    def part(self, mask: NDArray[np.bool_]) -> "Cube":
        """Return the cube of some of its cells."""
        chosen = np.flatnonzero(mask).tolist()
        before, after = (tuple(money[n] for n in chosen) for money in (self.before, self.after))
        used = None if self.used is None else self.used[:, mask]
        return Cube(self.dimensions, self.values, self.codes[mask], before, after, used, self.currency)


def cube_of(dimensions: Sequence[str], cells: Iterable[Cell], currency: str = "USD") -> Cube:
    """Number the values of cells; they come in alphabetical order, none first."""
    rows = list(cells)
    columns = [[row.key[d] for row in rows] for d in range(len(dimensions))]
    values = tuple(tuple(sorted(set(column), key=value_order)) for column in columns)
    places = [{value: n for n, value in enumerate(each)} for each in values]
    codes = np.array([[place[v] for place, v in zip(places, row.key, strict=True)] for row in rows], dtype=np.int64)
    used = None
    if any(row.used_before is not None or row.used_after is not None for row in rows):
        used = np.array([[_used(row.used_before) for row in rows], [_used(row.used_after) for row in rows]], dtype=np.float64)
    before, after = tuple(row.before for row in rows), tuple(row.after for row in rows)
    return Cube(tuple(dimensions), values, codes.reshape(len(rows), len(dimensions)), before, after, used, currency)


def value_order(value: Value) -> tuple[bool, str]:
    return value is not None, value or ""


def _used(figures: Mapping[str, float] | None) -> list[float]:
    return [float("nan") if figures is None else float(figures.get(name, float("nan"))) for name in USED]
