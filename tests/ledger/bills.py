"""Makes staged deliveries out of a few rows, for tests of the ledger that need no file format."""

import csv
import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from finops.charges import COLUMNS
from finops.deliveries import BadRow, ControlTotal, DayTotal, StagedPart, Staging
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Charge:
    """One charge of a test bill; effective cost follows billed where it is not given."""

    day: date
    billed: str
    team: str | None = None
    service: str = "Compute"
    currency: str = "USD"
    effective: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def row(self, source: str) -> dict[str, Any]:
        start = datetime.combine(self.day, datetime.min.time())
        return {
            "ChargePeriodStart": start,
            "ChargePeriodEnd": start + timedelta(days=1),
            "BillingPeriodStart": start.replace(day=1),
            "BilledCost": Decimal(self.billed),
            "EffectiveCost": Decimal(self.effective or self.billed),
            "BillingCurrency": self.currency,
            "ServiceName": self.service,
            "ChargeCategory": "Usage",
            "x_BilledTeam": self.team,
            "x_Source": source,
            **self.more,
        }


def stage(ledger: Ledger, charges: Sequence[Charge], source: str = "aws", bad: Sequence[BadRow] = ()) -> Staging:
    """Write one Parquet file per month, as a format's staging would."""
    folder = ledger.staging_folder / uuid.uuid4().hex
    folder.mkdir(parents=True)
    months = sorted({charge.day.strftime("%Y-%m") for charge in charges})
    parts = tuple(_part(ledger, folder, month, [c for c in charges if c.day.strftime("%Y-%m") == month], source) for month in months)
    counts: dict[str | None, int] = {}
    for row in bad:
        counts[row.period] = counts.get(row.period, 0) + 1
    digest = hashlib.sha256(repr((source, charges, bad)).encode()).hexdigest()
    return Staging(digest, source, parts, tuple(bad), counts, ())


def _part(ledger: Ledger, folder: Path, month: str, charges: Sequence[Charge], source: str) -> StagedPart:
    path = folder / f"{month}.parquet"
    _write(path, [charge.row(source) for charge in charges], ledger.terms.derived)
    content = path.read_bytes()
    first, last = _span(path)
    return StagedPart(
        period=month,
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        rows=len(charges),
        first_day=first,
        last_day=last,
        totals=tuple(_total(currency, charges) for currency in sorted({charge.currency for charge in charges})),
        days=tuple(_days(charges)),
    )


def _total(currency: str, charges: Iterable[Charge]) -> ControlTotal:
    mine = [charge for charge in charges if charge.currency == currency]
    billed = sum((Decimal(charge.billed) for charge in mine), Decimal(0))
    effective = sum((Decimal(charge.effective or charge.billed) for charge in mine), Decimal(0))
    return ControlTotal(currency, len(mine), billed, effective)


def _days(charges: Iterable[Charge]) -> Iterable[DayTotal]:
    keys = sorted({(charge.day, charge.currency) for charge in charges})
    for day, currency in keys:
        mine = [charge for charge in charges if (charge.day, charge.currency) == (day, currency)]
        yield DayTotal(day, currency, len(mine), sum((Decimal(c.effective or c.billed) for c in mine), Decimal(0)))


def _span(path: Path) -> tuple[date, date]:
    with duckdb.connect(config={"threads": 1}) as connection:
        found = connection.execute(f"SELECT min(x_ChargeDay), max(x_ChargeDay) FROM read_parquet('{path}')").fetchone()
    assert found is not None
    return found[0], found[1]


def _write(path: Path, rows: Sequence[Mapping[str, Any]], derived: Mapping[str, str]) -> None:
    raw = path.with_suffix(".csv")
    with raw.open("w", newline="") as file:
        table = csv.DictWriter(file, list(COLUMNS))
        table.writeheader()
        table.writerows(rows)
    typed = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in COLUMNS.items())
    shown = ", ".join(f'{derived[name]} AS "{name}"' if name in derived else f'"{name}"' for name in COLUMNS)
    with duckdb.connect(config={"threads": 1}) as connection:
        rows_of = f"SELECT {typed} FROM read_csv('{raw}', all_varchar = true, header = true)"
        connection.execute(f"COPY (SELECT {shown} FROM ({rows_of})) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    raw.unlink()


def deliver(
    ledger: Ledger, charges: Sequence[Charge], source: str = "aws", at: datetime = NOON, bad: Sequence[BadRow] = (), **more: bool
) -> list[tuple[str, str]]:
    """Stage and publish; answer (period, status) of each load."""
    loads = ledger.publish(stage(ledger, charges, source, bad), Delivery(at, at, "test", **more))
    return [(load.period, load.status) for load in loads]
