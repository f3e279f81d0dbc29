"""FOCUS bills: any version, any subset of columns, any provider's spelling."""

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from finops.charges import COLUMNS
from finops.sources.formats import recognise
from tests.sources.conftest import MINIMAL, Rows, Stage


def day(column: str) -> str:
    return f"CAST(CAST({column} AS DATE) AS VARCHAR)"


def test_the_published_sample_keeps_every_row_and_its_sums(staged: Stage, data: Path) -> None:
    staging = staged(data / "focus_sample.csv.gz")
    totals = [total for part in staging.parts for total in part.totals]
    assert (1000, {}) == (sum(part.rows for part in staging.parts), staging.bad_row_counts)
    assert Decimal("20.520227") == round(sum(total.billed for total in totals), 6)
    assert Decimal("14.976514") == round(sum(total.effective for total in totals), 6)


def test_a_part_has_the_ledgers_columns_in_order_and_type(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL + "2026-03-01,1.5,USD,EC2\n")
    kinds = ", ".join(f'typeof("{column}")' for column in COLUMNS)
    assert list(COLUMNS) == pq.read_schema(staging.parts[0].path).names
    assert [tuple(COLUMNS.values())] == rows(staging, kinds)


def test_four_columns_are_a_bill(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL + "2026-03-05,1.5,USD,EC2\n")
    days = ", ".join(map(day, ("ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd")))
    columns = f"{days}, ChargeCategory, ProviderName, x_Source, x_CostSource"
    expected = ("2026-03-06", "2026-03-01", "2026-04-01", "Usage", None, "test", "invoice")
    assert [expected] == rows(staging, columns)


def test_a_charge_that_starts_within_a_day_lasts_an_hour_unless_it_says_otherwise(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL + "2026-03-05T07:00:00Z,1.5,USD,EC2\n")
    assert [("2026-03-05 08:00:00",)] == rows(staging, "CAST(ChargePeriodEnd AS VARCHAR)")


def test_the_billed_cost_stands_in_for_a_missing_effective_cost_and_a_note_says_so(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL + "2026-03-05,1.5,USD,EC2\n")
    assert [(Decimal("1.5"),)] == rows(staging, "EffectiveCost")
    assert ("no EffectiveCost is delivered, so the billed cost stands in for it",) == staging.notes


def test_an_effective_cost_of_zero_stays_zero_and_a_blank_one_is_the_billed_cost(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL.replace("\n", ",EffectiveCost\n") + "2026-03-01,7,USD,a,0\n2026-03-01,8,USD,b,\n")
    assert [("a", Decimal(0)), ("b", Decimal(8))] == rows(staging, "ServiceName, EffectiveCost")


def test_missing_list_and_contracted_costs_are_unknown_not_zero(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL + "2026-03-05,1.5,USD,EC2\n")
    assert [(None, None)] == rows(staging, "ListCost, ContractedCost")
    assert (None, None) == (staging.parts[0].totals[0].list, staging.parts[0].totals[0].contracted)


def test_nulls_may_be_blank_or_spelled(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL.replace("\n", ",RegionId,ListCost\n") + '2026-03-01,1,USD,a,NULL,\n2026-03-01,1,USD,b,"",NULL\n')
    assert [("a", None, None), ("b", None, None)] == rows(staging, "ServiceName, RegionId, ListCost")


def test_snake_case_headers_are_the_same_columns(staged: Stage, rows: Rows) -> None:
    staging = staged("charge_period_start,billed_cost,billing_currency,service_name,x_team\n2026-03-01,2,EUR,S3,ml\n")
    assert [("EUR", "S3", "ml", "ml")] == rows(staging, "BillingCurrency, ServiceName, x_BilledTeam, x_Team")


def test_the_provider_name_of_1_3_and_oracles_spellings_are_understood(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL.replace("\n", ",ServiceProviderName,Publisher,Region\n") + "2026-03-01,1,USD,a,OpenAI,Oracle,eu-1\n")
    assert [("OpenAI", "Oracle", "eu-1")] == rows(staging, "ProviderName, PublisherName, RegionId")


def test_the_real_provider_column_wins_over_its_stand_in(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL.replace("\n", ",ServiceProviderName,ProviderName\n") + "2026-03-01,1,USD,a,new,old\n")
    assert [("old",)] == rows(staging, "ProviderName")


def test_our_own_dimensions_are_kept_and_other_extensions_are_named_as_ignored(staged: Stage, rows: Rows) -> None:
    staging = staged(MINIMAL.replace("\n", ",x_Model,x_TokenType,x_Foo,AllocatedTags\n") + "2026-03-01,1,USD,a,gpt,input,9,{}\n")
    assert [("gpt", "input")] == rows(staging, "x_Model, x_TokenType")
    assert "ignored columns: x_Foo" in staging.notes


