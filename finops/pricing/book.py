"""What a request costs: the rates that hold for a model at a moment, and the arithmetic that turns tokens into money."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from finops.configuration.rulebook_prices import Price
from finops.pricing import builtin, own
from finops.pricing.references import Reference, read_reference
from finops.pricing.steps import Cost, Rates, Step, Tokens, cost
from finops.pricing.tiers import tier_name

__all__ = ["Cost", "PriceBook", "Rates", "Step", "Tokens", "price_book"]

MOST_KEPT: Final = 20_000
Key = tuple[str | None, str, str, str | None]


class PriceBook:
    """The built-in price list with the entries of budgets.yaml over it. What it cannot price is None, never 0."""

    def __init__(self, entries: Sequence[Price] = ()) -> None:
        self._own = own.OwnPrices(entries)
        self._kept: dict[Key, list[Rates]] = {}

    @property
    def digest(self) -> str:
        """Name the table: another list, or another entry of ours, gives another name."""
        return hashlib.sha256(f"{builtin.version()}\n{self._own.text}".encode()).hexdigest()

    def rates(self, provider: str | None, model: str, at: datetime, tier: str | None = None, region: str | None = None) -> Rates | None:
        """Return what `model` costs at `at`, with the span in which exactly that holds; None where nobody knows."""
        moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        key = (provider, model, tier_name(tier), region)
        kept = self._kept.get(key, ())
        for rates in kept:
            if rates.holds(moment):
                return rates
        found = self._look_up(*key, moment)
        if found is not None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept.setdefault(key, []).append(found)
        return found

    def cost(self, rates: Rates, tokens: Tokens) -> Cost | None:
        """Return what `tokens` cost; None if some of them have no price, or if the cached ones exceed the input."""
        return cost(rates, tokens)

    def price(
        self, provider: str | None, model: str, at: datetime, tokens: Tokens, tier: str | None = None, region: str | None = None
    ) -> Cost | None:
        rates = self.rates(provider, model, at, tier, region)
        return None if rates is None else cost(rates, tokens)

    def own_models(self) -> Iterable[tuple[str | None, str]]:
        """Yield the seller and name of each model that budgets.yaml gives outright."""
        return self._own.models()

    def provider_of(self, model: str) -> str | None:
        """Return who sells a model that is called by this name, as far as the name tells."""
        return self._seller(read_reference(model))

    def publisher_of(self, model: str) -> str | None:
        """Return who made the model, whoever sells it."""
        reference = read_reference(model)
        return reference.publisher or builtin.publisher(reference)

    def _seller(self, reference: Reference) -> str | None:
        claimed = reference.seller or builtin.seller(reference)
        if reference.seller or builtin.find(claimed, reference):
            return claimed
        return self._own.seller(reference) or claimed

    def _look_up(self, provider: str | None, model: str, tier: str, region: str | None, at: datetime) -> Rates | None:
        reference = read_reference(model, provider)
        seller = _who_sells(reference) or self._seller(reference)
        found = builtin.find(seller, reference)
        names = (*reference.names, *builtin.names(found)) if found else (*reference.names, reference.undated)
        return self._own.rates(found, own.Request(seller, tuple(dict.fromkeys(names)), tier, region), at)


def price_book(entries: Sequence[Price] = ()) -> PriceBook:
    """Return the prices that hold where budgets.yaml says `entries`; the built-in list is loaded at the first question."""
    return PriceBook(entries)


def _who_sells(reference: Reference) -> str | None:
    """Return the provider that was named, unless it only made a model whose id shows that another sells it."""
    if reference.seller and reference.given == reference.publisher:
        return reference.seller
    return reference.given
