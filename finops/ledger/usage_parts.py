"""The workshop where files of usage are made: a bounded DuckDB with a scratch folder, and what a finished file holds."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finops.deliveries import ControlTotal, StagedPart
from finops.ledger.derive import quoted
from finops.ledger.ledger import Ledger
from finops.ledger.loads import move_in
from finops.ledger.usage_rows import MADE

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ORDER: Final = "ChargePeriodStart, x_RequestId"
GROUP: Final = 40_960  # rows written at once: with all the ledger's columns, more of them would spill to disk


@dataclass(frozen=True)
class Written:
    """One finished file, what its requests with a price cost by currency, and how many have none, by model."""

    part: StagedPart
    costs: Mapping[str, Decimal]
    unpriced: Mapping[str, int]


@dataclass(frozen=True)
class Workshop:
    """A database of its own and the folder in which it may write; both go when the work is done."""

    con: "DuckDBPyConnection"
    folder: Path

    def write(self, charges: str, period: str) -> Written:
        """Write the charges of one month, which come in the ledger's columns and in order, and count what is in the file."""
        path = self.folder / f"{period}-{len(list(self.folder.glob('*.parquet')))}.parquet"
        self.con.execute(f"COPY ({charges}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {GROUP})")
        return self._counted(period, path)

    def _counted(self, period: str, path: Path) -> Written:
        file = f"read_parquet({quoted(str(path))}, hive_partitioning = false)"
        totals = self.con.execute(f"""SELECT BillingCurrency, count(*), sum(BilledCost), sum(EffectiveCost), sum(ListCost),
            sum(ContractedCost), count(BilledCost) FROM {file} GROUP BY ALL ORDER BY ALL""").fetchall()
        covers = self.con.execute(f"SELECT DISTINCT ProviderName, x_ChargeDay FROM {file} ORDER BY ALL").fetchall()
        unpriced = self.con.execute(
            f"SELECT x_Model, sum(x_Requests) FROM {file} WHERE BilledCost IS NULL GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        part = StagedPart(
            period=period,
            path=path,
            sha256=_sha256(path),
            bytes=path.stat().st_size,
            rows=sum(row[1] for row in totals),
            first_day=min(day for _, day in covers),
            last_day=max(day for _, day in covers),
            totals=tuple(_total(*row[:-1]) for row in totals),
            days=(),
            covers=tuple(_cover(*row) for row in covers),
        )
        return Written(part, {row[0]: row[2] for row in totals if row[-1]}, dict(unpriced))


@contextmanager
def workshop(ledger: Ledger, memory: str = "300MB") -> Iterator[Workshop]:
    """Yield a place to work within bounded memory: what does not fit spills to the ledger's staging folder."""
    import duckdb

    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "threads": 2,
        "memory_limit": memory,
    }
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder, prefix="usage-") as folder, duckdb.connect(config=settings) as con:
        con.execute(f"SET temp_directory = {quoted(str(Path(folder) / 'spill'))}")
        con.execute("SET TimeZone = 'UTC'")
        yield Workshop(con, Path(folder))


def bring_in(ledger: Ledger, written: Written, source: str) -> str:
    """Put a finished file where readers will find it once it is live, and return its place."""
    path = move_in(ledger.root, written.part, source)
    ledger.facts.keep(path, ledger.root / path)
    return path


def requests_of(files: list[str]) -> str:
    """SQL that reads the columns which requests fill from ledger files, in order."""
    listed = ", ".join(map(quoted, files))
    columns = ", ".join(f'"{name}"' for name in MADE)
    return f"SELECT {columns} FROM read_parquet([{listed}], union_by_name = true, hive_partitioning = false) ORDER BY {ORDER}"


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _total(currency: str, rows: int, *sums: Decimal | None) -> ControlTotal:
    billed, effective, public, contracted = sums
    return ControlTotal(currency, rows, billed or Decimal(0), effective or Decimal(0), public, contracted)


def _cover(provider: str, day: date) -> tuple[str, date]:
    return provider, day
