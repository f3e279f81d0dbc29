"""What an action is expected to save, from the traffic before it, and what it did save, from the traffic since: both with a range."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, Protocol

from finops.configuration.levers import EVERY
from finops.guard.plans import Saving
from finops.pricing.steps import Cost, Rates, Tokens, cost

HOUR: Final = timedelta(hours=1)
WINDOW: Final = timedelta(hours=24)
FEWEST_HOURS: Final = 3  # with fewer, a range would be a guess
CENT: Final = Decimal("0.01")
FINE: Final = Decimal("0.000001")
ZERO: Final = Decimal(0)


class Prices(Protocol):
    """The price book, as far as savings need it."""

    def rates(self, provider: str | None, model: str, at: datetime) -> Rates | None: ...


@dataclass(frozen=True)
class Flow:
    """The requests of one minute for one model: how many, their tokens, and what they cost (None: nobody knows)."""

    at: datetime
    provider: str | None
    model: str
    tokens: Tokens
    cost: Decimal | None
    currency: str

    @property
    def requests(self) -> int:
        return self.tokens.requests


@dataclass(frozen=True)
class Span:
    """A sum with its 80 % range."""

    likely: Decimal
    low: Decimal
    high: Decimal


def of_fallback(flows: Sequence[Flow], models: Mapping[str, str], prices: Prices, end: datetime) -> Saving | None:
    """Expect of a fallback what the last day's requests to premium models cost beyond the same tokens at the cheap model's price."""
    moved = [(flow, cheap) for flow in flows if (cheap := cheap_for(models, flow.model)) is not None]
    differences = [(flow, _beyond(flow, cheap, prices)) for flow, cheap in moved]
    if any(beyond is None for _, beyond in differences):
        return None
    names = ", ".join(sorted({f"{flow.model} → {cheap}" for flow, cheap in moved}))
    count = sum(flow.requests for flow, _ in moved)
    basis = f"the {count:,} requests of the last 24 h at both prices ({names})"
    return _expected(((flow, beyond or ZERO) for flow, beyond in differences), flows, basis, end)


def of_throttle(flows: Sequence[Flow], parameters: Mapping[str, Any], end: datetime) -> Saving | None:
    """Expect of a throttle the cost of the last day's requests beyond it; None where only single requests would tell."""
    if not {"requests_per_second", "tokens_per_day", "cost_per_day"} & set(parameters):
        return None
    if any(flow.cost is None for flow in flows):
        return None
    left = _passed(sorted(flows, key=lambda flow: flow.at), parameters)
    saved = [(flow, (flow.cost or ZERO) * (1 - share)) for flow, share in left]
    stopped = sum(flow.requests * (1 - share) for flow, share in left)
    basis = f"{_whole(stopped):,} of the {sum(flow.requests for flow in flows):,} requests of the last 24 h lay above the limit"
    return _expected(saved, flows, basis, end)


def of_block(flows: Sequence[Flow], end: datetime) -> Saving | None:
    """Expect of a block all that the last day's requests cost."""
    if any(flow.cost is None for flow in flows):
        return None
    basis = f"what the {sum(flow.requests for flow in flows):,} requests of the last 24 h cost"
    return _expected(((flow, flow.cost or ZERO) for flow in flows), flows, basis, end)


def of_stop(days: Sequence[Decimal], currency: str, share: Decimal = Decimal(1)) -> Saving | None:
    """Expect of a stop its `share` of what an hour cost on the last billed days."""
    if not days or share <= 0:
        return None
    hourly = [day / 24 * share for day in days]
    span = _spread(hourly)
    basis = f"what it cost on the last {len(days)} billed days"
    return _rounded(span, currency, basis) if span.likely > 0 else None


def cheap_for(models: Mapping[str, str], model: str) -> str | None:
    """Return the model that answers instead of `model`; None where it answers itself."""
    cheap = models.get(model) or models.get(EVERY)
    return None if cheap == model else cheap


def since_fallback(before: Sequence[Flow], since: Sequence[Flow], models: Mapping[str, str], prices: Prices) -> tuple[Span, int] | None:
    """Measure a fallback: what the requests answered by cheap models since would have cost at the premium price, and how many there were.

    Some would have asked for the cheap model anyway: as large a share as before is left out of what is likely, and counted
    in what is possible. None where a price is missing, as of a name that only the gateway has for a model.
    """
    if since and any(prices.rates(None, name, since[-1].at) is None for name in {*models, *models.values()} - {EVERY}):
        return None
    answered = [flow for flow in since if flow.model in set(models.values())]
    mix = _mix(before, models)
    if not mix and answered:
        mix = {cheap: {premium: Decimal(1)} for premium, cheap in models.items() if premium != EVERY}
    total = _dearer(answered, mix, prices)
    if total is None:
        return None
    natural = _natural(before, models)
    share = max(ZERO, 1 - natural)
    requests = sum(flow.requests for flow in answered)
    return Span(total * share, total * share * share, total), _whole(requests * share)


def since_limit(before: Sequence[Flow], since: Sequence[Flow], begin: datetime, end: datetime) -> Span | None:
    """Measure a throttle or a block: what as many hours cost the day before, less what they cost now."""
    if any(flow.cost is None for flow in (*before, *since)):
        return None
    hours = Decimal((end - begin) / HOUR)
    span = _spread(_by_hour(((flow, flow.cost or ZERO) for flow in before), begin))
    now = sum((flow.cost or ZERO for flow in since), ZERO)
    return Span(*(max(ZERO, each * hours - now) for each in (span.likely, span.low, span.high)))


