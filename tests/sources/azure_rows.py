"""Azure exports written by tests: rows as dictionaries; what a row does not say is blank, what no row says is not delivered."""

import csv
import io
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from finops.deliveries import Staging
from finops.sources.formats import KINDS
from finops.sources.staging import stage

Row = Mapping[str, str]
USUAL: Row = {
    "BillingAccountId": "42",
    "BillingPeriodStartDate": "2026-04-01",
    "BillingPeriodEndDate": "2026-04-30",
    "SubscriptionId": "one",
    "Date": "2026-04-02",
    "MeterCategory": "Virtual Machines",
    "ChargeType": "Usage",
    "PricingModel": "OnDemand",
    "BillingCurrency": "USD",
}


def text(*rows: Row, delimiter: str = ",", usual: Row = USUAL) -> str:
    """Return an export as CSV."""
    full = [{**usual, **row} for row in rows]
    columns = list(dict.fromkeys(name for row in full for name in row))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows([[row.get(name, "") for name in columns] for row in full])
    return out.getvalue()


def ingest(*paths: Path, folder: Path) -> Staging:
    """Stage files as `ingest azure` does."""
    return stage(list(paths), KINDS["azure"], source="azure", folder=folder, derived={})


def totals(staging: Staging) -> list[tuple[str, int, Decimal, Decimal]]:
    """Return period, rows, billed and effective cost of what was staged."""
    return [(part.period, total.rows, total.billed, total.effective) for part in staging.parts for total in part.totals]


def raw(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV file as the csv module reads them."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def exact(amount: str) -> Decimal:
    """Return an amount as the ledger keeps it."""
    return Decimal(amount).quantize(Decimal("1E-10"))
