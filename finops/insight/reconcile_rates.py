"""The same tokens at another rate: the price, the tier, the region."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from finops.insight.reconcile_lines import ONE, Cell, Cells, whole
from finops.insight.reconcile_parts import ALIKE, EXTRA, MISSING, PRICE, REGION, REST, TIER, Part
from finops.money import percent

ZERO: Final = Fraction(0)
# Ratios of whole prices that providers are known for. A discount can be the same, so they are the cause only perhaps.
KNOWN: Final = (
    (Fraction(1, 2), TIER, "as batch and flex are"),
    (Fraction(2), TIER, "as priority is"),
    (Fraction(11, 10), REGION, "as inference kept in one region is"),
)
NAMES: Final = {
    "all": "a token",
    "cache_read": "reading the cache",
    "cache_write": "writing the cache",
    "cache_write_5m": "writing the cache for 5 minutes",
    "cache_write_1h": "writing the cache for an hour",
}


def rates(cells: Cells) -> Iterator[Part]:
    """What the tokens that the provider counts cost more or less than at our prices."""
    gaps: dict[str, tuple[Fraction, Fraction]] = {}  # kind → (billed less expected, expected) of the tiers we have a price of
    for kind, tiers in cells.items():
        together = whole(tiers)
        shifts = _shifts(tiers, together)
        yield from _tier_parts(tiers, shifts)
        gap = together.cost - together.rate * together.counted - sum(shifts.values(), ZERO)
        expected = sum((cell.rate * cell.counted for cell in tiers.values() if cell.priced), ZERO)
        if gap or expected:
            gaps[kind] = (gap, expected)
    if any(gap for gap, _ in gaps.values()):
        yield _price_part(gaps, tells_tiers=any(tier != ONE for tiers in cells.values() for tier in tiers))


def by_ratio(cell: Cell) -> Part:
    """Where the bill counts no tokens, only its ratio to the estimate can be looked at."""
    gap = cell.cost - cell.estimated
    if not cell.estimated:
        return Part(REST, gap, "the bill counts no tokens, and nothing was estimated")
    ratio = cell.cost / cell.estimated
    name, why = _known(ratio) or _guess(ratio)
    return Part(name, gap, f"billed at {_times(ratio)} of the estimate, {why}; the bill counts no tokens", perhaps=True)


def _guess(ratio: Fraction) -> tuple[str, str]:
    if ratio >= 1:
        return MISSING, "so requests were not measured, or the price is higher"
    if _is_round(1 - ratio):
        return PRICE, f"which may be a discount of {percent(float(1 - ratio))}"
    return EXTRA, "so requests were measured twice, or the price is lower"


def _shifts(tiers: Mapping[str, Cell], together: Cell) -> dict[str, Fraction]:
    """What it comes to that the provider counts another share of the tokens in a tier than we measured in it."""
    if not together.priced or set(tiers) == {ONE}:
        return {}
    return {tier: cell.rate * (cell.counted - cell.priced / together.priced * together.counted) for tier, cell in tiers.items()}


def _tier_parts(tiers: Mapping[str, Cell], shifts: Mapping[str, Fraction]) -> Iterator[Part]:
    """Tokens leave one tier for another; the words are those of the tier that got them."""
    if any(shifts.values()):
        tier = max(shifts, key=lambda each: (tiers[each].counted - tiers[each].measured, each))
        why = f"{int(tiers[tier].counted):,} tokens are billed as {tier}, measured in it were {int(tiers[tier].measured):,}"
        yield Part(TIER, sum(shifts.values(), ZERO), why)


def _price_part(gaps: Mapping[str, tuple[Fraction, Fraction]], *, tells_tiers: bool) -> Part:
    amount = sum((gap for gap, _ in gaps.values()), ZERO)
    ratios = {kind: 1 + gap / expected for kind, (gap, expected) in gaps.items() if expected}
    same = _shared(ratios)
    if same is None:
        kind = max(gaps, key=lambda each: (abs(gaps[each][0]), each))
        how = f"at {_times(ratios[kind])} of our price" if kind in ratios else "and we have no price of it"
        return Part(PRICE, amount, f"{NAMES.get(kind, kind)} is billed {how}")
    known = None if tells_tiers else _known(same)
    if known:
        return Part(known[0], amount, f"every kind of token is billed at {_times(same)} of our price, {known[1]}", perhaps=True)
    discount = f": a discount of {percent(float(1 - same))}" if same < 1 else ""
    return Part(PRICE, amount, f"every kind of token is billed at {_times(same)} of our price{discount}")


def _shared(ratios: Mapping[str, Fraction]) -> Fraction | None:
    """The one ratio that all kinds of tokens have, if they do."""
    if not ratios or max(ratios.values()) - min(ratios.values()) > ALIKE * abs(max(ratios.values())):
        return None
    return sum(ratios.values(), ZERO) / len(ratios)


def _known(ratio: Fraction) -> tuple[str, str] | None:
    return next(((name, words) for known, name, words in KNOWN if abs(ratio - known) <= ALIKE * known), None)


def _is_round(discount: Fraction) -> bool:
    """Contracts name whole percents."""
    return 0 < discount <= Fraction(3, 4) and abs(discount * 100 - round(discount * 100)) <= Fraction(1, 20)


def _times(ratio: Fraction) -> str:
    return f"{Decimal(round(ratio * 100)).scaleb(-2):f}"
