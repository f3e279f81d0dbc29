"""What was expected of an anomaly's days, cell by cell: the usual days before them, rescaled to what was expected altogether."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from finops.insight.drivers_cube import Cube
from finops.insight.drivers_told import EXACT, exact_difference, exact_sum

PLACES: Final = Decimal("1e-10")


def beside_usual(cube: Cube, expected: Decimal) -> Cube:
    """Return the cube with `expected` in the place of what the usual days cost, shared as they were; what they used goes along.

    Where the usual days cost nothing altogether, nobody can share it: it is told of the values that cost most now.
    """
    usual = cube.totals[0]
    if not usual:
        return _on_the_largest(cube, expected)
    ratio = EXACT.divide(expected, usual)
    shared = [EXACT.multiply(money, ratio).quantize(PLACES, context=EXACT) for money in cube.before]
    largest = max(range(len(shared)), key=lambda n: abs(shared[n]))
    shared[largest] = exact_sum((shared[largest], exact_difference(expected, exact_sum(shared))))
    return replace(cube, before=tuple(shared), used=_scaled(cube, float(ratio)))


def _on_the_largest(cube: Cube, expected: Decimal) -> Cube:
    shared = [Decimal(0)] * len(cube.before)
    if shared and expected:
        shared[max(range(len(shared)), key=lambda n: abs(cube.after[n]))] = expected
    return replace(cube, before=tuple(shared), used=_scaled(cube, 0.0))


def _scaled(cube: Cube, ratio: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
    return None if cube.used is None else np.stack([cube.used[0] * ratio, cube.used[1]])
