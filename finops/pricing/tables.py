"""Price tables side by side: ours at a date, a LiteLLM file, a genai-prices file, all as prices per million tokens by model and kind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple

from finops.errors import UserError
from finops.pricing import builtin
from finops.pricing.book import PriceBook
from finops.pricing.published import read_json
from finops.pricing.references import AWS_REGION, ROUTES, read_reference
from finops.pricing.steps import KINDS, Step
from finops.pricing.tiers import STANDARD, TIERS
from finops.providers import SPELLINGS, provider_name

Key = tuple[str, str]  # provider and model, both as the built-in list spells them where it knows them

MTOK: Final = 6
GIVE: Final = "give the prices of LiteLLM (model_prices_and_context_window.json) or genai-prices (data.json)"
DIGITS: Final = Context(prec=12)
# LiteLLM's fields → our kinds; `_batches`, `_flex`, `_priority` and `_above_200k_tokens` come behind them.
LITELLM_KINDS: Final = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write_5m",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "output_cost_per_token": "output",
    "input_cost_per_request": "per_request",
}
LITELLM_TIERS: Final = {"batches": "batch", "flex": "flex", "priority": "priority"}


class Part(NamedTuple):
    """A kind of price: of a tier, of a kind of token, for requests with more than `above` input tokens."""

    tier: str
    kind: str
    above: int = 0

    def __str__(self) -> str:
        tier = "" if self.tier == STANDARD else f"{self.tier} "
        return f"{tier}{self.kind}{f' above {self.above}' if self.above else ''}"


Numbers = dict[Part, Decimal]


@dataclass(frozen=True)
class Row:
    """A model as one table calls it, and its prices."""

    provider: str
    model: str
    prices: Numbers

    def price(self, part: Part) -> Decimal | None:
        """Return a price; beyond a bound that this table does not draw, that is the price of the last bound below."""
        below = [one for one in self.prices if one[:2] == part[:2] and one.above <= part.above]
        return self.prices[max(below)] if below else None


@dataclass(frozen=True)
class Table:
    """A price table; `family` says which tables list models in the same way, so that what one lacks is new or gone."""

    name: str
    family: str
    rows: Mapping[Key, tuple[Row, ...]]


def of_book(book: PriceBook, name: str, at: datetime, provider: str | None = None) -> Table:
    """Return what every model (of one provider) that the list or an entry names costs at a moment."""
    rows: dict[Key, tuple[Row, ...]] = {}
    for seller, model in (*builtin.models(), *book.own_models()):
        if provider is not None and (seller or "").casefold() != provider.casefold():
            continue
        found = [(tier, rates) for tier in TIERS if (rates := book.rates(seller, model, at, tier))]
        prices = {part: price for tier, rates in found for step in rates.steps for part, price in _parts(tier, step)}
        for key in {(rates.provider, rates.model) for _, rates in found} - rows.keys():
            _add(rows, Row(*key, prices), key)
    return Table(name, "list", rows)


def of_document(document: object, name: str, at: datetime) -> Table:
    """Read a file's content: a LiteLLM table is one object, a genai-prices table a list of providers."""
    try:
        if isinstance(document, list):
            return of_genai(document, name, at)
        if isinstance(document, dict):
            return of_litellm(document, name)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as problem:
        raise UserError(f"{name} is built otherwise than a price table ({type(problem).__name__}: {problem}); {GIVE}") from None
    raise UserError(f"{name} is no price table; {GIVE}")


def of_litellm(document: Mapping[str, Any], name: str) -> Table:
    """Read LiteLLM's table. A model that is free in all respects has no known price there."""
    rows: dict[Key, tuple[Row, ...]] = {}
    for model, entry in document.items():
        if model == "sample_spec" or not isinstance(entry, dict):
            continue
        provider = _litellm_provider(str(entry.get("litellm_provider", "")))
        prices = dict(_litellm_prices(entry))
        if any(prices.values()):
            _add(rows, Row(provider, model, prices), _key(provider, model))
    _check(rows, name)
    return Table(name, "litellm", rows)


def of_genai(document: list[Any], name: str, at: datetime) -> Table:
    """Read a genai-prices data file as of a moment."""
    rows: dict[Key, tuple[Row, ...]] = {}
    for provider in document:
        shown = builtin.NAMES.get(provider["id"], provider["id"])
        for model in provider["models"]:
            prices: Numbers = {}
            for tier in TIERS:
                for step in read_json(model, tier, at):
                    prices |= dict(_per_mtok(tier, step.above, step.prices, step.per_request))
            _add(rows, Row(shown, model["id"], prices), (shown, model["id"]))
    _check(rows, name)
    return Table(name, "list", rows)


def _add(rows: dict[Key, tuple[Row, ...]], row: Row, key: Key) -> None:
    if row.prices:
        rows[key] = (*rows.get(key, ()), row)


def _check(rows: Mapping[Key, tuple[Row, ...]], name: str) -> None:
    if not rows:
        raise UserError(f"{name} holds no prices that can be read; {GIVE}")


def _parts(tier: str, step: Step) -> Iterator[tuple[Part, Decimal]]:
    return _per_mtok(tier, step.above, tuple(getattr(step, kind) for kind in KINDS), step.per_request)


def _per_mtok(tier: str, above: int, prices: tuple[Decimal | None, ...], request: Decimal) -> Iterator[tuple[Part, Decimal]]:
    bound = round(above, -3)  # 199,999 and 200,000 are the same bound to whoever compares
    for kind, price in zip(KINDS, prices, strict=True):
        if price is not None:
            yield Part(tier, kind, bound), price.scaleb(MTOK)
    if request:
        yield Part(tier, "per_request", bound), request


def _litellm_provider(written: str) -> str:
    first = written.partition("-")[0] if written.startswith("vertex_ai") else written
    known = provider_name(first)
    return known if known in SPELLINGS else ROUTES.get(first, first)


def _litellm_prices(entry: Mapping[str, Any]) -> Iterator[tuple[Part, Decimal]]:
    for field, value in entry.items():
        if isinstance(value, Decimal | int) and not isinstance(value, bool) and (found := _litellm_part(field)):
            yield found, _exact(Decimal(value)) if found.kind == "per_request" else _exact(Decimal(value)).scaleb(MTOK)


def _exact(number: Decimal) -> Decimal:
    """Undo what binary arithmetic left behind: 1.3200000000000002e-07 was meant as 1.32e-07."""
    return +number.normalize(DIGITS)


def _litellm_part(field: str) -> Part | None:
    """Read `input_cost_per_token_above_200k_tokens_batches` as `batch input above 200000`."""
    base, _, last = field.rpartition("_")
    rest, tier = (base, LITELLM_TIERS[last]) if last in LITELLM_TIERS else (field, STANDARD)
    start, above, bound = rest.rpartition("_above_")
    tokens = bound.removesuffix("k_tokens")
    if above and bound.endswith("k_tokens") and tokens.isdigit():
        return Part(tier, LITELLM_KINDS[start], int(tokens) * 1000) if start in LITELLM_KINDS else None
    return Part(tier, LITELLM_KINDS[rest]) if rest in LITELLM_KINDS else None


def _key(provider: str, model: str) -> Key:
    """Name a model as the list does where that is certain; a price for one region is nobody else's."""
    if AWS_REGION.search(model.partition("/")[2]):
        return provider, model
    found = builtin.find(provider, read_reference(model, provider))
    return (found.seller, found.model.id) if found and found.certain else (provider, model)
