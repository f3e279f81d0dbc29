"""What gateways are told by: quotas of budgets.yaml, what is in force, clients' keys, prices of the models they may ask for."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from api.guard import Control
from bot.assemble import Tools
from finops.guard.snapshot import Effect, Figures, TokenPrice, compile_snapshot, content_digest
from finops.ledger.gateway import Gateways
from finops.ledger.gateway_speeds import speeds
from finops.pricing import builtin
from finops.pricing.book import PriceBook, price_book

MILLION: Final = Decimal(1_000_000)
SELLERS: Final = ("OpenAI", "Anthropic", "Google", "Mistral", "DeepSeek", "xAI")  # whose own names for models need no seller
Burn = Callable[[], Mapping[str, Decimal]]
Effects = Callable[[], Iterable[Effect]]


def control(
    tools: Tools, effects: Effects = tuple, burn: Burn | None = None, clock: Callable[[], float] = time.monotonic
) -> Control | None:
    """Return what the door answers gateways with; None where no key is set to sign it.

    Burn rates are those that check-budgets kept last, unless `burn` tells them. `clock` counts seconds that never step back.
    """
    key = tools.settings.gateway_key
    if key is None:
        return None
    gateways = Gateways(tools.ledger.engine)
    gateways.forget(tools.now())

    def document(version: int) -> Mapping[str, Any]:
        return snapshot(tools, gateways, version, tuple(effects()), burn() if burn else speeds(tools.ledger.engine))

    return Control(key.reveal().encode(), gateways, document, lambda: tools.rulebook.timezone, tools.now, clock)


class Follower:
    """Raises the version when budgets.yaml was taken in anew and says something else to gateways."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._known: object = None

    def look(self) -> None:
        """Compare what is in use now; costs nothing while it is the same."""
        rulebook = self._tools.rulebook
        if self._known is not rulebook and self._tools.settings.gateway_key is not None:
            digest = content_digest(snapshot(self._tools, None, 0, (), {}))
            Gateways(self._tools.ledger.engine).align(digest, self._tools.now())
            self._known = rulebook


def snapshot(
    tools: Tools, gateways: Gateways | None, version: int, effects: tuple[Effect, ...], burn: Mapping[str, Decimal]
) -> dict[str, Any]:
    rulebook, now = tools.rulebook, tools.now()
    figures = Figures(burn, prices(price_book(rulebook.prices), now, rulebook.currency))
    return compile_snapshot(version, now, rulebook.quotas, effects, gateways.keys() if gateways else {}, figures)


def prices(book: PriceBook, at: datetime, currency: str) -> dict[str, TokenPrice]:
    """Return what models cost in `currency`: those of budgets.yaml by our prices, those of the large sellers by theirs."""
    found: dict[str, TokenPrice] = {}
    for seller, model in _models(book):
        rates = book.rates(seller, model, at)
        if rates is None or rates.currency != currency:
            continue
        step = rates.steps[-1]  # the dearest: a long prompt must not slip below it
        if step.input is not None and step.output is not None:
            read, write = step.cache_read, step.cache_write_5m
            found.setdefault(
                model,
                TokenPrice(
                    step.input * MILLION,
                    step.output * MILLION,
                    None if read is None else read * MILLION,
                    None if write is None else write * MILLION,
                ),
            )
    return found


def _models(book: PriceBook) -> Iterator[tuple[str | None, str]]:
    yield from book.own_models()
    yield from ((seller, model) for seller, model in builtin.models() if seller in SELLERS)
