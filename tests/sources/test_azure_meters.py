"""Language models on Azure's bill: what a meter's name tells, in cost details and in Microsoft's own FOCUS exports."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.deliveries import Staging
from finops.sources.azure_focus import COLUMNS
from tests.sources.azure_rows import ingest, text
from tests.sources.conftest import Rows

FOCUS = {
    "BilledCost": "1",
    "EffectiveCost": "1",
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-04-02T00:00Z",
    "ChargePeriodEnd": "2026-04-03T00:00Z",
    "BillingPeriodStart": "2026-04-01T00:00Z",
    "BillingPeriodEnd": "2026-05-01T00:00Z",
    "ServiceName": "Azure OpenAI",
    "ChargeCategory": "Usage",
}
METERS: list[tuple[str, str | None, str | None, str | None]] = [
    ("gpt 4o 0513 Input global Tokens", "gpt-4o", "input", None),
    ("gpt 4o 1120 Outp glbl Tokens", "gpt-4o", "output", None),
    ("gpt-4o-mini cached Inp glbl", "gpt-4o-mini", "cache_read", None),
    ("gpt 4.1 Inp Data Zone Tokens", "gpt-4.1", "input", None),
    ("gpt 4.1 nano Batch Outp glbl Tokens", "gpt-4.1-nano", "output", "batch"),
    ("GPT 5 Mini outpt Glbl 1M Tokens", "gpt-5-mini", "output", None),
    ("gpt-5-codex-ccchd-inp-glbl Tokens", "gpt-5-codex", "cache_read", None),
    ("5.4 mini pp Inp Gl 1M Tokens", "gpt-5.4-mini", "input", "priority"),
    ("5.1 cd inp Dz 1M Tokens", "gpt-5.1", "cache_read", None),
    ("6-sol ShortCo Cd Wr Std Gl 1M Tokens", "gpt-6-sol", "cache_write_5m", None),
    ("5.4 mini Inp Flex Gl 1M Tokens", "gpt-5.4-mini", "input", "flex"),
    ("o3 0416 Outp regnl Tokens", "o3", "output", None),
    ("text-embedding-3-small-glbl Tokens", "text-embedding-3-small", "input", None),
    ("Az-Text-Embedding-Ada-002 Tokens", "text-embedding-ada-002", "input", None),
    ("Phi-3.5-Mini-128K-Instruct-Output Tokens", "phi-3.5-mini-128k-instruct", "output", None),
    ("Provisioned Managed Global Unit", None, None, None),
    ("Code-Interpreter-global", None, None, None),
]
SAYS = "x_Model, x_TokenType, x_ServiceTier"


@pytest.mark.parametrize(("meter", "model", "kind", "tier"), METERS)
def test_a_meter_names_model_kind_of_token_and_tier(
    tmp_path: Path, rows: Rows, meter: str, model: str | None, kind: str | None, tier: str | None
) -> None:
    openai = {"MeterCategory": "Azure OpenAI", "MeterSubCategory": "Azure OpenAI GPT5", "UnitOfMeasure": "1M", "Quantity": "1000"}
    unit = ("Tokens", "1000000 Tokens") if model else ("Units", "1000000 Units")
    staging = bill(tmp_path, text({**openai, "MeterName": meter, "Cost": "1"}))
    assert [(model, kind, tier, *unit, "AI and Machine Learning")] == rows(staging, f"{SAYS}, ConsumedUnit, PricingUnit, ServiceCategory")


@pytest.mark.parametrize("column", ["SkuMeter", "x_SkuMeterName"])
def test_a_focus_export_of_microsofts_names_models_as_well(tmp_path: Path, rows: Rows, column: str) -> None:
    meter: dict[str, Any] = {column: "gpt 4o 0513 cached Inp glbl Tokens", "x_SkuMeterCategory": "Azure OpenAI"}
    assert [("gpt-4o", "cache_read", None, meter[column])] == rows(bill(tmp_path, text(meter, usual=FOCUS)), f"{SAYS}, SkuMeter")


@pytest.mark.parametrize(("category", "unit"), [("Bandwidth", "1 GB"), ("Azure OpenAI", "1 GB"), ("Storage", "10K")])
def test_a_meter_of_something_else_names_no_model(tmp_path: Path, rows: Rows, category: str, unit: str) -> None:
    row = {"MeterCategory": category, "MeterName": "Intra Continent Data Transfer Out", "UnitOfMeasure": unit, "Cost": "1"}
    assert [(None, None, None)] == rows(bill(tmp_path, text(row)), SAYS)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"ListCost": "2"}, "2"),
        ({"ListCost": "0"}, None),
        ({"ListCost": "0", "EffectiveCost": "0"}, "0"),
        ({"ListCost": "0", "EffectiveCost": "0", "x_PublisherCategory": "Vendor"}, None),
        ({"ListCost": "0", "EffectiveCost": "0", "PricingCategory": "Committed"}, None),
    ],
)
def test_a_list_cost_of_zero_in_a_focus_export_mostly_means_that_nobody_knows(
    tmp_path: Path, rows: Rows, row: dict[str, str], expected: str | None
) -> None:
    usual = FOCUS | {"x_PublisherCategory": "Cloud Provider", "ContractedCost": row["ListCost"]}
    value = expected and Decimal(expected)
    assert [(value, value)] == rows(bill(tmp_path, text(row, usual=usual)), "ListCost, ContractedCost")


def test_a_focus_bill_of_anybody_else_keeps_what_it_says_itself(tmp_path: Path, rows: Rows) -> None:
    row = {"x_Model": "mine", "x_TokenType": "output", "SkuMeter": "gpt 4o 0513 Input global Tokens"}
    assert [("mine", "output", None)] == rows(bill(tmp_path, text(row, usual=FOCUS)), SAYS)


def test_the_columns_microsoft_adds_to_focus_cause_no_note(tmp_path: Path) -> None:
    assert () == bill(tmp_path, text(dict.fromkeys(COLUMNS, "x") | {"x_BilledCostInUsd": "1"}, usual=FOCUS)).notes


def bill(folder: Path, content: str) -> Staging:
    (folder / "costs.csv").write_text(content)
    return ingest(folder / "costs.csv", folder=folder / "out")
