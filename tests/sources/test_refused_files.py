"""Files that are no bill are refused as a whole: one sentence, the place, the way out, and no harm done."""

import gzip
import os
import resource
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.errors import BillError
from finops.sources.bills import Caps
from finops.sources.formats import FORMATS
from finops.sources.staging import stage
from tests.sources.conftest import MINIMAL, Stage

GOOD = "2026-03-01,1,USD,ok\n"
PACKED = gzip.compress((MINIMAL + GOOD * 1000).encode(), mtime=0)  # or the names of tests would tell the time


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (MINIMAL + GOOD + "2026-03-01,1,USD\n" + GOOD, "bill.csv:3: 3 fields where the header has 4; repair the row."),
        (MINIMAL + GOOD + "2026-03-01,1,USD,a,b\n", "bill.csv:3: 5 fields where the header has 4; repair the row."),
        (MINIMAL + GOOD + '2026-03-01,1,USD,"a\n' + GOOD, "bill.csv:3: a quote opened in this row is never closed; close it."),
        (
            MINIMAL + GOOD + '2026-03-01,1,USD,"a"b\n',
            "bill.csv:3: text follows a closing quote in this row; is a quote left open, or not doubled?",
        ),
        (
            MINIMAL + GOOD + "2026-03-01,1,USD," + "x" * 200_000 + "\n",
            "bill.csv:3: a value is longer than 131,072 bytes; is a quote before it left open?",
        ),
        (
            MINIMAL + '2026-03-01,1,USD,"a\n' + GOOD * 20_000,
            "bill.csv:2: a value is longer than 131,072 bytes; is a quote before it left open?",
        ),
        (MINIMAL + "x" * 3_000_000 + "\n", "bill.csv:2: the line is longer than 262,144 bytes; split or repair it."),
        ((MINIMAL + GOOD).encode("utf-16"), "bill.csv:1: the file is UTF-16; save it as UTF-8."),
        (
            MINIMAL.encode() + GOOD.encode() + b"2026-03-01,1,USD,Caf\xe9\n",
            "bill.csv:3: the bytes here are not UTF-8; save the file as UTF-8.",
        ),
        (MINIMAL + "2026-03-01,1,USD,a\0b\n", "bill.csv:2: a NUL byte, which no text has; the file is binary, UTF-16 or damaged."),
        ("", "bill.csv is empty; a bill has at least a header line and one row."),
        (gzip.compress(b"", mtime=0), "bill.csv is empty; a bill has at least a header line and one row."),
        (MINIMAL, "bill.csv has a header and no rows; deliver it again once it has charges."),
        ((MINIMAL + GOOD).replace("\n", "\r"), "bill.csv:1: the lines end in CR alone; save the file with LF or CRLF line ends."),
        (MINIMAL + GOOD.replace("\n", "\r\n") + GOOD, "bill.csv mixes line ends (LF and CRLF); save it with one of them."),
        (
            MINIMAL.replace("BilledCost", "BiledCost") + GOOD,
            "bill.csv:1: no column 'BilledCost'; a bill in the format 'focus' needs it. Did you mean 'BiledCost'?",
        ),
        (
            MINIMAL.replace("\n", ",billed_cost\n") + GOOD,
            "bill.csv:1: 'BilledCost' and 'billed_cost' are the same column; keep one of them.",
        ),
        (MINIMAL.replace("\n", ",BilledCost\n") + GOOD, "bill.csv:1: column 'BilledCost' is there twice; keep one of them."),
        (MINIMAL.replace("\n", ",BILLEDCOST\n") + GOOD, "bill.csv:1: 'BilledCost' and 'BILLEDCOST' are the same column; keep one of them."),
        (MINIMAL.replace("\n", ",x_Foo,X_FOO\n") + GOOD, "bill.csv:1: 'x_Foo' and 'X_FOO' are the same column; keep one of them."),
        (",".join(f"c{n}" for n in range(5001)), "bill.csv:1: 5,001 columns, more than the 5,000 a bill may have."),
        (
            ",".join(f"column{n}" for n in range(1_000_000)),
            "bill.csv:1: the header is longer than 1,024 KiB; no bill has so many columns.",
        ),
        (PACKED[:-20], "bill.csv ends in the middle of its gzip data; fetch it again."),
        (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "bill.csv is damaged: its gzip checksum or structure is wrong; fetch it again."),
        (PACKED + b"junk", "bill.csv is damaged: its gzip checksum or structure is wrong; fetch it again."),
    ],
)
def test_a_broken_file_is_refused_with_its_line_and_the_way_out(staged: Stage, content: str | bytes, sentence: str) -> None:
    with pytest.raises(BillError) as refused:
        staged(content)
    assert sentence == str(refused.value)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("\ufeff" + MINIMAL + GOOD, 1),
        (MINIMAL + "\n" + GOOD + "\n\n" + GOOD, 2),
        ((MINIMAL + GOOD).replace("\n", "\r\n"), 1),
        (MINIMAL + GOOD.strip(), 1),
        (MINIMAL + '2026-03-01,1,USD,5" disk\n', 1),
        (MINIMAL + '2026-03-01,1,USD,5" disk\n' * 2, 2),
        (PACKED + gzip.compress(GOOD.encode() * 5, mtime=0), 1005),
        ((MINIMAL + GOOD).replace(",", ";"), 1),
        ((MINIMAL + GOOD).replace(",", "\t"), 1),
    ],
)
def test_harmless_peculiarities_are_read(staged: Stage, content: str | bytes, rows: int) -> None:
    assert rows == staged(content).parts[0].rows


