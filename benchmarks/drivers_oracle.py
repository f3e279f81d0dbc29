"""How much can be known: an oracle that is told the noise, how causes are drawn and how many there are, and tries every slice."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb, log
from typing import Final

import numpy as np

from benchmarks.drivers_cases import CELLS, NOISE, Case, Mask
from finops.insight.drivers_cube import Codes, Cube, Floats

DEPTH: Final = 3
STARTS: Final = 8  # first causes that a pair is tried from; the second is then searched among all, and the first again
CERTAIN: Final = 1e4  # what a cell says that began or ended: noise does neither


@dataclass(frozen=True, eq=False)
class Slices:
    """All slices over some dimensions; `prior` is how likely each is drawn, nothing where it cannot be."""

    slice_of: Codes
    prior: Floats


def oracle(case: Case, least: int = CELLS, noise: float = NOISE) -> list[Mask]:
    """The causes of greatest likelihood: all slices for one, the best pairs of the best firsts for two."""
    before, after = case.cube.money
    every = list(_slices(case.cube, least))
    if len(case.causes) == 1:
        return [_best(every, before, after, noise, 1)[0][1]]
    pairs = [_settled(every, before, after, noise, first) for _, first in _best(every, before, after, noise, STARTS)]
    return max(pairs, key=lambda pair: pair[0])[1]


def _slices(cube: Cube, least: int) -> Iterator[Slices]:
    before, count = cube.money[0] if cube.money[0].any() else cube.money[1], len(cube.dimensions)
    usual = np.where(before > 0, before, cube.money[1])  # what is new cost nothing, and was drawn by what it would have cost
    for depth in range(1, min(DEPTH, count) + 1):
        for dims in combinations(range(count), depth):
            _, number = np.unique(cube.codes[:, dims], axis=0, return_inverse=True)
            cells, share = np.bincount(number), np.bincount(number, usual) / usual.sum()
            may = (cells >= least) & (share >= 0.005) & (share <= 0.75)
            chance = np.log(cells / len(before)) - log(comb(count, depth))
            yield Slices(number, np.where(may, chance, -np.inf))


def _best(every: list[Slices], before: Floats, after: Floats, noise: float, most: int) -> list[tuple[float, Mask]]:
    """The slices of greatest likelihood, those with the same cells once."""
    ranked: list[tuple[float, int, int]] = []
    for n, slices in enumerate(every):
        scores = _gains(slices.slice_of, len(slices.prior), before, after, noise) + slices.prior
        ranked += [(float(scores[k]), n, int(k)) for k in np.argsort(-scores)[:most]]
    found = dict[bytes, tuple[float, Mask]]()
    for score, n, k in sorted(ranked, reverse=True):
        mask: Mask = every[n].slice_of == k
        found.setdefault(mask.tobytes(), (score, mask))
        if len(found) == most:
            break
    return list(found.values())


def _gains(slice_of: Codes, count: int, before: Floats, after: Floats, noise: float) -> Floats:
    """How much likelier the money of each slice becomes by its own ratio, the likeliest one: a quadratic equation gives it."""
    both = (before > 0) & (after > 0)
    ratio = np.divide(after, before, out=np.ones_like(before), where=both)
    cells, first, second = (_sums(slice_of[both], (ratio**power)[both], count) for power in (0, 1, 2))
    inverse = _inverse(cells, first, second, noise)
    own = -(second * inverse**2 - 2 * first * inverse + cells) / 2 / noise**2 + cells * np.log(inverse)
    usual = -(second - 2 * first + cells) / 2 / noise**2
    ended, began = (np.bincount(slice_of, one & ~both, count) for one in (before > 0, after > 0))
    gains: Floats = own - usual + CERTAIN * np.where(cells == 0, np.maximum(ended, began), 0)
    return gains


def _settled(every: list[Slices], before: Floats, after: Floats, noise: float, first: Mask) -> tuple[float, list[Mask]]:
    """From one cause the best second, then again the best first beside it, until nothing changes."""
    pair, score = [first], -np.inf
    for _ in range(4):
        rest = _without(before, after, pair[-1], noise)
        gained, other = _best(every, rest, after, noise, 1)[0]
        held = gained + _gain_of(pair[-1], before, after, noise)
        if held <= score:
            break
        score, pair = held, [pair[-1], other]
    return score, pair[-2:]


def _sums(slice_of: Codes, figures: Floats, count: int) -> Floats:
    return np.asarray(np.bincount(slice_of, figures, count), dtype=np.float64)


def _inverse(cells: Floats, first: Floats, second: Floats, noise: float) -> Floats:
    """The likeliest usual money by money now, of as many cells with these sums of ratios and of their squares."""
    found: Floats = np.divide(
        first + np.sqrt(first**2 + 4 * second * cells * noise**2), 2 * second, out=np.ones_like(first), where=second > 0
    )
    return found


def _gain_of(mask: Mask, before: Floats, after: Floats, noise: float) -> float:
    return float(_gains(mask.astype(np.int64), 2, before, after, noise)[1])


def _without(before: Floats, after: Floats, mask: Mask, noise: float) -> Floats:
    """What would be usual with this cause known."""
    both = mask & (before > 0) & (after > 0)
    ratio, usual = after[both] / before[both], before.copy()
    cells, first, second = (np.array([(ratio**power).sum()]) for power in (0, 1, 2))
    usual[mask] = before[mask] / _inverse(cells, first, second, noise)[0] if both.any() else after[mask]
    return usual
