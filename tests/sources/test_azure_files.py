"""Azure's real exports, headers of all dialects: totals as a plain addition of their cost column gives them."""

import csv
import gzip
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from finops.deliveries import Staging
from finops.errors import BillError
from finops.sources.formats import KINDS, recognise
from finops.sources.mapping import known_as
from tests.sources.azure_rows import USUAL, exact, ingest, raw, text, totals
from tests.sources.conftest import Rows

AZURE = KINDS["azure"][0]
Ingest = Callable[..., Staging]


@pytest.fixture
def azure(data: Path, tmp_path: Path) -> Ingest:
    """Stage real files by name."""
    return lambda *names: ingest(*(data / "azure" / name for name in names), folder=tmp_path / "out")


@pytest.fixture
def written(tmp_path: Path) -> Ingest:
    """Stage an export given as text."""

    def run(content: str, name: str = "costs.csv") -> Staging:
        (tmp_path / name).write_text(content, encoding="utf-8", newline="")
        return ingest(tmp_path / name, folder=tmp_path / "out")

    return run


@pytest.mark.parametrize(
    ("name", "cost", "period", "currency"),
    [
        ("dialect_enterprise.csv", "CostInBillingCurrency", "2021-05", "CAD"),
        ("dialect_enterprisecamel.csv", "costInBillingCurrency", "2021-02", "USD"),
        ("dialect_german.csv", "PreTaxCost (PreTaxCost)", "2021-02", "USD"),
        ("dialect_missingbrackets.csv", "costinbillingcurrency", "2021-02", "USD"),
        ("dialect_payasyougo.csv", "PreTaxCost", "2021-02", "USD"),
        ("dialect_template.csv", "costinbillingcurrency", "2021-02", "USD"),
        ("dialect_virtualmachine.csv", "costinbillingcurrency", "2021-02", "USD"),
        ("dialect_ya.csv", "costInBillingCurrency", "2021-02", "USD"),
        ("payg_2019-07.csv", "PreTaxCost", "2019-07", "USD"),
        ("payg_camel_2019-07.csv", "preTaxCost", "2019-07", "USD"),
        ("mca_2023-08.csv", "costInBillingCurrency", "2023-08", "USD"),
        ("ea_actual_2023-09.csv", "Cost", "2023-09", "USD"),
    ],
)
def test_an_export_of_any_dialect_has_the_total_of_its_cost_column(
    azure: Ingest, data: Path, name: str, cost: str, period: str, currency: str
) -> None:
    costs = [exact(row[cost]) for row in raw(data / "azure" / name)]
    staging = azure(name)
    assert [(period, len(costs), sum(costs), sum(costs))] == totals(staging)
    assert [currency] == [total.currency for part in staging.parts for total in part.totals]


def test_a_generated_month_has_the_total_a_plain_addition_gives(azure: Ingest, data: Path) -> None:
    with gzip.open(data / "azure" / "generated_2025-10.csv.gz", "rt", newline="") as lines:
        costs = [exact(row["CostInBillingCurrency"]) for row in csv.DictReader(lines)]
    staging = azure("generated_2025-10.csv.gz")
    assert [("2025-10", 434, sum(costs), sum(costs))] == totals(staging)
    assert () == staging.notes


def test_a_dump_of_raw_lines_has_the_total_of_the_lines_it_holds(azure: Ingest, data: Path) -> None:
    """Most rows of the dump are expenses with neither day nor meter; they are none of Azure's lines."""
    with duckdb.connect() as con:
        dump = con.read_parquet(str(data / "azure" / "dump_2024-09.parquet"))
        lines = dump.filter("coalesce(usage_start_time, date) IS NOT NULL").project("CAST(cost AS VARCHAR)").fetchall()
    staging = azure("dump_2024-09.parquet")
    assert (394, sum(exact(cost) for (cost,) in lines)) == (len(lines), sum(billed for *_, billed, _ in totals(staging)))
    assert ["2024-08", "2024-09"] == [period for period, *_ in totals(staging)]
    assert any("are no lines of Azure's and were left out (60 rows)" in note for note in staging.notes)


def test_a_row_with_nothing_but_a_date_is_no_charge(azure: Ingest) -> None:
    staging = azure("dialect_bom.csv")
    assert ((), {}) == (staging.parts, staging.bad_row_counts)
    assert "rows without cost, quantity and currency hold no charge and were left out (1 row)" in staging.notes


