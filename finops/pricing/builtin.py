"""The built-in price list: genai-prices as it was installed, read offline. Loaded at the first question, not at import."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, Final

from finops.pricing.references import Reference, is_same, read_reference
from finops.pricing.tiers import STANDARD

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, Provider

CURRENCY: Final = "USD"
# Our spelling of a provider → its id in the list; the others go by the id itself.
IDS: Final = {
    "Anthropic": "anthropic",
    "OpenAI": "openai",
    "AWS": "aws",
    "Google Cloud": "google",
    "Microsoft": "azure",
    "Mistral AI": "mistral",
    "Cohere": "cohere",
    "DeepSeek": "deepseek",
    "xAI": "x-ai",
    "Groq": "groq",
    "Perplexity": "perplexity",
}
NAMES: Final = {key: name for name, key in IDS.items()}
PER_MTOK: Final = -6  # exponents of ten, so that no digit is lost
PER_THOUSAND: Final = -3
REQUESTS: Final = "requests_kcount"
# Models of open weights, which many sell: the beginning of the name says who made them.
MADE_BY: Final = {
    "llama": "Meta",
    "qwen": "Alibaba",
    "gemma": "Google Cloud",
    "phi-": "Microsoft",
    "nova-": "AWS",
    "titan-": "AWS",
}


@dataclass(frozen=True)
class Found:
    """A model of the list: whose prices they are (`id`, `model`), who sells it, and whether the name was the list's own."""

    id: str
    seller: str
    model: "ModelInfo"
    certain: bool
    borrowed: bool

    @property
    def place(self) -> str:
        return f"{self.id}/{self.model.id}"


@dataclass(frozen=True)
class ListStep:
    """The list's prices per token for requests with more than `above` input tokens."""

    above: int
    prices: tuple[Decimal | None, ...]  # in the order of steps.KINDS
    per_request: Decimal


@dataclass(frozen=True)
class ListRates:
    """The list's prices of a tier at a moment, and since when they are these."""

    steps: tuple[ListStep, ...]
    since: date | None


@cache
def version() -> str:
    """Return the name and version of the list."""
    return f"genai-prices {installed('genai-prices')}"


def find(seller: str | None, reference: Reference) -> Found | None:
    """Return the model of the list that `reference` means when bought from `seller`; None where the list knows none."""
    key = IDS.get(seller, _as_id(seller)) if seller else ""
    if key not in _providers():
        return None
    for borrowed in (False, True):
        for name in reference.names:
            if hit := _of(key, name, borrowed=borrowed):
                place, model = hit
                is_named = is_same(reference, model.id)
                return Found(place, NAMES.get(key, key), model, certain=is_named and not borrowed, borrowed=borrowed)
    return None


def at(found: Found, tier: str, moment: datetime) -> ListRates | None:
    """Return the list's prices for a tier; None where it does not know what that tier costs at that moment."""
    model = found.model
    if tier == STANDARD:
        return ListRates(steps_of(_numbers(model.get_prices(moment))), _since(model, moment))
    if found.borrowed:  # who resells a model need not resell its tiers
        return None
    context = dict.fromkeys(("processing", "service_tier", "speed"), tier)
    special = [one for one in model.price_variants or () if _fits(one, context, moment)]
    if not special:
        return None
    given = {key: value for one in reversed(special) for key, value in _numbers(one.prices).items()}
    standard = _numbers(model.get_prices(moment))
    asking = {key: value for key, value in standard.items() if key == REQUESTS}
    prices = asking | given if given else standard  # a tier named without prices is one at the standard price
    starts = [one.constraint.start_date for one in special if one.constraint and hasattr(one.constraint, "start_date")]
    return ListRates(steps_of(prices), max(starts, default=None))


def edges(found: Found, tier: str, moment: datetime) -> set[datetime]:
    """Return the moments around this one at which the list's prices of a tier, or the standard ones, may change."""
    model, changes = found.model, set[datetime]()
    dated: list[Any] = list(model.prices) if isinstance(model.prices, list) else []
    if tier != STANDARD:
        dated += [one for one in model.price_variants or () if tier in one.when.values()]
    for one in (each.constraint for each in dated if each.constraint is not None):
        if hasattr(one, "start_date"):
            changes.add(datetime.combine(one.start_date, time(), UTC))
        else:
            changes |= {*_daily(moment, one.start_time), *_daily(moment, one.end_time)}
    return changes


