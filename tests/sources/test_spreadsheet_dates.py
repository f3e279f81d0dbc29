"""Dates with slashes: the file itself must tell whether the month or the day comes first."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import BillError
from finops.sources.formats import FORMATS
from finops.sources.rules import REASONS
from finops.sources.staging import stage
from tests.sources.conftest import MINIMAL, Rows, Stage

PERIODS = MINIMAL.replace("\n", ",BillingPeriodStart,BillingPeriodEnd\n")


def bill(*dates: str) -> str:
    """A bill with a charge beginning at each date."""
    return MINIMAL + "".join(f"{date},1,USD,{number}\n" for number, date in enumerate(dates))


def monthly(start: str, begin: str, end: str) -> str:
    """A bill with one charge and its billing period."""
    return PERIODS + f"{start},1,USD,a,{begin},{end}\n"


def starts(found: list[tuple[datetime]]) -> list[str]:
    return [f"{start:%Y-%m-%d %H:%M:%S}" for (start,) in found]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("4/30/25", "2025-04-30 00:00:00"),
        ("04/30/2025", "2025-04-30 00:00:00"),
        (" 4/30/25 ", "2025-04-30 00:00:00"),
        ("4/30/25 0:00", "2025-04-30 00:00:00"),
        ("4/30/2025 23:59:58", "2025-04-30 23:59:58"),
        ("4/30/25 1:05 PM", "2025-04-30 13:05:00"),
        ("4/30/25 12:30:01 AM", "2025-04-30 00:30:01"),
        ("4/30/25 12:30pm", "2025-04-30 12:30:00"),
        ("12/31/99", "2099-12-31 00:00:00"),
        ("2/29/24", "2024-02-29 00:00:00"),
    ],
)
def test_a_date_is_read_in_every_form_a_spreadsheet_writes(staged: Stage, rows: Rows, text: str, moment: str) -> None:
    assert [moment] == starts(rows(staged(bill(text)), "ChargePeriodStart"))


@pytest.mark.parametrize(
    ("dates", "expected", "note"),
    [
        (("4/1/25", "4/13/25"), ["2025-04-01", "2025-04-13"], "dates with slashes were read month first, 4/1/25 as 2025-04-01 (bill.csv)"),
        (("1/4/25", "13/4/25"), ["2025-04-01", "2025-04-13"], "dates with slashes were read day first, 1/4/25 as 2025-04-01 (bill.csv)"),
    ],
)
def test_one_number_over_twelve_decides_for_the_whole_file(
    staged: Stage, rows: Rows, dates: tuple[str, ...], expected: list[str], note: str
) -> None:
    staging = staged(bill(*dates))
    assert [f"{day} 00:00:00" for day in expected] == starts(rows(staging, "ChargePeriodStart"))
    assert [note] == [each for each in staging.notes if "slashes" in each]


def test_the_number_that_decides_may_stand_at_the_end_of_a_long_file(staged: Stage) -> None:
    staging = staged(MINIMAL + "1/4/25,1,USD,a\n" * 50_000 + "30/4/25,1,USD,a\n")
    assert [("2025-04", 50_001)] == [(part.period, part.rows) for part in staging.parts]


@pytest.mark.parametrize(
    ("begin", "end", "start", "moment"),
    [
        ("4/1/25", "5/1/25", "4/2/25", "2025-04-02 00:00:00"),
        ("1/4/25", "1/5/25", "2/4/25", "2025-04-02 00:00:00"),
        ("1/1/25", "2/1/25", "1/2/25", "2025-01-02 00:00:00"),
        ("1/1/25", "1/2/25", "2/1/25", "2025-01-02 00:00:00"),
    ],
)
def test_billing_periods_decide_because_they_begin_on_the_first(
    staged: Stage, rows: Rows, begin: str, end: str, start: str, moment: str
) -> None:
    assert [moment] == starts(rows(staged(monthly(start, begin, end)), "ChargePeriodStart"))


@pytest.mark.parametrize(
    ("content", "date"),
    [
        (bill("3/4/25"), "'3/4/25' (ChargePeriodStart)"),
        (bill("2026-03-01", "3/3/25", "4/3/25"), "'4/3/25' (ChargePeriodStart)"),
        (monthly("3/4/25", "1/1/25", "1/1/25"), "'3/4/25' (ChargePeriodStart)"),  # the periods begin on a first either way
        (monthly("3/4/25", "3/2/25", "3/5/25"), "'3/5/25' (BillingPeriodEnd)"),  # and here neither way
    ],
)
def test_without_evidence_the_bill_is_refused(staged: Stage, content: str, date: str) -> None:
    with pytest.raises(BillError) as refused:
        staged(content)
    doubt = f"dates such as {date} are month/day or day/month"
    assert f"bill.csv: nothing in the file tells whether {doubt}; write them as 2026-03-01." == str(refused.value)


@pytest.mark.parametrize(
    ("content", "month"),
    [
        (bill("13/4/25", "4/14/25"), "'4/14/25' (ChargePeriodStart)"),
        (monthly("13/4/25", "4/1/25", "5/1/25"), "'5/1/25' (BillingPeriodEnd)"),
    ],
)
def test_with_evidence_for_both_the_bill_is_refused(staged: Stage, content: str, month: str) -> None:
    with pytest.raises(BillError) as refused:
        staged(content)
    both = f"'13/4/25' (ChargePeriodStart) can only be day/month and {month} only month/day"
    assert f"bill.csv: {both}; write every date as 2026-03-01." == str(refused.value)


def test_doubt_late_in_a_long_file_refuses_it_too(staged: Stage, tmp_path: Path) -> None:
    with pytest.raises(BillError, match=r"'3/4/25' \(ChargePeriodStart\)"):
        staged(MINIMAL + "2026-03-01,1,USD,a\n" * 50_000 + "3/4/25,1,USD,a\n")
    assert [] == list((tmp_path / "staging").iterdir())


def test_dates_that_are_the_same_either_way_need_no_evidence(staged: Stage, rows: Rows) -> None:
    assert ["2025-01-01 00:00:00"] == starts(rows(staged(monthly("1/1/25", "1/1/25", "1/1/25")), "ChargePeriodStart"))


@pytest.mark.parametrize("text", ["4/31/25", "13/13/25", "2/29/25", "0/4/25", "4/1/25 24:30", "4/1/25 13:00 PM", "4/1/025", "4/1"])
def test_a_date_that_does_not_exist_is_a_bad_row(staged: Stage, text: str) -> None:
    staging = staged(bill("4/30/25", text))
    assert [(3, REASONS["start-unreadable"])] == [(bad.line, bad.reason) for bad in staging.bad_rows]


def test_each_file_of_a_delivery_is_read_in_its_own_manner(tmp_path: Path, rows: Rows) -> None:
    for name, date in {"iso": "2025-04-30", "month": "4/30/25", "day": "30/4/25", "clock": "4/30/25 9:00 AM"}.items():
        (tmp_path / f"{name}.csv").write_text(bill(date))
    paths = [tmp_path / f"{name}.csv" for name in ("iso", "month", "day", "clock")]
    staging = stage(paths, FORMATS["focus"], source="test", folder=tmp_path / "out", derived={})
    assert ["2025-04-30 00:00:00"] * 3 + ["2025-04-30 09:00:00"] == starts(rows(staging, "ChargePeriodStart"))
    assert [
        "dates with slashes were read month first, 4/1/25 as 2025-04-01 (month.csv, clock.csv)",
        "dates with slashes were read day first, 1/4/25 as 2025-04-01 (day.csv)",
    ] == [note for note in staging.notes if "slashes" in note]


def test_one_late_surprise_among_many_files_is_read_and_no_row_is_lost(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.csv").write_text(MINIMAL + "2026-03-01,1,USD,a\n" * 5_000 + ("3/31/26,$2,USD,a\n" if number == 1 else ""))
    seen: list[float] = []
    staging = stage([tmp_path], FORMATS["focus"], source="s", folder=tmp_path / "out", derived={}, progress=lambda _, at: seen.append(at))
    [part] = staging.parts
    assert (15_001, Decimal(15_002)) == (part.rows, part.totals[0].billed)
    assert seen == sorted(seen)
    assert 1.0 == pytest.approx(seen[-1])


def test_an_aws_report_out_of_a_spreadsheet_is_read_too(staged: Stage) -> None:
    header = "line_item_usage_start_date,line_item_unblended_cost,line_item_currency_code,line_item_line_item_type,line_item_product_code\n"
    [part] = staged(header + '4/30/2025 0:00,"$1,250.75",USD,Usage,AmazonEC2\n', format="aws").parts
    assert ("2025-04", "1250.7500000000") == (part.period, str(part.totals[0].billed))
