"""Legacy AWS Cost and Usage Reports: the money of CUR 2.0 under other headers, as AWS and as Athena spell them."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.deliveries import Staging
from finops.errors import BillError
from finops.sources.formats import KINDS, recognise
from finops.sources.staging import stage
from tests.sources.conftest import Rows, Stage

Report = Callable[..., Staging]
GROUPS = {"bill_": "bill/", "line_item_": "lineItem/", "pricing_": "pricing/", "product_": "product/"} | {
    "reservation_": "reservation/",
    "savings_plan_": "savingsPlan/",
}
TYPE, COST = "line_item_line_item_type", "line_item_unblended_cost"
USUAL = {
    "bill_billing_period_start_date": "2026-04-01T00:00:00Z",
    "line_item_usage_start_date": "2026-04-02T00:00:00Z",
    "line_item_usage_end_date": "2026-04-02T01:00:00Z",
    "line_item_currency_code": "USD",
    "line_item_product_code": "AmazonEC2",
    TYPE: "Usage",
    COST: "0",
}


def slashed(name: str) -> str:
    """`line_item_unblended_cost` as AWS writes it: `lineItem/UnblendedCost`."""
    begin = next((each for each in GROUPS if name.startswith(each)), "")
    return GROUPS[begin] + "".join(word.title() for word in name.removeprefix(begin).split("_")) if begin else name


@pytest.fixture(params=["slashed", "athena"])
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Report:
    """Stage lines given as dictionaries, by both spellings of the headers."""

    def run(*lines: Mapping[str, str]) -> Staging:
        full = [{**USUAL, "product_product_name": "", **line} for line in lines]
        columns = list(dict.fromkeys(name for line in full for name in line))
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([slashed(name) if request.param == "slashed" else name for name in columns])
        writer.writerows([[line.get(name, "") for name in columns] for line in full])
        (tmp_path / "cur.csv").write_text(text.getvalue())
        return stage([tmp_path / "cur.csv"], KINDS["aws"], source="aws", folder=tmp_path / "out", derived={})

    return run


def summed(rows: Rows, staging: Staging, *columns: str) -> tuple[Any, ...]:
    return rows(staging, ", ".join(f"sum({column})" for column in columns))[0]


@pytest.mark.parametrize(
    ("file", "period", "count", "currency", "billed", "effective"),
    [
        ("legacy_cur.csv", "2018-06", 19, "USD", "0.0827499840", "0.0827499840"),
        ("aws/athena_2022-07.csv", "2022-07", 2, "USD", "0", "0"),
        ("aws/legacy_2023-06.csv", "2023-06", 3, "NOK", "30", "0.3"),  # three hours of 10 that a savings plan covers at 0.1
    ],
)
def test_real_reports_load_whole(
    staged_as_aws: Stage, data: Path, file: str, period: str, count: int, currency: str, billed: str, effective: str
) -> None:
    staging = staged_as_aws(data / file)
    [part] = staging.parts
    [total] = part.totals
    assert (period, count, {}) == (part.period, part.rows, staging.bad_row_counts)
    assert (currency, Decimal(billed), Decimal(effective)) == (total.currency, total.billed, total.effective)


@pytest.fixture
def staged_as_aws(tmp_path: Path) -> Stage:
    return lambda path: stage([path], KINDS["aws"], source="aws", folder=tmp_path / "out", derived={})


def test_a_generated_report_has_the_total_a_plain_addition_gives(staged_as_aws: Stage, data: Path) -> None:
    path = data / "aws" / "legacy_2025-09.csv.gz"
    with gzip.open(path, "rt", newline="") as lines:
        costs = [Decimal(line["lineItem/UnblendedCost"]).quantize(Decimal("1E-10")) for line in csv.DictReader(lines)]
    [part] = staged_as_aws(path).parts
    assert (len(costs), sum(costs)) == (part.rows, part.totals[0].billed)


def test_a_dump_of_raw_lines_has_billed_and_effective_totals_worked_out_by_hand(staged_as_aws: Stage, data: Path) -> None:
    """Covered usage at its effective cost, its negation at nothing, fees at what was not used, the rest as billed."""
    path = data / "aws" / "legacy_dump.parquet"
    plan = ("SavingsPlanEffectiveCost", "TotalCommitmentToDate", "UsedCommitment")
    unused = ("UnusedRecurringFee", "UnusedAmortizedUpfrontFeeForBillingPeriod")
    names = ["lineItem/LineItemType", "lineItem/UnblendedCost", *(f"savingsPlan/{x}" for x in plan), *(f"reservation/{x}" for x in unused)]
    columns = [f'"{name}"' for name in names]
    with duckdb.connect() as con:
        raw = con.execute(f"SELECT {', '.join(columns)} FROM '{path}' WHERE {columns[0]} IS NOT NULL").fetchall()
    worth = [by_hand(kind, *(Decimal(each or 0) for each in costs)) for kind, *costs in raw]
    staging = staged_as_aws(path)
    totals = [part.totals[0] for part in staging.parts]
    assert len(raw) == sum(part.rows for part in staging.parts)
    assert (sum(billed for billed, _ in worth), sum(effective for _, effective in worth)) == (
        sum(each.billed for each in totals),
        sum(each.effective for each in totals),
    )
    assert any("rows that hold no line item were left out" in note for note in staging.notes)


def by_hand(kind: str, billed: Decimal, covered: Decimal, commitment: Decimal, used: Decimal, *unused: Decimal) -> tuple[Decimal, Decimal]:
    special = {"SavingsPlanCoveredUsage": covered, "SavingsPlanNegation": Decimal(0), "SavingsPlanRecurringFee": commitment - used}
    return billed, (special | {"RIFee": sum(unused, Decimal(0))}).get(kind, billed)


def test_an_empty_report_is_refused_with_a_sentence(staged_as_aws: Stage, data: Path) -> None:
    with pytest.raises(BillError, match=r"^legacy_empty_frame\.csv has a header and no rows; deliver it again once it has charges\.$"):
        staged_as_aws(data / "aws" / "legacy_empty_frame.csv")


def test_the_net_cost_is_billed_where_aws_delivers_it_and_blended_cost_never(report: Report, rows: Rows) -> None:
    staging = report({COST: "10", "line_item_net_unblended_cost": "9", "line_item_blended_cost": "3"}, {COST: "5"})
    assert [(Decimal(5),), (Decimal(9),)] == rows(staging, "BilledCost")


def test_a_savings_plan_is_counted_once(report: Report, rows: Rows) -> None:
    """Covered usage of 10 at 6 effective; the plan's hour costs 8, of which 6 were used."""
    plan = {"savings_plan_savings_plan_a_r_n": "arn:sp"}
    staging = report(
        {**plan, TYPE: "SavingsPlanCoveredUsage", COST: "10", "savings_plan_savings_plan_effective_cost": "6"},
        {**plan, TYPE: "SavingsPlanNegation", COST: "-10"},
        {**plan, TYPE: "SavingsPlanRecurringFee", COST: "8"}
        | {"savings_plan_total_commitment_to_date": "8", "savings_plan_used_commitment": "6"},
    )
    assert (Decimal(8), Decimal(8)) == summed(rows, staging, "BilledCost", "EffectiveCost")


