"""Cost Explorer as moto answers it: seeded pages become one month, replaced as a whole."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from finops.errors import SourceError
from tests.integration.conftest import Configured
from tests.integration.exports import billed, run

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
EMPTY = "sources: {light: {kind: cost-explorer, endpoint: %s}}"


def seed(server: str, *pages: dict[str, Any]) -> None:
    urllib.request.urlopen(f"{server}/moto-api/reset", data=b"", timeout=5).close()
    body = json.dumps({"results": list(pages)}).encode()
    asked = urllib.request.Request(f"{server}/moto-api/static/ce/cost-and-usage-results", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(asked, timeout=5).close()


def group(service: str, usage_type: str, unblended: str, amortised: str | None = None) -> dict[str, Any]:
    amounts = {"UnblendedCost": unblended, "AmortizedCost": amortised or unblended}
    amounts |= {"NetUnblendedCost": unblended, "NetAmortizedCost": amortised or unblended}
    metrics = {name: {"Amount": amount, "Unit": "USD"} for name, amount in amounts.items()}
    return {"Keys": [service, usage_type], "Metrics": metrics | {"UsageQuantity": {"Amount": "3", "Unit": "N/A"}}}


def page(day: str, *groups: dict[str, Any], token: str | None = None) -> dict[str, Any]:
    start = datetime.fromisoformat(day)
    period = {"Start": f"{start:%Y-%m-%d}", "End": f"{start + timedelta(days=1):%Y-%m-%d}"}
    found = {"ResultsByTime": [{"TimePeriod": period, "Total": {}, "Groups": list(groups), "Estimated": False}]}
    return found | ({"NextPageToken": token} if token else {})


def with_costs(*months: str) -> dict[str, Any]:
    """The answer to the first question: which months have costs at all."""
    totals = dict.fromkeys(months, "5") | {"2025-12": "0"}
    return {
        "ResultsByTime": [
            {"TimePeriod": {"Start": f"{month}-01", "End": ""}, "Total": {"UnblendedCost": {"Amount": amount, "Unit": "USD"}}}
            for month, amount in totals.items()
        ]
    }


def test_the_pages_of_a_month_are_one_delivery_with_its_exact_sum(aws: str, configured: Configured) -> None:
    bedrock = group("Amazon Bedrock", "USE1-input-tokens", "1.1000000001", "0.9")
    seed(
        aws,
        with_costs("2026-04"),
        page("2026-04-01", bedrock, group("Tax", "NoUsageType", "0.25"), token="two"),
        page("2026-04-02", group("Amazon Bedrock", "USE1-input-tokens", "-0.1"), group("AWS Lambda", "Requests", "0")),
    )
    tools = configured(EMPTY % aws, now=datetime(2026, 5, 1, 12, tzinfo=UTC))
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": Decimal("1.2500000001")} == billed(tools)


def test_what_it_says_is_an_estimate_of_the_provider_by_service_and_meter(aws: str, configured: Configured) -> None:
    from finops.ledger.catalog import live_files

    seed(
        aws,
        with_costs("2026-04"),
        page("2026-04-01", group("Amazon Bedrock", "USE1-input-tokens", "2", "1.5"), group("Tax", "NoUsageType", "0.5")),
    )
    tools = configured(EMPTY % aws, now=datetime(2026, 5, 1, 12, tzinfo=UTC))
    run(tools)
    with tools.ledger.engine.connect() as connection:
        paths = [str(tools.ledger.root / file.path) for file in live_files(connection)]
    import duckdb

    columns = "ServiceName, SkuMeter, BilledCost, EffectiveCost, ChargeCategory, ServiceCategory, x_CostSource, x_ChargeDay::VARCHAR"
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY 1", [paths]).fetchall()
    assert [
        (
            "Amazon Bedrock",
            "USE1-input-tokens",
            Decimal(2),
            Decimal("1.5"),
            "Usage",
            "AI and Machine Learning",
            "provider_cost_api",
            "2026-04-01",
        ),
        ("Tax", "NoUsageType", Decimal("0.5"), Decimal("0.5"), "Tax", None, "provider_cost_api", "2026-04-01"),
    ] == rows


def test_an_account_without_costs_is_told(aws: str, configured: Configured) -> None:
    seed(aws, with_costs())
    with pytest.raises(SourceError, match="Cost Explorer knows no costs from 2025-05-01 on; is it enabled for this account"):
        run(configured(EMPTY % aws, now=datetime(2026, 5, 1, 12, tzinfo=UTC)))
