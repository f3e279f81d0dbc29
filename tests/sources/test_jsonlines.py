"""Bills as JSON Lines: one object a line, read exactly, refused with the line where they are not."""

import codecs
import gzip
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import BillError
from finops.sources.bills import Caps
from tests.sources.conftest import Rows, Stage

ROW = {"ChargePeriodStart": "2026-03-01T00:00:00Z", "BilledCost": 1.5, "BillingCurrency": "USD", "ServiceName": "S"}
GOOD = json.dumps(ROW)


def test_each_object_is_a_charge_and_a_key_left_out_is_null(staged: Stage, rows: Rows) -> None:
    lines = "\n".join([json.dumps({**ROW, "ResourceId": "r"}), GOOD, json.dumps({**ROW, "ResourceId": None})])
    found = rows(staged(lines, name="bill.jsonl"), "BilledCost, ResourceId", "ResourceId NULLS LAST")
    assert [(Decimal("1.5"), "r"), (Decimal("1.5"), None), (Decimal("1.5"), None)] == found


@pytest.mark.parametrize("name", ["bill.jsonl", "bill.jsonl.gz", "bill.ndjson", "bill.json"])
def test_every_ending_is_read_packed_or_not(staged: Stage, rows: Rows, name: str) -> None:
    assert [(2,)] == rows(staged(f"{GOOD}\n{GOOD}\n", name=name), "count(*)")


