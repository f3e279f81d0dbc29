"""What every charge must be, whatever it came from: one table, read in order, the first broken rule names the row."""

from dataclasses import dataclass
from typing import Final

from finops.charges import CATEGORIES
from finops.sources.mapping import Mark


@dataclass(frozen=True)
class Rule:
    """`broken` is SQL over ledger columns; `unreadable(X)` stands for: X was delivered but is no value of its kind."""

    name: str
    broken: str
    reason: str


STRICT: Final = (  # ledger columns whose unreadable values make a row bad; elsewhere they are noted and unknown
    "BilledCost",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "ListCost",
)

EARLIEST: Final = "2000-01-01"
LATEST: Final = "2100-01-01"  # the first moment that is too late
_CATEGORIES: Final = ", ".join(f"'{category}'" for category in CATEGORIES)
_MOMENT: Final = "a date such as 2026-03-01 or 2026-03-01T00:00:00Z"
_PLAIN: Final = "a number such as 1234.56 or $1,234.56"

RULES: Final = (
    Rule("start-unreadable", "unreadable(ChargePeriodStart)", f"the charge's start is not {_MOMENT}"),
    Rule("start-missing", "ChargePeriodStart IS NULL", "the charge has no start"),
    Rule(
        "start-far-off",
        f"ChargePeriodStart < TIMESTAMP '{EARLIEST}' OR ChargePeriodStart >= TIMESTAMP '{LATEST}'",
        "the charge's start lies outside the years 2000 to 2099",
    ),
    Rule("period-unreadable", "unreadable(BillingPeriodStart) OR unreadable(BillingPeriodEnd)", "the billing period is not a date"),
    Rule(
        "period-far-off",
        f"BillingPeriodStart < TIMESTAMP '{EARLIEST}' OR BillingPeriodStart >= TIMESTAMP '{LATEST}'",
        "the billing period lies outside the years 2000 to 2099",
    ),
    Rule("end-unreadable", "unreadable(ChargePeriodEnd)", f"the charge's end is not {_MOMENT}"),
    Rule("end-before-start", "ChargePeriodEnd < ChargePeriodStart", "the charge ends before it starts"),
    Rule("billed-unreadable", "unreadable(BilledCost)", f"the billed cost is not {_PLAIN}"),
    Rule("billed-missing", "BilledCost IS NULL", "the charge has no billed cost"),
    Rule("effective-unreadable", "unreadable(EffectiveCost)", f"a part of the effective cost is not {_PLAIN}"),
    Rule("list-unreadable", "unreadable(ListCost)", f"the list cost is not {_PLAIN}"),
    Rule("contracted-unreadable", "unreadable(ContractedCost)", f"the contracted cost is not {_PLAIN}"),
    Rule("currency-missing", "BillingCurrency IS NULL", "the charge has no billing currency"),
    Rule(
        "currency-unknown",
        "NOT regexp_full_match(BillingCurrency, '[A-Z][A-Z][A-Z]')",
        "the billing currency is not a three-letter code such as USD (a virtual currency belongs in PricingCurrency)",
    ),
    Rule("sign-contradicts", "another_currency", "an amount bears the sign of another currency than the billing currency"),
    Rule("category-missing", "ChargeCategory IS NULL", "the charge has no category"),
    Rule("category-unknown", f"ChargeCategory NOT IN ({_CATEGORIES})", f"the charge category is none of {', '.join(CATEGORIES)}"),
)

# Rules that a value written in a spreadsheet's way may have broken.
UNREADABLE: Final = tuple(rule.name for rule in RULES if "unreadable(" in rule.broken)
REASONS: Final = {rule.name: rule.reason for rule in RULES}

# Good rows worth a word. `unreadable_numbers` covers quantities and unit prices.
MARKS: Final = (
    Mark("tags", "unreadable(Tags)", "tags that are no JSON object are unknown"),
    Mark("numbers", "unreadable_numbers", "quantities or unit prices that are no numbers are unknown"),
    Mark("currency", "currency_respelled", "billing currencies in another case were normalised"),
    Mark("category", "category_respelled", "charge categories in another case were normalised"),
)
