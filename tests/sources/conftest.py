"""Bills written by a test and staged for real."""

import gzip
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from finops.deliveries import Staging
from finops.sources.bills import Caps
from finops.sources.formats import FORMATS
from finops.sources.staging import stage

DATA = Path(__file__).parent.parent / "data"
MINIMAL = "ChargePeriodStart,BilledCost,BillingCurrency,ServiceName\n"

Stage = Callable[..., Staging]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def data() -> Path:
    """The folder of real bills."""
    return DATA


@pytest.fixture
def staged(tmp_path: Path) -> Stage:
    """Stage a bill given as text, bytes or path."""

    def run(
        bill: str | bytes | Path,
        *,
        format: str = "focus",  # noqa: A002 - the word the commands use
        name: str = "bill.csv",
        derived: Mapping[str, str] | None = None,
        caps: Caps | None = None,
    ) -> Staging:
        path = bill if isinstance(bill, Path) else tmp_path / name
        if not isinstance(bill, Path):
            content = bill.encode() if isinstance(bill, str) else bill
            path.write_bytes(gzip.compress(content) if name.endswith(".gz") and isinstance(bill, str) else content)
        folder = tmp_path / "staging"
        return stage([path], FORMATS[format], source="test", folder=folder, derived=derived or {}, caps=caps or Caps())

    return run


@pytest.fixture
def rows() -> Rows:
    """Read columns of everything staged."""

    def run(staging: Staging, columns: str, order: str = "ALL") -> list[tuple[Any, ...]]:
        paths = [str(part.path) for part in staging.parts]
        with duckdb.connect() as con:
            return con.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY {order}", [paths]).fetchall()

    return run


@pytest.fixture
def cur(staged: Stage) -> Callable[..., Staging]:
    """Stage AWS rows given as dictionaries; what a row does not say is blank, what no row says is not delivered."""

    def run(*lines: Mapping[str, str]) -> Staging:
        usual = {
            "bill_billing_period_start_date": "2026-04-01T00:00:00.000Z",
            "line_item_usage_start_date": "2026-04-02T00:00:00.000Z",
            "line_item_usage_end_date": "2026-04-03T00:00:00.000Z",
            "line_item_line_item_type": "Usage",
            "line_item_product_code": "AmazonEC2",
            "line_item_currency_code": "USD",
            "line_item_unblended_cost": "0",
        }
        full = [usual | dict(line) for line in lines]
        columns = list(dict.fromkeys(key for line in full for key in line))
        text = [",".join(_quoted(line.get(column, "")) for column in columns) for line in full]
        return staged("\n".join([",".join(columns), *text]) + "\n", format="aws")

    return run


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


@pytest.fixture
def money() -> Callable[[str], Decimal]:
    """An amount as the ledger keeps it."""
    return lambda text: Decimal(text).quantize(Decimal("1E-10"))