def test_a_reservation_is_amortised_and_its_unused_part_is_kept(report: Report, rows: Rows) -> None:
    arn = {"reservation_reservation_a_r_n": "arn:ri"}
    staging = report(
        {**arn, TYPE: "DiscountedUsage", "reservation_effective_cost": "4"},
        {**arn, TYPE: "RIFee", COST: "3", "reservation_unused_recurring_fee": "1"},
        {**arn, TYPE: "Fee", COST: "50"},
    )
    assert (Decimal(53), Decimal(5)) == summed(rows, staging, "BilledCost", "EffectiveCost")
    assert {("arn:ri", "Reserved Instance")} == set(rows(staging, "CommitmentDiscountId, CommitmentDiscountType"))


def test_a_monthly_fee_dated_at_the_months_start_is_kept(report: Report, rows: Rows) -> None:
    month = {"line_item_usage_start_date": "2026-04-01T00:00:00Z", "line_item_usage_end_date": "2026-05-01T00:00:00Z"}
    assert (Decimal(3),) == summed(rows, report({**month, TYPE: "RIFee", COST: "3"}, {COST: "0"}), "BilledCost")


@pytest.mark.parametrize(("net", "billed"), [("8", 8), ("", 8)])
def test_a_discount_is_either_a_row_or_part_of_the_net_cost(report: Report, rows: Rows, net: str, billed: int) -> None:
    staging = report({COST: "10", "line_item_net_unblended_cost": net}, {TYPE: "EdpDiscount", COST: "-2"})
    assert (Decimal(billed),) == summed(rows, staging, "BilledCost")


