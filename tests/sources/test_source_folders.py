"""Exports that were copied into a folder are read by their manifests too, whatever their keys were in the bucket."""

import gzip
import json
import zipfile
from datetime import date
from pathlib import Path

import pytest

from finops.errors import BillError, SourceError
from finops.ports import Offer
from finops.sources.folder import Folder
from finops.sources.objects_source import ObjectSource

EVER = date(2000, 1, 1)


def source(folder: Path, kind: str = "aws", export: str | None = None) -> ObjectSource:
    return ObjectSource("bills", kind, Folder(folder), folder.name if folder.is_file() else "", export=export)


def put(root: Path, key: str, content: bytes | str = b"x") -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def offers(folder: Path, kind: str = "aws") -> list[Offer]:
    return list(source(folder, kind).offers(EVER))


@pytest.mark.parametrize("here", ["", "cur2", "copies/of/cur2"])
def test_a_copied_data_export_is_read_by_its_manifest(tmp_path: Path, here: str) -> None:
    data = put(tmp_path, f"{here}/data/BILLING_PERIOD=2026-04/cur2-00001.csv.gz".lstrip("/"))
    put(tmp_path, f"{here}/data/BILLING_PERIOD=2026-04/stale.csv.gz".lstrip("/"))
    names = ["s3://somewhere/else/cur2/data/BILLING_PERIOD=2026-04/cur2-00001.csv.gz"]
    put(tmp_path, f"{here}/metadata/BILLING_PERIOD=2026-04/cur2-Manifest.json".lstrip("/"), json.dumps({"dataFiles": names}))
    reading = source(tmp_path)
    [offer] = reading.offers(EVER)
    assert ("2026-04", None) == (offer.period, offer.waiting)
    assert (data,) == reading.fetch(offer, tmp_path / "unused").paths


def test_a_part_of_another_execution_never_stands_in_for_a_missing_one(tmp_path: Path) -> None:
    put(tmp_path, "data/BILLING_PERIOD=2026-04/20260401T000000Z-a/cur2-00001.csv.gz")
    for run in ("20260401T000000Z-a", "20260402T000000Z-b"):
        names = [f"b/cur2/data/BILLING_PERIOD=2026-04/{run}/cur2-00001.csv.gz"]
        put(tmp_path, f"metadata/BILLING_PERIOD=2026-04/{run}/cur2-Manifest.json", json.dumps({"dataFiles": names}))
    [offer] = offers(tmp_path)
    assert "data/BILLING_PERIOD=2026-04/20260402T000000Z-b/cur2-00001.csv.gz is not there" == offer.waiting


def test_a_manifest_that_is_still_written_is_waited_for(tmp_path: Path) -> None:
    put(tmp_path, "metadata/BILLING_PERIOD=2026-04/cur2-Manifest.json", '{"dataFiles": ["x')
    [offer] = offers(tmp_path)
    assert "cur2-Manifest.json is no readable JSON yet" == offer.waiting


def test_a_manifest_of_another_month_than_its_folder_is_not_taken(tmp_path: Path) -> None:
    put(tmp_path, "data/BILLING_PERIOD=2026-04/a.csv.gz")
    content = {"billingPeriod": "2026-03", "dataFiles": ["data/BILLING_PERIOD=2026-04/a.csv.gz"]}
    put(tmp_path, "metadata/BILLING_PERIOD=2026-04/cur2-Manifest.json", json.dumps(content))
    [offer] = offers(tmp_path)
    assert "cur2-Manifest.json speaks of 2026-03 but lies in the folder of 2026-04" == offer.waiting


def test_months_that_ended_before_are_not_even_looked_at(tmp_path: Path) -> None:
    for period in ("2026-02", "2026-03", "2026-04"):
        put(tmp_path, f"metadata/BILLING_PERIOD={period}/cur2-Manifest.json", "{}")
    assert ["2026-04"] == [offer.period for offer in source(tmp_path).offers(date(2026, 4, 1))]


def test_an_offer_keeps_its_name_until_its_content_changes(tmp_path: Path) -> None:
    data = put(tmp_path, "data/BILLING_PERIOD=2026-04/a.csv.gz")
    names = {"dataFiles": ["data/BILLING_PERIOD=2026-04/a.csv.gz"]}
    put(tmp_path, "metadata/BILLING_PERIOD=2026-04/cur2-Manifest.json", json.dumps(names))
    before = offers(tmp_path)[0].id
    put(tmp_path, "metadata/BILLING_PERIOD=2026-04/cur2-Manifest.json", json.dumps(names | {"written": "again"}))
    assert before == offers(tmp_path)[0].id
    data.write_bytes(b"more")
    assert before != offers(tmp_path)[0].id