def test_a_header_without_rows_is_refused_with_a_sentence(azure: Ingest) -> None:
    with pytest.raises(BillError, match=r"^empty_frame\.csv has a header and no rows; deliver it again once it has charges\.$"):
        azure("empty_frame.csv")


def test_a_currency_nobody_knows_is_set_apart(azure: Ingest) -> None:
    assert {"2020-09": 5} == azure("ea_2020-09.csv").bad_row_counts


@pytest.mark.parametrize("name", ["payg_2019-07.csv", "dialect_german.csv", "ea_actual_2023-09.csv", "mca_2023-08.csv"])
def test_a_header_is_recognised_as_azures(data: Path, name: str) -> None:
    assert "azure" == recognise(raw(data / "azure" / name)[0])


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Kosten (Cost)", "cost"),
        ("日付 (Date)", "date"),
        ("Étiquettes (Tags)", "tags"),
        ("Date (Datum)", "date"),
        ("Cost (EUR)", "cost(eur)"),
        ("Preis (EUR)", "preis(eur)"),
    ],
)
def test_a_translated_header_is_known_by_the_name_in_parentheses(written: str, known: str) -> None:
    assert {written: known} == known_as(AZURE, [written])


def test_of_columns_that_claim_the_same_the_plain_name_comes_first(written: Ingest) -> None:
    header = "Date,Kosten (Cost),Cost,cost,BillingCurrency,MeterCategory\n"
    staging = written(header + "2026-04-02,1,2,4,USD,Storage\n")
    assert [("2026-04", 1, Decimal(2), Decimal(2))] == totals(staging)
    assert "ignored columns: Kosten (Cost), cost" in staging.notes


def test_columns_an_agreement_leaves_blank_give_way_to_those_it_fills(written: Ingest, rows: Rows) -> None:
    header = "Date,CostInBillingCurrency,Cost,BillingCurrencyCode,BillingCurrency,MeterCategory,ResourceLocation,Location\n"
    staging = written(header + "2026-04-02,,2,,EUR,Storage,,US East\n")
    assert [("EUR", Decimal(2), "eastus")] == rows(staging, "BillingCurrency, BilledCost, RegionId")


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (("04/02/2026", "04/30/2026"), ["2026-04-02", "2026-04-30"]),
        (("02/04/2026", "30/04/2026"), ["2026-04-02", "2026-04-30"]),
        (("04/02/2026",), ["2026-04-02"]),
        (("02.04.2026",), ["2026-04-02"]),
        (("2026/04/02",), ["2026-04-02"]),
        (("20260402",), ["2026-04-02"]),
        (("02-04-2026", "30-04-2026"), ["2026-04-02", "2026-04-30"]),
        (("4/2/2026 12:00:00 AM",), ["2026-04-02"]),
        (("2026-04-02 00:00:00",), ["2026-04-02"]),
        (("2026-04-02T00:00:00.0000000Z",), ["2026-04-02"]),
    ],
)
def test_dates_are_read_in_all_forms(written: Ingest, rows: Rows, days: tuple[str, ...], expected: list[str]) -> None:
    usual = {name: value for name, value in USUAL.items() if not name.startswith("BillingPeriod")}
    staging = written(text(*({"Date": day, "Cost": "1"} for day in days), usual=usual))
    assert [(day,) for day in expected] == rows(staging, "strftime(ChargePeriodStart, '%Y-%m-%d')")


def test_where_the_file_does_not_tell_azures_way_is_taken_and_told(written: Ingest) -> None:
    staging = written(text({"Date": "04/05/2026", "Cost": "1"}))
    assert "dates with slashes were read month first, 4/1/25 as 2025-04-01 (costs.csv)" in staging.notes


def test_days_of_one_month_are_likelier_than_the_same_day_of_several(written: Ingest, rows: Rows) -> None:
    usual = {name: value for name, value in USUAL.items() if not name.startswith("BillingPeriod")}
    staging = written(text(*({"Date": day, "Cost": "1"} for day in ("02/04/2026", "05/04/2026")), usual=usual))
    assert [("2026-04", 2, Decimal(2), Decimal(2))] == totals(staging)
    assert "dates with slashes were read day first, 1/4/25 as 2025-04-01 (costs.csv)" in staging.notes


