"""AWS Cost and Usage Reports: each test guards one way of getting the money wrong."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from finops.deliveries import Staging
from finops.errors import BillError
from tests.sources.conftest import Rows, Stage

Cur = Callable[..., Staging]


def summed(rows: Rows, staging: Staging, column: str) -> Any:
    return rows(staging, f"sum({column})")[0][0]


def test_a_real_export_keeps_every_row_and_its_credits_cancel_the_usage(staged: Stage, data: Path, rows: Rows) -> None:
    staging = staged(data / "aws_cur2_daily_2026-04.csv.gz", format="aws")
    assert ["2026-04"] == [part.period for part in staging.parts]
    expected = [("Credit", 358, Decimal("-47.6816938998")), ("Tax", 13, Decimal(0)), ("Usage", 1511, Decimal("47.6816938322"))]
    assert expected == grouped(rows, staging)
    assert (1882, {}) == (staging.parts[0].rows, staging.bad_row_counts)


def grouped(rows: Rows, staging: Staging) -> list[tuple[Any, ...]]:
    found = rows(staging, "ChargeCategory, BilledCost")
    kinds = sorted({category for category, _ in found})
    return [(kind, sum(c == kind for c, _ in found), sum(cost for c, cost in found if c == kind)) for kind in kinds]


def test_parquet_and_csv_of_one_report_give_the_same_charges(staged: Stage, data: Path, rows: Rows, tmp_path: Path) -> None:
    source = data / "aws_cur2_daily_2026-04.csv.gz"
    options = pyarrow.csv.ConvertOptions(strings_can_be_null=True, null_values=[""], column_types={"bill_payer_account_id": pa.string()})
    table = pyarrow.csv.read_csv(source, convert_options=options)
    tags = [list(json.loads(each.as_py() or "{}").items()) for each in table["resource_tags"]]
    at = table.schema.get_field_index("resource_tags")
    typed = table.set_column(at, "resource_tags", pa.array(tags, pa.map_(pa.string(), pa.string())))
    pq.write_table(typed, tmp_path / "cur.parquet")
    columns = "ChargePeriodStart, BilledCost, EffectiveCost, ListCost, ServiceName, ResourceId, json_extract_string(Tags, '$.project')"
    from_csv = rows(staged(source, format="aws"), columns)
    assert from_csv == rows(staged(tmp_path / "cur.parquet", format="aws"), columns)
    assert any(row[-1] == "ha-web-portal" for row in from_csv)


def test_the_net_cost_is_billed_where_aws_delivers_it(cur: Cur, rows: Rows) -> None:
    staging = cur(
        {"line_item_unblended_cost": "10", "line_item_net_unblended_cost": "9", "line_item_product_code": "a"},
        {"line_item_unblended_cost": "5", "line_item_net_unblended_cost": "", "line_item_product_code": "b"},
    )
    assert [("a", Decimal(9)), ("b", Decimal(5))] == rows(staging, "ServiceName, BilledCost")


def test_blended_costs_are_never_used(cur: Cur, rows: Rows) -> None:
    staging = cur({"line_item_unblended_cost": "10", "line_item_blended_cost": "3"})
    assert [(Decimal(10), Decimal(10))] == rows(staging, "BilledCost, EffectiveCost")


PLAN = {"savings_plan_savings_plan_a_r_n": "arn:sp", "line_item_product_code": "AmazonEC2"}


def test_a_savings_plan_is_counted_once(cur: Cur, rows: Rows) -> None:
    """Covered usage of 10 at 6 effective; the plan's hour costs 8, of which 6 were used."""
    staging = cur(
        {
            **PLAN,
            "line_item_line_item_type": "SavingsPlanCoveredUsage",
            "line_item_unblended_cost": "10",
            "pricing_public_on_demand_cost": "10",
        }
        | {"savings_plan_savings_plan_effective_cost": "6"},
        {
            **PLAN,
            "line_item_line_item_type": "SavingsPlanNegation",
            "line_item_unblended_cost": "-10",
            "pricing_public_on_demand_cost": "-10",
        },
        {**PLAN, "line_item_line_item_type": "SavingsPlanRecurringFee", "line_item_unblended_cost": "8"}
        | {"savings_plan_total_commitment_to_date": "8", "savings_plan_used_commitment": "6"},
        {**PLAN, "line_item_line_item_type": "SavingsPlanUpfrontFee", "line_item_unblended_cost": "100"},
    )
    assert Decimal(108) == summed(rows, staging, "BilledCost")
    assert Decimal(8) == summed(rows, staging, "EffectiveCost")
    assert Decimal(10) == summed(rows, staging, "ListCost")
    statuses = rows(staging, "ChargeCategory, CommitmentDiscountStatus, EffectiveCost", "EffectiveCost, 1")
    assert [("Purchase", None, 0), ("Usage", None, 0), ("Purchase", "Unused", 2), ("Usage", "Used", 6)] == statuses


