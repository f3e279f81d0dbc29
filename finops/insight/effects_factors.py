"""What the cost of requests is a product of, cell by cell, before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finops.insight.drivers_cube import USED, Cube, Floats

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Factors:
    """Of each cell and both periods (the first axis): requests of its group, share of them, tokens in and out per request,
    `cached` shares of the input (full price, read, written; the second axis), prices of these, of output, and of a request as such.

    `new` and `gone` are the money taken out beforehand, of cells that began or ended without another's requests.
    """

    requests: Floats
    share: Floats
    tokens_in: Floats
    tokens_out: Floats
    cached: Floats
    input_price: Floats
    output_price: Floats
    request_price: Floats
    new: Floats
    gone: Floats

    @property
    def prices(self) -> tuple[float, float]:
        """What the mean use of both periods costs at the prices of each."""
        used = self.requests * self.share
        kinds = (used * self.tokens_in)[:, None] * self.cached
        before, after = (
            float((kinds.mean(axis=0) * self.input_price[n]).sum())
            + float(((used * self.tokens_out).mean(axis=0) * self.output_price[n]).sum())
            + float((used.mean(axis=0) * self.request_price[n]).sum())
            for n in (0, 1)
        )
        return before, after


def at(factors: Factors, mixture: Sequence[int]) -> Floats:
    """Return what each cell would cost with requests, shares, intensity, caching and prices each of the period told (0 before, 1 after)."""
    requests, share, tokens, cached, price = mixture
    per_token = (factors.cached[cached] * factors.input_price[price]).sum(axis=0)
    each = factors.tokens_in[tokens] * per_token + factors.tokens_out[tokens] * factors.output_price[price] + factors.request_price[price]
    cost: Floats = factors.requests[requests] * factors.share[share] * each
    return cost


def factors_of(cube: Cube, cells: Mask, groups: NDArray[np.int64]) -> Factors:
    """Take apart the money of `cells`, whose requests are known; what a cell did not use in a period is as in the other."""
    used = np.zeros((2, int(cells.sum()), len(USED))) if cube.used is None else np.nan_to_num(cube.used[:, cells])
    money = np.stack([each[cells] for each in cube.money])
    column = {name: used[:, :, n] for n, name in enumerate(USED)}
    requests = column["requests"]
    apart = _apart(requests, groups)
    kinds, costs = _kinds(column, money)
    kept = requests * (1 - apart)
    whole = _of_group(kept, groups)
    inputs = kinds[:, :3].sum(axis=1)
    return Factors(
        requests=whole,
        share=np.nan_to_num(_over(kept, whole)),
        tokens_in=_known(_over(inputs, requests)),
        tokens_out=_known(_over(kinds[:, 3], requests)),
        cached=_known(_over(kinds[:, :3], inputs[:, None])),
        input_price=_known(_over(costs[:, :3], kinds[:, :3])),
        output_price=_known(_over(costs[:, 3], kinds[:, 3])),
        request_price=_known(_over(money - costs.sum(axis=1), requests)),
        new=money[1] * apart[1],
        gone=money[0] * apart[0],
    )


def _apart(requests: Floats, groups: NDArray[np.int64]) -> Floats:
    """Which part of a cell that is gone (of the first period) or new (of the second) took no other model's requests, and gave none.

    A model that takes over what others lost is a change of mix; only requests beyond that are new. Backwards the same is gone.
    """
    gone, new = (requests[0] > 0) & (requests[1] == 0), (requests[1] > 0) & (requests[0] == 0)
    lost, won = np.maximum(requests[0] - requests[1], 0), np.maximum(requests[1] - requests[0], 0)
    began, ended = _of_group(np.stack([np.where(gone, lost, 0), np.where(new, won, 0)]), groups)
    beyond = _over(np.stack([began, ended]) - _of_group(np.stack([won, lost]), groups), np.stack([began, ended]))
    parts: Floats = np.clip(np.nan_to_num(beyond), 0, 1) * np.stack([gone, new])
    return parts


def _kinds(column: dict[str, Floats], money: Floats) -> tuple[Floats, Floats]:
    """Return tokens (input at full price, read from and written to a cache, output) and what each kind of them cost.

    The price list says how kinds compare; what they cost together is the money. Without a list all tokens cost the same.
    """
    full = np.maximum(column["input"] - column["cache_read"] - column["cache_write"], 0)
    tokens = np.stack([full, column["cache_read"], column["cache_write"], column["output"]], axis=1)
    listed = np.stack([column[f"{name}_cost"] for name in ("input", "cache_read", "cache_write", "output")], axis=1)
    listed = np.where(tokens > 0, listed, 0)
    listed = np.where(listed.sum(axis=1)[:, None] > 0, listed, tokens)
    costs = money[:, None] * np.nan_to_num(_over(listed, listed.sum(axis=1)[:, None]))
    return tokens, costs


def _of_group(amounts: Floats, groups: NDArray[np.int64]) -> Floats:
    """Give every cell the sum of its group, of both periods."""
    return np.stack([np.bincount(groups, each)[groups] if len(groups) else each for each in amounts])


def _over(amounts: Floats, counts: Floats) -> Floats:
    amounts, counts = np.broadcast_arrays(amounts, counts)
    found: Floats = np.divide(amounts, counts, out=np.full(amounts.shape, np.nan), where=counts > 0)
    return found


def _known(figures: Floats) -> Floats:
    """What one period does not know is as in the other."""
    return np.nan_to_num(np.where(np.isnan(figures), figures[::-1], figures))