def seller(reference: Reference) -> str | None:
    """Return who sells a model that goes by this name alone: the first provider of the list that claims it."""
    for provider in _providers().values():
        claims = provider.model_match
        if claims is not None and any(claims.is_match(name.removeprefix("ft:")) for name in reference.names):
            return NAMES.get(provider.id, provider.id)
    return None


def publisher(reference: Reference) -> str | None:
    bare = reference.names[-1]
    made = next((maker for beginning, maker in MADE_BY.items() if bare.startswith(beginning)), None)
    return made or seller(Reference((bare.rpartition("/")[2],)))


def names(found: Found | None) -> tuple[str, ...]:
    """Return what the list calls the model, for entries that name it so."""
    return () if found is None else read_reference(found.model.id).names


def models() -> Iterator[tuple[str, str]]:
    """Yield each seller and model of the list."""
    for key, provider in _providers().items():
        yield from ((NAMES.get(key, key), model.id) for model in provider.models)


@lru_cache(maxsize=1)
def _providers() -> dict[str, "Provider"]:
    from genai_prices.data import providers

    return {provider.id: provider for provider in providers}


@lru_cache(maxsize=1)
def _by_id() -> dict[tuple[str, str], "ModelInfo"]:
    return {(key, model.id.casefold()): model for key, provider in _providers().items() for model in provider.models}


@lru_cache(maxsize=16_384)
def _of(key: str, name: str, *, borrowed: bool) -> tuple[str, "ModelInfo"] | None:
    """Return a provider's own model of that name, or (`borrowed`) that of the first provider whose models it resells."""
    places = (_providers()[key].fallback_model_providers or ()) if borrowed else (key,)
    for place in places:
        if model := _by_id().get((place, name)) or _providers()[place].find_model(name):
            return place, model
    return None


def _as_id(seller: str) -> str:
    if seller in _providers():
        return seller
    return "-".join(seller.casefold().replace("_", " ").split())


def _numbers(prices: Any) -> dict[str, Any]:
    return {key: value for key, value in prices.__dict__.items() if value is not None}


def _fits(variant: Any, context: dict[str, str], moment: datetime) -> bool:
    is_on = variant.constraint is None or variant.constraint.active(moment)
    return is_on and all(context.get(key) == value for key, value in variant.when.items())


def steps_of(prices: dict[str, Any]) -> tuple[ListStep, ...]:
    bounds = {tier.start for price in prices.values() for tier in getattr(price, "tiers", ())}
    return tuple(_step(prices, above) for above in sorted({0, *bounds}))


def _step(prices: dict[str, Any], above: int) -> ListStep:
    write = prices.get("cache_write_5m_mtok", prices.get("cache_write_mtok"))
    kinds = (prices.get("input_mtok"), prices.get("cache_read_mtok"), write, prices.get("cache_write_1h_mtok"), prices.get("output_mtok"))
    request = _beyond(prices.get(REQUESTS), above, PER_THOUSAND)
    return ListStep(above, tuple(_beyond(price, above, PER_MTOK) for price in kinds), request or Decimal(0))


def _beyond(price: Any, above: int, exponent: int) -> Decimal | None:
    """Return the price of one for inputs beyond `above`; a step's price holds for the whole request."""
    if price is None:
        return None
    number = price
    for tier in getattr(price, "tiers", ()):
        if above >= tier.start:
            number = tier.price
    number = getattr(number, "base", number)
    return Decimal(number).scaleb(exponent)


def _since(model: "ModelInfo", moment: datetime) -> date | None:
    dated = [one.constraint for one in model.prices if one.constraint] if isinstance(model.prices, list) else []
    return max((one.start_date for one in dated if hasattr(one, "start_date") and one.active(moment)), default=None)


def _daily(moment: datetime, at_time: time) -> list[datetime]:
    zoned = at_time if at_time.tzinfo else at_time.replace(tzinfo=UTC)
    return [datetime.combine(moment.date() + timedelta(days), zoned).astimezone(UTC) for days in (-2, -1, 0, 1, 2)]
