"""A change split by what caused it: price, volume, intensity, mix, cache, what is new and what is gone, adding up exactly.

The cost of a group (a team's feature, say) is requests × share of each model × tokens per request × how the input was cached × price
of each kind of token. Each factor gets its Shapley value: what its change adds, averaged over all orders in which the factors can
change. So nothing is left over, no factor is favoured by coming first, and both periods swapped give the same figures negated.
"""

from decimal import Decimal
from itertools import product
from math import factorial, fsum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from finops.insight.drivers_cube import USED, Cube, Floats
from finops.insight.drivers_told import EFFECTS, EXACT, EffectName, Effects, Facts, exact_difference, exact_sum
from finops.insight.effects_factors import Factors, at, factors_of

FACTORS: Final[tuple[EffectName, ...]] = ("volume", "mix", "intensity", "cache", "price")  # in the order `at` takes them
ONE_MODEL: Final = frozenset({"model", "provider", "service", "sku", "price"})  # cells that differ only in these are models of one group
PLACES: Final = Decimal("1e-10")
SMALLEST: Final = 1e-10  # quantity that a bill can state; unit prices stay finite
Mask = NDArray[np.bool_]


def effects(cube: Cube, of: Mask | None = None) -> Effects:
    """Split the change of a cube. Cells nobody knows the use of are new, gone, or `other`.

    `of` splits the change of these cells only, seen among all: a model that takes over from one outside them is no new one.
    """
    chosen = np.ones(len(cube.before), dtype=bool) if of is None else of
    requested, counted = _requested(cube), _counted(cube) & chosen
    unknown = ~requested & ~counted & chosen
    before, after = cube.money
    new, gone = unknown & (before == 0), unknown & (after == 0)
    amounts = dict.fromkeys(EFFECTS, 0.0)
    for found in (_of_requests(cube, requested, chosen), _of_quantities(cube, counted)):
        for name, amount in found.items():
            amounts[name] = fsum((amounts[name], amount))
    known = {name: Decimal(amount).quantize(PLACES, context=EXACT) for name, amount in amounts.items()}
    exact = {"new": _change(cube, new), "gone": _change(cube, gone & ~new), "other": _change(cube, unknown & ~new & ~gone)}
    summed = {name: exact_sum((amount, exact.get(name, Decimal(0)))) for name, amount in known.items()}
    return Effects(_without_rounding(summed, cube.change if of is None else _change(cube, of)))


def facts(cube: Cube) -> Facts:
    """Return what was used and at which prices, for the words beside the figures."""
    if cube.used is None:
        return Facts()
    requested, counted = _requested(cube), _counted(cube)
    sums = {name: _pair(cube, name, requested) for name in USED[:5]}
    requests = sums["requests"]
    tokens = (sums["input"][0] + sums["output"][0], sums["input"][1] + sums["output"][1])
    factors = factors_of(cube, requested, _groups(cube)[requested])
    prices, quantities = _indices(cube, counted)
    return Facts(
        requests=requests if requested.any() else None,
        tokens_per_request=_over(tokens, requests),
        cached=_over(sums["cache_read"], sums["input"]),
        price=factors.prices if requested.any() else prices,
        quantity=quantities,
    )


def _of_requests(cube: Cube, cells: Mask, chosen: Mask) -> dict[EffectName, float]:
    if not cells.any():
        return {}
    factors = factors_of(cube, cells, _groups(cube)[cells])
    inside = chosen[cells]
    amounts = {name: fsum(each[inside].tolist()) for name, each in zip(FACTORS, _shapley(factors), strict=True)}
    return {**amounts, "new": fsum(factors.new[inside].tolist()), "gone": -fsum(factors.gone[inside].tolist())}


