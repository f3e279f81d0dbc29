"""FOCUS 1.0 to 1.4, from any provider and with any subset of its columns."""

from typing import Final

from finops.charges import FOCUS_COLUMNS
from finops.sources import azure_focus
from finops.sources.mapping import Mapping

_OWN: Final = ("x_Model", "x_Feature", "x_User", "x_Tenant", "x_Route", "x_TokenType", "x_ServiceTier")
_OWNERS: Final[dict[str, tuple[str, ...]]] = {
    "x_BilledTeam": ("{x_Team}",),
    "x_BilledProject": ("{x_Project}",),
    "x_BilledEnv": ("{x_Env}",),
}

# FOCUS 1.3 and 1.4 columns we know and have no use for yet. HostProviderName is deliberately no stand-in for
# PublisherName: who runs the machines is another question than who made the product.
_NEWER: Final = ("Allocated", "ContractApplied", "HostProviderName", "CommitmentProgramEligibilityDetails", "InvoiceDetailId")

# Microsoft's meters name models; what a bill itself says of its models goes first.
_MICROSOFT: Final[dict[str, tuple[str, ...]]] = {
    "x_Model": ("{x_Model}", azure_focus.METER.model),
    "x_ServiceTier": ("{x_ServiceTier}", azure_focus.METER.tier),
    "x_TokenType": ("{x_TokenType}", azure_focus.METER.token_type),
    "ContractedCost": (azure_focus.CONTRACTED_COST, "{ContractedCost}"),
    "ListCost": (azure_focus.LIST_COST, "{ListCost}"),
    "SkuMeter": ("{SkuMeter}", "{x_SkuMeterName}"),
    "InvoiceId": ("{InvoiceId}", "{x_InvoiceId}"),
    "PricingCurrency": ("{PricingCurrency}", "{x_PricingCurrency}"),
}

FOCUS: Final = Mapping(
    name="focus",
    about="FOCUS 1.0–1.4, any provider",
    version=3,
    required=(("ChargePeriodStart",), ("BilledCost",), ("BillingCurrency",), ("ServiceName",)),
    columns={name: ("{" + name + "}",) for name in (*FOCUS_COLUMNS, *_OWN)}
    | _OWNERS
    | {"x_CostSource": ("coalesce({x_CostSource?}, 'invoice')",)}
    | _MICROSOFT,
    aliases={
        "ServiceProviderName": "ProviderName",  # 1.3 renames it, 1.4 drops the old name
        "Provider": "ProviderName",  # this and the next four: Oracle
        "Publisher": "PublisherName",
        "InvoiceIssuer": "InvoiceIssuerName",
        "Region": "RegionId",
        "CommitmentDiscountDescription": "CommitmentDiscountName",
    },
    quiet=(*_NEWER, *azure_focus.COLUMNS),
    missing={"EffectiveCost": "no EffectiveCost is delivered, so the billed cost stands in for it"},
)
