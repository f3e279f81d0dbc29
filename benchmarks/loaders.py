"""Three ways to bring one AWS bill into Parquet: ours, a bare copy of as many columns, and pandas."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.made_bills import as_many_as_the_ledger

NOW: Final = datetime(2026, 6, 3, 12, tzinfo=UTC)


def ours(bill: Path, folder: Path) -> int:
    """Stage and publish into a new ledger, which is the whole of what `finops-bot ingest` does; return the rows that are live."""
    from benchmarks.made_ledger import open_ledger
    from finops.ledger.loads import Delivery
    from finops.sources.formats import FORMATS
    from finops.sources.staging import stage

    shutil.rmtree(folder, ignore_errors=True)
    ledger = open_ledger(folder)
    staging = stage([bill], FORMATS["aws"], source="aws", folder=ledger.staging_folder, derived=ledger.terms.derived)
    loads = ledger.publish(staging, Delivery(NOW, NOW, "benchmark"))
    ledger.close()
    assert {load.status for load in loads} == {"loaded"}
    return sum(load.rows for load in loads)


def bare(bill: Path, folder: Path) -> int:
    """Copy as many columns as the ledger has, unread and unchecked; return the rows."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(as_many_as_the_ledger())
    with duckdb.connect() as con:
        copy = f"COPY (SELECT {columns} FROM '{bill}') TO '{folder / 'bare.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        return int(con.execute(copy).fetchall()[0][0])


def by_pandas(bill: Path, folder: Path) -> int:
    """Read, work out what ours works out, in floats and without a check, and write by month; return the rows."""
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    packed = bill.suffix == ".gz"
    raw = pd.read_csv(bill, engine="pyarrow", dtype_backend="pyarrow") if packed else pd.read_parquet(bill, dtype_backend="pyarrow")
    charges = _normalised(raw)
    for month, part in charges.groupby(charges["BillingPeriodStart"].dt.strftime("%Y-%m")):
        part.to_parquet(folder / f"pandas-{month}.parquet", compression="zstd", index=False)
    return len(charges)


def _normalised(raw: Any) -> Any:
    import numpy as np
    import pandas as pd

    kind = raw["line_item_line_item_type"]
    billed = raw["line_item_unblended_cost"]
    is_usage = kind.isin(["Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"])
    effective = {
        "SavingsPlanCoveredUsage": raw["savings_plan_savings_plan_effective_cost"],
        "SavingsPlanNegation": billed * 0,
        "SavingsPlanRecurringFee": raw["savings_plan_total_commitment_to_date"] - raw["savings_plan_used_commitment"],
        "DiscountedUsage": raw["reservation_effective_cost"],
        "RIFee": raw["reservation_unused_amortized_upfront_fee_for_billing_period"] + raw["reservation_unused_recurring_fee"],
    }
    categories = {"Tax": "Tax", "Credit": "Credit", "EdpDiscount": "Credit", "RIFee": "Purchase", "SavingsPlanRecurringFee": "Purchase"}
    columns = {
        "BilledCost": billed,
        "EffectiveCost": np.select([kind == name for name in effective], list(effective.values()), billed),
        "ListCost": raw["pricing_public_on_demand_cost"].where(kind != "SavingsPlanNegation", 0.0),
        "ChargeCategory": kind.map(categories).fillna("Usage"),
        "ChargeDay": raw["line_item_usage_start_date"].dt.date,
        "ConsumedQuantity": raw["line_item_usage_amount"].where(is_usage),
        "ConsumedUnit": raw["pricing_unit"].where(is_usage),
        "CommitmentDiscountId": raw["savings_plan_savings_plan_a_r_n"].fillna(raw["reservation_reservation_a_r_n"]),
        "ServiceName": raw["product"].str.extract(r'"product_name":"([^"]*)"', expand=False),
        "Model": raw["line_item_usage_type"].str.extract(r"^(?:[A-Z]{2,4}[0-9]*-)?(.+?)-(?:input|output)-token", expand=False),
        "Tags": raw["resource_tags"].str.replace('"user_', '"', regex=False),
        "User": pd.Series([None] * len(raw), dtype="string[pyarrow]"),
    }
    kept = raw.rename(columns={"bill_billing_period_start_date": "BillingPeriodStart"})[["BillingPeriodStart", *_AS_THEY_ARE]]
    return kept.assign(**columns)


_AS_THEY_ARE: Final = (
    "bill_payer_account_id",
    "bill_payer_account_name",
    "bill_billing_period_end_date",
    "bill_invoice_id",
    "bill_invoicing_entity",
    "line_item_availability_zone",
    "line_item_currency_code",
    "line_item_legal_entity",
    "line_item_line_item_description",
    "line_item_resource_id",
    "line_item_usage_account_id",
    "line_item_usage_account_name",
    "line_item_usage_end_date",
    "line_item_usage_start_date",
    "line_item_usage_type",
    "pricing_currency",
    "pricing_public_on_demand_rate",
    "pricing_rate_code",
    "product_region_code",
    "product_sku",
)
