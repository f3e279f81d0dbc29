"""What Microsoft's own FOCUS exports add to FOCUS: columns of theirs, and the meters that name language models."""

from typing import Final

from finops.sources.azure_meters import Meter

# The category is required in these expressions, so that they are chosen for Microsoft's exports alone.
METER: Final = Meter(
    name="coalesce({SkuMeter:text?}, {x_SkuMeterName:text?}, '')",
    category="coalesce({x_SkuMeterCategory:text}, '')",
    subcategory="coalesce({x_SkuMeterSubcategory:text?}, '')",
    unit="{x_PricingUnitDescription:text?}",
)


def _known(cost: str) -> str:
    """A zero beside a real cost, a commitment or another vendor's product means that Microsoft does not say."""
    unsaid = """({x_PublisherCategory:text} = 'Vendor' OR {PricingCategory:text?} = 'Committed'
        OR coalesce({EffectiveCost:money?}, {BilledCost:money}) <> 0)"""
    return f"CASE WHEN {{{cost}:money}} = 0 AND {unsaid} THEN NULL ELSE {{{cost}:money}} END"


LIST_COST: Final = _known("ListCost")
CONTRACTED_COST: Final = _known("ContractedCost")

# In versions 1.0-preview to 1.2-preview; what FOCUS has no column for and we keep no column of our own.
COLUMNS: Final = (
    *("x_AccountId", "x_AccountName", "x_AccountOwnerId", "x_AmortizationClass", "x_BilledCostInUsd", "x_BilledUnitPrice"),
    *("x_BillingAccountId", "x_BillingAccountName", "x_BillingExchangeRate", "x_BillingExchangeRateDate", "x_BillingProfileId"),
    *("x_BillingProfileName", "x_ChargeId", "x_ContractedCostInUsd", "x_CostAllocationRuleName", "x_CostCenter", "x_CustomerId"),
    *("x_CustomerName", "x_EffectiveCostInUsd", "x_EffectiveUnitPrice", "x_InvoiceId", "x_InvoiceIssuerId", "x_InvoiceSectionId"),
    *("x_InvoiceSectionName", "x_ListCostInUsd", "x_OnDemandCost", "x_OnDemandCostInUsd", "x_OnDemandUnitPrice", "x_PartnerCreditApplied"),
    *("x_PartnerCreditRate", "x_PricingBlockSize", "x_PricingCurrency", "x_PricingSubcategory", "x_PricingUnitDescription"),
    *("x_PublisherCategory", "x_PublisherId", "x_ResellerId", "x_ResellerName", "x_ResourceGroupName", "x_ResourceType"),
    *("x_ServiceCode", "x_ServiceId", "x_ServiceModel", "x_ServicePeriodEnd", "x_ServicePeriodStart", "x_SkuDescription", "x_SkuDetails"),
    *("x_SkuIsCreditEligible", "x_SkuMeterCategory", "x_SkuMeterId", "x_SkuMeterName", "x_SkuMeterSubcategory", "x_SkuOfferId"),
    *("x_SkuOrderId", "x_SkuOrderName", "x_SkuPartNumber", "x_SkuPlanName", "x_SkuRegion", "x_SkuServiceFamily", "x_SkuTerm", "x_SkuTier"),
)
