"""Our own prices over the list's: which entries of budgets.yaml apply to a request, and what they make of the list's rates."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from math import prod
from typing import Final

from finops.configuration.rulebook_prices import Price
from finops.pricing import builtin
from finops.pricing.builtin import Found, ListRates, ListStep
from finops.pricing.references import Reference
from finops.pricing.steps import KINDS, ZERO, Rates, Step
from finops.pricing.tiers import STANDARD
from finops.providers import provider_name

ONE: Final = Decimal(1)
UNKNOWN: Final = "unknown"
NOTHING: Final = ListStep(0, (None,) * len(KINDS), ZERO)
Specificity = tuple[bool, int, int, bool, bool, bool, date]


@dataclass(frozen=True)
class Request:
    """What an entry must fit: who sells the model, all its names from the fullest, the tier and the region."""

    seller: str | None
    names: tuple[str, ...]
    tier: str
    region: str | None


@dataclass(frozen=True)
class Applied:
    """What decides a price: an entry with amounts, factors, a discount on the list, and the list's model with its prices."""

    price: Price | None
    factors: tuple[Price, ...]
    cut: Price | None
    found: Found | None
    listed: ListRates | None

    @property
    def currency(self) -> str:
        return self.price.currency if self.price else builtin.CURRENCY

    @property
    def is_named(self) -> bool:
        """Tell whether an entry of ours gives prices for exactly this model."""
        return self.price is not None and not is_pattern(self.price.model)

    @property
    def model(self) -> str | None:
        if self.found:
            return self.found.model.id
        return self.price.model if self.price and self.is_named else None

    @property
    def factor(self) -> Decimal:
        return prod((entry.factor for entry in self.factors if entry.factor is not None), start=ONE)

    @property
    def keep(self) -> Decimal:
        return ONE - (self.cut.discount if self.cut and self.cut.discount else ZERO)

    @property
    def uses_list(self) -> bool:
        """Tell whether anything that is paid comes from the list: without an own price, or where it leaves gaps in the same currency."""
        if self.listed is None or self.price is None:
            return self.listed is not None
        gaps = [kind for kind, price in enumerate(self.price.per_mtok) if price is None]
        return self.currency == builtin.CURRENCY and any(step.prices[kind] is not None for step in self.listed.steps for kind in gaps)


class OwnPrices:
    """The entries of `prices` in budgets.yaml. The most specific one wins, and among equals the one with the latest `from`."""

    def __init__(self, entries: Sequence[Price]) -> None:
        self._entries = tuple(entries)

    @property
    def text(self) -> str:
        return "\n".join(map(repr, self._entries))

    def seller(self, reference: Reference) -> str | None:
        """Return who sells a model that entries name outright, unless they name several."""
        named = {provider_name(entry.provider) for entry in self._entries if entry.provider and entry.model.casefold() in reference.names}
        return named.pop() if len(named) == 1 else None

    def models(self) -> Iterable[tuple[str | None, str]]:
        """Yield what entries name outright."""
        named = (entry for entry in self._entries if not is_pattern(entry.model))
        return ((provider_name(entry.provider) if entry.provider else None, entry.model) for entry in named)

    def rates(self, found: Found | None, request: Request, at: datetime) -> Rates | None:
        """Return the list's rates of `found` with our entries over them; None where neither knows a price."""
        near = [entry for entry in self._entries if _concerns(entry, request)]
        applied = _applied(near, found, request, at)
        if applied is None:
            return None
        start, end = _span(at, near, found, request.tier)
        return Rates(
            price_id=_price_id(applied, request),
            provider=found.seller if found else request.seller or UNKNOWN,
            model=applied.model or request.names[0],
            currency=applied.currency,
            start=start,
            end=end,
            steps=_steps(applied),
            certain=found is None or found.certain or applied.is_named,
            why=tuple(_why(applied)),
        )


def is_pattern(text: str) -> bool:
    return "*" in text


def _applied(near: Sequence[Price], found: Found | None, request: Request, at: datetime) -> Applied | None:
    """Choose among the entries: one price, the factors that multiply it, one discount on what the list gives."""
    held = (entry for entry in near if _is_in_force(entry, at.date()))
    entries = sorted(held, key=lambda entry: _specificity(entry, request), reverse=True)
    special = (entry for entry in entries if entry.has_amounts and entry.tier == request.tier != STANDARD)
    price = next(special, None)
    factors = _factors([entry for entry in entries if entry.factor is not None], price)
    base = STANDARD if any(entry.tier for entry in factors) else request.tier
    price = price or next((entry for entry in entries if entry.has_amounts and (entry.per_gpu_hour or _is_of(entry, base))), None)
    listed = builtin.at(found, base, at) if found else None
    if listed is None and price is None:
        return None
    return Applied(price, factors, next((entry for entry in entries if entry.discount), None), found, listed)


def _is_of(entry: Price, tier: str) -> bool:
    return (entry.tier or STANDARD) == tier


