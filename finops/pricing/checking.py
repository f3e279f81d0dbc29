"""Which models of the usage have no price, or one that the list has only under another name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from finops.errors import meant
from finops.pricing import builtin
from finops.pricing.book import PriceBook
from finops.pricing.steps import KINDS, Rates, Tokens
from finops.pricing.tiers import STANDARD, tier_name


@dataclass(frozen=True)
class Seen:
    """Requests of one kind, as the ledger has them: their sums, and the moment of the last one."""

    provider: str | None
    model: str
    tier: str | None
    region: str | None
    tokens: Tokens
    last: datetime


@dataclass(frozen=True)
class Finding:
    """Something to look at: `unpriced` counts as no cost at all, `uncertain` rests on another model's price."""

    problem: Literal["unpriced", "uncertain"]
    seen: Seen
    price_id: str | None
    sentence: str


def check(book: PriceBook, seen: Iterable[Seen]) -> tuple[Finding, ...]:
    """Return what cannot be priced, then what is priced by an uncertain match, each with the most requests first."""
    found = [finding for one in seen for finding in _findings(book, one)]
    return tuple(sorted(found, key=lambda finding: (finding.problem != "unpriced", -finding.seen.tokens.requests, finding.seen.model)))


def _findings(book: PriceBook, seen: Seen) -> Iterator[Finding]:
    rates = book.rates(seen.provider, seen.model, seen.last, seen.tier, seen.region)
    if rates is None:
        yield Finding("unpriced", seen, None, _unknown(book, seen))
    elif missing := _missing(rates, seen.tokens):
        kinds = " and ".join(kind.replace("_", " ") for kind in missing)
        yield Finding("unpriced", seen, rates.price_id, f"{_named(seen)}: {rates.price_id} has no price for {kinds} tokens; {GIVE_ONE}")
    elif not rates.certain:
        sentence = f"{_named(seen)}: priced as {rates.price_id}; give it a price of its own in budgets.yaml if that is wrong"
        yield Finding("uncertain", seen, rates.price_id, sentence)


GIVE_ONE = "give one under 'prices' in budgets.yaml"


def _missing(rates: Rates, tokens: Tokens) -> list[str]:
    step = rates.steps[0]
    counts = {"input": tokens.fresh} | {kind: getattr(tokens, kind) for kind in KINDS if kind != "input"}
    return [kind for kind in KINDS if counts[kind] > 0 and getattr(step, kind) is None]


def _unknown(book: PriceBook, seen: Seen) -> str:
    tier = tier_name(seen.tier)
    if tier != STANDARD and book.rates(seen.provider, seen.model, seen.last, None, seen.region):
        return f"{_named(seen)}: no price for the tier '{tier}' on {seen.last:%Y-%m-%d}; {GIVE_ONE}, or a 'factor' with 'tier: {tier}'"
    seller = seen.provider or book.provider_of(seen.model)
    known = [model for provider, model in builtin.models() if provider == seller]
    return f"{_named(seen)}: no price; {GIVE_ONE}.{meant(seen.model, known)}"


def _named(seen: Seen) -> str:
    count = seen.tokens.requests
    seller = f" of {seen.provider}" if seen.provider else ""
    return f"'{seen.model}'{seller} ({count:,} {'request' if count == 1 else 'requests'})"