def test_another_delimiter_is_noted(staged: Stage) -> None:
    assert "bill.csv separates its fields by semicolon" in staged((MINIMAL + GOOD).replace(",", ";")).notes


def test_a_gzip_bomb_stops_at_the_ratio_within_little_memory(staged: Stage, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as stream:
        for _ in range(256):
            stream.write(b"0" * 1024 * 1024)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BillError, match=r"^bomb\.csv\.gz unpacks to more than 200 times its size"):
        staged(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_a_file_over_the_size_cap_is_refused(staged: Stage) -> None:
    with pytest.raises(BillError, match="holds more than 0 MiB; deliver it in several files"):
        staged(MINIMAL + GOOD, caps=Caps(bytes=10))


def test_the_deadline_ends_it(staged: Stage) -> None:
    with pytest.raises(BillError, match=r"could not be read within -1 seconds"):
        staged(MINIMAL + GOOD, caps=Caps(seconds=-1))


def test_the_deadline_breaks_off_a_running_load(tmp_path: Path) -> None:
    """Only the thread that watches the load sees the time as over."""
    (tmp_path / "bill.csv").write_text(MINIMAL + GOOD * 2_000_000)
    with pytest.raises(BillError, match=r"^The bills could not be read within 3600 seconds"):
        stage(
            [tmp_path / "bill.csv"],
            FORMATS["focus"],
            source="s",
            folder=tmp_path / "out",
            derived={},
            clock=lambda: 1e9 if threading.current_thread().name == "bill-progress" else 0.0,
        )


def parquet(path: Path, rows: int, columns: dict[str, list[Any]]) -> Path:
    base = {"ChargePeriodStart": ["2026-03-01"] * rows, "BilledCost": ["1"] * rows, "BillingCurrency": ["USD"] * rows}
    pq.write_table(pa.table({**base, "ServiceName": ["a"] * rows} | columns), path, compression="zstd")
    return path


def test_a_huge_parquet_dictionary_is_refused_unread(staged: Stage, tmp_path: Path) -> None:
    names = [f"{number}" * 100_000 for number in range(1000, 1100)]
    path = parquet(tmp_path / "bill.parquet", 100, {"Tags": names})
    with pytest.raises(BillError, match=r"^bill\.parquet holds a column of \d+ MiB in one row group"):
        staged(path, caps=Caps(chunk=16 * 1024 * 1024))


def test_a_parquet_file_with_too_many_columns_is_refused(staged: Stage, tmp_path: Path) -> None:
    path = parquet(tmp_path / "bill.parquet", 3, {f"c{number}": [1, 2, 3] for number in range(200)})
    with pytest.raises(BillError, match="more than the 100 a bill may have"):
        staged(path, caps=Caps(columns=100))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1abcdPAR1" * 10, b"PARE" + b"x" * 20 + b"PARE", MINIMAL.encode() * 9])
def test_what_only_claims_to_be_parquet_is_refused(staged: Stage, content: bytes) -> None:
    with pytest.raises(BillError, match=r"^bill\.parquet "):
        staged(content, name="bill.parquet")


def test_a_damaged_parquet_file_is_refused_in_our_words(staged: Stage, tmp_path: Path) -> None:
    content = parquet(tmp_path / "whole.parquet", 1000, {}).read_bytes()
    with pytest.raises(BillError) as refused:
        staged(content[:20] + content[60:], name="bill.parquet")
    assert "bill.parquet" in str(refused.value)
    assert "Error" not in str(refused.value)


def test_a_link_out_of_the_folder_is_refused(staged: Stage, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(MINIMAL + GOOD)
    folder = tmp_path / "bills"
    folder.mkdir()
    (folder / "bill.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(BillError, match=r"^bill\.csv is a link that leads out of bills"):
        staged(folder)


def test_a_pipe_in_the_folder_is_refused_not_waited_for(staged: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "bills"
    folder.mkdir()
    os.mkfifo(folder / "bill.csv")
    with pytest.raises(BillError, match="is not a regular file"):
        staged(folder)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("bill.zip", "unzip it first"), ("bill.xlsx", "a bill ends in .csv, .csv.gz, .parquet"), ("gone.csv", "check the spelling")],
)
def test_a_path_that_is_no_bill_is_refused(staged: Stage, tmp_path: Path, name: str, sentence: str) -> None:
    if name != "gone.csv":
        (tmp_path / name).write_text("x")
    with pytest.raises(BillError, match=sentence):
        staged(tmp_path / name)


def test_an_empty_folder_is_refused(staged: Stage, tmp_path: Path) -> None:
    (tmp_path / "bills").mkdir()
    with pytest.raises(BillError, match="No bill was found"):
        staged(tmp_path / "bills")


def test_a_refused_delivery_leaves_nothing_behind(staged: Stage, tmp_path: Path) -> None:
    with pytest.raises(BillError):
        staged(MINIMAL + GOOD + "2026-03-01\n")
    assert [] == list((tmp_path / "staging").iterdir())


BYTES = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([",", '"', "\n", "\r\n", "1", "USD", "2026-03-01", "NULL", "é", ";", "x", "{", "-", "1e9999"]), max_size=60
    ).map(lambda parts: (MINIMAL + "".join(parts)).encode()),
    st.binary(max_size=40).map(lambda tail: MINIMAL.encode() + GOOD.encode() + tail),
    st.integers(0, len(PACKED) - 1).map(lambda at: PACKED[:at] + bytes([PACKED[at] ^ 255]) + PACKED[at + 1 :]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=BYTES, ending=st.sampled_from(["csv", "csv.gz", "parquet"]))
def test_arbitrary_bytes_raise_nothing_but_a_bill_error(content: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"bill.{ending}"
    path.write_bytes(content)
    try:
        staging = stage([path], FORMATS["focus"], source="test", folder=tmp_path / "out", derived={})
    except BillError as refused:
        assert "bill." in str(refused)  # noqa: PT017 - most bytes are refused, some are a bill
    else:
        assert sum(part.rows for part in staging.parts) + sum(staging.bad_row_counts.values()) >= 0
