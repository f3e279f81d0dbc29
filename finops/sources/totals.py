"""Reads a finished part back: its rows, days and control totals, from the file that will be in the ledger."""

import hashlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from finops.charges import ESTIMATE
from finops.deliveries import ControlTotal, DayTotal, StagedPart
from finops.providers import CLOUDS, MODEL_SERVICES, provider_name
from finops.sources.casts import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


LONGEST_CHARGE = 366  # days; a longer one is a commitment's whole term


def staged_part(con: "DuckDBPyConnection", period: str, path: Path) -> StagedPart:
    """Return the part in `path` with everything counted from the file itself."""
    file = literal(str(path))
    con.execute(f"""CREATE OR REPLACE TEMP TABLE days AS
        SELECT x_ChargeDay AS day, BillingCurrency AS currency, count(*) AS n, sum(BilledCost) AS billed,
            sum(EffectiveCost) AS effective, sum(ListCost) AS list, sum(ContractedCost) AS contracted
        FROM read_parquet({file}, hive_partitioning = false) GROUP BY ALL""")
    days = con.execute("SELECT day, currency, n, effective FROM days ORDER BY ALL").fetchall()
    totals = con.execute("""SELECT currency, sum(n), sum(billed), sum(effective), sum(list), sum(contracted)
        FROM days GROUP BY currency ORDER BY currency""").fetchall()
    return StagedPart(
        period=period,
        path=path,
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        rows=sum(int(row[2]) for row in days),
        first_day=_day(days[0][0]),
        last_day=_day(days[-1][0]),
        totals=tuple(_total(*row) for row in totals),
        days=tuple(DayTotal(_day(day), currency, int(rows), effective) for day, currency, rows, effective in days),
        covers=tuple((str(provider), _day(day)) for provider, day in con.execute(_covers(file, _clouds(con, file))).fetchall()),
    )


def _clouds(con: "DuckDBPyConnection", file: str) -> list[str]:
    written = con.execute(f"SELECT DISTINCT ProviderName FROM read_parquet({file}, hive_partitioning = false)").fetchall()
    return sorted(name for (name,) in written if name and provider_name(name) in CLOUDS)


def _covers(file: str, clouds: Sequence[str]) -> str:
    """Days on which a provider billed usage of models, each day of a charge that spans several.

    Fees and taxes say nothing of what was used, and a cloud's servers nothing of its models.
    """
    listed = ", ".join(map(literal, clouds)) or "NULL"
    services = " OR ".join(f"ServiceName ILIKE {literal(each)}" for each in MODEL_SERVICES)
    of_models = f"(coalesce(ProviderName NOT IN ({listed}), true) OR x_Model IS NOT NULL OR {services})"
    last = "greatest(x_ChargeDay, CAST(ChargePeriodEnd - INTERVAL 1 MICROSECOND AS DATE))"
    days = f"unnest(generate_series(x_ChargeDay, least({last}, x_ChargeDay + {LONGEST_CHARGE}), INTERVAL 1 DAY))"
    return f"""SELECT DISTINCT ProviderName, CAST(day AS DATE) FROM (
        SELECT DISTINCT ProviderName, {days} AS day FROM read_parquet({file}, hive_partitioning = false)
        WHERE ProviderName IS NOT NULL AND ChargeCategory = 'Usage' AND x_CostSource IS DISTINCT FROM '{ESTIMATE}'
            AND {of_models}) ORDER BY ALL"""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _total(
    currency: str, rows: int, billed: Decimal, effective: Decimal, list_cost: Decimal | None, contracted: Decimal | None
) -> ControlTotal:
    return ControlTotal(currency, int(rows), billed, effective, list_cost, contracted)


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise TypeError(f"a charge without a day: {value!r}")
    return value