def _beyond(flow: Flow, cheap: str, prices: Prices) -> Decimal | None:
    instead = _at_price(flow, None, cheap, prices)
    return None if instead is None or flow.cost is None else flow.cost - instead


def _at_price(flow: Flow, provider: str | None, model: str, prices: Prices) -> Decimal | None:
    """Return what the same tokens cost at a model's price, in the same currency."""
    rates = prices.rates(provider, model, flow.at)
    found: Cost | None = cost(rates, flow.tokens) if rates and rates.currency == flow.currency else None
    return found.total if found else None


def _passed(flows: Sequence[Flow], parameters: Mapping[str, Any]) -> list[tuple[Flow, Decimal]]:
    """Return for each minute which share of its requests a limit would have let through; a day's limit goes from the first on."""
    rate = parameters.get("requests_per_second")
    a_minute = None if rate is None else Decimal(str(rate)) * 60
    counted: dict[datetime, int] = defaultdict(int)
    for flow in flows:
        counted[flow.at] += flow.requests
    tokens, spent = ZERO, ZERO
    passed = []
    for flow in flows:
        share = Decimal(1) if a_minute is None else min(Decimal(1), a_minute / max(counted[flow.at], 1))
        size = Decimal(flow.tokens.input + flow.tokens.output)
        share = min(share, _room(parameters.get("tokens_per_day"), tokens, size), _room(parameters.get("cost_per_day"), spent, flow.cost))
        tokens, spent = tokens + size * share, spent + (flow.cost or ZERO) * share
        passed.append((flow, share))
    return passed


def _room(limit: Any, used: Decimal, wanted: Decimal | None) -> Decimal:
    if limit is None or not wanted:
        return Decimal(1)
    return min(Decimal(1), max(ZERO, Decimal(str(limit)) - used) / wanted)


def _mix(before: Sequence[Flow], models: Mapping[str, str]) -> dict[str, dict[str, Decimal]]:
    """Return for each cheap model which premium ones it stands in for, by their share of the requests before."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for flow in before:
        if (cheap := cheap_for(models, flow.model)) is not None:
            counts[cheap][flow.model] += flow.requests
    return {cheap: {name: Decimal(n) / sum(of.values()) for name, n in of.items()} for cheap, of in counts.items()}


def _natural(before: Sequence[Flow], models: Mapping[str, str]) -> Decimal:
    """Return the share of the requests before that asked for a cheap model by themselves."""
    own = sum(flow.requests for flow in before if flow.model in set(models.values()))
    moved = sum(flow.requests for flow in before if cheap_for(models, flow.model) is not None)
    return Decimal(own) / (own + moved) if own + moved else ZERO


def _dearer(answered: Iterable[Flow], mix: Mapping[str, Mapping[str, Decimal]], prices: Prices) -> Decimal | None:
    total = ZERO
    for flow in answered:
        if flow.cost is None:
            return None
        for premium, share in mix.get(flow.model, {}).items():
            instead = _at_price(flow, None, premium, prices)
            if instead is None:
                return None
            total += (instead - flow.cost) * share
    return total


def _expected(saved: Iterable[tuple[Flow, Decimal]], flows: Sequence[Flow], basis: str, end: datetime) -> Saving | None:
    """Spread what would have been saved over the hours; nothing where there was too little traffic, or several currencies."""
    currencies = {flow.currency for flow in flows}
    hours = _by_hour(saved, end)
    busy = {int((end - flow.at) / HOUR) for flow in flows}
    if len(currencies) != 1 or len(busy) < FEWEST_HOURS or sum(hours) <= 0:
        return None
    return _rounded(_spread(hours), currencies.pop(), basis)


def _by_hour(saved: Iterable[tuple[Flow, Decimal]], end: datetime) -> list[Decimal]:
    """Return a sum for each of the 24 hours before `end`; one without requests is zero."""
    hours = [ZERO] * int(WINDOW / HOUR)
    for flow, amount in saved:
        back = int((end - flow.at) / HOUR)
        if 0 <= back < len(hours):
            hours[back] += amount
    return hours


def _spread(values: Sequence[Decimal]) -> Span:
    """Return the mean, and the values that eight in ten lie between."""
    ordered = sorted(values)
    mean = sum(ordered, ZERO) / len(ordered)
    return Span(mean, min(_quantile(ordered, Decimal("0.1")), mean), max(_quantile(ordered, Decimal("0.9")), mean))


def _quantile(ordered: Sequence[Decimal], share: Decimal) -> Decimal:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _rounded(span: Span, currency: str, basis: str) -> Saving:
    likely, low, high = (rounded(each) for each in (span.likely, span.low, span.high))
    return Saving(likely, low, high, currency, basis)


def rounded(amount: Decimal) -> Decimal:
    """Round to cents, and what is less than a cent to millionths."""
    return amount.quantize(FINE if 0 < abs(amount) < CENT else CENT, ROUND_HALF_EVEN)


def _whole(number: Decimal | int) -> int:
    return int(Decimal(number).to_integral_value(ROUND_HALF_EVEN))


Estimate = Callable[[Sequence[Flow], Mapping[str, Any], Prices, datetime], Saving | None]

# How the saving of each lever on requests is worked out.
ESTIMATES: Final[Mapping[str, Estimate]] = {
    "gateway.fallback": lambda flows, given, prices, end: of_fallback(flows, given["fallback"], prices, end),
    "gateway.throttle": lambda flows, given, _, end: of_throttle(flows, given, end),
    "gateway.block": lambda flows, given, _, end: of_block(flows, end),
}
