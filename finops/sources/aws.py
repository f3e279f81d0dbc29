"""AWS Cost and Usage Report 2.0 (Data Exports): what each line item type is worth, and its FOCUS meaning."""

from collections.abc import Iterable
from typing import Final

from finops.sources.mapping import LeftOut, Mapping, Mark

_TYPE: Final = "{line_item_line_item_type}"
_USAGE: Final = ("Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "FlatRateSubscription")
_OFFSET: Final = ("SavingsPlanNegation",)  # takes back the on-demand price of covered usage; belongs to it
_FEES: Final = ("Fee", "RIFee", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee")
_DISCOUNTS: Final = ("EdpDiscount", "PrivateRateDiscount", "BundledDiscount", "Discount")
_KNOWN: Final = (*_USAGE, *_OFFSET, *_FEES, *_DISCOUNTS, "Tax", "Credit", "Refund")
_SPLIT: Final = ("EKSPod-EC2", "ECSTask-EC2")
_AI_SERVICES: Final = ("AmazonBedrock", "AmazonBedrockService", "AmazonSageMaker", "AmazonQ")


def _one_of(values: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


# What the invoice says: after negotiated discounts where AWS delivers that.
_BILLED: Final = "coalesce({line_item_net_unblended_cost:money?}, {line_item_unblended_cost:money})"

_SAVINGS_PLAN: Final = "coalesce({savings_plan_net_savings_plan_effective_cost:money?}, {savings_plan_savings_plan_effective_cost:money?})"
_RESERVED: Final = "coalesce({reservation_net_effective_cost:money?}, {reservation_effective_cost:money?})"
_UNUSED_SAVINGS_PLAN: Final = "({savings_plan_total_commitment_to_date:money?} - {savings_plan_used_commitment:money?})"
_UNUSED_UPFRONT: Final = (
    "coalesce({reservation_net_unused_amortized_upfront_fee_for_billing_period:money?}, "
    "{reservation_unused_amortized_upfront_fee_for_billing_period:money?})"
)
_UNUSED_RECURRING: Final = "coalesce({reservation_net_unused_recurring_fee:money?}, {reservation_unused_recurring_fee:money?})"
_UNUSED_RESERVED: Final = f"coalesce({_UNUSED_UPFRONT} + {_UNUSED_RECURRING}, {_UNUSED_UPFRONT}, {_UNUSED_RECURRING})"
_PLAN_REFUND: Final = "Refund for one-time fee for Savings Plan ID%"

# Amortised cost by line item type. Without the savings plan columns covered usage and its negation both stay at
# their billed cost, which cancels as well.
_EFFECTIVE: Final = f"""coalesce(CASE {_TYPE}
    WHEN 'SavingsPlanCoveredUsage' THEN {_SAVINGS_PLAN}
    WHEN 'SavingsPlanNegation' THEN CASE WHEN {{savings_plan_savings_plan_effective_cost:has}} THEN 0 END
    WHEN 'SavingsPlanRecurringFee' THEN {_UNUSED_SAVINGS_PLAN}
    WHEN 'SavingsPlanUpfrontFee' THEN 0
    WHEN 'DiscountedUsage' THEN {_RESERVED}
    WHEN 'RIFee' THEN {_UNUSED_RESERVED}
    WHEN 'Fee' THEN CASE WHEN {{reservation_reservation_a_r_n:text?}} IS NOT NULL THEN 0 END
    WHEN 'Refund' THEN CASE WHEN {{line_item_product_code:text?}} = 'ComputeSavingsPlans'
        AND {{line_item_line_item_description:text?}} LIKE '{_PLAN_REFUND}' THEN 0 END
    END, {_BILLED})"""

# On negations the list price would count twice; elsewhere a zero beside a real cost means that AWS does not say.
_LIST: Final = f"""CASE WHEN {_TYPE} = 'SavingsPlanNegation' THEN 0
    WHEN {{pricing_public_on_demand_cost:money}} = 0 AND {_BILLED} <> 0 THEN NULL
    ELSE {{pricing_public_on_demand_cost:money}} END"""

_REFUND_OF: Final = """CASE WHEN {line_item_tax_type:text?} IS NOT NULL THEN 'Tax'
    WHEN {line_item_product_code:text?} = 'ComputeSavingsPlans' OR {reservation_reservation_a_r_n:text?} IS NOT NULL THEN 'Purchase'
    ELSE 'Usage' END"""
_CATEGORY: Final = f"""CASE WHEN {_TYPE} IN {_one_of((*_USAGE, *_OFFSET))} THEN 'Usage'
    WHEN {_TYPE} IN {_one_of(_FEES)} THEN 'Purchase'
    WHEN {_TYPE} = 'Tax' THEN 'Tax'
    WHEN {_TYPE} IN {_one_of((*_DISCOUNTS, "Credit"))} THEN 'Credit'
    WHEN {_TYPE} = 'Refund' THEN {_REFUND_OF}
    ELSE 'Adjustment' END"""

# A correction changes a month that was invoiced before: AWS bills such refunds apart or dates them back.
_CLASS: Final = f"""CASE WHEN {_TYPE} = 'Refund' AND ({{bill_bill_type:text?}} = 'Refund'
    OR {{line_item_usage_start_date:moment}} < {{bill_billing_period_start_date:moment?}}) THEN 'Correction' END"""
_FREQUENCY: Final = f"""CASE WHEN {_TYPE} IN {_one_of((*_USAGE, *_OFFSET))} THEN 'Usage-Based'
    WHEN {_TYPE} IN ('RIFee', 'SavingsPlanRecurringFee') THEN 'Recurring'
    WHEN {_TYPE} IN {_one_of(_FEES)} THEN 'One-Time' END"""

_PLAN: Final = "{savings_plan_savings_plan_a_r_n:text?}"
_RESERVATION: Final = "{reservation_reservation_a_r_n:text?}"
_STATUS: Final = f"""CASE WHEN {_TYPE} IN ('SavingsPlanCoveredUsage', 'DiscountedUsage') THEN 'Used'
    WHEN {_TYPE} = 'RIFee' AND {_UNUSED_RESERVED} > 0 THEN 'Unused'
    WHEN {_TYPE} = 'SavingsPlanRecurringFee' AND {_UNUSED_SAVINGS_PLAN} > 0 THEN 'Unused' END"""
_PRICING: Final = f"""CASE WHEN {_TYPE} IN ('SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'DiscountedUsage') THEN 'Committed'
    WHEN {_TYPE} IN {_one_of(_USAGE)} AND contains({{line_item_usage_type:text?}}, 'SpotUsage') THEN 'Dynamic'
    WHEN {_TYPE} IN {_one_of((*_USAGE, *_FEES))} THEN 'Standard' END"""

_QUANTITY: Final = f"CASE WHEN {_TYPE} IN {_one_of(_USAGE)} THEN {{line_item_usage_amount:money}} END"
_UNIT: Final = f"CASE WHEN {_TYPE} IN {_one_of(_USAGE)} THEN {{pricing_unit}} END"

PRODUCT_NAME: Final = "{product:key=product_name?}"  # where CUR 2.0 keeps it; the legacy report has a column
_SERVICE: Final = f"coalesce({PRODUCT_NAME}, {{product_servicecode?}}, {{line_item_product_code?}})"
_CODE: Final = "coalesce({product_servicecode?}, {line_item_product_code?})"
_IS_AI: Final = f"({_CODE} IN {_one_of(_AI_SERVICES)} OR ends_with({PRODUCT_NAME}, '(Amazon Bedrock Edition)'))"

# Bedrock meters read USE1-Nova-Lite-input-tokens; models sold through Marketplace carry the name in the product.
_METER: Final = "{line_item_usage_type:text?}"
_METERED_MODEL: Final = (
    rf"regexp_extract({_METER}, '^(?:[A-Z]{{{{2,4}}}}[0-9]*-)?(.+?)-(?:mantle-)?(?:cache-(?:read|write)-)?(?:input|output)-token', 1)"
)
_MODEL: Final = f"""CASE WHEN ends_with({PRODUCT_NAME}, ' (Amazon Bedrock Edition)')
    THEN replace({PRODUCT_NAME}, ' (Amazon Bedrock Edition)', '')
    WHEN {_CODE} IN ('AmazonBedrock', 'AmazonBedrockService') THEN nullif({_METERED_MODEL}, '') END"""
_TOKENS: Final = f"""CASE WHEN NOT {_IS_AI} THEN NULL
    WHEN regexp_matches({_METER}, '(?i)cache-?read-?input-?token') THEN 'cache_read'
    WHEN regexp_matches({_METER}, '(?i)cache-?write-?input-?token') THEN 'cache_write_5m'
    WHEN regexp_matches({_METER}, '(?i)input-?token') THEN 'input'
    WHEN regexp_matches({_METER}, '(?i)output-?token') THEN 'output' END"""

_TIER: Final = f"""CASE WHEN {_CODE} IN ('AmazonBedrock', 'AmazonBedrockService')
    THEN nullif(regexp_extract({_METER}, '-tokens?(?:-count)?-(batch|flex|priority)', 1), '') END"""


def _bare_keys(json: str, prefix: str) -> str:
    """SQL that takes `prefix` off the keys; a quote inside a value is escaped, so only a key can follow { or a comma."""
    for before in ("{{", ",", "{{ ", ", "):
        json = f"replace({json}, '{before}\"{prefix}', '{before}\"')"
    return json


# `user_team` is what everybody calls `team`; keys AWS sets itself (`aws_…`) keep their prefix.
_RESOURCE_TAGS: Final = _bare_keys("nullif({resource_tags:json?}, '{{}}')", "user_")
_ALL_TAGS: Final = _bare_keys("nullif({tags:json?}, '{{}}')", "resourceTags/user:")
_TAGS: Final = f"coalesce({_RESOURCE_TAGS}, {_ALL_TAGS})"

AWS: Final = Mapping(
    name="aws",
    about="AWS Cost and Usage Report 2.0",
    version=3,
    required=(
        ("line_item_usage_start_date",),
        ("line_item_unblended_cost",),
        ("line_item_currency_code",),
        ("line_item_line_item_type",),
        ("product_servicecode", "line_item_product_code", "product"),
    ),
    columns={
        "AvailabilityZone": ("{line_item_availability_zone}",),
        "BilledCost": (_BILLED,),
        "BillingAccountId": ("{bill_payer_account_id}",),
        "BillingAccountName": ("{bill_payer_account_name}",),
        "BillingCurrency": ("{line_item_currency_code}",),
        "BillingPeriodEnd": ("{bill_billing_period_end_date}",),
        "BillingPeriodStart": ("{bill_billing_period_start_date}",),
        "ChargeCategory": (_CATEGORY,),
        "ChargeClass": (_CLASS,),
        "ChargeDescription": ("{line_item_line_item_description}",),
        "ChargeFrequency": (_FREQUENCY,),
        "ChargePeriodEnd": ("{line_item_usage_end_date}",),
        "ChargePeriodStart": ("{line_item_usage_start_date}",),
        "CommitmentDiscountCategory": (f"CASE WHEN {_PLAN} IS NOT NULL THEN 'Spend' WHEN {_RESERVATION} IS NOT NULL THEN 'Usage' END",),
        "CommitmentDiscountId": (f"coalesce({_PLAN}, {_RESERVATION})",),
        "CommitmentDiscountStatus": (_STATUS,),
        "CommitmentDiscountType": (
            f"CASE WHEN {_PLAN} IS NOT NULL THEN 'Savings Plan' WHEN {_RESERVATION} IS NOT NULL THEN 'Reserved Instance' END",
        ),
        "ConsumedQuantity": (_QUANTITY,),
        "ConsumedUnit": (_UNIT,),
        "EffectiveCost": (_EFFECTIVE,),
        "InvoiceId": ("{bill_invoice_id}",),
        "InvoiceIssuerName": ("{bill_invoicing_entity}",),
        "ListCost": (_LIST,),
        "ListUnitPrice": ("{pricing_public_on_demand_rate}",),
        "PricingCategory": (_PRICING,),
        "PricingCurrency": ("{pricing_currency}",),
        "PricingQuantity": (_QUANTITY,),
        "PricingUnit": (_UNIT,),
        "ProviderName": ("'AWS'",),
        "PublisherName": ("{line_item_legal_entity}",),
        "RegionId": ("{product_region_code}",),
        "ResourceId": ("{line_item_resource_id}",),
        "ServiceCategory": (f"CASE WHEN {_IS_AI} THEN 'AI and Machine Learning' END",),
        "ServiceName": (_SERVICE,),
        "SkuId": ("{product_sku}",),
        "SkuMeter": ("{line_item_usage_type}",),
        "SkuPriceId": ("{pricing_rate_code}",),
        "SubAccountId": ("{line_item_usage_account_id}",),
        "SubAccountName": ("{line_item_usage_account_name}",),
        "Tags": (_TAGS,),
        "x_CostSource": ("'invoice'",),
        "x_Model": (_MODEL,),
        "x_ServiceTier": (_TIER,),
        "x_TokenType": (_TOKENS,),
        "x_User": ("coalesce({line_item_iam_principal?}, {line_item_user_identifier?})",),
    },
    quiet=(
        *("bill_", "capacity_reservation_", "cost_category", "discount", "identity_", "line_item_", "pricing_", "product"),
        *("reservation_", "resource_tags", "savings_plan_", "split_line_item_", "tags"),
    ),
    left_out=(
        LeftOut(
            name="split",
            when=f"{{line_item_operation:text?}} IN {_one_of(_SPLIT)}",
            note="rows that split a machine among its containers were left out: the machine's own rows hold that money",
        ),
        LeftOut(
            name="discount",
            when=f"{_TYPE} IN {_one_of(_DISCOUNTS)} AND {{line_item_net_unblended_cost:has}}"
            " AND {line_item_net_unblended_cost:money?} IS NULL",
            note="discount rows were left out: the net costs of the other rows hold these discounts already",
            only_if="{line_item_net_unblended_cost:money?} IS NOT NULL",
        ),
    ),
    marks=(
        Mark(
            name="type",
            when=f"coalesce({_TYPE}, '') NOT IN {_one_of(_KNOWN)}",
            note="line item types we do not know count as adjustments, at their billed cost",
        ),
    ),
    missing={"ListCost": "no pricing_public_on_demand_cost is delivered, so list costs are unknown"},
)
