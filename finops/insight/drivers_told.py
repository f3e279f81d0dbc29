"""Why money changed, as it is told: drivers, effects and what is left, adding up to the change to the last digit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Final, Literal

EffectName = Literal["price", "volume", "intensity", "mix", "cache", "new", "gone", "other"]
EFFECTS: Final[tuple[EffectName, ...]] = ("price", "volume", "intensity", "mix", "cache", "new", "gone", "other")
Value = str | None
DriverKey = tuple[tuple[str, Value], ...]
OTHER: Final = "(other)"  # all values of a dimension that are not told apart; never named as a cause
EVERYTHING: Final = "everything"
EXACT: Final = Context(prec=200, Emax=10_000, Emin=-10_000)  # sums of money lose no digit


@dataclass(frozen=True)
class Driver:
    """Combined values that moved together. `excess` is their part of the change, `share` the same of 1 (None: no change).

    `rest` says that more specific drivers have some of its cells: it is then what they leave. Where the key is of what lacks a value,
    `made_of` are the few values of another dimension with the same cells, if there are such.
    """

    key: DriverKey
    excess: Decimal
    share: float | None
    before: Decimal
    after: Decimal
    rest: bool = False
    made_of: tuple[str, tuple[str, ...]] | None = None

    @property
    def text(self) -> str:
        """The key as it is typed in a question: `model=opus AND feature=search`."""
        return " AND ".join(f"{dimension}={'none' if value is None else value}" for dimension, value in self.key) or EVERYTHING


@dataclass(frozen=True)
class Effects:
    """A change split by cause: `amounts` holds every name of EFFECTS and sums to the change."""

    amounts: Mapping[EffectName, Decimal]

    @property
    def total(self) -> Decimal:
        return exact_sum(self.amounts.values())

    @property
    def main(self) -> EffectName | None:
        """The effect that explains most in the direction of the change, None where nothing did."""
        change = self.total
        same: list[EffectName] = [name for name in EFFECTS if self.amounts[name] and (self.amounts[name] > 0) == (change > 0)]
        sizes: dict[EffectName, Decimal] = {name: abs(self.amounts[name]) for name in same}
        if not change or not sizes:
            return None
        return max(sizes, key=sizes.__getitem__)


@dataclass(frozen=True)
class Facts:
    """What was used before and after, None where nobody knows: what the words for an effect are taken from."""

    requests: tuple[float, float] | None = None
    tokens_per_request: tuple[float, float] | None = None
    cached: tuple[float, float] | None = None  # shares of input read from a cache
    price: tuple[float, float] | None = None  # of a token, or of whatever unit a bill counts, at what was used in both periods
    quantity: tuple[float, float] | None = None


@dataclass(frozen=True)
class Why:
    """A change explained. `drivers` and `other` sum to it, and so do `effects`; `because` tells the first driver's own effects."""

    before: Decimal
    after: Decimal
    drivers: tuple[Driver, ...]
    other: Decimal
    effects: Effects
    currency: str = "USD"
    because: Effects | None = None
    facts: Facts = Facts()

    @property
    def change(self) -> Decimal:
        return EXACT.subtract(self.after, self.before)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Sum without losing a digit."""
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def exact_difference(one: Decimal, other: Decimal) -> Decimal:
    return EXACT.subtract(one, other)
