"""One provider's usage and bill side by side: model by model and as a whole, each with its status."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from finops.insight.reconcile_causes import causes, difference
from finops.insight.reconcile_lines import NOTHING, Billed, Measured
from finops.insight.reconcile_parts import NO_MODEL, TWICE, UNBILLED, UNMEASURED, UNPRICED, Cause, Part, settled
from finops.insight.reconcile_twice import Twice
from finops.periods import Period

Status = Literal["within", "over", "under", "not billed yet", "not measured", "unpriced", "not told apart", "other currency"]
COMPARED: Final[frozenset[Status]] = frozenset({"within", "over", "under", "not measured", "unpriced"})


@dataclass(frozen=True)
class Tolerance:
    """What is no difference: up to `share` of what was billed, and up to `floor` in the bill's currency."""

    share: Decimal = Decimal("0.02")
    floor: Decimal = Decimal(1)

    def holds(self, gap: Decimal, billed: Decimal) -> bool:
        return abs(gap) <= max(self.floor, self.share * abs(billed))


@dataclass(frozen=True)
class Comparison:
    """One model of a provider, or all of them (`model` None), over some days in one currency.

    `beyond` says that the difference exceeds the tolerance. Amounts are None where nothing is known of them.
    """

    provider: str
    model: str | None
    period: Period
    currency: str
    days: int
    estimated: Decimal | None
    billed: Decimal | None
    status: Status
    causes: tuple[Cause, ...] = ()
    beyond: bool = False

    @property
    def difference(self) -> Decimal | None:
        """Billed less estimated; None where they are not compared."""
        return (self.billed or NOTHING) - (self.estimated or NOTHING) if self.status in COMPARED else None

    @property
    def share(self) -> float | None:
        """The difference as a share of what was billed; of the estimate where nothing was."""
        of = self.billed or self.estimated
        return None if self.difference is None or not of else float(self.difference / abs(of))


@dataclass(frozen=True)
class Pool:
    """Usage and bill of one provider in one currency; `repeated` is what another source bills as well."""

    measured: tuple[Measured, ...]
    billed: tuple[Billed, ...]
    repeated: tuple[Twice, ...]
    days: int

    def joined(self, other: "Pool") -> "Pool":
        return Pool(self.measured + other.measured, self.billed + other.billed, self.repeated + other.repeated, self.days + other.days)

    @property
    def names_models(self) -> bool:
        """Whether money is billed by model; tokens that cost nothing say nothing of where the money is."""
        return any(line.model for line in self.billed if line.cost) or not any(line.cost for line in self.billed)

    @property
    def models(self) -> list[str]:
        return sorted({one.model for one in self.measured} | {line.model for line in self.billed if line.model})


def compare(provider: str, period: Period, currency: str, pool: Pool, tolerance: Tolerance) -> list[Comparison]:
    """Compare each model the bill names, and then all of them; a bill that names none is only compared as a whole."""
    if not pool.names_models:
        found = causes(pool.measured, [line for line in pool.billed if line.cost])
        parts = [Part(cause.name, Fraction(cause.amount), cause.why, cause.perhaps) for cause in found]
        return [_total(provider, period, currency, pool, parts, tolerance)]
    rows: list[Comparison] = []
    nameless = sum((line.cost for line in pool.billed if line.model is None), NOTHING)
    for model in pool.models:
        measured = [one for one in pool.measured if one.model == model]
        lines = [line for line in pool.billed if line.model == model]
        row = _row(provider, model, period, currency, pool.days, measured, lines, tolerance)
        rows.append(_hidden(row) if nameless and not any(line.cost for line in lines) else row)
    parts = [part for row in rows for part in _parts_of(row)]
    parts.append(Part(NO_MODEL, Fraction(nameless), "lines of the bill that name no model"))
    return [*rows, _total(provider, period, currency, pool, parts, tolerance)]


def waiting(provider: str, period: Period, currency: str, pool: Pool) -> list[Comparison]:
    """Tell the estimates that no complete bill covers."""
    models = sorted({one.model for one in pool.measured})
    rows = [(model, [one for one in pool.measured if one.model == model]) for model in models]
    everything = [(None, list(pool.measured))] if models else []
    return [
        Comparison(provider, model, period, currency, pool.days, _estimated(some), None, "not billed yet")
        for model, some in (*rows, *everything)
    ]


def other_currency(provider: str, period: Period, currency: str, pool: Pool) -> list[Comparison]:
    """Tell what was estimated, or billed, in a currency that the other side does not use."""
    billed = sum((line.cost for line in pool.billed), _repeated(pool)) if pool.billed else None
    return [Comparison(provider, None, period, currency, pool.days, _estimated(pool.measured), billed, "other currency")]


def _row(
    provider: str,
    model: str,
    period: Period,
    currency: str,
    days: int,
    measured: Sequence[Measured],
    lines: Sequence[Billed],
    tolerance: Tolerance,
) -> Comparison:
    gap, billed = difference(measured, lines), sum((line.cost for line in lines), NOTHING)
    if measured and lines:
        why = causes(measured, lines)
    elif measured:
        why = settled([Part(UNBILLED, Fraction(gap), "the bill has no line of it")], gap)
    else:
        why = settled([Part(UNMEASURED, Fraction(gap), "no request of it was measured")], gap)
    beyond = not tolerance.holds(gap, billed)
    status = _status(measured, gap, why, beyond=beyond)
    return Comparison(provider, model, period, currency, days, _estimated(measured), billed, status, why, beyond)


def _total(provider: str, period: Period, currency: str, pool: Pool, parts: Sequence[Part], tolerance: Tolerance) -> Comparison:
    repeated = _repeated(pool)
    gap = difference(pool.measured, pool.billed) + repeated
    billed = sum((line.cost for line in pool.billed), repeated)
    why = settled([*parts, *_twice_parts(pool.repeated)], gap)
    beyond = not tolerance.holds(gap, billed)
    status = _status(pool.measured, gap, why, beyond=beyond)
    return Comparison(provider, None, period, currency, pool.days, _estimated(pool.measured), billed, status, why, beyond)


def _repeated(pool: Pool) -> Decimal:
    return sum((one.amount for one in pool.repeated), NOTHING)


def _status(measured: Sequence[Measured], gap: Decimal, why: Sequence[Cause], *, beyond: bool) -> Status:
    if not measured:
        return "not measured"
    if _is_unpriced(measured) or (beyond and why[0].name == UNPRICED):
        return "unpriced"
    if not beyond:
        return "within"
    return "over" if gap > 0 else "under"


def _is_unpriced(measured: Sequence[Measured]) -> bool:
    return all(one.unpriced == one.requests for one in measured)


def _estimated(measured: Sequence[Measured]) -> Decimal | None:
    """Requests nobody can price cost nothing known, which is not 0."""
    return None if not measured or _is_unpriced(measured) else sum((one.estimated for one in measured), NOTHING)


def _hidden(row: Comparison) -> Comparison:
    """A model without a line may be on one of those that name no model."""
    return Comparison(row.provider, row.model, row.period, row.currency, row.days, row.estimated, None, "not told apart", row.causes)


def _parts_of(row: Comparison) -> Iterator[Part]:
    for cause in row.causes:
        yield Part(cause.name, Fraction(cause.amount), f"{row.model}: {cause.why}", cause.perhaps)


def _twice_parts(repeated: Sequence[Twice]) -> Iterator[Part]:
    for one in repeated:
        yield Part(TWICE, Fraction(one.amount), f"{one.source} and {one.kept} both bill it", one.perhaps)
