"""What a charge is made of: FOCUS 1.2 columns, our dimensions, and the words people use for them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from finops.errors import QueryError, close_to, meant

Metric = Literal["effective", "billed", "list", "contracted"]

MONEY: Final = "DECIMAL(38,10)"
TEXT: Final = "VARCHAR"
MOMENT: Final = "TIMESTAMP"  # UTC, without an offset
DAY_TYPE: Final = "DATE"
COUNT: Final = "BIGINT"

# Source: FOCUS 1.2, Cost and Usage dataset (57 columns).
FOCUS_COLUMNS: Final[dict[str, str]] = {
    "AvailabilityZone": TEXT,
    "BilledCost": MONEY,
    "BillingAccountId": TEXT,
    "BillingAccountName": TEXT,
    "BillingAccountType": TEXT,
    "BillingCurrency": TEXT,
    "BillingPeriodEnd": MOMENT,
    "BillingPeriodStart": MOMENT,
    "CapacityReservationId": TEXT,
    "CapacityReservationStatus": TEXT,
    "ChargeCategory": TEXT,
    "ChargeClass": TEXT,
    "ChargeDescription": TEXT,
    "ChargeFrequency": TEXT,
    "ChargePeriodEnd": MOMENT,
    "ChargePeriodStart": MOMENT,
    "CommitmentDiscountCategory": TEXT,
    "CommitmentDiscountId": TEXT,
    "CommitmentDiscountName": TEXT,
    "CommitmentDiscountQuantity": MONEY,
    "CommitmentDiscountStatus": TEXT,
    "CommitmentDiscountType": TEXT,
    "CommitmentDiscountUnit": TEXT,
    "ConsumedQuantity": MONEY,
    "ConsumedUnit": TEXT,
    "ContractedCost": MONEY,
    "ContractedUnitPrice": MONEY,
    "EffectiveCost": MONEY,
    "InvoiceId": TEXT,
    "InvoiceIssuerName": TEXT,
    "ListCost": MONEY,
    "ListUnitPrice": MONEY,
    "PricingCategory": TEXT,
    "PricingCurrency": TEXT,
    "PricingCurrencyContractedUnitPrice": MONEY,
    "PricingCurrencyEffectiveCost": MONEY,
    "PricingCurrencyListUnitPrice": MONEY,
    "PricingQuantity": MONEY,
    "PricingUnit": TEXT,
    "ProviderName": TEXT,
    "PublisherName": TEXT,
    "RegionId": TEXT,
    "RegionName": TEXT,
    "ResourceId": TEXT,
    "ResourceName": TEXT,
    "ResourceType": TEXT,
    "ServiceCategory": TEXT,
    "ServiceName": TEXT,
    "ServiceSubcategory": TEXT,
    "SkuId": TEXT,
    "SkuMeter": TEXT,
    "SkuPriceDetails": TEXT,  # a JSON object
    "SkuPriceId": TEXT,
    "SubAccountId": TEXT,
    "SubAccountName": TEXT,
    "SubAccountType": TEXT,
    "Tags": TEXT,  # a JSON object of text to text
}

# Who owns a charge: what the bill itself says (x_Billed…) and what the owners section makes of it.
OWNER_COLUMNS: Final[dict[str, str]] = {
    "x_Team": TEXT,
    "x_Project": TEXT,
    "x_Env": TEXT,
    "x_BilledTeam": TEXT,
    "x_BilledProject": TEXT,
    "x_BilledEnv": TEXT,
}

OWN_COLUMNS: Final[dict[str, str]] = {
    "x_Model": TEXT,
    "x_Feature": TEXT,
    "x_User": TEXT,
    "x_Tenant": TEXT,
    "x_Route": TEXT,
    "x_TokenType": TEXT,
    "x_ServiceTier": TEXT,
    "x_CostSource": TEXT,
    "x_Source": TEXT,  # the name the bill was loaded under
    "x_ChargeDay": DAY_TYPE,  # the day of the charge in the ledger's time zone
}

# A priced LLM request is one charge: its tokens, what each kind of them cost, and what joins it to other requests.
USAGE_COLUMNS: Final[dict[str, str]] = {
    "x_RequestId": TEXT,
    "x_Session": TEXT,
    "x_Requests": COUNT,  # 1 on a request; null on what bills say, so that no request counts twice
    "x_InputTokens": COUNT,  # all input, cached tokens included
    "x_CacheReadTokens": COUNT,
    "x_CacheWrite5mTokens": COUNT,
    "x_CacheWrite1hTokens": COUNT,
    "x_OutputTokens": COUNT,
    "x_ReasoningTokens": COUNT,  # a part of the output
    "x_InputCost": MONEY,  # of input that was neither read from nor written to a cache
    "x_CacheReadCost": MONEY,
    "x_CacheWriteCost": MONEY,
    "x_OutputCost": MONEY,
    "x_RequestCost": MONEY,  # whatever is charged for the request as such
    "x_PriceId": TEXT,
    "x_LatencyMs": COUNT,
    "x_Status": TEXT,
    "x_Task": TEXT,
    "x_PromptHash": TEXT,
    "x_PrefixHashes": TEXT,  # a JSON list
    "x_PrefixBlockTokens": COUNT,
    "x_TokensEstimated": TEXT,  # 'true' where the tokens were guessed, not reported
    "x_AllocatedBy": TEXT,  # 'usage' on the parts of a bill's line that was split by measured usage
}

# What a cost rests on; only estimates give way once a bill of the same provider covers their day.
INVOICE: Final = "invoice"
PROVIDER_API: Final = "provider_cost_api"
ESTIMATE: Final = "price_list_estimate"

COLUMNS: Final[dict[str, str]] = FOCUS_COLUMNS | OWNER_COLUMNS | OWN_COLUMNS | USAGE_COLUMNS

METRICS: Final[dict[str, str]] = {
    "effective": "EffectiveCost",
    "billed": "BilledCost",
    "list": "ListCost",
    "contracted": "ContractedCost",
}


@dataclass(frozen=True)
class Dimension:
    """Something to filter and group by; a filter may match any of `columns`, a group shows the first that is known."""

    name: str
    columns: tuple[str, ...]
    about: str
    many: bool = False  # so many values that sums by day and value are no fewer than the charges


def _table(rows: Iterable[Dimension]) -> dict[str, Dimension]:
    return {row.name: row for row in rows}


DIMENSIONS: Final[dict[str, Dimension]] = _table(
    [
        Dimension("team", ("x_Team",), "who owns the charge"),
        Dimension("project", ("x_Project",), "the project it belongs to"),
        Dimension("env", ("x_Env",), "prod, staging, dev …"),
        Dimension("provider", ("ProviderName",), "who sells it: AWS, Anthropic …"),
        Dimension("service", ("ServiceName",), "the provider's service"),
        Dimension("service_category", ("ServiceCategory",), "FOCUS service category"),
        Dimension("account", ("SubAccountName", "SubAccountId"), "account, subscription or project of the provider"),
        Dimension("billing_account", ("BillingAccountName", "BillingAccountId"), "the account that pays"),
        Dimension("resource", ("ResourceName", "ResourceId"), "the single resource", many=True),
        Dimension("resource_type", ("ResourceType",), "what kind of resource"),
        Dimension("region", ("RegionId", "RegionName"), "where it runs"),
        Dimension("sku", ("SkuMeter", "SkuId"), "what is metered"),
        Dimension("model", ("x_Model",), "the language model"),
        Dimension("feature", ("x_Feature",), "the product feature that asked"),
        Dimension("user", ("x_User",), "who asked", many=True),
        Dimension("tenant", ("x_Tenant",), "the customer it was for", many=True),
        Dimension("route", ("x_Route",), "the gateway route"),
        Dimension("token_type", ("x_TokenType",), "input, output, cache_read …"),
        Dimension("tier", ("x_ServiceTier",), "standard, batch, flex, priority"),
        Dimension("session", ("x_Session",), "the conversation or run it belongs to", many=True),
        Dimension("task", ("x_Task",), "what the request was to do"),
        Dimension("status", ("x_Status",), "how the request ended"),
        Dimension("cost_source", ("x_CostSource",), "invoice, provider_cost_api or price_list_estimate"),
        Dimension("price", ("x_PriceId",), "the price that was applied to a request"),
        Dimension("category", ("ChargeCategory",), "Usage, Purchase, Tax, Credit or Adjustment"),
        Dimension("class", ("ChargeClass",), "Correction, or none"),
        Dimension("pricing", ("PricingCategory",), "Standard, Dynamic, Committed or Other"),
        Dimension("commitment", ("CommitmentDiscountName", "CommitmentDiscountId"), "the commitment that covers it"),
        Dimension("invoice", ("InvoiceId",), "the invoice it is on", many=True),
        Dimension("description", ("ChargeDescription",), "the line's text on the bill", many=True),
        Dimension("currency", ("BillingCurrency",), "the currency billed"),
        Dimension("source", ("x_Source",), "the bill it came with"),
    ]
)

CATEGORIES: Final = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")


def has_many(name: str) -> bool:
    """Tell whether a dimension may have very many values."""
    return dimension(name).many


def dimension(name: str) -> Dimension:
    """Return the dimension called `name`; `tag:KEY` is one for every key. Raises QueryError with the nearest name."""
    if name.startswith("tag:") and name != "tag:":
        return Dimension(name, ("Tags",), f"the tag {name[4:]}", many=True)
    if name not in DIMENSIONS:
        raise QueryError(f"'{name}' is not a dimension.{meant(name, DIMENSIONS)}", did_you_mean=close_to(name, DIMENSIONS))
    return DIMENSIONS[name]
