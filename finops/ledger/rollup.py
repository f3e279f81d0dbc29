"""Daily sums beside large ledger files: fewer rows for the common questions, the same figures to the last decimal.

A rollup has the ledger's own columns, with the dimensions it does not keep left empty, so that the same statements run over it.
It is derived, never published: losing one costs time, not truth.
"""

import os
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from finops.charges import COLUMNS, METRICS, dimension
from finops.completeness import midnight
from finops.ledger.catalog import LiveFile
from finops.periods import DAY
from finops.query import CostQuery

WORTH: Final = 50_000_000  # rows of a question's files from which reading sums pays; below, it saves a few milliseconds
SUFFIX: Final = ".rollup"
KEPT: Final = (
    "x_ChargeDay",
    "x_Source",
    "BillingCurrency",
    "ProviderName",
    "ServiceName",
    "ServiceCategory",
    "RegionId",
    "RegionName",
    "ChargeCategory",
    "x_Team",
    "x_Project",
    "x_Env",
    "x_Model",
    "x_CostSource",
)
SUMMED: Final = (
    *METRICS.values(),
    *("x_Requests", "x_InputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens", "x_OutputTokens"),
    *("x_ReasoningTokens", "x_InputCost", "x_CacheReadCost", "x_CacheWriteCost", "x_OutputCost", "x_RequestCost"),
)
ZONES: Final = timedelta(hours=15)  # a local day begins at most so long before or after the UTC day


def build(root: Path, path: str) -> Path:
    """Write the daily sums of one ledger file beside it, whole or not at all."""
    import duckdb

    target = beside(root, path)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(handle)
    source = str(root / path).replace("'", "''")
    with duckdb.connect(config={"memory_limit": "700MB"}) as connection:
        sums = f"SELECT {', '.join(map(_column, COLUMNS))} FROM read_parquet('{source}') GROUP BY {_names(KEPT)} ORDER BY x_ChargeDay"
        connection.execute(f"COPY ({sums}) TO '{name}' (FORMAT parquet, COMPRESSION zstd)")
    Path(name).replace(target)
    return target


def beside(root: Path, path: str) -> Path:
    return root / (path + SUFFIX)


def choose(root: Path, files: Sequence[LiveFile], query: CostQuery, by: Iterable[str], until: datetime, worth: int = WORTH) -> list[str]:
    """Return the paths to read for a question split `by` dimensions: sums where they pay and can answer it, rows elsewhere."""
    if sum(file.rows for file in files) < worth or not _answers(query, by):
        return [file.path for file in files]
    return [file.path + SUFFIX if _is_whole(file, until) and beside(root, file.path).exists() else file.path for file in files]


def _answers(query: CostQuery, by: Iterable[str]) -> bool:
    names = [*by, *(each.dimension for each in query.scope), *([query.count] if query.count else [])]
    return all(column in KEPT for name in names for column in dimension(name).columns)


def _is_whole(file: LiveFile, until: datetime) -> bool:
    """Sums of a day cannot be cut at an instant within it."""
    return until >= midnight(file.last_day + DAY) + ZONES


def _column(name: str) -> str:
    if name in KEPT:
        return f'"{name}"'
    if name in SUMMED:
        return f'CAST(sum("{name}") AS {COLUMNS[name]}) AS "{name}"'
    if name == "ChargePeriodStart":
        return f'min("{name}") AS "{name}"'
    return f'CAST(NULL AS {COLUMNS[name]}) AS "{name}"'


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
