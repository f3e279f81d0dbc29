"""What is reconciled: tokens as we measured them, and tokens and money as the provider bills them."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final

from finops.periods import Period
from finops.pricing.tiers import tier_name

INPUT: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
KINDS: Final = (*INPUT, "output")
WRITES: Final = ("cache_write_5m", "cache_write_1h")
CACHES: Final = ("cache_read", *WRITES, "cache_write")
ALL, REQUESTS, OTHER = "all", "requests", "other"
TOKEN_KINDS: Final = frozenset((*KINDS, "cache_write", ALL))
ONE: Final = ""  # the tier of everything where the bill tells none
NOTHING: Final = Decimal(0)
_UNIT: Final = re.compile(r"(?:([0-9]+)([km]?) )?tokens")
_TIMES: Final = {"": 1, "k": 1000, "m": 1_000_000}


@dataclass(frozen=True)
class Measured:
    """Requests of one provider, model, UTC day, currency and tier: their tokens by kind, those of them with a price, and their cost.

    `fees` is what was estimated beside tokens. Kinds are those of KINDS; none contains another.
    """

    provider: str
    model: str
    day: date
    currency: str
    tier: str | None
    requests: int
    unpriced: int
    tokens: Mapping[str, int]
    priced: Mapping[str, int]
    costs: Mapping[str, Decimal]
    fees: Decimal = NOTHING

    @property
    def estimated(self) -> Decimal:
        return sum(self.costs.values(), self.fees)


@dataclass(frozen=True)
class Billed:
    """Lines of a bill, summed. `kind` is one of TOKEN_KINDS, REQUESTS or OTHER; `quantity` is None where nothing is counted."""

    provider: str
    model: str | None
    period: Period
    currency: str
    tier: str | None
    kind: str
    source: str
    account: str | None
    cost: Decimal
    quantity: Decimal | None


@dataclass(frozen=True)
class Cell:
    """Tokens of one kind and tier: as measured, those of them with a price, as the bill counts them; what was estimated and billed.

    `silent` says that some of the money has no count beside it.
    """

    measured: Fraction = Fraction(0)
    priced: Fraction = Fraction(0)
    counted: Fraction = Fraction(0)
    estimated: Fraction = Fraction(0)
    cost: Fraction = Fraction(0)
    silent: bool = False

    def __add__(self, other: "Cell") -> "Cell":
        return Cell(
            self.measured + other.measured,
            self.priced + other.priced,
            self.counted + other.counted,
            self.estimated + other.estimated,
            self.cost + other.cost,
            self.silent or other.silent,
        )

    @property
    def rate(self) -> Fraction:
        """What a token costs by our prices; by the bill where we know none."""
        return self.estimated / self.priced if self.priced else self.billed_rate

    @property
    def billed_rate(self) -> Fraction:
        return self.cost / self.counted if self.counted else Fraction(0)


Cells = Mapping[str, Mapping[str, Cell]]  # kind → tier


def whole(cells_by: Mapping[str, Cell]) -> Cell:
    return sum(cells_by.values(), Cell())


def kind_of(token_type: str | None, unit: str | None) -> str:
    """Return what a bill's line is of, from its token type and the unit it is counted in."""
    if token_type in TOKEN_KINDS:
        return token_type
    if token_type == "reasoning":  # noqa: S105 - a kind of output, no password
        return "output"
    folded = (unit or "").strip().casefold()
    if folded == "requests":
        return REQUESTS
    return ALL if not folded or _UNIT.fullmatch(folded) else OTHER


def tokens_of(quantity: Decimal | None, unit: str | None) -> Decimal | None:
    """Return how many tokens a consumed quantity is, or None where it is a quantity of something else."""
    found = _UNIT.fullmatch((unit or "").strip().casefold())
    if quantity is None or found is None:
        return None
    return quantity * int(found[1] or 1) * _TIMES[found[2] or ""]


def cells(measured: Iterable[Measured], billed: Iterable[Billed]) -> Cells:
    """Lay tokens side by side, as finely as the bill tells them apart."""
    lines = [line for line in billed if line.kind in TOKEN_KINDS]
    fold, tier = _fold(lines), _tier(lines)
    found: dict[str, dict[str, Cell]] = {}

    def add(kind: str, written: str | None, cell: Cell) -> None:
        tiers = found.setdefault(fold(kind), {})
        tiers[tier(written)] = tiers.get(tier(written), Cell()) + cell

    for one in measured:
        for kind in KINDS:
            tokens, priced, cost = one.tokens.get(kind, 0), one.priced.get(kind, 0), one.costs.get(kind, NOTHING)
            if tokens or cost:
                add(kind, one.tier, Cell(Fraction(tokens), Fraction(priced), estimated=Fraction(cost)))
    for line in lines:
        silent = line.quantity is None and bool(line.cost)
        add(line.kind, line.tier, Cell(counted=Fraction(line.quantity or 0), cost=Fraction(line.cost), silent=silent))
    return found


def _fold(lines: Iterable[Billed]) -> Callable[[str], str]:
    """Kinds that the bill does not tell apart become one."""
    kinds = {line.kind for line in lines}
    if ALL in kinds:
        return lambda _kind: ALL
    if "cache_write" in kinds:
        return lambda kind: "cache_write" if kind in WRITES else kind
    return lambda kind: kind


def _tier(lines: Iterable[Billed]) -> Callable[[str | None], str]:
    return tier_name if any(line.tier for line in lines) else lambda _written: ONE


def apart(billed: Iterable[Billed]) -> list[Billed]:
    """Return the lines with those taken for other things than tokens that say neither kind nor count, beside lines that do."""
    lines = list(billed)
    if not any(line.kind in TOKEN_KINDS and line.kind != ALL for line in lines):
        return lines
    return [replace(line, kind=OTHER) if line.kind == ALL and line.quantity is None else line for line in lines]