def test_a_category_in_another_case_is_normalised_with_a_note(staged: Stage, rows: Rows) -> None:
    lines = "2026-03-01,1,USD,a,TAX\n2026-03-01,1,USD,b,Tax\n"
    staging = staged(MINIMAL.replace("\n", ",ChargeCategory\n") + lines)
    assert [("a", "Tax"), ("b", "Tax")] == rows(staging, "ServiceName, ChargeCategory")
    assert "charge categories in another case were normalised (1 row)" in staging.notes


def test_a_bill_without_categories_is_usage(staged: Stage, rows: Rows) -> None:
    assert [("Usage",)] == rows(staged(MINIMAL + "2026-03-01,1,USD,a\n"), "ChargeCategory")


def test_a_currency_in_another_case_is_normalised_with_a_note(staged: Stage) -> None:
    staging = staged(MINIMAL + "2026-03-01,1,usd,a\n2026-03-01,2,Usd,a\n2026-03-01,4,USD,b\n")
    assert [("USD", 3, Decimal(7))] == [(each.currency, each.rows, each.billed) for each in staging.parts[0].totals]
    assert "billing currencies in another case were normalised (2 rows)" in staging.notes


def test_identical_rows_are_all_kept(staged: Stage) -> None:
    [part] = staged(MINIMAL + "2026-03-01,0.01,USD,a\n" * 1000).parts
    assert (1000, Decimal(10)) == (part.rows, part.totals[0].billed)


def test_tags_that_are_no_json_object_are_unknown_and_counted(staged: Stage, rows: Rows) -> None:
    lines = '2026-03-01,1,USD,a,"{""team"": ""ml""}"\n2026-03-01,1,USD,b,team=ml\n2026-03-01,1,USD,c,"[1]"\n2026-03-01,1,USD,d,\n'
    staging = staged(MINIMAL.replace("\n", ",Tags\n") + lines)
    assert [("a", '{"team": "ml"}'), ("b", None), ("c", None), ("d", None)] == rows(staging, "ServiceName, Tags")
    assert "tags that are no JSON object are unknown (2 rows)" in staging.notes


def test_tags_may_be_a_map_or_pairs_in_parquet(staged: Stage, rows: Rows, tmp_path: Path) -> None:
    pair = pa.struct([("key", pa.string()), ("value", pa.string())])
    for name, type_ in {"map": pa.map_(pa.string(), pa.string()), "pairs": pa.list_(pair)}.items():
        value = [("team", 'm"l')] if name == "map" else [{"key": "team", "value": 'm"l'}, {"key": "team", "value": "x"}]
        base = {"ChargePeriodStart": ["2026-03-01"], "BilledCost": ["1"], "BillingCurrency": ["USD"], "ServiceName": ["a"]}
        table = pa.table({**base, "Tags": pa.array([value], type_)})
        pq.write_table(table, tmp_path / f"{name}.parquet")
        [(text,)] = rows(staged(tmp_path / f"{name}.parquet"), "json_extract_string(Tags, '$.team')")
        assert 'm"l' == text


def test_text_with_commas_quotes_and_newlines_comes_through(staged: Stage, rows: Rows) -> None:
    text = 'a "quoted", two\nlines — ü'
    staging = staged(MINIMAL + f"2026-03-01,1,USD,{json.dumps(text, ensure_ascii=False)}\n".replace('\\"', '""').replace("\\n", "\n"))
    assert [(text,)] == rows(staging, "ServiceName")


def test_dates_are_read_in_every_iso_form_and_kept_in_utc(staged: Stage, rows: Rows) -> None:
    forms = ["2026-03-01", "2026-03-01 02:00:00", "2026-03-01T02:00:00.000Z", "2026-03-01T02:00Z", "2026-03-01T04:00:00+02:00"]
    staging = staged(MINIMAL + "".join(f"{form},1,USD,{number}\n" for number, form in enumerate([*forms, "2026-02-28T21:00-05:00"])))
    expected = ["2026-03-01 00:00:00"] + ["2026-03-01 02:00:00"] * 5
    assert expected == [start for (start,) in rows(staging, "CAST(ChargePeriodStart AS VARCHAR)", "ServiceName")]


def test_derived_columns_are_computed_last_from_the_ledgers_columns(staged: Stage, rows: Rows) -> None:
    derived = {"x_Team": "coalesce(x_BilledTeam, CASE WHEN ServiceName = 'EC2' THEN 'ops' END)"}
    header = MINIMAL.replace("\n", ",x_Team\n")
    staging = staged(header + "2026-03-01,1,USD,EC2,\n2026-03-01,1,USD,S3,ml\n", derived=derived)
    assert [("EC2", "ops"), ("S3", "ml")] == rows(staging, "ServiceName, x_Team")


def test_headers_are_recognised_by_what_they_hold() -> None:
    aws = ["line_item_usage_start_date", "line_item_unblended_cost", "line_item_currency_code", "line_item_line_item_type", "product"]
    assert "focus" == recognise(["x", *MINIMAL.strip().split(",")])
    assert "aws" == recognise(aws)
    assert None is recognise(["a", "b"])
