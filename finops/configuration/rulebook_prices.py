"""The section `prices` of budgets.yaml: prices of our own, dated, beside and over the built-in list."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from finops.configuration.fields import (
    Fields,
    as_amount,
    as_currency,
    as_day,
    as_price,
    as_share,
    as_text,
    fields,
    items,
    one_of,
)
from finops.configuration.problems import Problems, shown
from finops.configuration.rulebook_sections import Once
from finops.yamlfile import Node

PER_MTOK: Final = tuple(f"{kind}_per_mtok" for kind in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"))
AMOUNTS: Final = (*PER_MTOK, "per_request")
PER_GPU: Final = ("per_gpu_hour", "mtok_per_gpu_hour")
CHANGES: Final = ("factor", "discount")
PRICE_FIELDS: Final = ("model", "provider", "from", "until", "currency", *AMOUNTS, "tier", "region", *CHANGES, *PER_GPU)
OWN_TIERS: Final = ("standard", "batch", "flex", "priority", "fast")
EVERY: Final = "*"


@dataclass(frozen=True)
class Price:
    """What a model costs from `start` up to `until`, per million tokens and per request; None is a price nobody gave.

    `model` and `region` may hold `*`. `factor` and `discount` (a share) change prices instead of giving them.
    """

    model: str
    provider: str | None
    start: date | None
    currency: str
    input_per_mtok: Decimal | None = None
    cache_read_per_mtok: Decimal | None = None
    cache_write_5m_per_mtok: Decimal | None = None
    cache_write_1h_per_mtok: Decimal | None = None
    output_per_mtok: Decimal | None = None
    per_request: Decimal | None = None
    until: date | None = None
    tier: str | None = None
    region: str | None = None
    factor: Decimal | None = None
    discount: Decimal | None = None
    per_gpu_hour: Decimal | None = None
    mtok_per_gpu_hour: Decimal | None = None

    @property
    def has_amounts(self) -> bool:
        return self.factor is None and self.discount is None

    @property
    def per_mtok(self) -> tuple[Decimal | None, ...]:
        """Prices per million tokens by kind; on own GPUs every token costs its share of the hour."""
        if self.per_gpu_hour is not None and self.mtok_per_gpu_hour is not None:
            return (self.per_gpu_hour / self.mtok_per_gpu_hour,) * len(PER_MTOK)
        return tuple(getattr(self, name) for name in PER_MTOK)


def prices_of(section: Node | None, currency: str, problems: Problems) -> tuple[Price, ...]:
    once = Once(problems)
    read = (_price(item, currency, once, problems) for item in items(section, problems, "prices"))
    return tuple(price for price in read if price is not None)


def _price(node: Node, currency: str, once: Once, problems: Problems) -> Price | None:
    row = fields(node, PRICE_FIELDS, problems, "a price")
    if row is None:
        return None
    provider = row.get("provider", as_text)
    model = row.get("model", as_text) if row.raw("model") or provider is None else EVERY
    if model is None and row.raw("model") is None:
        row.wrong("a price needs 'model', or 'provider' for all of its models")
    start, until = row.get("from", as_day), row.get("until", as_day)
    price_currency = row.get("currency", as_currency) or currency
    amounts = {name: row.get(name, as_price) for name in AMOUNTS}
    changes = {"factor": row.get("factor", as_amount), "discount": row.get("discount", as_share)}
    per_gpu = {name: row.get(name, as_amount) for name in PER_GPU}
    tier, region = row.get("tier", one_of(OWN_TIERS)), row.get("region", as_text)
    _tell_contradictions(row)
    if changes["discount"] is not None and changes["discount"] >= 1:
        row.wrong("'discount' is what comes off the list price; it must be below 100%", at="discount")
    if start and until and until <= start:
        row.wrong(f"'until' ({until}) is not after 'from' ({start}); it is the first day on which the price no longer holds", at="until")
    if model is None:
        return None
    kinds = tuple(name for name in ("factor", "discount") if row.raw(name)) or ("price",)
    key = (model.casefold(), (provider or "").casefold(), start, until, tier, (region or "").casefold(), kinds)
    once.add(key, node, f"a {' and '.join(kinds)} of {shown(model)} from {start or 'the beginning'}")
    return Price(model, provider, start, price_currency, **amounts, until=until, tier=tier, region=region, **changes, **per_gpu)


def _tell_contradictions(row: Fields) -> None:
    """An entry either gives prices, per token or per GPU-hour, or changes those there are."""
    amounts, changes, per_gpu = (_given(row, names) for names in (AMOUNTS, CHANGES, PER_GPU))
    if not (amounts or changes or per_gpu):
        row.wrong("a price needs at least one amount, such as 'input_per_mtok'")
    if changes and (amounts or per_gpu):
        given = (amounts or per_gpu)[0]
        row.wrong(f"'{changes[0]}' changes prices given elsewhere; write it as an entry of its own, without '{given}'", at=changes[0])
    tokens = [name for name in amounts if name != "per_request"]
    if tokens and per_gpu:
        row.wrong(f"'{per_gpu[0]}' prices every token by the hour; give it or '{tokens[0]}', not both", at=per_gpu[0])
    if len(per_gpu) == 1:
        other = next(name for name in PER_GPU if name not in per_gpu)
        row.wrong(f"'{per_gpu[0]}' needs '{other}' beside it: a token costs the one divided by the other", at=per_gpu[0])


def _given(row: Fields, names: Iterable[str]) -> list[str]:
    return [name for name in names if row.raw(name)]
