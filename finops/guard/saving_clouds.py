"""What stopping and scaling saved: the hours that machines did not run, at what an hour of exactly them was charged before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from finops.guard.hour_rates import HourRate
from finops.guard.saving import Span

HOUR: Final = timedelta(hours=1)
ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class Held:
    """One target that a plan set: from when to when it certainly stood so, and how many machines fewer those were.

    `odd` says why nothing is counted for it.
    """

    target: str
    begins: datetime
    ends: datetime
    units: int
    odd: str | None = None

    @property
    def hours(self) -> Decimal:
        if self.odd or self.ends <= self.begins:
            return ZERO
        return Decimal((self.ends - self.begins) / HOUR).quantize(Decimal("0.0001")) * self.units


def at_rates(held: Sequence[Held], rates: Mapping[str, HourRate]) -> tuple[Span, str] | None:
    """Return the sum and its currency; None where an hour that counts has no rate, or currencies differ."""
    counted = [each for each in held if each.hours > 0]
    if any(each.target not in rates for each in counted):
        return None
    currencies = {rates[each.target].currency for each in held if each.target in rates}
    if len(currencies) != 1:
        return None
    likely, low, high = (
        sum((each.hours * getattr(rates[each.target], which) for each in counted), ZERO) for which in ("likely", "low", "high")
    )
    return Span(likely, low, high), currencies.pop()


def given_rate(total: Decimal, currency: str, targets: int, units: int) -> HourRate:
    """Return the rate that a finding gave for all targets together; each machine costs the same as far as it tells."""
    each = total / max(targets, 1) / max(units, 1)
    return HourRate(each, each, each, currency, 0, ZERO, ())
