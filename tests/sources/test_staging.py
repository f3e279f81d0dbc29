"""What a Staging says of a delivery: periods, totals, days, digest, progress."""

import hashlib
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finops.deliveries import ControlTotal, DayTotal, Staging
from finops.sources.bills import Caps
from finops.sources.formats import FORMATS
from finops.sources.staging import stage
from tests.sources.conftest import MINIMAL, Rows, Stage


def load(paths: list[Path], folder: Path, source: str = "test") -> Staging:
    return stage(paths, FORMATS["focus"], source=source, folder=folder, derived={})


def test_each_billing_period_is_one_part(staged: Stage) -> None:
    lines = "".join(f"2026-{month:02}-03,{month},USD,a\n" for month in (1, 2, 3, 2, 1))
    staging = staged(MINIMAL + lines)
    assert [("2026-01", 2), ("2026-02", 2), ("2026-03", 1)] == [(part.period, part.rows) for part in staging.parts]


def test_the_billing_period_decides_not_the_day_of_use(staged: Stage) -> None:
    staging = staged(MINIMAL.replace("\n", ",BillingPeriodStart\n") + "2026-02-28,1,USD,a,2026-03-01\n")
    [part] = staging.parts
    assert ("2026-03", date(2026, 2, 28), date(2026, 2, 28)) == (part.period, part.first_day, part.last_day)


def test_totals_are_by_currency_and_days_by_day_and_currency(staged: Stage) -> None:
    header = MINIMAL.replace("\n", ",EffectiveCost,ListCost\n")
    [part] = staged(header + "2026-03-01,1,USD,a,2,3\n2026-03-02,4,USD,a,5,\n2026-03-01,6,EUR,a,7,\n").parts
    assert (
        ControlTotal("EUR", 1, Decimal(6), Decimal(7)),
        ControlTotal("USD", 2, Decimal(5), Decimal(7), Decimal(3)),
    ) == part.totals
    assert (
        DayTotal(date(2026, 3, 1), "EUR", 1, Decimal(7)),
        DayTotal(date(2026, 3, 1), "USD", 1, Decimal(2)),
        DayTotal(date(2026, 3, 2), "USD", 1, Decimal(5)),
    ) == part.days


def test_a_part_is_named_by_its_bytes(staged: Stage) -> None:
    [part] = staged(MINIMAL + "2026-03-01,1,USD,a\n").parts
    content = part.path.read_bytes()
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (part.sha256, part.bytes)


def test_the_staging_folder_holds_the_parts_and_nothing_else(staged: Stage, tmp_path: Path) -> None:
    staging = staged(MINIMAL + "2026-03-01,1,USD,a\n2026-04-01,1,USD,a\n2026-04-01,x,USD,a\n")
    assert [part.path for part in staging.parts] == sorted((tmp_path / "staging").iterdir())


def test_a_digest_names_bytes_source_and_mapping_but_neither_names_nor_order(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.csv" for name in "abc")
    first.write_text(MINIMAL + "2026-03-01,1,USD,a\n")
    second.write_text(MINIMAL + "2026-03-01,2,USD,a\n")
    shutil.copy(first, third)
    digest = load([first, second], tmp_path / "1").digest
    assert digest == load([second, third], tmp_path / "2").digest
    assert digest != load([first, second], tmp_path / "3", "other").digest
    assert digest != load([first], tmp_path / "4").digest


def test_a_folder_is_read_to_the_bottom_without_hidden_files_and_manifests(tmp_path: Path, rows: Rows) -> None:
    folder = tmp_path / "bills" / "BILLING_PERIOD=2026-03"
    folder.mkdir(parents=True)
    (folder / "b[1]*.csv").write_text(MINIMAL + "2026-03-01,1,USD,glob\n")
    (folder / "c.csv").write_text("x_Team,ServiceName,BillingCurrency,BilledCost,ChargePeriodStart\nml,other order,USD,2,2026-03-01\n")
    for name in (".hidden.csv", "export-Manifest.json", "_SUCCESS", "notes.txt"):
        (folder / name).write_text("no bill")
    staging = load([tmp_path / "bills"], tmp_path / "out")
    assert [("glob", None), ("other order", "ml")] == rows(staging, "ServiceName, x_Team")
    assert "skipped what is no bill: BILLING_PERIOD=2026-03/notes.txt" in staging.notes


def test_csv_and_parquet_of_one_delivery_are_one_part(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MINIMAL + "2026-03-01,1,USD,a\n")
    table = {"ChargePeriodStart": [date(2026, 3, 2)], "BilledCost": [Decimal("2.5")], "BillingCurrency": ["USD"], "ServiceName": ["b"]}
    pq.write_table(pa.table(table), tmp_path / "b.parquet")
    [part] = load([tmp_path / "a.csv", tmp_path / "b.parquet"], tmp_path / "out").parts
    assert (2, Decimal("3.5"), date(2026, 3, 2)) == (part.rows, part.totals[0].billed, part.last_day)


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MINIMAL + "2026-03-01,1,USD,a\n")
    assert 1 == load([tmp_path / "a.csv", tmp_path / "a.csv", tmp_path], tmp_path / "out").parts[0].rows


def test_surprises_late_in_a_long_file_lose_no_row(staged: Stage) -> None:
    """The first rows promise one month and no trouble; the tail has another month, a bad row and a noted one."""
    header = MINIMAL.replace("\n", ",Tags\n")
    tail = "2026-04-01,1,USD,a,\n2026-03-01,x,USD,a,\n2026-03-01,1,USD,a,nonsense\n"
    staging = staged(header + "2026-03-01,1,USD,a,{}\n" * 150_000 + tail)
    assert [("2026-03", 150_001), ("2026-04", 1)] == [(part.period, part.rows) for part in staging.parts]
    assert [150_003] == [bad.line for bad in staging.bad_rows]
    assert "tags that are no JSON object are unknown (1 row)" in staging.notes


def test_staging_twice_into_one_folder_gives_the_same_totals(staged: Stage, data: Path) -> None:
    first = staged(data / "focus_sample.csv.gz")
    again = staged(data / "focus_sample.csv.gz")
    assert first.digest == again.digest
    assert [part.totals for part in first.parts] == [part.totals for part in again.parts]


def test_progress_only_grows_and_ends_with_the_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(MINIMAL + "2026-03-01,1,USD,a\n" * 400_000)
    seen: list[tuple[str, float]] = []
    stage([tmp_path / "a.csv"], FORMATS["focus"], source="s", folder=tmp_path / "out", derived={}, progress=lambda *at: seen.append(at))
    shares = [share for _, share in seen]
    assert ("checking", 1.0) == (seen[0][0], shares[-1])
    assert shares == sorted(shares)


@pytest.mark.parametrize("memory", [200])
def test_little_memory_is_enough(staged: Stage, memory: int) -> None:
    staging = staged(MINIMAL + "2026-03-01,1,USD,a\n" * 200_000, caps=Caps(memory=memory * 1024 * 1024, threads=1))
    assert 200_000 == staging.parts[0].rows