def test_split_rows_add_nothing(report: Report, rows: Rows) -> None:
    pods = ({COST: "4", "line_item_operation": each} for each in ("EKSPod-EC2", "ECSTask-EC2"))
    staging = report({COST: "10"}, *pods)
    assert (Decimal(10),) == summed(rows, staging, "BilledCost")
    assert ["(2 rows)"] == [note[-8:] for note in staging.notes if "split" in note]


def test_rows_without_a_resource_survive(report: Report, rows: Rows) -> None:
    staging = report(*({TYPE: kind, COST: "1"} for kind in ("Tax", "Credit", "Refund", "Fee")))
    assert ["Credit", "Purchase", "Tax", "Usage"] == [category for (category,) in rows(staging, "ChargeCategory")]


def test_a_refund_of_an_earlier_month_is_a_correction(report: Report, rows: Rows) -> None:
    staging = report({TYPE: "Refund", COST: "-5", "line_item_usage_start_date": "2026-03-30T00:00:00Z"})
    assert [("Usage", "Correction", Decimal(-5))] == rows(staging, "ChargeCategory, ChargeClass, BilledCost")


def test_marketplace_rows_are_named_by_their_product(report: Report, rows: Rows) -> None:
    line = {"product_product_name": "Claude 3.5 Sonnet (Amazon Bedrock Edition)", "line_item_product_code": "8a7b6c"}
    staging = report({**line, "line_item_usage_type": "USE1-MP:USE1_OutputTokenCount-Units"})
    expected = ("Claude 3.5 Sonnet (Amazon Bedrock Edition)", "Claude 3.5 Sonnet", "output", "AI and Machine Learning")
    assert [expected] == rows(staging, "ServiceName, x_Model, x_TokenType, ServiceCategory")


@pytest.mark.parametrize(
    ("meter", "model", "tokens", "tier"),
    [
        ("USE1-Nova-Lite-input-tokens", "Nova-Lite", "input", None),
        ("USE1-Claude4.6Sonnet-cache-write-input-token-count", "Claude4.6Sonnet", "cache_write_5m", None),
        ("USE1-gpt-oss-120b-output-tokens-priority", "gpt-oss-120b", "output", "priority"),
        ("USE1-gpt-oss-120b-mantle-input-tokens-flex", "gpt-oss-120b", "input", "flex"),
        ("USE1-Nova-Lite-input-tokens-batch", "Nova-Lite", "input", "batch"),
    ],
)
def test_bedrock_meters_name_model_token_type_and_tier(
    report: Report, rows: Rows, meter: str, model: str, tokens: str, tier: str | None
) -> None:
    staging = report({"line_item_product_code": "AmazonBedrock", "line_item_usage_type": meter})
    assert [(model, tokens, tier)] == rows(staging, "x_Model, x_TokenType, x_ServiceTier")


def test_sagemaker_is_ai_without_tokens(report: Report, rows: Rows) -> None:
    staging = report({"line_item_product_code": "AmazonSageMaker", "line_item_usage_type": "USE1-Host:ml.p4d.24xlarge"})
    assert [("AI and Machine Learning", None, None)] == rows(staging, "ServiceCategory, x_Model, x_TokenType")


