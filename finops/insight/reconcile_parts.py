"""Parts of a difference: what causes are called, what to do about each, and how they add up to the last digit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from finops.insight.reconcile_lines import NOTHING

PLACES: Final = 10
SMALL: Final = Decimal("0.005")  # a part of less than half a percent of the difference is no cause of it
ALIKE: Final = Fraction(1, 200)  # counts and ratios that differ by no more than half a percent are taken for equal

MISSING, EXTRA, CACHE, INPUTS, OUTPUTS = "missing events", "extra events", "cache", "input", "output"
PRICE, TIER, REGION, UNPRICED, FEES = "price", "tier", "region", "unpriced", "request fees"
NOT_TOKENS, NO_MODEL, UNBILLED, UNMEASURED, TWICE, REST = (
    "not tokens",
    "no model",
    "not on the bill",
    "not measured",
    "billed twice",
    "rest",
)

# Cause → what to do about it.
NEXT: Final[Mapping[str, str]] = {
    MISSING: "Look for callers that go past the gateway, and for usage that was not delivered.",
    EXTRA: "Look for requests reported under two ids, and for usage of an account whose bill is not loaded.",
    CACHE: "See how the sender counts cached tokens: the input includes them, and reads and writes are told apart.",
    INPUTS: "See how the sender counts input tokens.",
    OUTPUTS: "See whether the sender counts reasoning as output, and whether the tokens of broken streams are guessed.",
    PRICE: "Put the price or the discount into prices in budgets.yaml, or correct it there.",
    TIER: "Let the sender report service_tier, or give the tier a factor under prices in budgets.yaml.",
    REGION: "Let the sender report the region, or give it a factor under prices in budgets.yaml.",
    UNPRICED: "Add the model to prices in budgets.yaml.",
    FEES: "Put per_request under prices in budgets.yaml.",
    NOT_TOKENS: "Nothing need be done: only tokens are estimated.",
    NO_MODEL: "Look at the bill's lines without a model; tools and storage are not estimated.",
    UNBILLED: "See whether the account's bill is loaded, and whether another provider bills the model.",
    UNMEASURED: "Send its requests through the gateway, or load its usage.",
    TWICE: "Keep one of the two sources.",
    REST: "Compare the lines of the bill with the requests of these days.",
}


@dataclass(frozen=True)
class Cause:
    """A part of the difference: its name, what it comes to (billed less estimated), and why it is thought so."""

    name: str
    amount: Decimal
    why: str
    perhaps: bool = False

    @property
    def next_step(self) -> str:
        return NEXT[self.name]


@dataclass(frozen=True)
class Part:
    """A cause before its amount is rounded."""

    name: str
    amount: Fraction
    why: str
    perhaps: bool = False


def settled(parts: Iterable[Part], total: Decimal) -> tuple[Cause, ...]:
    """Return causes that sum to `total` exactly, the largest first, and at the end a rest of what is small or unexplained."""
    found = [Cause(part.name, _rounded(part.amount), part.why, part.perhaps) for part in _merged(parts)]
    causes = [cause for cause in found if cause.amount and abs(cause.amount) >= SMALL * abs(total) and cause.name != REST]
    causes.sort(key=lambda cause: (-abs(cause.amount), cause.name))
    left = total - sum((cause.amount for cause in causes), NOTHING)
    if causes and abs(left) <= Decimal(len(found) + 1).scaleb(-PLACES):  # of rounding
        causes[0] = replace(causes[0], amount=causes[0].amount + left)
        left = NOTHING
    why = next((cause.why for cause in found if cause.name == REST), "rounding, or what the counts do not show")
    return (*causes, *([Cause(REST, left, why)] if left else []))


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Parts of one name become one, with the reason of the largest."""
    by_name: dict[tuple[str, bool], list[Part]] = {}
    for part in parts:
        by_name.setdefault((part.name, part.perhaps), []).append(part)
    return [
        replace(max(several, key=lambda part: abs(part.amount)), amount=sum((part.amount for part in several), Fraction(0)))
        for several in by_name.values()
    ]


def _rounded(amount: Fraction) -> Decimal:
    return Decimal(round(amount * 10**PLACES)).scaleb(-PLACES)
