"""The sample bills and the LLM usage behind two of them, moved by whole weeks so that their last day is yesterday."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

SOURCES = ("aws", "azure", "gcp", "anthropic", "openai")

# The shipped calendar begins on a Monday and has whole weeks; a week less a day of it is cut to end on any weekday.
FIRST_DAY = date(2026, 6, 22)
SHIPPED_DAYS = 98
SPAN_DAYS = SHIPPED_DAYS - 6

_HERE = Path(__file__).parent
DATA = _HERE / "data"
SQL = _HERE / "sql"
CONFIG = _HERE / "config"


@dataclass(frozen=True)
class Bill:
    """One source's complete delivery, as FOCUS 1.2 in a Parquet file."""

    source: str
    path: Path


def write(folder: Path, yesterday: date) -> list[Bill]:
    """Write one bill per source into `folder`: the `SPAN_DAYS` days that end with `yesterday`."""
    folder.mkdir(parents=True, exist_ok=True)
    move = (SQL / "move.sql").read_text(encoding="utf-8")
    bills = [Bill(source, folder / f"{source}.parquet") for source in SOURCES]
    with _moving(yesterday) as connection:
        for bill in bills:
            connection.read_parquet(str(DATA / bill.path.name)).create_view("shipped")
            connection.execute(move)
            connection.table("moved").order("ChargePeriodStart").write_parquet(str(bill.path), compression="zstd")
    return bills


def write_usage(path: Path, yesterday: date) -> Path:
    """Write what a gateway saw of the same days, as JSON Lines of usage events: sums by day, workload and user, of late by hour."""
    written = (SQL / "usage.sql").read_text(encoding="utf-8")
    with _moving(yesterday) as connection:
        connection.read_parquet(str(DATA / "usage.parquet")).create_view("usage")
        connection.execute(f"COPY ({written}) TO '{path}' (FORMAT json)")
    return path


@contextlib.contextmanager
def _moving(yesterday: date) -> Iterator["duckdb.DuckDBPyConnection"]:
    import duckdb

    with duckdb.connect() as connection:
        # Written out rather than bound: binding a parameter imports pandas where it is installed, a second and more.
        connection.execute(f"SET VARIABLE shift = {_shift(yesterday)}")
        connection.execute(f"SET VARIABLE first = DATE '{yesterday - timedelta(days=SPAN_DAYS - 1)}'")
        connection.execute(f"SET VARIABLE last = DATE '{yesterday}'")
        yield connection


def _shift(yesterday: date) -> int:
    """The fewest whole weeks, in days, that bring the shipped last day to `yesterday` or just after it."""
    behind = yesterday - (FIRST_DAY + timedelta(days=SHIPPED_DAYS - 1))
    return -(-behind.days // 7) * 7
