"""Azure's cost and usage details, actual and amortised, in the columns of every agreement and of the exports before them."""

from typing import Final

from finops.sources.azure_units import BLOCK, METER, PRICED_UNIT, UNIT
from finops.sources.mapping import LeftOut, Mapping, Mark, View, Views


def _first(*names: str, kind: str = "text") -> str:
    """SQL for the first of some columns that has a value in the row: what one agreement calls so and another otherwise."""
    return f"coalesce({', '.join('{' + name + ':' + kind + '?}' for name in names)})"


def _letters(sql: str) -> str:
    return f"lower(regexp_replace({sql}, '[^A-Za-z]', '', 'g'))"


_COSTS: Final = ("costInBillingCurrency", "cost", "preTaxCost", "billingPreTaxTotal", "extendedCost")
_DATES: Final = ("date", "usageDateTime", "usageDate", "usageStartTime", "chargeStartDate")
_CURRENCIES: Final = ("billingCurrencyCode", "billingCurrency", "currency")
_QUANTITIES: Final = ("quantity", "usageQuantity", "consumedQuantity")
_RESOURCES: Final = ("resourceId", "instanceId", "instanceName", "resourceURI")

_COST: Final = _first(*_COSTS, kind="money")
# However amounts are written: this is asked before the file's manner of writing is known.
_COSTS_SOMETHING: Final = f"regexp_matches({_first(*_COSTS)}, '^[^eE]*[1-9]')"
_QUANTITY: Final = _first(*_QUANTITIES, kind="money")
_CURRENCY: Final = _first(*_CURRENCIES)
_DAY: Final = f"date_trunc('day', {_first(*_DATES, kind='moment')})"
_RESOURCE: Final = _first(*_RESOURCES)

_TYPE: Final = _letters("coalesce({chargeType:text?}, 'Usage')")
_PRICING: Final = _letters("coalesce({pricingModel:text?}, '')")
_UNUSED: Final = f"({_TYPE} IN ('unusedreservation', 'unusedsavingsplan'))"
_IS_USAGE: Final = f"({_TYPE} = 'usage' OR {_UNUSED})"
_IS_PURCHASE: Final = f"({_TYPE} IN ('purchase', 'refund'))"
# Bills before 2021 have no pricing model; there a reservation is all that tells.
_BENEFIT: Final = _first("benefitId", "reservationId")
_COMMITTED: Final = f"({_PRICING} IN ('reservation', 'savingsplan') OR {_UNUSED} OR ({_PRICING} = '' AND {_BENEFIT} IS NOT NULL))"
_PLAN: Final = f"({_PRICING} = 'savingsplan' OR {_TYPE} = 'unusedsavingsplan' OR contains(lower({_BENEFIT}), 'microsoft.billingbenefits'))"

_CATEGORY: Final = f"""CASE WHEN {_IS_USAGE} THEN 'Usage' WHEN {_IS_PURCHASE} THEN 'Purchase'
    WHEN {_TYPE} = 'tax' THEN 'Tax' WHEN {_TYPE} = 'credit' THEN 'Credit' ELSE 'Adjustment' END"""
_BILLED: Final = f"CASE WHEN {{(view)}} = 'amortised' AND {_COMMITTED} AND {_IS_USAGE} AND {_COST} IS NOT NULL THEN 0 ELSE {_COST} END"
_FREQUENT: Final = _letters("coalesce({frequency:text?}, '')")
_FREQUENCY: Final = f"""CASE {_FREQUENT} WHEN 'onetime' THEN 'One-Time' WHEN 'recurring' THEN 'Recurring'
    WHEN 'usagebased' THEN 'Usage-Based' END"""

# A zero beside a real cost, a commitment or somebody else's product means that Azure does not say.
_LISTED: Final = "{paygCostInBillingCurrency:money}"
_OTHERS: Final = "(coalesce({publisherType:text?}, '') = 'Marketplace')"
_LIST: Final = f"CASE WHEN {_LISTED} = 0 AND ({_COST} <> 0 OR {_COMMITTED} OR {_OTHERS}) THEN NULL ELSE {_LISTED} END"
_ABROAD: Final = f"coalesce({{pricingCurrency:text?}} <> {_CURRENCY}, FALSE)"  # prices are in another currency than costs
_CONTRACTED: Final = f"CASE WHEN NOT {_COMMITTED} THEN {_COST} END"

# A billing period that begins within a month is no month of the ledger: two exports would each hold a part of it.
_PERIOD: Final = "{billingPeriodStartDate:moment?}"
_PERIOD_END: Final = "{billingPeriodEndDate:moment?}"
_MONTHLY: Final = f"(day({_PERIOD}) = 1)"
_START: Final = f"CASE WHEN {_MONTHLY} THEN {_PERIOD} END"
_END: Final = f"""CASE WHEN NOT {_MONTHLY} THEN NULL WHEN day({_PERIOD_END}) = 1 AND {_PERIOD_END} > {_PERIOD} THEN {_PERIOD_END}
    ELSE {_PERIOD_END} + INTERVAL 1 DAY END"""

