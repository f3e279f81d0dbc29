"""Makes a large ledger: real files published through the real Ledger, the same rows every time."""

import hashlib
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.asked import NOW, TODAY
from finops.charges import COLUMNS
from finops.deliveries import StagedPart, Staging
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.loads import Delivery
from finops.ledger.state import open_state
from finops.periods import add_months
from finops.sources.totals import staged_part

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST_MONTH: Final = date(2025, 6, 1)
MONTHS: Final = 13
DAYS: Final = (TODAY - FIRST_MONTH).days  # the last day billed is yesterday
SOURCES: Final = {"aws": ("AWS", 0.6), "anthropic": ("Anthropic", 0.25), "openai": ("OpenAI", 0.15)}  # provider, share of the rows
READY: Final = "ready"
FORM: Final = 1  # raise it when the rows below change, so that a kept ledger is made anew

TEAMS, MODELS, USERS, RESOURCES, SERVICES, REGIONS = 40, 30, 50_000, 20_000, 24, 8


def made_ledger(data: Path, rows: int) -> Ledger:
    """Return the ledger of about `rows` charges kept under `data`, making it first where it is not there yet."""
    folder = ledger_folder(data, rows)
    ledger = open_ledger(folder)
    if not (folder / READY).exists():
        _fill(ledger, rows)
        (folder / READY).touch()
    return ledger


def ledger_folder(data: Path, rows: int) -> Path:
    return data / f"ledger-{FORM}-{rows}"


def open_ledger(folder: Path) -> Ledger:
    root = folder / "ledger"
    root.mkdir(parents=True, exist_ok=True)
    return Ledger(open_state(f"sqlite:///{folder / 'state.db'}"), root, DuckFacts(root), Terms())


def _fill(ledger: Ledger, rows: int) -> None:
    import duckdb

    with duckdb.connect() as con:
        for name, (provider, share) in SOURCES.items():
            _deliver(con, ledger, name, provider, share * rows / DAYS)


def _deliver(con: "DuckDBPyConnection", ledger: Ledger, source: str, provider: str, rows_a_day: float) -> None:
    ledger.staging_folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ledger.staging_folder) as folder:
        months = [add_months(FIRST_MONTH, number) for number in range(MONTHS)]
        parts = tuple(_part(con, Path(folder), source, provider, month, rows_a_day) for month in months)
        digest = hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
        ledger.publish(Staging(digest, source, parts, (), {}, ()), Delivery(NOW, NOW, "benchmark"))


def _part(con: "DuckDBPyConnection", folder: Path, source: str, provider: str, month: date, rows_a_day: float) -> StagedPart:
    period = month.strftime("%Y-%m")
    days = (min(add_months(month, 1), TODAY) - month).days
    path = folder / f"{period}.parquet"
    rows = charges(source, provider, month, days, round(days * rows_a_day))
    con.execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)")
    return staged_part(con, period, path)


def charges(source: str, provider: str, month: date, days: int, rows: int) -> str:
    """Return SQL for a month of charges in order of time, every ledger column typed, the names of things by Zipf."""
    filled = _filled(source, provider, month)
    shown = ", ".join(f'CAST({filled.get(name, "NULL")} AS {type_}) AS "{name}"' for name, type_ in COLUMNS.items())
    seed = int.from_bytes(hashlib.sha256(f"{source} {month}".encode()).digest()[:4], "big")
    picks = {"team": TEAMS, "model": MODELS, "usr": USERS, "resource": RESOURCES, "service": SERVICES, "region": REGIONS, "project": 120}
    drawn = ", ".join(f"{_zipf(size, salt)} AS {name}" for salt, (name, size) in enumerate(picks.items()))
    return f"""SELECT {shown} FROM (
        SELECT TIMESTAMP '{month}' + INTERVAL 1 HOUR * (i * {days * 24} // {rows}) AS start, {drawn},
            CAST(exp(9 * {_uniform(20)} - 7) AS DECIMAL(18, 8)) AS cost, CAST(1 + 5000 * {_uniform(21)} AS DECIMAL(18, 4)) AS amount
        FROM (SELECT range AS i, range + {seed}::BIGINT * 4096 AS s FROM range({rows})))"""


def _uniform(salt: int) -> str:
    return f"((hash(s, {salt}) >> 11) / 9007199254740992.0)"


def _zipf(size: int, salt: int) -> str:
    """1 … size, the n-th about 1/n as often as the first."""
    return f"CAST(floor(power({size + 1}, {_uniform(salt)})) AS INTEGER)"


def _filled(source: str, provider: str, month: date) -> dict[str, str]:
    owners = {
        "Team": "printf('team-%02d', team)",
        "Project": "printf('project-%03d', project)",
        "Env": "CASE WHEN usr % 7 < 5 THEN 'prod' WHEN usr % 7 = 5 THEN 'staging' ELSE 'dev' END",
    }
    billed = {f"x_Billed{name}": sql for name, sql in owners.items()}
    owned = {f"x_{name}": sql for name, sql in owners.items()}
    return {
        "BilledCost": "cost",
        "EffectiveCost": "cost * 0.92",
        "ListCost": "cost * 1.25",
        "BillingAccountId": "'112233445566'",
        "BillingCurrency": "'USD'",
        "BillingPeriodStart": f"DATE '{month}'",
        "BillingPeriodEnd": f"DATE '{add_months(month, 1)}'",
        "ChargeCategory": "'Usage'",
        "ChargePeriodStart": "start",
        "ChargePeriodEnd": "start + INTERVAL 1 HOUR",
        "ConsumedQuantity": "amount",
        "ConsumedUnit": "'Tokens'",
        "ProviderName": f"'{provider}'",
        "RegionId": "printf('region-%d', region)",
        "ResourceId": "printf('arn:aws:bedrock:region-%d:112233445566:endpoint/%09x', region, resource)",
        "ServiceName": "printf('Service %02d', service)",
        "SkuId": "printf('SKU%06d', service * 100 + model)",
        "SubAccountId": "printf('4455%08d', project)",
        "Tags": """printf('{"team":"team-%02d","cost-center":"%d"}', team, 4000 + team)""",
        "x_Model": "printf('model-%02d', model)",
        "x_Feature": "printf('feature-%02d', project % 25)",
        "x_User": "printf('user-%05d', usr)",
        "x_Source": f"'{source}'",
        "x_ChargeDay": "CAST(start AS DATE)",
        **billed,
        **owned,
    }
