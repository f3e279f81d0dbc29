"""What tokens cost by the snapshot's prices. What nobody knows costs the ceiling, never nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

MILLION: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a request used; `input` holds the cached ones too."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Price:
    """Per token, in the snapshot's currency. What a cached token costs where nobody said is what any other input does."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def of(self, tokens: Tokens) -> Decimal:
        fresh = max(0, tokens.input - tokens.cache_read - tokens.cache_write)
        return (
            fresh * self.input + tokens.cache_read * self.cache_read + tokens.cache_write * self.cache_write + tokens.output * self.output
        )


class Prices:
    """Prices by model. The ceiling is the highest of each kind, unless the snapshot gives one."""

    def __init__(self, by_model: Mapping[str, Price], ceiling: Price | None = None) -> None:
        self._by_model = by_model
        self.ceiling = ceiling or _highest(tuple(by_model.values()))

    def known(self, *names: str | None) -> Price | None:
        """Return the price of the first name that has one; `openai/gpt-4o` also goes by `gpt-4o`."""
        for name in names:
            if name and (found := self._by_model.get(name) or self._by_model.get(name.rpartition("/")[2])):
                return found
        return None

    def of(self, *names: str | None) -> Price | None:
        """Return a price nobody can undercut by a name we do not know; None where there is none at all."""
        return self.known(*names) or self.ceiling


def read_prices(document: Mapping[str, Any]) -> Prices:
    """Read prices of a snapshot, given for a million tokens each."""
    ceiling = document.get("ceiling_price")
    return Prices({name: _price(each) for name, each in (document.get("prices") or {}).items()}, _price(ceiling) if ceiling else None)


def _price(document: Mapping[str, str]) -> Price:
    input_price, output = Decimal(document["input_per_mtok"]) / MILLION, Decimal(document["output_per_mtok"]) / MILLION
    read, write = (document.get(name) for name in ("cache_read_per_mtok", "cache_write_per_mtok"))
    return Price(input_price, output, Decimal(read) / MILLION if read else input_price, Decimal(write) / MILLION if write else input_price)


def _highest(prices: tuple[Price, ...]) -> Price | None:
    if not prices:
        return None
    return Price(*(max(getattr(each, kind) for each in prices) for kind in ("input", "output", "cache_read", "cache_write")))
