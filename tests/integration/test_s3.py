"""AWS exports through boto3 from a server that speaks S3: what the manifest says is loaded, once, and nothing else."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import SourceError
from tests.integration.conftest import NOW, Bucket, Configured
from tests.integration.exports import Export, billed, cur, run

DAY = timedelta(days=1)
DATA = Path(__file__).parents[1] / "data"


def test_every_month_of_an_export_is_loaded_with_its_exact_sum(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1.10", "2.20"], ["0.0000000001"])
    export.deliver("2026-04", ["10", "-3.5"])
    tools = configured(export.entry())
    assert "asked 1 source: 2 loaded" == run(tools)
    assert {"2026-03": Decimal("3.3000000001"), "2026-04": Decimal("6.5")} == billed(tools)


def test_a_delivery_that_is_still_there_is_not_fetched_again(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1"])
    run(configured(export.entry()))
    tools = configured(export.entry(), now=NOW + DAY)
    assert "asked 1 source: nothing new" == run(tools)


def test_a_restated_month_replaces_the_old_one(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1", "2"], ["3"])
    run(configured(export.entry()))
    export.deliver("2026-04", ["1"])
    tools = configured(export.entry(), now=NOW + DAY)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": Decimal(1)} == billed(tools)


def test_a_file_that_no_manifest_names_is_no_money(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1"])
    export.data("2026-04", 7, cur("2026-04", ["1000"]))
    tools = configured(export.entry())
    run(tools)
    assert {"2026-04": Decimal(1)} == billed(tools)


def test_of_several_executions_only_the_newest_counts(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["5"], run="20260420T060000Z-bbbb")
    export.deliver("2026-04", ["4"], run="20260410T060000Z-aaaa")
    tools = configured(export.entry())
    run(tools)
    assert {"2026-04": Decimal(5)} == billed(tools)


def test_an_older_execution_that_arrives_late_changes_nothing(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["5"], run="20260420T060000Z-bbbb")
    run(configured(export.entry()))
    export.deliver("2026-04", ["4"], run="20260410T060000Z-aaaa")
    tools = configured(export.entry(), now=NOW + DAY)
    assert "asked 1 source: nothing new" == run(tools)
    assert {"2026-04": Decimal(5)} == billed(tools)


def test_data_without_a_manifest_is_a_delivery_under_way(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1"])
    export.data("2026-04", 0, cur("2026-04", ["2"]))
    tools = configured(export.entry())
    assert "asked 1 source: 1 loaded, 1 waiting" == run(tools)
    assert {"2026-03": Decimal(1)} == billed(tools)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bucket, key: bucket.drop(key), "is not there"),
        (lambda bucket, key: bucket.put(key, b""), "is empty"),
        (lambda bucket, key: bucket.put(key, b"short"), "has 5 bytes where its manifest says"),
    ],
    ids=["missing", "empty", "short"],
)
def test_a_part_that_is_not_whole_holds_its_month_up_and_is_named(
    spoil: Callable[[Bucket, str], object], reason: str, bucket: Bucket, configured: Configured
) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1"])
    run(configured(export.entry()))
    content = cur("2026-04", ["7"])
    key = export.data("2026-04", 3, content)
    export.manifest("2026-04", [{"key": key, "size": len(content)}])
    spoil(bucket, key)
    tools = configured(export.entry(), now=NOW + DAY)
    assert "asked 1 source: 1 waiting" == run(tools)
    with pytest.raises(SourceError, match=rf"aws-main 2026-04 waits since 2026-05-04 12:00Z for .*{key} {reason}"):
        run(configured(export.entry(), now=NOW + DAY + timedelta(hours=12)))
    assert {"2026-04": Decimal(1)} == billed(tools)
    bucket.put(key, content)
    tools = configured(export.entry(), now=NOW + 2 * DAY)
    assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": Decimal(7)} == billed(tools)


def test_a_part_with_a_flipped_bit_is_quarantined_and_the_last_good_month_stays(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1"])
    run(configured(export.entry()))
    content = bytearray(cur("2026-04", ["7"] * 50))
    content[len(content) // 2] ^= 0xFF
    key = export.data("2026-04", 0, bytes(content))
    export.manifest("2026-04", [key])
    tools = configured(export.entry(), now=NOW + DAY)
    with pytest.raises(SourceError, match=r"aws-main 2026-04 is quarantined, .*cur2-00000\.csv\.gz"):
        run(tools)
    assert {"2026-04": Decimal(1)} == billed(tools)


@pytest.mark.parametrize(
    "name",
    [
        "../secrets/keys.csv",
        "/etc/passwd",
        "s3://another-bucket/billing/x.csv",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "a\x00b.csv",
        "..\\x.csv",
        "billing/./x.csv",
        "",
    ],
)
def test_a_manifest_that_leads_elsewhere_is_refused_and_logged(
    name: str, bucket: Bucket, configured: Configured, caplog: pytest.LogCaptureFixture
) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1"])
    export.manifest("2026-04", [name])
    tools = configured(export.entry())
    with pytest.raises(SourceError, match=r"nothing of it was read.*1 loaded"):
        run(tools)
    assert {"2026-03": Decimal(1)} == billed(tools)
    assert ["finops.security"] == [record.name for record in caplog.records if record.levelname == "WARNING"]


def test_charges_of_another_month_than_the_manifests_are_not_loaded(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-03", ["1"])
    key = export.data("2026-04", 0, cur("2026-03", ["99"]))
    export.manifest("2026-04", [key])
    tools = configured(export.entry())
    with pytest.raises(SourceError, match="is of 2026-04 and holds charges of 2026-03 as well"):
        run(tools)
    assert {"2026-03": Decimal(1)} == billed(tools)


def test_a_closed_month_is_read_again_for_two_weeks_and_then_no_more(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    export.deliver("2026-04", ["1"])
    run(configured(export.entry(), now=datetime(2026, 5, 13, tzinfo=UTC)))
    export.deliver("2026-04", ["2"])
    tools = configured(export.entry(), now=datetime(2026, 5, 14, tzinfo=UTC))
    run(tools)
    assert {"2026-04": Decimal(2)} == billed(tools)
    export.deliver("2026-05", ["9"])
    run(configured(export.entry(), now=datetime(2026, 5, 25, tzinfo=UTC)))
    export.deliver("2026-04", ["3"])
    tools = configured(export.entry(), now=datetime(2026, 5, 26, tzinfo=UTC))
    assert "asked 1 source: nothing new" == run(tools)
    assert {"2026-04": Decimal(2), "2026-05": Decimal(9)} == billed(tools)


def test_figures_that_go_back_to_what_they_were_are_loaded_again(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    for day, cost in enumerate(["1", "2", "1"]):
        stamp = f"202604{10 + day}T060000Z-run{day}"
        export.deliver("2026-04", [cost], run=stamp)
        tools = configured(export.entry(), now=NOW + day * DAY)
        assert "asked 1 source: 1 loaded" == run(tools)
    assert {"2026-04": Decimal(1)} == billed(tools)


def test_an_export_of_more_files_than_one_page_lists_is_found_whole(bucket: Bucket, configured: Configured) -> None:
    export = Export(bucket)
    for number in range(1005):
        bucket.put(f"{export.root}/data/BILLING_PERIOD=2026-03/old-{number:05}.csv.gz", b"x")
    export.deliver("2026-04", ["1"], ["2"])
    bucket.put(f"{export.root}/metadata/BILLING_PERIOD=2026-03/cur2-Manifest.json", json.dumps({"dataFiles": ["gone.csv.gz"]}))
    tools = configured(export.entry())
    assert "asked 1 source: 1 waiting, 1 loaded" == run(tools)
    assert {"2026-04": Decimal(3)} == billed(tools)


def test_a_bucket_of_several_exports_asks_which_one(bucket: Bucket, configured: Configured) -> None:
    Export(bucket, "billing/cur2").deliver("2026-04", ["1"])
    other = Export(bucket, "billing/other")
    other.deliver("2026-04", ["2"])
    root = Export(bucket, "billing")
    with pytest.raises(SourceError, match="holds the exports 'billing/cur2/cur2', 'billing/other/cur2', which may bill the same money"):
        run(configured(root.entry()))
    tools = configured(root.entry(", export: billing/other"))
    run(tools)
    assert {"2026-04": Decimal(2)} == billed(tools)


def test_a_legacy_report_is_read_by_the_manifest_at_its_top(bucket: Bucket, configured: Configured) -> None:
    rows = (DATA / "legacy_cur.csv").read_bytes()
    base = "old/report/20180601-20180701"
    newer, older = f"{base}/aaaa-1111/report-1.csv", f"{base}/ffff-0000/report-1.csv"
    bucket.put(older, rows + rows.splitlines()[1] + b"\n")
    bucket.put(newer, rows)
    about = {"assemblyId": "aaaa-1111", "billingPeriod": {"start": "20180601T000000.000Z", "end": "20180701T000000.000Z"}}
    for folder, key in ((base, newer), (f"{base}/aaaa-1111", newer), (f"{base}/ffff-0000", older)):
        bucket.put(f"{folder}/report-Manifest.json", json.dumps({**about, "reportKeys": [key]}))
    tools = configured(Export(bucket, "old").entry())
    assert "asked 1 source: 1 loaded" == run(tools)
    costs = [round(Decimal(line.split(",")[22]), 10) for line in rows.decode().splitlines()[1:]]  # as exact as FOCUS is kept
    assert {"2018-06": sum(costs, Decimal(0)).normalize()} == billed(tools)


def test_a_real_export_has_the_sum_of_its_file(bucket: Bucket, configured: Configured) -> None:
    """The sum is worked out from the file itself, row by row."""
    content = (DATA / "aws_cur2_daily_2026-04.csv.gz").read_bytes()
    rows = csv.DictReader(io.StringIO(gzip.decompress(content).decode("utf-8-sig")))
    expected = sum((round(Decimal(row["line_item_unblended_cost"]), 10) for row in rows), Decimal(0))
    export = Export(bucket)
    export.manifest("2026-04", [export.data("2026-04", 1, content)])
    tools = configured(export.entry())
    run(tools)
    assert {"2026-04": expected.normalize()} == billed(tools)


def test_focus_files_in_a_bucket_are_one_delivery_of_their_months(bucket: Bucket, configured: Configured) -> None:
    bucket.put("vendors/focus.csv.gz", (DATA / "focus_sample.csv.gz").read_bytes())
    rows = csv.DictReader(io.StringIO(gzip.decompress((DATA / "focus_sample.csv.gz").read_bytes()).decode("utf-8-sig")))
    expected: dict[str, Decimal] = {}
    for row in rows:
        month = row["BillingPeriodStart"][:7]
        expected[month] = expected.get(month, Decimal(0)) + round(Decimal(row["BilledCost"]), 10)
    tools = configured(f'sources: {{vendors: {{kind: focus, from: "{bucket.at("vendors")}", endpoint: "{bucket.endpoint}"}}}}')
    run(tools)
    assert {month: cost.normalize() for month, cost in expected.items()} == billed(tools)
    assert "asked 1 source: nothing new" == run(tools)