def test_identical_rows_are_all_kept(report: Report, rows: Rows) -> None:
    line = {COST: "1", "identity_line_item_id": "same", "bill_invoice_id": ""}
    assert [(Decimal(3), 3)] == rows(report(line, line, line), "sum(BilledCost), count(*)")


def test_all_tag_columns_become_one_object(report: Report, rows: Rows) -> None:
    """Keys that differ in case only are two tags; a blank value is no tag."""
    tags = {"resourceTags/user:Team": 'm"l', "resourceTags/user:team": "x", "resourceTags/aws:createdBy": "me", "resourceTags/user:no": ""}
    [(text,)] = rows(report(tags), "Tags")
    assert {"Team": 'm"l', "team": "x", "aws:createdBy": "me"} == json.loads(text)


def test_tags_as_athena_names_them(report: Report, rows: Rows) -> None:
    staging = report({"resource_tags_user_team": "ml", "resource_tags_aws_created_by": "me"}, {"resource_tags_user_team": ""})
    assert [('{"team":"ml","aws_created_by":"me"}',), (None,)] == rows(staging, "Tags", "Tags NULLS LAST")


def test_python_s_none_is_no_amount(report: Report, rows: Rows) -> None:
    """Some tools write it for null; where a cost must stand, none is there."""
    staging = report({COST: "1", "savings_plan_savings_plan_effective_cost": "None"}, {COST: "None"})
    assert [(Decimal(1),)] == rows(staging, "EffectiveCost")
    assert ["the charge has no billed cost"] == [row.reason for row in staging.bad_rows]


def test_the_kind_aws_reads_whichever_report_the_header_tells(data: Path, tmp_path: Path) -> None:
    files = ["aws_cur2_daily_2026-04.csv.gz", "aws/athena_2022-07.csv", "legacy_cur.csv", "focus_sample.csv.gz"]
    found = [stage([data / each], KINDS["aws"], source="aws", folder=tmp_path / str(n), derived={}) for n, each in enumerate(files)]
    assert [1882, 2, 19, 1000] == [sum(part.rows for part in each.parts) for each in found]
    assert ["aws", "aws-legacy", "aws-legacy", "focus"] == [recognise(header(data / each)) for each in files]


def header(path: Path) -> list[str]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return next(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))


def test_two_formats_in_one_delivery_are_refused(data: Path, tmp_path: Path) -> None:
    paths = [data / "legacy_cur.csv", data / "focus_sample.csv.gz"]
    with pytest.raises(BillError, match=r"^legacy_cur\.csv is in the format 'aws-legacy' and focus_sample\.csv\.gz in 'focus'; deliver"):
        stage(paths, KINDS["aws"], source="aws", folder=tmp_path / "out", derived={})


def test_a_header_of_none_of_the_formats_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "cur.csv").write_text(
        "lineItem/UnblendedCost,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/ProductCode\n1,2,3,4\n"
    )
    with pytest.raises(BillError, match="no column 'line_item_currency_code'; a bill in the format 'aws-legacy' needs it"):
        stage([tmp_path / "cur.csv"], KINDS["aws"], source="aws", folder=tmp_path / "out", derived={})


def test_a_header_longer_than_every_row_is_read_and_told(staged_as_aws: Stage, data: Path) -> None:
    assert (
        "legacy_cur.csv has no values for the last columns of its header: costCategory/CostCenter"
        in staged_as_aws(data / "legacy_cur.csv").notes
    )


def test_one_row_shorter_than_the_others_is_still_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(
        "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName,x_Note\n2026-03-01,1,USD,a\n2026-03-01,1,USD,a,b\n"
    )
    with pytest.raises(BillError, match=r"^b\.csv:3: 5 fields where the header has 4; repair the row"):
        stage([tmp_path / "b.csv"], KINDS["focus"], source="focus", folder=tmp_path / "out", derived={})