def _concerns(entry: Price, request: Request) -> bool:
    """Tell whether an entry is about such requests, whatever the day."""
    if entry.tier not in (None, request.tier) or not any(_matches(entry.model, name) for name in request.names):
        return False
    if entry.provider and provider_name(entry.provider) != request.seller:
        return False
    return entry.region is None or (request.region is not None and _matches(entry.region, request.region.casefold()))


def _matches(pattern: str, name: str) -> bool:
    return _compiled(pattern).fullmatch(name) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.casefold().split("*"))))


def _is_in_force(entry: Price, day: date) -> bool:
    return (entry.start is None or entry.start <= day) and (entry.until is None or day < entry.until)


def _specificity(entry: Price, request: Request) -> Specificity:
    """Order entries: a full name before a pattern, a longer pattern before a shorter, then provider, region, tier, and the later start."""
    model = entry.model.casefold()
    rank = -request.names.index(model) if model in request.names else -len(request.names)
    literal = len(model.replace("*", ""))
    return (not is_pattern(model), rank, literal, bool(entry.provider), bool(entry.region), bool(entry.tier), entry.start or date.min)


def _factors(entries: Sequence[Price], price: Price | None) -> tuple[Price, ...]:
    """Return one factor for the tier, one for the region and one for neither, or one for both; a price that names its tier needs none."""
    first: dict[tuple[bool, bool], Price] = {}
    for entry in entries:
        if not (price and ((entry.tier and price.tier) or (entry.region and price.region))):
            first.setdefault((bool(entry.tier), bool(entry.region)), entry)
    if (True, True) in first:
        first = {key: entry for key, entry in first.items() if key in ((True, True), (False, False))}
    return tuple(first.values())


def _span(at: datetime, near: Sequence[Price], found: Found | None, tier: str) -> tuple[datetime | None, datetime | None]:
    """Return the last change at or before a moment and the first after it."""
    days = {day for entry in near for day in (entry.start, entry.until) if day}
    edges = {datetime.combine(day, time(), UTC) for day in days} | (builtin.edges(found, tier, at) if found else set())
    return max((edge for edge in edges if edge <= at), default=None), min((edge for edge in edges if edge > at), default=None)


def _steps(applied: Applied) -> tuple[Step, ...]:
    public = applied.listed.steps if applied.listed and applied.currency == builtin.CURRENCY else (NOTHING,)
    return tuple(_step(applied, step) for step in public)


def _step(applied: Applied, public: ListStep) -> Step:
    factor, keep = applied.factor, applied.keep
    own = applied.price.per_mtok if applied.price else (None,) * len(KINDS)
    ours = [None if price is None else price.scaleb(builtin.PER_MTOK) * factor for price in own]
    listed = [None if price is None else price * factor for price in public.prices]
    paid = [mine if mine is not None else theirs and theirs * keep for mine, theirs in zip(ours, listed, strict=True)]
    shown = [theirs if theirs is not None else mine for mine, theirs in zip(ours, listed, strict=True)]
    per_request = applied.price.per_request if applied.price else None
    request, list_request = (per_request or ZERO) * factor, public.per_request * factor
    if per_request is None:
        request = list_request * keep
    elif public is NOTHING:
        list_request = request
    return Step(
        public.above,
        **dict(zip(KINDS, paid, strict=True)),
        per_request=request,
        **{f"list_{kind}": price for kind, price in zip(KINDS, shown, strict=True)},
        list_per_request=list_request,
    )


def _price_id(applied: Applied, request: Request) -> str:
    """Name what was applied: the entry or the list's model, since when, the tier, and what changed it."""
    price, listed = applied.price, applied.listed
    parts = []
    if price:
        parts.append(f"budgets/{price.model}{f'@{price.start}' if price.start else ''}")
    if applied.found and listed and applied.uses_list:
        parts.append(f"{applied.found.place}{f'@{listed.since}' if listed.since else ''}")
    tier = "" if request.tier == STANDARD else f":{request.tier}"
    factors = "".join(f":x{entry.factor:f}" for entry in applied.factors)
    cut = f":-{_percent(applied.cut.discount)}" if applied.cut and applied.cut.discount and applied.uses_list else ""
    return f"{'+'.join(parts)}{tier}{factors}{cut}"


def _why(applied: Applied) -> Iterator[str]:
    price, found, listed = applied.price, applied.found, applied.listed
    if price:
        yield f"budgets.yaml: a price of {_named(price)}"
    if found and listed and applied.uses_list:
        seller = f", taken for {found.seller}, whose own price the list does not have" if found.borrowed else ""
        yield f"{builtin.version()}: {found.place}{seller}{f', since {listed.since}' if listed.since else ''}"
    for entry in applied.factors:
        yield f"budgets.yaml: times {entry.factor} for {_named(entry)}"
    if applied.cut and applied.cut.discount and applied.uses_list:
        yield f"budgets.yaml: less {_percent(applied.cut.discount)} for {_named(applied.cut)}"


def _named(entry: Price) -> str:
    narrowed = [f"{name} {value}" for name, value in (("of", entry.provider), ("tier", entry.tier), ("region", entry.region)) if value]
    dates = [f"{name} {day}" for name, day in (("from", entry.start), ("until", entry.until)) if day]
    return " ".join((f"'{entry.model}'", *narrowed, *dates))


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"
