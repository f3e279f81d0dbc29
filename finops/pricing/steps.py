"""Prices per token in steps of the input's length, and what tokens cost by them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

KINDS: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output")
ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class Tokens:
    """What a request used; `input` is all of it, cached tokens included."""

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    requests: int = 1

    @property
    def fresh(self) -> int:
        """Input that was neither read from nor written to a cache."""
        return self.input - self.cache_read - self.cache_write_5m - self.cache_write_1h


@dataclass(frozen=True)
class Step:
    """Prices per token for requests with more than `above` input tokens, for all of their tokens; None is a price nobody knows."""

    above: int
    input: Decimal | None
    cache_read: Decimal | None
    cache_write_5m: Decimal | None
    cache_write_1h: Decimal | None
    output: Decimal | None
    per_request: Decimal
    list_input: Decimal | None
    list_cache_read: Decimal | None
    list_cache_write_5m: Decimal | None
    list_cache_write_1h: Decimal | None
    list_output: Decimal | None
    list_per_request: Decimal


@dataclass(frozen=True)
class Rates:
    """What a model costs from `start` up to `end` (None: as far as is known), by steps from the lowest.

    `certain` is false where the list knows the model by another name or only from another seller; `why` says what was applied.
    """

    price_id: str
    provider: str
    model: str
    currency: str
    start: datetime | None
    end: datetime | None
    steps: tuple[Step, ...]
    certain: bool = True
    why: tuple[str, ...] = field(default=())

    def holds(self, at: datetime) -> bool:
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def step(self, input_tokens: int) -> Step:
        """Return the prices of a request with so much input."""
        return next((step for step in reversed(self.steps) if input_tokens > step.above), self.steps[0])


@dataclass(frozen=True)
class Cost:
    """What a request costs us by parts; `list_total` is the same at public prices."""

    input: Decimal
    cache_read: Decimal
    cache_write: Decimal
    output: Decimal
    request: Decimal
    total: Decimal
    list_total: Decimal


def cost(rates: Rates, tokens: Tokens) -> Cost | None:
    """Return what `tokens` cost; None if some of them have no price, or if the cached ones exceed the input.

    Of several requests only the sum is known: the step is that of the average one.
    """
    step = rates.step(-(-tokens.input // max(tokens.requests, 1)))
    fresh = tokens.fresh
    if fresh < 0 or tokens.output < 0:
        return None
    counts = (fresh, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h, tokens.output)
    ours = _parts(counts, (step.input, step.cache_read, step.cache_write_5m, step.cache_write_1h, step.output))
    public = _parts(counts, (step.list_input, step.list_cache_read, step.list_cache_write_5m, step.list_cache_write_1h, step.list_output))
    if ours is None or public is None:
        return None
    request, list_request = step.per_request * tokens.requests, step.list_per_request * tokens.requests
    total = sum(ours, request)
    return Cost(ours[0], ours[1], ours[2] + ours[3], ours[4], request, total, sum(public, list_request))


def _parts(counts: tuple[int, ...], prices: tuple[Decimal | None, ...]) -> list[Decimal] | None:
    parts = []
    for count, price in zip(counts, prices, strict=True):
        if price is None and count:
            return None
        parts.append(price * count if price and count else ZERO)
    return parts