def _shapley(factors: Factors) -> list[Floats]:
    """Return the value of each factor for every cell, from what each of the 32 mixtures of both periods would have cost."""
    count = len(FACTORS)
    costs = {mixture: at(factors, mixture) for mixture in product((0, 1), repeat=count)}
    values = []
    for n in range(count):
        value = np.zeros_like(factors.new)
        for mixture, cost in costs.items():
            others = sum(mixture) - mixture[n]
            weight = factorial(others) * factorial(count - 1 - others) / factorial(count)
            value += weight * cost if mixture[n] else -weight * cost
        values.append(value)
    return values


def _of_quantities(cube: Cube, cells: Mask) -> dict[EffectName, float]:
    """Unit price × quantity: each gets its change at the mean of the other."""
    if not cells.any() or cube.used is None:
        return {}
    (then, now), (some, more) = (money[cells] for money in cube.money), cube.used[:, cells, USED.index("quantity")]
    price, later = then / some, now / more
    volume = (more - some) * (price + later) / 2
    return {"volume": fsum(volume.tolist()), "price": fsum(((later - price) * (some + more) / 2).tolist())}


def _requested(cube: Cube) -> Mask:
    """Cells whose requests are known wherever they cost anything."""
    if cube.used is None:
        return np.zeros(len(cube.before), dtype=bool)
    requests = np.nan_to_num(cube.used[:, :, USED.index("requests")])
    billed = np.stack([money != 0 for money in cube.money])
    known: Mask = (requests > 0).any(axis=0) & ((requests > 0) | ~billed).all(axis=0)
    return known


def _counted(cube: Cube) -> Mask:
    """Other cells whose quantity is known in both periods."""
    if cube.used is None:
        return np.zeros(len(cube.before), dtype=bool)
    quantity = np.nan_to_num(cube.used[:, :, USED.index("quantity")])
    known: Mask = (quantity >= SMALLEST).all(axis=0) & ~_requested(cube)
    return known


def _groups(cube: Cube) -> NDArray[np.int64]:
    """Number the cells' groups: all dimensions but those that tell models apart."""
    kept = [d for d, name in enumerate(cube.dimensions) if name not in ONE_MODEL]
    numbers = np.zeros(len(cube.before), dtype=np.int64)
    for d in kept:
        numbers = np.unique(numbers * len(cube.values[d]) + cube.codes[:, d], return_inverse=True)[1]
    return numbers


def _indices(cube: Cube, cells: Mask) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return what the mean quantities cost at the prices of both periods, and what both quantities cost at the mean price."""
    if not cells.any() or cube.used is None:
        return None, None
    quantity = cube.used[:, cells, USED.index("quantity")]
    price = np.stack([money[cells] for money in cube.money]) / quantity
    prices = (price * quantity.mean(axis=0)).sum(axis=1)
    quantities = (quantity * price.mean(axis=0)).sum(axis=1)
    return (float(prices[0]), float(prices[1])), (float(quantities[0]), float(quantities[1]))


def _pair(cube: Cube, name: str, cells: Mask) -> tuple[float, float]:
    if cube.used is None:
        return 0.0, 0.0
    before, after = np.nan_to_num(cube.used[:, cells, USED.index(name)])
    return fsum(before.tolist()), fsum(after.tolist())


def _over(amounts: tuple[float, float], counts: tuple[float, float]) -> tuple[float, float] | None:
    return (amounts[0] / counts[0], amounts[1] / counts[1]) if all(counts) else None


def _change(cube: Cube, cells: Mask) -> Decimal:
    chosen = np.flatnonzero(cells).tolist()
    return exact_difference(*(exact_sum(money[n] for n in chosen) for money in (cube.after, cube.before)))


def _without_rounding(amounts: dict[EffectName, Decimal], change: Decimal) -> dict[EffectName, Decimal]:
    """What floats left at the last digits goes to the largest amount, where it is seen least."""
    left = exact_difference(change, exact_sum(amounts.values()))
    largest = max(EFFECTS, key=lambda name: abs(amounts[name])) if any(amounts.values()) else "other"
    return {**amounts, largest: exact_sum((amounts[largest], left))}
