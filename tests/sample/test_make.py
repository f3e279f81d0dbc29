"""Making the sample from the raw public files."""

import gzip
import hashlib
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.sample import bills, make

RAW = os.environ.get("FINOPS_SAMPLE_RAW")


def test_missing_raw_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"lacks optscale/daily_expenses_days_60_to_21\.csv\.gz, .*ATTRIBUTION\.md"):
        make.make(tmp_path, tmp_path / "out")


@pytest.mark.skipif(RAW is None, reason="FINOPS_SAMPLE_RAW names the folder of the raw public files, which are not shipped")
def test_the_shipped_files_are_what_the_raw_files_give(tmp_path: Path) -> None:
    made = make.make(Path(RAW or ""), tmp_path)
    assert [_digest(bills.DATA / path.name) for path in made] == [_digest(path) for path in made]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _input_prices(folder: Path, prices: Any) -> list[tuple[Any, ...]]:
    """What `prices.sql` reads from a price list with one model, on a calendar from 2026-06-22 to 2026-09-27."""
    (folder / "llm-prices").mkdir()
    listed = json.dumps([{"id": "openai", "models": [{"id": "small", "name": "Small", "prices": prices}]}])
    (folder / "llm-prices" / "genai_prices_data.json.gz").write_bytes(gzip.compress(listed.encode()))
    with duckdb.connect() as connection:
        for name, value in {"raw": str(folder), "first_day": bills.FIRST_DAY, "days": bills.SHIPPED_DAYS}.items():
            connection.execute(f"SET VARIABLE {name} = ?", [value])
        connection.execute((bills.SQL / "prices.sql").read_text(encoding="utf-8"))
        return connection.sql("SELECT type, per_mtok FROM token_prices ORDER BY ALL").fetchall()


def test_a_plain_price_keeps_its_digits(tmp_path: Path) -> None:
    found = _input_prices(tmp_path, {"input_mtok": 0.075, "output_mtok": 4.5})
    assert [("input", Decimal("0.075")), ("output", Decimal("4.5"))] == found


def test_a_tiered_price_counts_at_its_base(tmp_path: Path) -> None:
    found = _input_prices(tmp_path, {"input_mtok": {"base": 2.5, "tiers": [{"start": 272000, "price": 5}]}})
    assert [("input", Decimal("2.5"))] == found


def test_of_dated_prices_the_one_in_force_at_the_end_counts(tmp_path: Path) -> None:
    dated = [{"constraint": {"start_date": day}, "prices": {"input_mtok": price}} for day, price in [("2026-09-01", 3), ("2026-12-01", 9)]]
    assert [("input", Decimal(3))] == _input_prices(tmp_path, [{"prices": {"input_mtok": 2}}, *dated])