# Microsoft's customer and partner agreements bill by billing profile, enterprise agreements by account.
_PROFILED: Final = "({costInPricingCurrency:has} OR {exchangeRatePricingToBilling:has})"


def _payer(what: str) -> str:
    profile, account = f"billingProfile{what}", f"billingAccount{what}"
    return f"CASE WHEN {_PROFILED} THEN {_first(profile, account)} ELSE {_first(account, profile)} END"


_PLACE: Final = f"nullif({_first('resourceLocation', 'location')}, 'Unassigned')"
# Older bills write `US East 2` for eastus2 and `EU West` for westeurope.
_TURNED: Final = rf"regexp_replace(lower({_PLACE}), '^(us|eu|ap|ca|br|ja) ([a-z ]+?)( ?[0-9])?$', '\2 \1\3')"
_LONG: Final = " ".join(
    f"WHEN '{short}' THEN '{long}'"
    for short, long in (
        ("west eu", "westeurope"),
        ("north eu", "northeurope"),
        ("southeast ap", "southeastasia"),
        ("east ap", "eastasia"),
        ("central ca", "canadacentral"),
        ("east ca", "canadaeast"),
        ("south br", "brazilsouth"),
        ("east ja", "japaneast"),
        ("west ja", "japanwest"),
    )
)
_REGION: Final = f"CASE {_TURNED} {_LONG} ELSE replace({_TURNED}, ' ', '') END"

_INFO: Final = "{additionalInfo:members?}"
_DETAILS: Final = f"""nullif(CAST(json_merge_patch('{{{{}}}}', json_object('InstanceType', json_extract_string({_INFO}, '$.ServiceType'),
    'CoreCount', json_extract({_INFO}, '$.VCPUs'))) AS VARCHAR), '{{{{}}}}')"""
_ADDED_TYPE: Final = rf"nullif(regexp_extract({_RESOURCE}, '(?i)/providers/([^/]+/[^/]+)/', 1), '')"


def _told(*names: str) -> str:
    """SQL for the first of some columns that says more than `Unassigned`."""
    told = (f"nullif({{{name}:text?}}, 'Unassigned')" for name in names)
    return f"coalesce({', '.join(told)})"


_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "AvailabilityZone": ("{availabilityZone}",),
    "BilledCost": (_BILLED,),
    "BillingAccountId": (_payer("Id"),),
    "BillingAccountName": (_payer("Name"),),
    "BillingCurrency": (f"coalesce({_CURRENCY}, {{(currency)?}})",),
    "BillingPeriodEnd": (_END,),
    "BillingPeriodStart": (_START,),
    "ChargeCategory": (_CATEGORY,),
    "ChargeClass": (f"CASE WHEN {_TYPE} = 'refund' THEN 'Correction' END",),
    "ChargeDescription": (_told("productName", "product", "meterName", "productOrderName"),),
    "ChargeFrequency": (_FREQUENCY,),
    "ChargePeriodEnd": (f"least({_DAY}, TIMESTAMP '2200-01-01') + INTERVAL 1 DAY",),
    "ChargePeriodStart": (_DAY,),
    "CommitmentDiscountCategory": (f"CASE WHEN NOT {_COMMITTED} THEN NULL WHEN coalesce({_PLAN}, FALSE) THEN 'Spend' ELSE 'Usage' END",),
    "CommitmentDiscountId": (f"CASE WHEN {_COMMITTED} THEN {_BENEFIT} END",),
    "CommitmentDiscountName": (f"CASE WHEN {_COMMITTED} THEN {_first('benefitName', 'reservationName')} END",),
    "CommitmentDiscountStatus": (f"CASE WHEN {_UNUSED} THEN 'Unused' WHEN {_COMMITTED} AND {_IS_USAGE} THEN 'Used' END",),
    "CommitmentDiscountType": (
        f"CASE WHEN NOT {_COMMITTED} THEN NULL WHEN coalesce({_PLAN}, FALSE) THEN 'Savings Plan' ELSE 'Reservation' END",
    ),
    "ConsumedQuantity": (f"CASE WHEN {_TYPE} = 'usage' THEN {_QUANTITY} END",),
    "ConsumedUnit": (f"CASE WHEN {_TYPE} = 'usage' THEN {UNIT} END",),
    "ContractedCost": (_CONTRACTED,),
    "ContractedUnitPrice": (f"CASE WHEN NOT {_ABROAD} THEN nullif({{unitPrice:money}}, 0) END",),
    "EffectiveCost": (_COST,),
    "InvoiceId": ("{invoiceId}",),
    "InvoiceIssuerName": ("coalesce({partnerName?}, 'Microsoft')",),
    "ListCost": (_LIST,),
    "ListUnitPrice": (f"CASE WHEN NOT {_ABROAD} THEN nullif({{payGPrice:money}}, 0) END",),
    "PricingCategory": (
        f"""CASE WHEN {_COMMITTED} AND {_IS_USAGE} THEN 'Committed' WHEN {_PRICING} = 'spot' THEN 'Dynamic'
        WHEN {_PRICING} <> '' THEN 'Standard' END""",
    ),
    "PricingCurrency": ("{pricingCurrency}",),
    "PricingQuantity": (f"CAST({_QUANTITY} AS DOUBLE) / {BLOCK}",),
    "PricingUnit": (PRICED_UNIT,),
    "ProviderName": ("'Microsoft'",),
    "PublisherName": ("coalesce({publisherName?}, CASE WHEN {publisherType?} IN ('Azure', 'Microsoft') THEN 'Microsoft' END)",),
    "RegionId": (_REGION,),
    "RegionName": (_PLACE,),
    "ResourceId": (_RESOURCE,),
    "ResourceName": (f"coalesce({{resourceName?}}, nullif(split_part({_RESOURCE}, '/', -1), ''))",),
    "ResourceType": (f"coalesce({{resourceType?}}, {_ADDED_TYPE})",),
    "ServiceCategory": (f"CASE WHEN {METER.is_ai('{consumedService:text?}')} THEN 'AI and Machine Learning' END",),
    "ServiceName": (
        f"""coalesce({_told("meterCategory", "meter_details.meter_category", "serviceName", "consumedService", "productOrderName")},
        {_told("publisherName", "productName", "product")}, 'Azure')""",
    ),
    "SkuId": (_told("productId", "meterId"),),
    "SkuMeter": (f"nullif({METER.name}, 'Unassigned')",),
    "SkuPriceDetails": (_DETAILS,),
    "SubAccountId": (_first("subscriptionId", "subscriptionGuid", "entitlementId"),),
    "SubAccountName": (_first("subscriptionName", "entitlementDescription"),),
    "Tags": ("{tags:members}",),
    "x_CostSource": ("'invoice'",),
    "x_Model": (METER.model,),
    "x_ServiceTier": (METER.tier,),
    "x_TokenType": (METER.token_type,),
}

