"""Who owns a charge: dated rules, the first that matches wins."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class OwnerRule:
    """Charges that match every entry of `match` (dimension or `tag:KEY` → patterns, any of them) belong to `team`, `project`, `env`.

    `*` in a pattern stands for any run of characters; matching ignores case. The rule holds for charge days in
    `[start, end)`; None leaves that side open. A field left None is not decided by this rule.
    """

    match: tuple[tuple[str, tuple[str, ...]], ...]
    team: str | None = None
    project: str | None = None
    env: str | None = None
    start: date | None = None
    end: date | None = None


# What a rule may match on: dimension → the ledger columns that are compared.
MATCHABLE: dict[str, tuple[str, ...]] = {
    "account": ("SubAccountId", "SubAccountName"),
    "billing_account": ("BillingAccountId", "BillingAccountName"),
    "project": ("x_BilledProject", "SubAccountId", "SubAccountName"),
    "team": ("x_BilledTeam",),
    "env": ("x_BilledEnv",),
    "provider": ("ProviderName",),
    "service": ("ServiceName",),
    "resource": ("ResourceId", "ResourceName"),
    "resource_type": ("ResourceType",),
    "region": ("RegionId", "RegionName"),
    "model": ("x_Model",),
    "feature": ("x_Feature",),
    "user": ("x_User",),
    "tenant": ("x_Tenant",),
    "route": ("x_Route",),
    "category": ("ChargeCategory",),
    "source": ("x_Source",),
}
