"""Google Cloud's billing export, standard or detailed, as BigQuery writes it: nested records, or their names joined by dots."""

from collections.abc import Iterable
from typing import Final

from finops.sources.mapping import Mapping, Mark, understood_names

_COMMITMENT_CREDITS: Final = "COMMITTED_USAGE_DISCOUNT|COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE|FEE_UTILIZATION_OFFSET"
_KNOWN: Final = ("regular", "tax", "adjustment", "rounding_error")
_AI_SERVICES: Final = ("Vertex AI", "Cloud Machine Learning Engine", "Gemini API", "Generative Language API", "Vertex AI Search")

# A row's credits are summed in the row: joined to it, they would repeat its cost and lose the rows that have none.
_NET: Final = "{cost:money} + coalesce({credits:sum=amount?}, 0)"
_CONTRACTED: Final = f"{{cost:money}} + coalesce({{credits:sum=amount,except={_COMMITMENT_CREDITS}?}}, 0)"

_KIND: Final = "{cost_type:text?}"
_SKU: Final = "{sku.description:text?}"
_SERVICE: Final = "{service.description:text?}"
# Since 2025 a commitment's fee is taken back by an offset; before, its SKU says what it is.
_OFFSET_FEE: Final = "contains(coalesce({credits:text?}, ''), 'FEE_UTILIZATION_OFFSET')"
_IS_FEE: Final = rf"({_OFFSET_FEE} OR regexp_matches({_SKU}, '(?i)^commitment\b|\bcommitment fee'))"
_CATEGORY: Final = f"""CASE coalesce({_KIND}, 'regular') WHEN 'regular' THEN CASE WHEN {_IS_FEE} THEN 'Purchase' ELSE 'Usage' END
    WHEN 'tax' THEN 'Tax' ELSE 'Adjustment' END"""
_CLASS: Final = f"CASE WHEN {_KIND} = 'adjustment' AND {{usage_start_time:moment}} < {{invoice.month:month?}} THEN 'Correction' END"
_IS_USAGE: Final = f"{_CATEGORY} = 'Usage'"
_PRICING: Final = f"""CASE WHEN NOT {_IS_USAGE} THEN NULL WHEN regexp_matches({_SKU}, '(?i)\\b(?:spot|preemptible)\\b') THEN 'Dynamic'
    WHEN coalesce({{consumption_model.description:text?}}, 'Default') <> 'Default'
        OR contains(coalesce({{credits:text?}}, ''), 'COMMITTED_USAGE_DISCOUNT') THEN 'Committed'
    ELSE 'Standard' END"""