def test_without_savings_plan_columns_covered_usage_and_its_negation_still_cancel(cur: Cur, rows: Rows) -> None:
    staging = cur(
        {"line_item_line_item_type": "SavingsPlanCoveredUsage", "line_item_unblended_cost": "10"},
        {"line_item_line_item_type": "SavingsPlanNegation", "line_item_unblended_cost": "-10"},
    )
    assert Decimal(0) == summed(rows, staging, "EffectiveCost")


def test_a_reservation_is_amortised_and_its_unused_part_is_kept(cur: Cur, rows: Rows) -> None:
    arn = {"reservation_reservation_a_r_n": "arn:ri"}
    staging = cur(
        {**arn, "line_item_line_item_type": "DiscountedUsage", "line_item_unblended_cost": "0", "reservation_effective_cost": "4"},
        {**arn, "line_item_line_item_type": "RIFee", "line_item_unblended_cost": "3", "reservation_unused_recurring_fee": "1"}
        | {"reservation_unused_amortized_upfront_fee_for_billing_period": "0.5"},
        {**arn, "line_item_line_item_type": "Fee", "line_item_unblended_cost": "50"},
    )
    found = rows(staging, "BilledCost, EffectiveCost, CommitmentDiscountStatus, CommitmentDiscountType, CommitmentDiscountId", "1")
    same = ("Reserved Instance", "arn:ri")
    assert [
        (Decimal(0), Decimal(4), "Used", *same),
        (Decimal(3), Decimal("1.5"), "Unused", *same),
        (Decimal(50), Decimal(0), None, *same),
    ] == found


def test_net_amortised_costs_win_over_gross_ones(cur: Cur, rows: Rows) -> None:
    staging = cur(
        {"line_item_line_item_type": "DiscountedUsage", "reservation_effective_cost": "4", "reservation_net_effective_cost": "3"},
        {"line_item_line_item_type": "SavingsPlanCoveredUsage", "savings_plan_savings_plan_effective_cost": "6"}
        | {"savings_plan_net_savings_plan_effective_cost": "5"},
    )
    assert Decimal(8) == summed(rows, staging, "EffectiveCost")


def test_the_refund_of_a_savings_plans_upfront_fee_has_no_effective_cost(cur: Cur, rows: Rows) -> None:
    staging = cur(
        {"line_item_line_item_type": "Refund", "line_item_product_code": "ComputeSavingsPlans", "line_item_unblended_cost": "-100"}
        | {"line_item_line_item_description": "Refund for one-time fee for Savings Plan ID: 1", "bill_bill_type": "Refund"}
    )
    assert [(Decimal(-100), Decimal(0), "Purchase", "Correction")] == rows(
        staging, "BilledCost, EffectiveCost, ChargeCategory, ChargeClass"
    )


def test_monthly_fees_dated_at_the_start_of_the_month_are_kept(cur: Cur, rows: Rows) -> None:
    """They are rewritten daily under the same date; nothing may filter by newness."""
    month = {"line_item_usage_start_date": "2026-04-01T00:00:00.000Z", "line_item_usage_end_date": "2026-05-01T00:00:00.000Z"}
    staging = cur({**month, "line_item_line_item_type": "RIFee", "line_item_unblended_cost": "3"}, {"line_item_unblended_cost": "1"})
    assert Decimal(4) == summed(rows, staging, "BilledCost")


@pytest.mark.parametrize(("net", "billed", "kept"), [("8", 8, 1), ("", 8, 2)])
def test_a_discount_is_either_a_row_or_part_of_the_net_cost(cur: Cur, rows: Rows, net: str, billed: int, kept: int) -> None:
    staging = cur(
        {"line_item_unblended_cost": "10", "line_item_net_unblended_cost": net},
        {"line_item_line_item_type": "EdpDiscount", "line_item_unblended_cost": "-2", "line_item_net_unblended_cost": ""},
    )
    assert (Decimal(billed), kept) == (summed(rows, staging, "BilledCost"), staging.parts[0].rows)
    assert (kept == 1) == any("discount rows were left out" in note for note in staging.notes)


def test_split_rows_add_nothing_and_are_counted_as_left_out(cur: Cur, rows: Rows) -> None:
    staging = cur(
        {"line_item_unblended_cost": "10"},
        {"line_item_unblended_cost": "4", "line_item_operation": "EKSPod-EC2"},
        {"line_item_unblended_cost": "6", "line_item_operation": "ECSTask-EC2"},
    )
    assert (Decimal(10), {}) == (summed(rows, staging, "BilledCost"), staging.bad_row_counts)
    assert [note.endswith("(2 rows)") for note in staging.notes if "split" in note] == [True]


def test_rows_without_a_resource_survive(cur: Cur, rows: Rows) -> None:
    kinds = ("Tax", "Credit", "Refund", "Fee")
    staging = cur(*({"line_item_line_item_type": kind, "line_item_unblended_cost": "1", "line_item_resource_id": ""} for kind in kinds))
    assert ["Credit", "Purchase", "Tax", "Usage"] == [category for (category,) in rows(staging, "ChargeCategory")]


