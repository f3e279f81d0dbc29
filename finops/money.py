"""Amounts as people read them, and sums split without losing a cent."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from math import floor, isfinite
from typing import Final

SIGNS: Final = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "BRL": "R$",
    "INR": "₹",
    "KRW": "₩",
    "CNY": "CN¥",
    "CAD": "CA$",
    "AUD": "A$",
    "NZD": "NZ$",
    "MXN": "MX$",
    "ILS": "₪",
    "TRY": "₺",
}
# Source: ISO 4217; every currency not listed has two.
DECIMALS: Final = {
    **dict.fromkeys(("JPY", "KRW", "CLP", "VND", "ISK", "PYG", "UGX", "RWF", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("KWD", "BHD", "JOD", "OMR", "TND", "IQD", "LYD"), 3),
}
STEPS: Final = ((Decimal("1e12"), "T"), (Decimal("1e9"), "B"), (Decimal("1e6"), "M"), (Decimal("1e3"), "k"))
MINUS: Final = "−"
_WIDE: Final = Context(prec=400, rounding=ROUND_HALF_UP, Emax=10_000, Emin=-10_000)


def show(amount: Decimal, currency: str) -> str:
    """Return `$12,345.67`; an amount too small for the currency's decimals keeps its first two digits instead of reading as nothing."""
    return _signed(amount, currency, f"{rounded(abs(amount), currency):,f}")


def show_each(amount: Decimal, currency: str) -> str:
    """Return what one of many costs, `$0.0128`: below 1 with three digits, since cents are too coarse to compare by."""
    size = abs(amount)
    near = size.quantize(Decimal(1).scaleb(size.adjusted() - 2), context=_WIDE)
    return _signed(amount, currency, f"{near:f}") if 0 < near < 1 else show(amount, currency)


def short(amount: Decimal, currency: str) -> str:
    """Return `€1.2k`: three digits at most, for axes and labels."""
    size = _three_digits(abs(amount))
    for step, letter in STEPS:
        if size >= step:
            return _signed(amount, currency, _plain(_three_digits(abs(amount), tenths=True) / step) + letter)
    digits = f"{rounded(size, currency):f}" if size < 10 else _plain(size.quantize(Decimal(1), context=_WIDE))
    return _signed(amount, currency, digits.removesuffix(".00"))


def signed(amount: Decimal, currency: str) -> str:
    """Return the amount with its sign always shown: `+$3.20`, `−$3.20`."""
    return f"+{show(amount, currency)}" if amount > 0 else show(amount, currency)


def percent(share: float | None, *, signed: bool = False) -> str:
    """Return `40 %`, `3.4 %`, `<0.1 %`; one decimal where a whole number would say 0 or 100 too early."""
    if share is None or not isfinite(share):
        return "–"
    size = abs(share) * 100
    sign = MINUS if share < 0 else "+" if signed and share > 0 else ""
    if 0 < size < 0.1:
        return "<0.1 %"
    near = size < 9.95 or 99 < size < 100
    digits = f"{min(size, 99.9) if near else size:,.{1 if near else 0}f}".removesuffix(".0")
    return f"{sign}{digits} %"


def split(total: Decimal, weights: Sequence[Decimal | int]) -> tuple[Decimal, ...]:
    """Share `total` by weight, exactly; leftover cents go to the largest remainders, to the first of equals."""
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError(f"cannot split {total} by {list(weights)}: it takes one weight or more, none of them negative")
    fractions = _fractions(weights)
    unit = min(_exponent(total), -2)
    units = int(abs(total).scaleb(-unit, _WIDE))
    exact = [units * fraction for fraction in fractions]
    counts = [floor(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda n: counts[n] - exact[n])
    for n in by_remainder[: units - sum(counts)]:
        counts[n] += 1
    return tuple(Decimal(count).scaleb(unit, _WIDE).copy_sign(total) for count in counts)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Round half up to the currency's decimals, or to two digits where that would leave nothing."""
    places = DECIMALS.get(currency.upper(), 2)
    near = amount.quantize(Decimal(1).scaleb(-places), context=_WIDE)
    if near or not amount:
        return near
    return amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1), context=_WIDE)


def _fractions(weights: Sequence[Decimal | int]) -> list[Fraction]:
    whole = sum((Fraction(weight) for weight in weights), Fraction(0))
    return [Fraction(weight) / whole if whole else Fraction(1, len(weights)) for weight in weights]


def _exponent(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"cannot split {amount}: it is not a number")
    return exponent


def _signed(amount: Decimal, currency: str, digits: str) -> str:
    sign = SIGNS.get(currency.upper(), f"{currency} " if currency else "")
    return f"{MINUS if amount < 0 else ''}{sign}{digits}"


def _three_digits(size: Decimal, *, tenths: bool = False) -> Decimal:
    """Round to what `short` can show, so that 999,999 becomes 1M and not 1000k; `tenths` stops at one decimal of the unit."""
    if not size:
        return size
    lead = size.adjusted() % 3
    keep = min(2, lead + 1) if tenths else 2
    return size.quantize(Decimal(1).scaleb(size.adjusted() - keep), context=_WIDE)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
