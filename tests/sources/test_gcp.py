"""Google Cloud billing exports, as JSON Lines, CSV and Parquet: each test guards one way of getting the money wrong."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.deliveries import Staging
from finops.errors import BillError
from finops.sources.formats import KINDS
from finops.sources.staging import stage
from tests.sources.conftest import Rows

Row = dict[str, Any]
Export = Callable[..., Staging]

TEXT = pa.string()
PAIRS = pa.list_(pa.struct({"key": TEXT, "value": TEXT}))
NUMERIC = pa.decimal128(38, 9)
SCHEMA = pa.schema(
    {
        "billing_account_id": TEXT,
        "invoice": pa.struct({"month": TEXT}),
        "cost_type": TEXT,
        "service": pa.struct({"id": TEXT, "description": TEXT}),
        "sku": pa.struct({"id": TEXT, "description": TEXT}),
        "usage_start_time": pa.timestamp("us", "UTC"),
        "usage_end_time": pa.timestamp("us", "UTC"),
        "project": pa.struct({"id": TEXT, "name": TEXT, "labels": PAIRS}),
        "labels": PAIRS,
        "tags": pa.list_(pa.struct({"key": TEXT, "value": TEXT, "inherited": pa.bool_(), "namespace": TEXT})),
        "location": pa.struct({"region": TEXT, "zone": TEXT}),
        "resource": pa.struct({"name": TEXT, "global_name": TEXT}),
        "cost": NUMERIC,
        "currency": TEXT,
        "currency_conversion_rate": NUMERIC,
        "usage": pa.struct({"amount": NUMERIC, "unit": TEXT}),
        "credits": pa.list_(pa.struct({"id": TEXT, "type": TEXT, "amount": NUMERIC})),
        "cost_at_list": NUMERIC,
        "cost_at_effective_price_default": NUMERIC,
        "consumption_model": pa.struct({"id": TEXT, "description": TEXT}),
    }
)
USUAL: Row = {
    "billing_account_id": "A",
    "invoice": {"month": "202604"},
    "cost_type": "regular",
    "service": {"id": "6F81", "description": "Compute Engine"},
    "sku": {"id": "S1", "description": "N1 Core"},
    "usage_start_time": "2026-04-02T10:00:00Z",
    "usage_end_time": "2026-04-02T11:00:00Z",
    "project": {"id": "p1", "name": "Project One", "labels": []},
    "cost": "0",
    "currency": "USD",
    "credits": [],
}


@pytest.fixture(params=["jsonl", "csv", "parquet"])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Export:
    """Stage rows given as nested records, written in each of the three ways they arrive."""

    def run(*rows: Row, kind: str = "gcp", name: str = "export") -> Staging:
        path = tmp_path / f"{name}.{request.param}"
        WRITERS[request.param](path, [USUAL | row for row in rows])
        return stage([path], KINDS[kind], source="gcp", folder=tmp_path / "out", derived={})

    return run


def as_jsonl(path: Path, rows: list[Row]) -> None:
    """As `bq extract` writes: nulls left out, NUMERIC as text."""
    path.write_text("".join(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n" for row in rows))


def as_csv(path: Path, rows: list[Row]) -> None:
    flat = [{key: json.dumps(value) if isinstance(value, list) else value for key, value in flattened(row)} for row in rows]
    columns = list(dict.fromkeys(key for row in flat for key in row))
    with path.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, columns)
        writer.writeheader()
        writer.writerows(flat)


def flattened(row: Row, before: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in row.items():
        pairs += flattened(value, f"{before}{key}.") if isinstance(value, dict) else [(before + key, value)]
    return pairs


def as_parquet(path: Path, rows: list[Row]) -> None:
    names = {key for row in rows for key in row}
    schema = pa.schema([field for field in SCHEMA if field.name in names])
    pq.write_table(pa.Table.from_pylist([typed(row) for row in rows], schema), path)


def typed(row: Row) -> Row:
    amounts = [each | {"amount": Decimal(each["amount"])} for each in row["credits"] or []]
    usage = {"usage": row["usage"] | {"amount": Decimal(row["usage"]["amount"])}} if "usage" in row else {}
    numbers = {key: Decimal(row[key]) for key in row if key.startswith(("cost", "currency_")) and key not in ("cost_type", "currency")}
    moments = {key: row[key].removesuffix("Z") for key in ("usage_start_time", "usage_end_time")}
    return row | numbers | usage | {key: _moment(value) for key, value in moments.items()} | {"credits": amounts}


def _moment(text: str) -> Any:
    from datetime import UTC, datetime

    return datetime.fromisoformat(text).replace(tzinfo=UTC)


WRITERS: dict[str, Callable[[Path, list[Row]], None]] = {"jsonl": as_jsonl, "csv": as_csv, "parquet": as_parquet}


def credit(amount: str, type_: str = "PROMOTION") -> Row:
    return {"id": "c", "type": type_, "amount": amount}


def test_net_cost_counts_cost_once_however_many_credits_and_keeps_rows_without(export: Export, rows: Rows) -> None:
    staging = export({"cost": "10.5", "credits": [credit("-1"), credit("-0.25")]}, {"cost": "3"})
    assert [(Decimal(3), Decimal(3)), (Decimal("9.25"), Decimal("9.25"))] == rows(staging, "BilledCost, EffectiveCost")


def test_amounts_are_exact_to_the_last_digit(export: Export, rows: Rows) -> None:
    staging = export({"cost": "123456789012345.123456789", "credits": [credit("-0.000000001")]})
    assert [(Decimal("123456789012345.123456788"),)] == rows(staging, "BilledCost")


def test_usage_on_the_first_billed_with_the_month_before_keeps_both_dates(export: Export, rows: Rows) -> None:
    staging = export({"usage_start_time": "2026-05-01T06:00:00Z", "usage_end_time": "2026-05-01T07:00:00Z", "cost": "1"})
    assert ["2026-04"] == [part.period for part in staging.parts]
    assert [("2026-05-01", "2026-04-01", "2026-05-01")] == rows(
        staging, "CAST(x_ChargeDay AS VARCHAR), strftime(BillingPeriodStart, '%Y-%m-%d'), strftime(BillingPeriodEnd, '%Y-%m-%d')"
    )


def test_an_invoice_month_that_is_no_month_sets_the_row_apart(export: Export) -> None:
    staging = export({"invoice": {"month": "202613"}, "cost": "1"}, {"cost": "1"})
    assert ["the billing period is not a date"] == [row.reason for row in staging.bad_rows]


def test_the_fee_of_a_commitment_under_the_newer_model_is_a_purchase_taken_back_by_its_offset(export: Export, rows: Rows) -> None:
    """The fee of 8 is offset; usage comes at 6 instead of 10, which is what was saved."""
    fee = {
        "sku": {"id": "F", "description": "Compute flexible plan, 1 year"},
        "cost": "8",
        "credits": [credit("-8", "FEE_UTILIZATION_OFFSET")],
    }
    model = {"consumption_model": {"id": "m", "description": "Compute flexible CUD 1 year"}}
    staging = export(fee, {**model, "cost": "6", "cost_at_effective_price_default": "10", "cost_at_list": "10"} | {"credits": []})
    expected = [("Purchase", Decimal(0), None), ("Usage", Decimal(6), "Committed")]
    assert expected == rows(staging, "ChargeCategory, BilledCost, PricingCategory")
    assert [(Decimal(10), Decimal(10))] == rows(staging, "max(ContractedCost), max(ListCost)")


def test_the_contracted_cost_is_the_cost_before_credits_for_commitments(export: Export, rows: Rows) -> None:
    credits_ = [credit("-4", "COMMITTED_USAGE_DISCOUNT"), credit("-1", "DISCOUNT")]
    assert [(Decimal(5), Decimal(9), "Committed")] == rows(
        export({"cost": "10", "credits": credits_}), "BilledCost, ContractedCost, PricingCategory"
    )


def test_the_fee_sku_of_an_older_commitment_is_a_purchase(export: Export, rows: Rows) -> None:
    sku = {"id": "F", "description": "Commitment v1: Cpu in Americas for 1 Year"}
    assert [("Purchase", None)] == rows(export({"sku": sku, "cost": "5"}), "ChargeCategory, PricingCategory")


def test_tax_and_support_without_a_project_are_kept_on_the_account(export: Export, rows: Rows) -> None:
    nobody: Row = {"id": None, "name": None, "labels": []}
    staging = export({"cost_type": "tax", "project": nobody, "cost": "2"}, {"cost": "1"})
    assert [("Tax", None, None, "A"), ("Usage", "p1", "Project One", "A")] == rows(
        staging, "ChargeCategory, SubAccountId, SubAccountName, BillingAccountId"
    )


@pytest.mark.parametrize(("type_", "noted"), [("adjustment", False), ("rounding_error", False), ("novelty", True)])
def test_other_cost_types_are_adjustments_and_unknown_ones_are_told(export: Export, rows: Rows, type_: str, noted: bool) -> None:
    staging = export({"cost_type": type_, "cost": "1.5"})
    assert [("Adjustment", Decimal("1.5"))] == rows(staging, "ChargeCategory, BilledCost")
    assert noted == any("cost types we do not know" in note and "(1 row)" in note for note in staging.notes)


def test_an_adjustment_of_an_earlier_month_is_a_correction(export: Export, rows: Rows) -> None:
    earlier = {"usage_start_time": "2026-03-31T00:00:00Z", "usage_end_time": "2026-03-31T01:00:00Z"}
    staging = export({"cost_type": "adjustment", "cost": "-3", **earlier}, {"cost_type": "adjustment", "cost": "-1"})
    assert [("Correction", Decimal(-3)), (None, Decimal(-1))] == rows(staging, "ChargeClass, BilledCost", "BilledCost")


def test_costs_stay_in_the_currency_billed(export: Export, rows: Rows) -> None:
    staging = export({"cost": "9.2", "currency": "EUR", "currency_conversion_rate": "0.92"})
    assert [("EUR", Decimal("9.2"))] == rows(staging, "BillingCurrency, BilledCost")


def test_labels_of_resource_and_project_and_tags_are_one_object(export: Export, rows: Rows) -> None:
    """The resource's own label wins over the project's; a tag is known by its namespace."""
    project = {"id": "p1", "name": "n", "labels": [{"key": "team", "value": "platform"}, {"key": "env", "value": "prod"}]}
    tag = {"key": "cost", "value": "7", "inherited": True, "namespace": "org"}
    [(text,)] = rows(export({"project": project, "labels": [{"key": "team", "value": 'm"l'}], "tags": [tag], "cost": "1"}), "Tags")
    assert {"team": 'm"l', "env": "prod", "org/cost": "7"} == json.loads(text)


def test_no_labels_are_no_tags(export: Export, rows: Rows) -> None:
    assert [(None,)] == rows(export({"labels": [], "cost": "1"}), "Tags")


def test_place_resource_and_quantities_are_read(export: Export, rows: Rows) -> None:
    place = {"location": {"region": "europe-west4", "zone": "europe-west4-a"}, "usage": {"amount": "3600", "unit": "seconds"}}
    resource = {"resource": {"name": "vm-1", "global_name": "//compute/vm-1"}}
    expected = ("europe-west4", "europe-west4-a", "//compute/vm-1", "vm-1", Decimal(3600), "seconds", "Google Cloud")
    columns = "RegionId, AvailabilityZone, ResourceId, ResourceName, ConsumedQuantity, ConsumedUnit, ProviderName"
    assert [expected] == rows(export({**place, **resource, "cost": "1"}), columns)


@pytest.mark.parametrize(
    ("service", "sku", "model", "tokens", "tier"),
    [
        ("Vertex AI", "Gemini 3 Flash Text Input - Predictions", "Gemini 3 Flash", "input", None),
        ("Vertex AI", "Gemini 2.5 Flash GA Thinking Text Output - Predictions", "Gemini 2.5 Flash", "output", None),
        ("Vertex AI", "Gemini 3.7 Flash Global Text Input - Predictions", "Gemini 3.7 Flash", "input", None),
        ("Vertex AI", "Gemini 3 Flash Text Input Caching", "Gemini 3 Flash", "cache_read", None),
        ("Vertex AI", "Gemini 2.5 Pro Input Text Caching (Long)", "Gemini 2.5 Pro", "cache_read", None),
        ("Vertex AI", "Gemini 3 Flash Text Input Caching Storage", "Gemini 3 Flash", None, None),
        ("Vertex AI", "Gemini 2.5 Flash Text Output (Thinking On) - Batch Predictions", "Gemini 2.5 Flash", "output", "batch"),
        ("Vertex AI", "Cloud Vertex AI Model Garden Model as a Service Llama 4 Maverick Output tokens", "Llama 4 Maverick", "output", None),
        ("Claude Sonnet 4", "Claude Sonnet 4 Cache Write Input Tokens", "Claude Sonnet 4", "cache_write_5m", None),
        ("Claude Sonnet 4", "Claude Sonnet 4 Cache Write 1h Input Tokens", "Claude Sonnet 4", "cache_write_1h", None),
        ("Claude Sonnet 4", "Claude Sonnet 4 Cache Read Input Tokens", "Claude Sonnet 4", "cache_read", None),
        ("Gemini API", "Generate content input token count gemini 2.5 flash short input text", "gemini 2.5 flash", "input", None),
        ("Vertex AI", "Custom Training n1-standard-4 running in us-central1", None, None, None),
    ],
)
def test_vertex_skus_name_model_token_type_and_tier(
    tmp_path: Path, rows: Rows, service: str, sku: str, model: str | None, tokens: str | None, tier: str | None
) -> None:
    row = USUAL | {"service": {"id": "V", "description": service}, "sku": {"id": "S", "description": sku}, "cost": "1"}
    as_jsonl(tmp_path / "v.jsonl", [row])
    staging = stage([tmp_path / "v.jsonl"], KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})
    assert [(model, tokens, tier, "AI and Machine Learning")] == rows(staging, "x_Model, x_TokenType, x_ServiceTier, ServiceCategory")


def test_input_in_the_name_of_another_service_is_no_token(export: Export, rows: Rows) -> None:
    sku = {"id": "S", "description": "Network Input Processing"}
    assert [(None, None, None)] == rows(export({"sku": sku, "cost": "1"}), "x_Model, x_TokenType, ServiceCategory")


def test_a_credit_that_is_no_number_sets_the_row_apart(tmp_path: Path) -> None:
    as_jsonl(tmp_path / "c.jsonl", [USUAL | {"cost": "5", "credits": [credit("-1"), credit("much")]}, USUAL | {"cost": "1"}])
    staging = stage([tmp_path / "c.jsonl"], KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})
    assert [(1, {"2026-04": 1})] == [(part.rows, staging.bad_row_counts) for part in staging.parts]


def test_names_with_underscores_for_dots_are_read_too(tmp_path: Path, rows: Rows) -> None:
    header = "usage_start_time,cost,currency,service_description,invoice_month,project_id,credits"
    (tmp_path / "v.csv").write_text(f'{header}\n2026-04-02 10:00:00 UTC,5,USD,BigQuery,202604,p9,"[{{""amount"":-2}}]"\n')
    staging = stage([tmp_path / "v.csv"], KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})
    assert [("BigQuery", "p9", Decimal(3), "2026-04-02 10:00:00")] == rows(
        staging, "ServiceName, SubAccountId, BilledCost, CAST(ChargePeriodStart AS VARCHAR)"
    )


def two_tables(tmp_path: Path, standard_cost: str) -> Callable[[], Staging]:
    detailed = [USUAL | {"cost": "2", "resource": {"name": f"vm-{n}", "global_name": None}} for n in (1, 2)]
    as_jsonl(tmp_path / "detailed.jsonl", detailed)
    as_jsonl(tmp_path / "standard.jsonl", [USUAL | {"cost": standard_cost}])
    paths = [tmp_path / "detailed.jsonl", tmp_path / "standard.jsonl"]
    return lambda: stage(paths, KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})


def test_standard_and_detailed_export_of_the_same_money_are_never_added(tmp_path: Path) -> None:
    with pytest.raises(
        BillError, match=r"^detailed\.jsonl and standard\.jsonl are two exports of the same charges .*; deliver only the detailed"
    ):
        two_tables(tmp_path, "4")()


def test_a_part_of_one_table_in_which_no_row_names_a_resource_is_no_second_table(tmp_path: Path, rows: Rows) -> None:
    assert [(Decimal(7),)] == rows(two_tables(tmp_path, "3")(), "sum(BilledCost)")


@pytest.mark.parametrize(
    ("file", "count", "net"),
    [("standard_2020-11.csv", 25, "0"), ("detailed_2022-08.csv", 9, "0.000012")],
)
def test_real_exports_load_whole(data: Path, tmp_path: Path, rows: Rows, file: str, count: int, net: str) -> None:
    """The older one was printed by Python, credits and all: 0.000032 of free trial takes back as much cost."""
    staging = stage([data / "gcp" / file], KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})
    assert [(count, Decimal(net))] == rows(staging, "count(*), sum(BilledCost)")
    assert {} == staging.bad_row_counts


def test_a_generated_export_has_the_total_a_plain_addition_gives(data: Path, tmp_path: Path, rows: Rows) -> None:
    path = data / "gcp" / "standard_2025-09.csv.gz"
    found = list(csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())))
    amounts = [Decimal(each["amount"]) for row in found for each in json.loads(row["credits"], parse_float=Decimal, parse_int=Decimal)]
    net = sum((Decimal(row["cost"]) for row in found), Decimal(0)) + sum(amounts, Decimal(0))
    staging = stage([path], KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})
    assert [(len(found), net)] == rows(staging, "count(*), sum(BilledCost)")


@pytest.mark.parametrize("column", ["credits", "labels"])
def test_a_column_that_is_no_list_of_records_never_counts_as_one(tmp_path: Path, column: str) -> None:
    """A view that summed the credits already must not pass for a bill without credits."""
    names = [name for name in SCHEMA.names if name in USUAL and name != column]
    table = pa.Table.from_pylist([typed(USUAL | {"cost": "5"})], pa.schema([SCHEMA.field(name) for name in names]))
    pq.write_table(table.append_column(column, pa.array([-1.5])), tmp_path / "view.parquet")
    staging = stage([tmp_path / "view.parquet"], KINDS["gcp"], source="gcp", folder=tmp_path / "out", derived={})
    assert (column == "credits") == (staging.bad_row_counts == {"2026-04": 1})
