"""Why a cost changed, in words and for scripts: one plain sentence first, the figures behind it after."""

from collections.abc import Callable, Mapping
from typing import Final

from finops.insight.drivers_told import EFFECTS, Driver, EffectName, Effects, Facts, Why
from finops.money import percent, show
from finops.periods import Period
from finops.query import CostQuery
from finops.telling.answer_json import amount
from finops.telling.names import clean, dimension_words
from finops.telling.sentences import scope_text

MOST_SAID: Final = 0.9  # of the change: a driver of more is simply called it, not a share of it
Pair = tuple[float, float]
NAMES: Final[Mapping[EffectName, str]] = {
    "price": "price",
    "volume": "volume (requests or units used)",
    "intensity": "intensity (tokens per request)",
    "mix": "mix of models",
    "cache": "caching",
    "new": "new",
    "gone": "gone",
    "other": "not told apart",
}


def sentence(why: Why, query: CostQuery) -> str:
    """Say how much the cost changed, what drives it and by which effect, in one sentence."""
    return explained(why, scope_text(query))


def explained(why: Why, subject: str = "") -> str:
    """Say the same of any subject: `Cost of team=ml rose by $1,240.00 (+38 %): 81 % of it is model=opus, because requests doubled.`"""
    who = f"Cost of {subject}" if subject else "The whole cost"
    currency = clean(why.currency)
    if not why.change:
        return f"{who} did not change: {show(why.after, currency)} both times{_opposed(why)}."
    verb = "rose" if why.change > 0 else "fell"
    share = f" ({percent(float(why.change / abs(why.before)), signed=True)})" if why.before else ""
    return f"{who} {verb} by {show(abs(why.change), currency)}{share}{reason(why)}."


def reason(why: Why) -> str:
    """Say what drives a change, to end a sentence with: `: 81 % of it is model=opus, because requests doubled`."""
    sign = 1 if why.change > 0 else -1
    first = next((driver for driver in why.drivers if driver.excess * sign > 0), None)
    return f": {_part(first, why)}" if first else "; no combination of values stands out"


def why_document(why: Why, query: CostQuery) -> dict[str, object]:
    """Return the explanation as JSON values: effects sum to the change, and so do drivers with `other`."""
    return {
        "from": amount(why.before),
        "to": amount(why.after),
        "change": amount(why.change),
        "currency": why.currency,
        "periods": {"from": _period(query.compare), "to": _period(query.period)},
        "drivers": [
            {"key": driver.text, "excess": amount(driver.excess), "share": driver.share, "values": dict(driver.key)}
            | {"rest": driver.rest, "made_of": dict([driver.made_of]) if driver.made_of else {}}
            for driver in why.drivers
        ],
        "other": amount(why.other),
        "effects": {name: amount(why.effects.amounts[name]) for name in EFFECTS},
        "sentence": sentence(why, query),
    }


def driver_words(driver: Driver) -> str:
    """Name the slice: `model=opus in feature=search`, `the rest of provider=AWS` beside a part of that."""
    words = [f"{clean(name)}={clean(value)}" if value is not None else _nobody(name) for name, value in driver.key]
    if not words:
        return "all the rest" if driver.rest else "everything alike"
    made_of = f" ({', '.join(map(clean, driver.made_of[1]))})" if driver.made_of else ""
    return f"{'the rest of ' if driver.rest else ''}{' in '.join(words)}{made_of}"


def _nobody(dimension: str) -> str:
    return f"what has no {dimension_words(dimension)}"


def _part(driver: Driver, why: Why) -> str:
    share = driver.share or 0.0
    named = driver_words(driver)
    said = f"it is {named}" if MOST_SAID <= share <= 2 - MOST_SAID else f"{percent(share)} of it is {named}"
    if not driver.key:
        said = named
    elif share > 2 - MOST_SAID:
        said = f"{named} alone {'rose' if driver.excess > 0 else 'fell'} by {show(abs(driver.excess), clean(why.currency))}"
    return f"{said}{because(why.because, why.facts)}"


def _opposed(why: Why) -> str:
    """Opposite moves that come to nothing together."""
    up, down = (next((one for one in why.drivers if one.excess * sign > 0), None) for sign in (1, -1))
    if up is None or down is None:
        return ""
    currency = clean(why.currency)
    return f", while {driver_words(up)} rose by {show(up.excess, currency)} and {driver_words(down)} fell by {show(-down.excess, currency)}"


def because(effects: Effects | None, facts: Facts) -> str:
    """Say the main effect: `, because requests doubled`; nothing where it is not known."""
    said = REASONS[effects.main](facts) if effects and effects.main else ""
    return f", {said}" if said else ""


def _volume(facts: Facts) -> str:
    if facts.requests:
        return f"because requests {_moved(facts.requests)}"
    return f"because use {_moved(facts.quantity)}" if facts.quantity else ""


def _price(facts: Facts) -> str:
    return f"because prices {_moved(facts.price)}" if facts.price else ""


def _intensity(facts: Facts) -> str:
    return f"because tokens per request {_moved(facts.tokens_per_request)}" if facts.tokens_per_request else ""


def _cache(facts: Facts) -> str:
    if not facts.cached:
        return ""
    before, after = facts.cached
    return f"because {percent(after)} of input came from a cache instead of {percent(before)}"


REASONS: Final[Mapping[EffectName, Callable[[Facts], str]]] = {
    "volume": _volume,
    "price": _price,
    "intensity": _intensity,
    "cache": _cache,
    "mix": lambda _: "because requests moved between models",
    "new": lambda _: "which is new",
    "gone": lambda _: "which is gone",
    "other": lambda _: "",
}


def _moved(pair: Pair) -> str:
    """How a figure moved: `doubled`, `rose by 40 %`, `rose 5.2 times`."""
    before, after = pair
    if not before or before == after:
        return "appeared" if after and not before else "stayed the same"
    ratio = after / before
    for times, word in ((2.0, "doubled"), (3.0, "tripled"), (0.5, "halved")):
        if abs(ratio / times - 1) <= 0.03:
            return word
    if ratio > 3:
        return f"rose to {ratio:,.1f} times as many"
    return f"{'rose' if ratio > 1 else 'fell'} by {percent(abs(ratio - 1))}"


def _period(period: Period | None) -> dict[str, str] | None:
    return None if period is None else {"start": period.start.isoformat(), "end": period.end.isoformat()}