_ABSENT: Final = " AND ".join(f"{_first(*names)} IS NULL" for names in (_COSTS, _QUANTITIES, _CURRENCIES))
_NO_LINE: Final = (
    f"{_first(*_DATES)} IS NULL AND {_CURRENCY} IS NULL AND {_first('meterCategory', 'meterId', 'meter_id', 'chargeType')} IS NULL"
)

# What our columns do not hold: departments and partners, prices in other currencies, and words on the product.
_QUIET: Final = (
    *("account", "accountid", "accountname", "accountownerid", "additionalinfo", "billing", "costallocationrulename", "costcenter"),
    *("costin", "customer", "departmentname", "effectiveprice", "exchangerate", "invoicesection", "isazurecrediteligible", "location"),
    *("meter", "offerid", "partner", "partnumber", "payg", "planname", "previousinvoiceid", "pricing", "product", "provider", "publisher"),
    *("reseller", "resource", "service", "storeserviceidentifier", "term", "unitprice", "benefit", "reservation", "roundingadjustment"),
    *("subscription", "tenantid", "charge", "marketprice", "tags", "unit"),
)

AZURE: Final = Mapping(
    name="azure",
    about="Azure cost and usage details, actual or amortised",
    required=(
        _DATES,
        _COSTS,
        ("meterCategory", "meterId", "meterName", "consumedService", "subscriptionId", "subscriptionGuid", "resourceId"),
    ),
    columns=_COLUMNS,
    aliases={
        "instanceURI": "resourceId",
        "meterSubcategoryName": "meterSubCategory",
        "resourceLocationNormalized": "resourceLocation",
        "additionalProperties": "additionalInfo",
        "subscription": "subscriptionId",
        "productNumber": "productId",
    },
    quiet=_QUIET,
    views=Views(
        billed=View("actual", r"actual", f"{_IS_PURCHASE} AND {_COMMITTED}", f"{_IS_USAGE} AND {_COMMITTED} AND NOT {_COSTS_SOMETHING}"),
        spread=View("amortised", r"amorti[sz]", f"{_UNUSED} OR ({_IS_USAGE} AND {_COMMITTED} AND {_COSTS_SOMETHING})"),
    ),
    currency=_CURRENCY,
    localized=True,
    month_first=True,
    left_out=(
        LeftOut("blank", f"{_ABSENT}", "rows without cost, quantity and currency hold no charge and were left out"),
        LeftOut("foreign", _NO_LINE, "rows without day, currency and meter are no lines of Azure's and were left out"),
    ),
    marks=(
        Mark(
            "unsaid",
            f"{_CURRENCY} IS NULL",
            "rows that name no currency were read in the only one of their file, or else in USD",
        ),
        Mark("cycle", f"NOT {_MONTHLY}", "billing periods that begin within a month were filed under the month of each charge"),
    ),
    missing={"ListCost": "no paygCostInBillingCurrency is delivered, so list costs are unknown"},
)