def _one_of(values: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


# Models of other makers are services of their own, named after the model.
_IS_AI: Final = f"({_SERVICE} IN {_one_of(_AI_SERVICES)} OR regexp_matches({_SERVICE}, '(?i)^claude\\b'))"
# 'Gemini 2.5 Flash GA Thinking Text Output - Predictions', 'Claude Sonnet 4 Cache Read Input Tokens'.
_NAMED: Final = (
    r"(?i)^(?:Cloud Vertex AI Model Garden Model as a Service )?(.+?)(?: GA)?(?: Global| Regional)?(?: Batch)?(?: Thinking)?"
    r"(?: Cached?(?: Read| Write| Hit)?)?(?: 5m| 1h)?(?: (?:Text|Audio|Image|Video))? (?:Input|Output)\b"
)
# 'Generate content input token count gemini 2.5 flash short input text'
_COUNTED: Final = r"(?i)token count (?:for )?(gemini [0-9.]+ (?:pro|flash)(?:[ -]lite)?)"
_METERED: Final = rf"regexp_matches({_SKU}, '(?i)\b(?:input|output)\b')"
_MODEL: Final = f"""CASE WHEN NOT coalesce({_IS_AI} AND {_METERED}, FALSE) THEN NULL
    WHEN regexp_matches({_SKU}, '{_COUNTED}') THEN regexp_extract({_SKU}, '{_COUNTED}', 1)
    ELSE nullif(regexp_extract({_SKU}, '{_NAMED}', 1), '') END"""
_TOKENS: Final = f"""CASE WHEN NOT coalesce({_IS_AI} AND {_METERED}, FALSE) OR regexp_matches({_SKU}, '(?i)storage|character') THEN NULL
    WHEN regexp_matches({_SKU}, '(?i)cache[^a-z]*write') THEN
        CASE WHEN regexp_matches({_SKU}, '(?i)\\b1 ?h') THEN 'cache_write_1h' ELSE 'cache_write_5m' END
    WHEN regexp_matches({_SKU}, '(?i)\\bcach') THEN 'cache_read'
    WHEN regexp_matches({_SKU}, '(?i)\\boutput\\b') THEN 'output'
    ELSE 'input' END"""
_TIER: Final = f"""CASE WHEN NOT coalesce({_IS_AI} AND {_METERED}, FALSE) THEN NULL
    ELSE nullif(lower(regexp_extract({_SKU}, '(?i)\\b(batch|flex|priority)\\b', 1)), '') END"""

_NONE: Final = "'{{}}'"
_PARTS: Final = ("tags", "project.labels", "labels")  # the last one wins: a label on the resource itself
_OBJECTS: Final = [f"coalesce({{{part}:labels?}}, {_NONE})" for part in _PARTS]
_TAGS: Final = f"""CASE WHEN {" AND ".join(f"{each} = {_NONE}" for each in _OBJECTS)} THEN NULL
    ELSE CAST(json_merge_patch({", ".join(_OBJECTS)}) AS VARCHAR) END"""

_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "AvailabilityZone": ("{location.zone}",),
    "BilledCost": (_NET,),
    "BillingAccountId": ("{billing_account_id}",),
    "BillingCurrency": ("{currency}",),
    "BillingPeriodStart": ("{invoice.month:month}",),
    "ChargeCategory": (_CATEGORY,),
    "ChargeClass": (_CLASS,),
    "ChargeDescription": ("{sku.description}",),
    "ChargeFrequency": (f"CASE WHEN {_IS_USAGE} THEN 'Usage-Based' END",),
    "ChargePeriodEnd": ("{usage_end_time}",),
    "ChargePeriodStart": ("{usage_start_time}",),
    "CommitmentDiscountId": ("{subscription.instance_id}",),
    "ConsumedQuantity": (f"CASE WHEN {_IS_USAGE} THEN {{usage.amount:money}} END",),
    "ConsumedUnit": (f"CASE WHEN {_IS_USAGE} THEN {{usage.unit}} END",),
    "ContractedCost": (f"coalesce({{cost_at_effective_price_default:money?}}, {_CONTRACTED})",),
    "ContractedUnitPrice": ("{price.effective_price_default}", "{price.effective_price}"),
    "EffectiveCost": (_NET,),
    "ListCost": ("{cost_at_list}",),
    "ListUnitPrice": ("{price.list_price}",),
    "PricingCategory": (_PRICING,),
    "PricingQuantity": (f"CASE WHEN {_IS_USAGE} THEN {{usage.amount_in_pricing_units:money}} END",),
    "PricingUnit": (f"CASE WHEN {_IS_USAGE} THEN {{usage.pricing_unit}} END",),
    "ProviderName": ("'Google Cloud'",),
    "PublisherName": ("{seller_name}",),
    "RegionId": ("{location.region}",),
    "ResourceId": ("coalesce({resource.global_name?}, {resource.name?})",),
    "ResourceName": ("{resource.name}",),
    "ServiceCategory": (f"CASE WHEN {_IS_AI} THEN 'AI and Machine Learning' END",),
    "ServiceName": ("coalesce({service.description?}, {service.id?})",),
    "SkuId": ("{sku.id}",),
    "SkuMeter": ("{sku.description}",),
    "SubAccountId": ("{project.id}",),
    "SubAccountName": ("{project.name}",),
    "Tags": (_TAGS,),
    "x_CostSource": ("'invoice'",),
    "x_Model": (_MODEL,),
    "x_ServiceTier": (_TIER,),
    "x_TokenType": (_TOKENS,),
}

GCP: Final = Mapping(
    name="gcp",
    about="Google Cloud billing export, standard or detailed",
    required=(
        ("usage_start_time",),
        ("cost",),
        ("currency",),
        ("service.description", "service.id"),
        ("invoice.month",),
    ),
    columns=_COLUMNS,
    # Views and spreadsheets cannot have dots in their names.
    aliases={name.replace(".", "_"): name for name in sorted(understood_names(_COLUMNS)) if "." in name},
    quiet=(
        *("adjustment_info", "consumption_model", "cost_at_", "cost_type", "credits", "currency_conversion_rate", "export_time"),
        *("invoice", "location", "partition_date", "price", "project", "resource", "service", "sku", "subscription", "system_labels"),
        *("transaction_type", "usage"),
    ),
    marks=(
        Mark(
            name="type",
            when=f"coalesce({_KIND}, 'regular') NOT IN {_one_of(_KNOWN)}",
            note="cost types we do not know count as adjustments, at their net cost",
        ),
    ),
    missing={"ListCost": "no cost_at_list is delivered, so list costs are unknown"},
    fuller=("resource.name", "resource.global_name"),
)
