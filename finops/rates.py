"""Exchange rates with dates: which rate holds on which day, straight, turned round or over one step."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from finops.periods import Period

SCALE = Decimal("1e-12")


@dataclass(frozen=True)
class Rate:
    """One unit of `base` is worth `rate` units of `quote` from the day `on` until the next rate of the pair."""

    base: str
    quote: str
    on: date
    rate: Decimal


@dataclass(frozen=True)
class Span:
    """The days from `start` (until the next span) on which one unit is worth `rate`."""

    start: date
    rate: Decimal


def spans(rates: tuple[Rate, ...], base: str, quote: str, period: Period) -> tuple[Span, ...] | None:
    """Return the rates from `base` to `quote` over all of `period`, or None if some day has none.

    A missing pair is made from the reverse rate, else over one currency both have a rate with. Rounded to 12 decimals.
    """
    starts = sorted({period.start} | {rate.on for rate in rates if rate.on in period})
    found = [(day, rate_on(rates, base, quote, day)) for day in starts]
    if any(rate is None for _, rate in found):
        return None
    return tuple(Span(day, rate.quantize(SCALE)) for day, rate in found if rate is not None)


def rate_on(rates: tuple[Rate, ...], base: str, quote: str, day: date) -> Decimal | None:
    """Return what one unit of `base` is worth on `day`, or None when no rate is known."""
    if base == quote:
        return Decimal(1)
    direct = _direct(rates, base, quote, day)
    if direct is not None:
        return direct
    for middle in sorted({rate.base for rate in rates} | {rate.quote for rate in rates}):
        first, second = _direct(rates, base, middle, day), _direct(rates, middle, quote, day)
        if first is not None and second is not None:
            return first * second
    return None


def _direct(rates: tuple[Rate, ...], base: str, quote: str, day: date) -> Decimal | None:
    known = [rate for rate in rates if rate.on <= day and {rate.base, rate.quote} == {base, quote}]
    if not known:
        return None
    newest = max(known, key=lambda rate: (rate.on, rate.base == base))
    return newest.rate if newest.base == base else 1 / newest.rate