def test_dates_that_contradict_each_other_are_refused(written: Ingest) -> None:
    with pytest.raises(BillError, match="can only be day/month"):
        written(text({"Date": "30/04/2026", "Cost": "1"}, {"Date": "04/30/2026", "Cost": "1"}))


def test_a_german_spreadsheet_has_semicolons_points_in_dates_and_decimal_commas(written: Ingest) -> None:
    header = "Datum (Date);Kosten (Cost);Währung (BillingCurrency);Kategorie (MeterCategory);Menge (Quantity);Maß (UnitOfMeasure)\n"
    rows = "02.04.2026;0,075;EUR;Storage;1.234,5;1 GB\n03.04.2026;1.000;EUR;Storage;7;1 GB\n04.04.2026;1,5E-05;EUR;S;1;1\n"
    staging = written(header + rows)
    assert [("2026-04", 3, Decimal("1000.075015"), Decimal("1000.075015"))] == totals(staging)
    assert "amounts with a decimal comma were read, 1.234,50 as 1234.50 (costs.csv)" in staging.notes


def test_decimal_commas_beside_decimal_points_are_set_apart(written: Ingest) -> None:
    staging = written(text({"Cost": "0,075"}, {"Cost": "0.075"}))
    assert {"2026-04": 1} == staging.bad_row_counts


def test_a_parquet_export_with_typed_columns_is_worth_the_same(tmp_path: Path, data: Path) -> None:
    """Dates as dates and moments, costs as doubles, flags as booleans: as pyarrow types the columns of the real file."""
    source = data / "azure" / "ea_amortized_2023-09.csv"
    days = pa.csv.ConvertOptions(timestamp_parsers=["%m/%d/%Y"])
    table = pa.csv.read_csv(source, convert_options=days)
    typed = {str(field.type) for field in table.schema}
    pa.parquet.write_table(table, tmp_path / "amortized.parquet")
    assert {"double", "bool", "timestamp[s]", "int64", "string"} <= typed
    assert totals(ingest(source, folder=tmp_path / "csv")) == totals(ingest(tmp_path / "amortized.parquet", folder=tmp_path / "parquet"))


def test_days_may_be_whole_numbers(tmp_path: Path, rows: Rows) -> None:
    table = pa.table({"UsageDate": [20260402], "Cost": [1.5], "Currency": ["EUR"], "MeterCategory": ["Storage"]})
    pa.parquet.write_table(table, tmp_path / "costs.parquet")
    staging = ingest(tmp_path / "costs.parquet", folder=tmp_path / "out")
    assert [("2026-04-02", Decimal("1.5"))] == rows(staging, "strftime(ChargePeriodStart, '%Y-%m-%d'), BilledCost")


def test_a_last_line_that_ends_otherwise_does_no_harm(written: Ingest) -> None:
    content = text({"Cost": "1"}, {"Cost": "2"})
    assert content.endswith("\r\n")
    assert [("2026-04", 2, Decimal(3), Decimal(3))] == totals(written(content[:-2] + "\n"))


def test_a_partner_s_and_an_enterprise_s_older_columns_are_known(written: Ingest, rows: Rows) -> None:
    partner = "UsageDate,BillingPreTaxTotal,BillingCurrency,EntitlementId,MeterCategory,ResourceURI,UnitType,Quantity\n"
    enterprise = "Date,ExtendedCost,Currency,Subscription GUID,Meter Category,Instance ID,Unit of Measure,Consumed Quantity\n"
    row = "04/30/2026,12.5,EUR,s-1,Storage,/subscriptions/s-1/x/disk,10 GB,20\n"
    for header in (partner, enterprise):
        found = rows(written(header + row), "BilledCost, BillingCurrency, SubAccountId, ResourceName, PricingUnit, PricingQuantity")
        assert [(Decimal("12.5"), "EUR", "s-1", "disk", "10 GB", Decimal(2))] == found


def test_columns_that_are_known_and_not_kept_cause_no_note(azure: Ingest) -> None:
    files = ("ea_actual_2023-09.csv", "mca_2023-08.csv", "dialect_german.csv", "payg_2019-07.csv", "dialect_ya.csv")
    assert [] == [note for name in files for note in azure(name).notes if "ignored" in note]