def test_files_without_a_manifest_are_one_delivery(tmp_path: Path) -> None:
    put(tmp_path, "2026-03/focus.csv")
    put(tmp_path, "2026-04/focus.parquet")
    put(tmp_path, ".hidden/focus.csv")
    put(tmp_path, "notes.txt")
    reading = source(tmp_path, "focus")
    [offer] = reading.offers(EVER)
    assert "all" == offer.period
    assert ["focus.csv", "focus.parquet"] == [path.name for path in reading.fetch(offer, tmp_path / "unused").paths]


def test_files_in_folders_that_name_their_month_are_a_delivery_each(tmp_path: Path) -> None:
    put(tmp_path, "focus/billing_period=2026-03/0.parquet")
    put(tmp_path, "focus/billing_period=2026-04/0.parquet")
    assert ["2026-03", "2026-04"] == [offer.period for offer in offers(tmp_path, "focus")]


def test_a_single_file_is_a_delivery(tmp_path: Path) -> None:
    file = put(tmp_path, "focus.csv")
    put(tmp_path, "other.csv")
    reading = source(file, "focus")
    [offer] = reading.offers(EVER)
    assert (file,) == reading.fetch(offer, tmp_path / "unused").paths


def test_a_folder_without_bills_says_so(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    with pytest.raises(SourceError, match=r"holds no bills among its 1 files; check that it is the export's folder"):
        offers(tmp_path, "focus")


def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    secret = put(tmp_path, "secret.csv")
    bills = tmp_path / "bills"
    put(bills, "mine.csv")
    (bills / "theirs.csv").symlink_to(secret)
    reading = source(bills, "focus")
    [offer] = reading.offers(EVER)
    assert ["mine.csv"] == [path.name for path in reading.fetch(offer, tmp_path / "unused").paths]


def legacy_zip(tmp_path: Path, content: dict[str, bytes]) -> tuple[ObjectSource, Offer]:
    key = "report/20260401-20260501/aaaa/report-1.csv.zip"
    packed = put(tmp_path, f"bills/{key}")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, each in content.items():
            file.writestr(name, each)
    put(tmp_path, "bills/report/20260401-20260501/report-Manifest.json", json.dumps({"reportKeys": [key]}))
    reading = source(tmp_path / "bills")
    return reading, next(reading.offers(EVER))


def test_a_legacy_report_in_a_zip_is_unpacked_beside_nothing_of_yours(tmp_path: Path) -> None:
    reading, offer = legacy_zip(tmp_path, {"report-1.csv": b"a,b\n1,2\n"})
    [path] = reading.fetch(offer, tmp_path / "work").paths
    assert (tmp_path / "work" / "report-1.csv", b"a,b\n1,2\n") == (path, path.read_bytes())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a.csv": b"1", "b.csv": b"2"}, "holds 2 files where one CSV is expected"),
        ({"../../evil.sh": b"1"}, "holds 1 files where one CSV is expected"),
        ({"bomb.csv": bytes(80_000_000)}, "unpacks to 80,000,000 bytes, far more than a bill does"),
    ],
    ids=["two files", "no csv", "a bomb"],
)
def test_a_zip_that_is_no_single_bill_is_refused(tmp_path: Path, content: dict[str, bytes], reason: str) -> None:
    reading, offer = legacy_zip(tmp_path, content)
    with pytest.raises(BillError, match=reason):
        reading.fetch(offer, tmp_path / "work")


def test_azure_runs_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    for run in ("202604100600", "202604110600"):
        put(tmp_path, f"daily/20260401-20260430/{run}/part.csv", run)
    reading = source(tmp_path, "azure")
    [offer] = reading.offers(EVER)
    [path] = reading.fetch(offer, tmp_path / "work").paths
    assert ("202604110600", "actual") == (path.read_text(), path.name.split("-")[1])


def test_a_packed_bill_is_left_as_it_is(tmp_path: Path) -> None:
    file = put(tmp_path, "focus.csv.gz", gzip.compress(b"a\n1\n"))
    reading = source(tmp_path, "focus")
    assert (file,) == reading.fetch(next(reading.offers(EVER)), tmp_path / "unused").paths
