"""Rebuild the shipped sample bills from the raw public files: `python -m finops.sample.make RAW_FOLDER`."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from finops.sample.bills import DATA, FIRST_DAY, SHIPPED_DAYS, SOURCES, SQL

if TYPE_CHECKING:
    import duckdb

# In this order: each step adds its rows to the table `bill`; llm makes the table `usage` as well. Sources and licences stand at the
# head of each file.
STEPS = ("calendar", "clouds", "gpus", "gcp", "prices", "workloads", "llm")

# The raw files, as laid out in RAW_FOLDER; ATTRIBUTION.md says where they come from.
RAW_FILES = (
    "optscale/daily_expenses_days_60_to_21.csv.gz",
    "optscale/raw_aws_cnr.parquet",
    "helios/vc6YE.csv.gz",
    "helios/vc8Sj.csv.gz",
    "helios/vcJkd.csv.gz",
    "binder-gcp-billing/daily_cost_by_category_to_2018-12.csv",
    "binder-gcp-billing/daily_cost_by_project_to_2018-12.csv",
    "servegen/client_rate_10min_small_large.parquet",
    "servegen/client_tokens_by_window_small_large.parquet",
    "llm-prices/genai_prices_data.json.gz",
)


def make(raw: Path, target: Path) -> list[Path]:
    """Write one Parquet file per source into `target`; the same raw files always give the same bytes."""
    missing = [name for name in RAW_FILES if not (raw / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{raw} lacks {', '.join(missing)}; see finops/sample/ATTRIBUTION.md for where to get them.")
    target.mkdir(parents=True, exist_ok=True)
    connection = _connect(raw, FIRST_DAY)
    for step in STEPS:
        connection.execute((SQL / f"{step}.sql").read_text(encoding="utf-8"))
    made = [_export(connection, source, target / f"{source}.parquet") for source in SOURCES]
    return [*made, _usage(connection, target / "usage.parquet")]


def _connect(raw: Path, first_day: date) -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 1")  # one order of adding floats, one order of rows
    connection.execute("SET VARIABLE raw = ?", [str(raw)])
    connection.execute("SET VARIABLE first_day = ?", [first_day])
    connection.execute("SET VARIABLE days = ?", [SHIPPED_DAYS])
    return connection


def _export(connection: "duckdb.DuckDBPyConnection", source: str, path: Path) -> Path:
    connection.execute(
        """
        COPY (
            SELECT * EXCLUDE (source) REPLACE (
                date_trunc('month', ChargePeriodStart)::TIMESTAMP AS BillingPeriodStart,
                date_trunc('month', ChargePeriodStart)::TIMESTAMP + INTERVAL 1 MONTH AS BillingPeriodEnd
            )
            FROM bill WHERE source = $source
            ORDER BY SubAccountId, ServiceName, ResourceId, x_Feature, x_Env, x_Model, x_TokenType, x_User, x_Tenant,
                ChargeCategory, CommitmentDiscountStatus, ChargePeriodStart
        ) TO $path (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19)
        """,
        {"source": source, "path": str(path)},
    )
    return path


def _usage(connection: "duckdb.DuckDBPyConnection", path: Path) -> Path:
    ordered = "SELECT * FROM usage ORDER BY split_part(request_id, '-', 2), request_id"
    connection.execute(f"COPY ({ordered}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19)")
    return path


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m finops.sample.make RAW_FOLDER")
    for written in make(Path(sys.argv[1]), DATA):
        sys.stdout.write(f"{written.name}: {written.stat().st_size:,} bytes\n")