@pytest.mark.parametrize(
    ("bill", "refusal"),
    [
        (f'{GOOD}\n{{"a": 1\n', "bill.jsonl:2: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (f"{GOOD}\n[{GOOD}]\n", "bill.jsonl:2: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (f"{GOOD} {GOOD}\n", "bill.jsonl:1: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (json.dumps(ROW, indent=1), "bill.jsonl:1: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (f"{GOOD}\n{'[' * 5000}\n", "bill.jsonl:2: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (f'{GOOD}\n{{"a": ' + "[" * 5000 + "]" * 5000 + "}\n", "bill.jsonl:2: the line is not one whole JSON object;"),
        (f'{GOOD}\n{{"a": NaN}}\n', "bill.jsonl:2: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (f'{GOOD}\n{{"a": "\0"}}\n', "bill.jsonl:2: the line is not one whole JSON object; write one object a line (JSON Lines)."),
        (GOOD.encode() + b'\n{"a": "\xff"}\n', "bill.jsonl:2: the line is not one whole JSON object;"),
        (codecs.BOM_UTF8 + GOOD.encode(), "bill.jsonl:1: the file begins with a byte order mark; save it as UTF-8 without one."),
        (GOOD.encode("utf-16"), "bill.jsonl:1: the file begins with a byte order mark; save it as UTF-8 without one."),
        ("\n \n", "bill.jsonl is empty; a bill has at least one row."),
        ("{}\n{}\n", "bill.jsonl:1: no column 'ChargePeriodStart'; a bill in the format 'focus' needs it."),
        ('{"ChargePeriodStart": null}\n', "bill.jsonl:1: no column 'ChargePeriodStart'; a bill in the format 'focus' needs it."),
    ],
)
def test_what_is_no_json_lines_is_refused_with_its_line(staged: Stage, bill: str | bytes, refusal: str) -> None:
    with pytest.raises(BillError) as refused:
        staged(bill, name="bill.jsonl")
    assert str(refused.value).startswith(refusal)


def test_a_line_longer_than_a_record_may_be_is_refused(staged: Stage) -> None:
    with pytest.raises(BillError, match=r"^bill\.jsonl:2: the line is longer than 262,144 bytes; split or repair it\.$"):
        staged(f"{GOOD}\n{json.dumps({'a': 'x' * 300_000})}\n{GOOD}\n", name="bill.jsonl")


def test_a_line_without_an_end_is_never_held_whole(staged: Stage) -> None:
    caps = Caps(bytes=64 * 1024 * 1024)
    with pytest.raises(BillError, match=r"^bill\.jsonl:1: the line is longer than"):
        staged(gzip.compress(b'{"a": "' + b"x" * 50_000_000), name="bill.jsonl", caps=caps)


def test_a_file_that_unpacks_without_end_is_refused(staged: Stage) -> None:
    with pytest.raises(BillError, match="unpacks to more than 200 times its size"):
        staged(gzip.compress((GOOD + "\n").encode() * 1_000_000), name="bill.jsonl", caps=Caps(ratio_from=1024))


def test_more_columns_than_a_bill_may_have_are_refused(staged: Stage) -> None:
    with pytest.raises(BillError, match=r"^bill\.jsonl:2: more than the 10 columns a bill may have"):
        staged(f"{GOOD}\n{json.dumps({str(n): n for n in range(9)})}\n", name="bill.jsonl", caps=Caps(columns=10))


@pytest.mark.parametrize("cost", ["12345678901234567.8901234567", "-0.1234567890", "1e-7", "1E3", "100"])
def test_a_bare_number_is_exact_however_long(staged: Stage, rows: Rows, cost: str) -> None:
    line = GOOD.replace("1.5", cost)
    assert [(Decimal(cost),)] == rows(staged(line + "\n", name="bill.jsonl"), "BilledCost")


def test_random_bare_numbers_of_up_to_ten_decimals_are_all_exact(staged: Stage, rows: Rows) -> None:
    dice = random.Random(7)
    costs = [
        Decimal(dice.randint(-(10 ** dice.randint(1, 25)), 10 ** dice.randint(1, 25))).scaleb(-dice.randint(0, 10)) for _ in range(500)
    ]
    lines = (GOOD.replace("1.5", f"{cost:f}").replace('"S"', f'"{number:03}"') for number, cost in enumerate(costs))
    found = rows(staged("\n".join(lines), name="bill.jsonl"), "ServiceName, BilledCost")
    assert [(f"{number:03}", cost) for number, cost in enumerate(costs)] == found


def test_text_that_looks_like_a_long_number_stays_as_it_is(staged: Stage, rows: Rows) -> None:
    text = 'see "cost": 12345678901234567.8901234567, and \\'
    line = json.dumps({**ROW, "ChargeDescription": text, "InvoiceId": "123456789012345678901234567890"}).replace(
        "1.5", "12345678901234567.89"
    )
    expected = (Decimal("12345678901234567.89"), text, "123456789012345678901234567890")
    assert [expected] == rows(staged(line + "\n", name="bill.jsonl"), "BilledCost, ChargeDescription, InvoiceId")


def test_a_bad_row_bears_its_line_though_lines_before_it_are_blank(staged: Stage) -> None:
    bad = json.dumps({**ROW, "BilledCost": "much"})
    [row] = staged(f"{GOOD}\n\n\n{bad}\n", name="bill.jsonl").bad_rows
    assert (4, "2026-03", True) == (row.line, row.period, row.excerpt.startswith('{"ChargePeriodStart"'))


def test_tags_may_be_an_object_or_its_text(staged: Stage, rows: Rows) -> None:
    lines = [json.dumps({**ROW, "Tags": tags}) for tags in ({"team": "ml"}, '{"team":"ml"}')]
    assert [('{"team":"ml"}',)] * 2 == rows(staged("\n".join(lines), name="bill.jsonl"), "Tags")


def test_json_lines_and_csv_of_one_bill_give_the_same_charges(staged: Stage, data: Path, rows: Rows, tmp_path: Path) -> None:
    import csv
    import io

    text = gzip.decompress((data / "focus_sample.csv.gz").read_bytes()).decode("utf-8-sig")
    objects = [{key: value for key, value in row.items() if value not in ("", "NULL")} for row in csv.DictReader(io.StringIO(text))]
    columns = "BilledCost, EffectiveCost, ListCost, ServiceName, ResourceId, ChargePeriodStart, ChargeCategory, Tags"
    from_csv = rows(staged(data / "focus_sample.csv.gz"), columns)
    assert from_csv == rows(staged("\n".join(map(json.dumps, objects)), name="bill.jsonl"), columns)


@pytest.mark.parametrize("key", ["", "*", "a*b", "[0]", "$", "$.a", "a.b", "?", "#1", "\0", 'a"b', "a\\b", "it's", "ö (x)", "a, b", "{}"])
def test_no_name_of_a_column_does_harm(staged: Stage, rows: Rows, key: str) -> None:
    assert [(Decimal("1.5"),)] == rows(staged(json.dumps({**ROW, key: 7}) + "\n", name="bill.jsonl"), "BilledCost")


def test_records_within_a_row_are_no_columns_of_it(staged: Stage, rows: Rows) -> None:
    line = json.dumps({**ROW, "x": {"BilledCost": 9, "EffectiveCost": 9}})
    assert [(Decimal("1.5"), Decimal("1.5"))] == rows(staged(line, name="bill.jsonl"), "BilledCost, EffectiveCost")


def test_a_folder_of_parts_with_other_columns_each_is_one_delivery(tmp_path: Path, staged: Stage, rows: Rows) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.jsonl").write_text(GOOD + "\n")
    (folder / "b.json.gz").write_bytes(gzip.compress(json.dumps({**ROW, "RegionId": "eu"}).encode()))
    (folder / "manifest.json").write_text('{\n "files": 2\n}')
    assert [("eu",), (None,)] == rows(staged(folder), "RegionId", "RegionId NULLS LAST")
