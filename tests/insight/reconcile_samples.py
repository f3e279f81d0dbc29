"""Usage and bills of one model whose figures are easy to work out by hand."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final

from finops.insight.reconcile_lines import KINDS, Billed, Measured
from finops.periods import DAY, Period

MONDAY: Final = date(2026, 3, 2)
# Dollars a million tokens: input 3, read 0.3, write 3.75 and 6, output 15.
RATES: Final = dict(zip(KINDS, map(Decimal, ("0.000003", "0.0000003", "0.00000375", "0.000006", "0.000015")), strict=True))
# 30 + 6 + 15 + 12 + 37.50 dollars: 100.50.
TOKENS: Final = {
    "input": 10_000_000,
    "cache_read": 20_000_000,
    "cache_write_5m": 4_000_000,
    "cache_write_1h": 2_000_000,
    "output": 2_500_000,
}


def measured(tokens: Mapping[str, int] = TOKENS, **more: Any) -> Measured:
    costs = {kind: count * RATES[kind] for kind, count in tokens.items()}
    said = {"provider": "Anthropic", "model": "claude", "day": MONDAY, "currency": "USD", "tier": None, "requests": 1000, "unpriced": 0}
    return Measured(**{**said, "tokens": tokens, "priced": tokens, "costs": costs, **more})


def line(kind: str, count: int | None, cost: Decimal | None = None, day: date = MONDAY, **more: Any) -> Billed:
    """A line of a bill; its cost is that of the list where none is given."""
    said = {"provider": "Anthropic", "model": "claude", "currency": "USD", "tier": None, "source": "claude", "account": "w-1"}
    amount = (count or 0) * RATES.get(kind, Decimal(0)) if cost is None else cost
    period = Period(day, day + DAY)
    return Billed(**{**said, "period": period, "kind": kind, "cost": amount, "quantity": None if count is None else Decimal(count), **more})


def bill(tokens: Mapping[str, int] = TOKENS, times: str = "1", **more: Any) -> list[Billed]:
    """A bill of these tokens at `times` the list price."""
    return [line(kind, count, count * RATES[kind] * Decimal(times), **more) for kind, count in tokens.items()]


def uncounted(lines: list[Billed]) -> list[Billed]:
    return [replace(each, quantity=None) for each in lines]


def share_of(tokens: Mapping[str, int], percent: int) -> dict[str, int]:
    return {kind: count * percent // 100 for kind, count in tokens.items()}
