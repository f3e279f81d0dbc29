"""Which slices explain best how far cells came from what was expected of them, judged by likelihood.

A cause multiplies its cells, so a cell is judged by its ratio and not by its money. How much ratios vary by themselves, and how much
more those of small cells, is taken from the cells. A slice is worth what its own ratio adds to the likelihood of all cells, less what
naming it costs: a choice of dimensions, and a slice as likely as its part of the money.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb, log
from typing import Final

import numpy as np

from finops.insight.drivers_cube import Floats
from finops.insight.drivers_slices import Leaves, Mask, Slices

LEAST: Final = 0.01  # of all that moved: less money is not worth a name
POWERS: Final = np.linspace(0, 0.5, 6)  # from ratios that vary alike whatever the money to those of counted events
JUMP: Final = 2.0  # how far apart what is new or gone is
ALL_OF_IT: Final = 1.9  # apart by more, on average: nothing of the expected is left, or all of it is new
STEADY: Final = 0.02  # nobody is surer of a ratio than that, be the cells ever so much alike
FEW: Final = 32  # best slices whose money is looked at one by one
OTHERS: Final = 4  # slices looked at beside a cause: the best are often names for mostly the same cells
STARTS: Final = 24  # slices from which a pair is looked for, at most
EFFORT: Final = 250_000  # cells times cuboids to go through for them


@dataclass(frozen=True, eq=False)
class Found:
    """One slice as a cause: its number and its leaves."""

    number: int
    inside: Mask


@dataclass(frozen=True, eq=False)
class Search:
    """What is looked at in every step of a search, which changes only what is expected of each leaf."""

    leaves: Leaves
    slices: Slices
    power: float  # of its money: by how much less a larger leaf varies

    @classmethod
    def of(cls, leaves: Leaves, depth: int) -> "Search":
        gross = float(np.abs(leaves.after - leaves.before).sum())
        power = _noise_power(np.abs(apart(leaves.before, leaves.after)), leaves.size)
        return cls(leaves, Slices.of(leaves, depth, LEAST * gross), power)

    def by_money(self) -> "Search":
        """The same search with every unit of money counting alike, whatever the cells' noise."""
        return replace(self, power=0.5)

    @cached_property
    def moved(self) -> float:
        """All that moved, cell by cell."""
        return float(np.abs(self.leaves.after - self.leaves.before).sum())

    @cached_property
    def weights(self) -> Floats:
        """What each leaf counts: one by its noise, the usual leaf 1."""
        return np.asarray((self.leaves.size / np.median(self.leaves.size)) ** (2 * self.power), dtype=np.float64)

    @cached_property
    def _weight_of(self) -> Floats:
        return self.slices.sums(self.weights)

    @cached_property
    def price(self) -> Floats:
        """What naming a slice costs: the choice of its dimensions, never less than of fewer, and its part of the money."""
        choices = [log(max(comb(len(self.leaves.dimensions), count), 1)) for count in range(self.slices.depth + 1)]
        dims = np.maximum(self.slices.dims, 1) if self.slices.depth else self.slices.dims
        ratio = log(len(self.leaves.size)) / 2  # what a figure fitted to as many cells gains by chance
        return np.asarray(np.maximum.accumulate(choices)[dims] - np.log(self.slices.share) + ratio, dtype=np.float64)

    def best(self, expected: Floats, most: int = 1, *, alone: bool = True) -> list[Found]:
        """Return the slices worth most beside what is expected, the best first; those with the same leaves once.

        All leaves together are a cause only where there is no other, and what moved next to no money is none.
        """
        scores, gap, found = self._scores(expected), self.leaves.after - expected, dict[bytes, Found]()
        if not alone:
            scores[self.slices.dims == 0] = -np.inf
        for number in _ranked(scores, lambda: np.abs(self.slices.sums(gap)) >= LEAST * self.moved):
            inside = self.slices.inside(number)
            if abs(gap[inside].sum()) >= LEAST * self.moved:
                found.setdefault(inside.tobytes(), Found(number, inside))
            if len(found) == most:
                break
        return list(found.values())

    def _scores(self, expected: Floats) -> Floats:
        """What each slice is worth."""
        gap = apart(expected, self.leaves.after)
        before, noisy = float((self.weights * gap**2).sum()), self._noisy(expected)
        if before <= 0:
            return np.full(len(self.price), -np.inf)
        typical = self.slices.sums(self.weights * gap) / self._weight_of
        noise = (before - typical**2 * self._weight_of) / self.weights.sum()
        gain = self._clear_of_skew(typical, noise) ** 2 * self._weight_of
        return np.asarray(-(noisy - 1) / 2 * np.log1p(-gain / (before + noisy * STEADY**2)) - self.price, dtype=np.float64)

    def fitted(self, causes: Sequence[Found]) -> Floats:
        """Return what is expected of each leaf with these causes known."""
        expected = self.leaves.before
        for _ in range(1 if _apart_from_each_other(causes) else 3):  # shared leaves blur both ratios at first
            for cause in causes:
                expected = self.rescaled(expected, cause.inside)
        return expected

    def rescaled(self, expected: Floats, inside: Mask) -> Floats:
        """Expect of these leaves what was expected times their typical ratio; where nearly all are, of the new and the gone what came."""
        ratio, scaled = self.ratio(expected, inside), expected.copy()
        if ratio is None:
            jumped = inside & (np.abs(apart(expected, self.leaves.after)) == JUMP)
            scaled[jumped] = self.leaves.after[jumped]
        else:
            scaled[inside] = expected[inside] * ratio
        return scaled

    def ratio(self, expected: Floats, inside: Mask) -> float | None:
        """The typical ratio of these leaves to what is expected; None where nearly all are new or gone."""
        gap, weights = apart(expected[inside], self.leaves.after[inside]), self.weights[inside]
        typical = np.asarray(np.average(gap, weights=weights))
        if abs(typical) > ALL_OF_IT:
            return None
        noise = np.asarray(np.average((gap - typical) ** 2, weights=weights))
        sure = float(self._clear_of_skew(typical, noise))
        return (2 + sure) / (2 - sure)

    def _clear_of_skew(self, typical: Floats, noise: Floats) -> Floats:
        """A typical distance, or nothing where it is no more than twice what noise makes by itself.

        Noise that keeps sums lowers the typical ratio by half its variance, except where cells count by their money.
        """
        skew = noise / 2 * (1 - 2 * self.power)
        return np.where(np.abs(typical) > 2 * skew, typical, 0.0)

    def worth(self, causes: Sequence[Found]) -> float:
        """How much likelier the causes make what came, less what naming them costs."""
        key = frozenset(cause.number for cause in causes)
        if key not in self._worths:
            self._worths[key] = self._worth(causes)
        return self._worths[key]

    @cached_property
    def _worths(self) -> dict[frozenset[int], float]:
        return {}

    def _worth(self, causes: Sequence[Found]) -> float:
        expected = self.fitted(causes)
        left, noisy = float((self.weights * apart(expected, self.leaves.after) ** 2).sum()), self._noisy(expected)
        known, usual = len(self.weights) - len(causes), self._at_first / len(self.weights) + STEADY**2
        now = left / max(noisy, 1) + STEADY**2
        gained = max(known, 0) / 2 * log(usual) - max(noisy - len(causes), 0) / 2 * log(now)  # as many ratios as leaves explain anything
        return gained - float(sum(self.price[cause.number] for cause in causes))

    def _noisy(self, expected: Floats) -> int:
        """How many leaves tell of the noise: those that began or ended as a cause says do not, and may have come anyhow."""
        return len(expected) - int(np.count_nonzero(self._jumps & (expected == self.leaves.after)))

    @cached_property
    def _jumps(self) -> Mask:
        return np.asarray(np.abs(apart(self.leaves.before, self.leaves.after)) == JUMP)

    def lost_without(self, cause: Found, causes: Sequence[Found]) -> float:
        """How much less all of them are worth without this one."""
        return self.worth(causes) - self.worth([other for other in causes if other is not cause])

    @cached_property
    def _at_first(self) -> float:
        return float((self.weights * apart(self.leaves.before, self.leaves.after) ** 2).sum())

    def best_pair(self) -> list[Found]:
        """Return the two slices worth most together: what holds a bit of both causes often looks best by itself."""
        starts = max(1, min(STARTS, EFFORT // max(len(self.slices.cuboids) * len(self.leaves.size), 1)))
        firsts = self.best(self.leaves.before, starts, alone=False)
        pairs = sorted((pair for first in firsts for pair in self.with_another([first])), key=self.worth, reverse=True)
        settled = [self.settled(pair) for pair in pairs[: max(1, starts // 4)]]
        return max(settled, key=self.worth, default=[])

    def with_another(self, causes: list[Found]) -> list[list[Found]]:
        """Return the causes and the best one beside them, if there is any."""
        key = frozenset(cause.number for cause in causes)
        if key not in self._seen:
            others = self.best(self.fitted(causes), OTHERS, alone=False)
            self._seen[key] = [other for other in others if not any(_alike(other, cause) for cause in causes)][:1]
        return [[*causes, other] for other in self._seen[key]]

    @cached_property
    def _seen(self) -> dict[frozenset[int], list[Found]]:
        """What is best beside some causes: it is asked for again and again."""
        return {}

    def settled(self, causes: list[Found], rounds: int = 3) -> list[Found]:
        """Look again for each cause beside the others, while that is worth more."""
        best = self.worth(causes)
        for _ in range(rounds):
            at_first = best
            for place in range(len(causes)):
                others = [*causes[:place], *causes[place + 1 :]]
                for again in self.with_another(others):
                    changed = [*others[:place], again[-1], *others[place:]]
                    if again[-1].number != causes[place].number and (worth := self.worth(changed)) > best + 1e-9:
                        causes, best = changed, worth
            if best == at_first:
                break
        return causes


def apart(expected: Floats, after: Floats) -> Floats:
    """How far each amount came from what was expected, by the mean of both: 2 if new, -2 if gone, a credit like a charge."""
    size = (np.abs(expected) + np.abs(after)) / 2
    way = np.where(expected != 0, np.sign(expected), np.sign(after))
    return np.divide(way * (after - expected), size, out=np.zeros_like(size), where=size > 0)


def _noise_power(off: Floats, size: Floats) -> float:
    """By which power of their money smaller leaves vary more: the likeliest, of noise whose scale falls by it."""
    if not off.any():
        return 0.0
    logs = np.log(size) - np.log(size).mean()
    return float(POWERS[int(np.argmin([log((off * np.exp(power * logs)).mean()) for power in POWERS]))])


def _ranked(scores: Floats, allowed: Callable[[], Mask]) -> Iterator[int]:
    """Numbers of the best scores; where these few will not do, of the best that are allowed. Rounding does not decide."""
    yield from _first_of(scores, FEW)
    if len(scores) > FEW:
        yield from _first_of(np.where(allowed(), scores, -np.inf), 8 * FEW)


def _first_of(scores: Floats, most: int) -> list[int]:
    few = min(most, len(scores))
    best = np.sort(np.argpartition(-scores, few - 1)[:few]) if few else np.zeros(0, dtype=np.intp)
    best = best[np.isfinite(scores[best])]
    numbers: list[int] = best[np.argsort(-scores[best].round(9), kind="stable")].tolist()
    return numbers


def _alike(one: Found, other: Found) -> bool:
    """Two names for mostly the same cells are not two causes."""
    return bool(2 * np.count_nonzero(one.inside & other.inside) > max(np.count_nonzero(one.inside), np.count_nonzero(other.inside)))


def _apart_from_each_other(causes: Sequence[Found]) -> bool:
    return not causes or bool((np.sum([cause.inside for cause in causes], axis=0) < 2).all())