def test_marketplace_rows_are_named_by_their_product(cur: Cur, rows: Rows) -> None:
    product = '{"product_name":"Claude 3.5 Sonnet (Amazon Bedrock Edition)"}'
    meter = "USE1-MP:USE1_InputTokenCount-Units"
    staging = cur(
        {"product": product, "line_item_product_code": "8a7b6c", "bill_billing_entity": "AWS Marketplace", "line_item_usage_type": meter}
    )
    expected = ("Claude 3.5 Sonnet (Amazon Bedrock Edition)", "Claude 3.5 Sonnet", "input", "AI and Machine Learning")
    assert [expected] == rows(staging, "ServiceName, x_Model, x_TokenType, ServiceCategory")


@pytest.mark.parametrize(
    ("meter", "model", "tokens"),
    [
        ("USE1-Nova-Lite-input-tokens", "Nova-Lite", "input"),
        ("EUC1-Llama3-1-70B-output-tokens", "Llama3-1-70B", "output"),
        ("USE1-Claude3Haiku-cache-read-input-token-count", "Claude3Haiku", "cache_read"),
        ("USE1-Guardrail-ContentPolicyUnitsConsumed", None, None),
    ],
)
def test_bedrock_meters_name_model_and_token_type(cur: Cur, rows: Rows, meter: str, model: str | None, tokens: str | None) -> None:
    staging = cur({"line_item_product_code": "AmazonBedrock", "line_item_usage_type": meter})
    assert [(model, tokens)] == rows(staging, "x_Model, x_TokenType")


def test_identical_rows_are_all_kept(cur: Cur, rows: Rows) -> None:
    line = {"line_item_unblended_cost": "1", "identity_line_item_id": "same"}
    assert Decimal(3) == summed(rows, cur(line, line, line), "BilledCost")


def test_user_tags_lose_their_prefix_and_values_never_change(cur: Cur, rows: Rows) -> None:
    tags = {"user_team": "ml", "aws_created_by": 'x,"user_y', "user_note": "user_z"}
    [(text,)] = rows(cur({"resource_tags": json.dumps(tags)}), "Tags")
    assert {"team": "ml", "aws_created_by": 'x,"user_y', "note": "user_z"} == json.loads(text)


def test_the_tags_column_stands_in_where_there_are_no_resource_tags(cur: Cur, rows: Rows) -> None:
    tags = '{"resourceTags/user:Team":"ml"}'
    assert [('{"Team":"ml"}',)] == rows(cur({"resource_tags": "{}", "tags": tags}), "Tags")


def test_a_blank_invoice_id_is_no_obstacle(cur: Cur, rows: Rows) -> None:
    assert [(None, Decimal(1))] == rows(cur({"bill_invoice_id": "", "line_item_unblended_cost": "1"}), "InvoiceId, BilledCost")


def test_a_list_price_of_zero_beside_a_real_cost_is_unknown(cur: Cur, rows: Rows) -> None:
    staging = cur({"line_item_unblended_cost": "5", "pricing_public_on_demand_cost": "0"})
    assert [(None,)] == rows(staging, "ListCost")


def test_the_principal_is_the_user(cur: Cur, rows: Rows) -> None:
    assert [("arn:aws:iam::1:role/x",)] == rows(cur({"line_item_iam_principal": "arn:aws:iam::1:role/x"}), "x_User")


def test_spot_and_committed_usage_are_told_apart(cur: Cur, rows: Rows) -> None:
    staging = cur(
        {"line_item_usage_type": "SpotUsage:p5.48xlarge"},
        {"line_item_usage_type": "BoxUsage:p5.48xlarge"},
        {"line_item_usage_type": "c", "line_item_line_item_type": "DiscountedUsage"},
    )
    assert ["Standard", "Dynamic", "Committed"] == [pricing for _, pricing in rows(staging, "SkuMeter, PricingCategory", "1")]


def test_a_line_item_type_we_do_not_know_is_kept_and_noted(cur: Cur, rows: Rows) -> None:
    staging = cur({"line_item_line_item_type": "Novelty", "line_item_unblended_cost": "2"})
    assert [("Adjustment", Decimal(2))] == rows(staging, "ChargeCategory, EffectiveCost")
    assert any("line item types we do not know" in note and "(1 row)" in note for note in staging.notes)


def test_quantities_belong_to_usage_only(cur: Cur, rows: Rows) -> None:
    amount = {"line_item_usage_amount": "7", "pricing_unit": "Hrs"}
    staging = cur(amount, {**amount, "line_item_line_item_type": "Tax"})
    assert [("Tax", None, None), ("Usage", Decimal(7), "Hrs")] == rows(staging, "ChargeCategory, ConsumedQuantity, ConsumedUnit")


def test_a_legacy_report_is_told_apart(staged: Stage, data: Path) -> None:
    with pytest.raises(BillError, match=r"^legacy_cur\.csv:1: this is a bill in the format 'aws-legacy', not 'aws'"):
        staged(data / "legacy_cur.csv", format="aws")


def test_an_aws_bill_delivered_as_focus_is_told_apart(staged: Stage, data: Path) -> None:
    with pytest.raises(BillError, match="this is a bill in the format 'aws', not 'focus'"):
        staged(data / "aws_cur2_daily_2026-04.csv.gz")
