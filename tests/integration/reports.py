"""What tests of the provider reports do with a source: stage the bill of March, and read what was staged."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from finops.deliveries import Staging
from finops.sources import formats
from finops.sources.llm_bills import LlmBills
from finops.sources.staging import stage


def march(bills: LlmBills, folder: Path) -> Staging:
    offer = next(offer for offer in bills.offers(date(2026, 3, 1)) if offer.period == "2026-03")
    fetched = bills.fetch(offer, folder)
    staged = stage(fetched.paths, formats.FORMATS[bills.name], source=bills.name, folder=folder / "staged", derived={})
    assert fetched.rows == sum(part.rows for part in staged.parts)
    return staged


def read(staging: Staging, columns: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        paths = [str(part.path) for part in staging.parts]
        return connection.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [paths]).fetchall()


def billed(staging: Staging) -> Decimal:
    return sum((total.billed for part in staging.parts for total in part.totals), Decimal(0))
