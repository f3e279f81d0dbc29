"""Why a bill differs from the estimate: causes that add up to the difference, to the last digit."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from finops.insight.reconcile_lines import NOTHING, OTHER, REQUESTS, TOKEN_KINDS, Billed, Cells, Measured, apart, cells, whole
from finops.insight.reconcile_parts import FEES, NOT_TOKENS, REST, UNPRICED, Cause, Part, settled
from finops.insight.reconcile_rates import NAMES, by_ratio, rates
from finops.insight.reconcile_tokens import quantities


def difference(measured: Sequence[Measured], billed: Sequence[Billed]) -> Decimal:
    """Return billed less estimated."""
    return sum((line.cost for line in billed), NOTHING) - sum((one.estimated for one in measured), NOTHING)


def causes(measured: Sequence[Measured], billed: Sequence[Billed]) -> tuple[Cause, ...]:
    """Explain billed less estimated of one model, or of all of a provider's where its bill names none."""
    lines = apart(billed)
    side_by_side = cells(measured, [line for line in lines if line.kind in TOKEN_KINDS])
    parts = [*_beside_tokens(measured, lines), *_of_tokens(side_by_side, sum(one.unpriced for one in measured))]
    return settled(parts, difference(measured, billed))


def _beside_tokens(measured: Sequence[Measured], lines: Sequence[Billed]) -> Iterator[Part]:
    if other := sum((line.cost for line in lines if line.kind == OTHER), NOTHING):
        yield Part(NOT_TOKENS, Fraction(other), "lines of the bill that are not for tokens")
    fees = sum((line.cost for line in lines if line.kind == REQUESTS), NOTHING) - sum((one.fees for one in measured), NOTHING)
    if fees:
        yield Part(FEES, Fraction(fees), "requests as such are charged otherwise than estimated")


def _of_tokens(side_by_side: Cells, unpriced: int) -> Iterator[Part]:
    """What is billed without a count cannot be taken apart; the kinds that are counted can."""
    together = {kind: whole(tiers) for kind, tiers in side_by_side.items()}
    silent = {kind for kind, cell in together.items() if cell.silent or (cell.cost and not cell.counted)}
    if silent and silent >= {kind for kind, cell in together.items() if cell.cost}:
        yield by_ratio(whole(together))
        return
    for kind in sorted(silent):
        yield Part(REST, together[kind].cost - together[kind].estimated, f"the bill counts no tokens of {NAMES.get(kind, kind)}")
    counted = {kind: cell for kind, cell in together.items() if kind not in silent}
    for cell in counted.values():
        why = f"{unpriced:,} request{' has' if unpriced == 1 else 's have'} no price"
        yield Part(UNPRICED, cell.rate * (cell.measured - cell.priced), why)
    yield from quantities(counted)
    yield from rates({kind: side_by_side[kind] for kind in counted})
