"""Bills and measured usage as rows, their split by the ledger, and the same split worked out in plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from finops.charges import COLUMNS
from finops.ledger.catalog import LiveFile
from finops.ledger.splits import build

Row = dict[str, Any]
DAY = date(2026, 3, 10)
WHEN = datetime(2026, 3, 20, tzinfo=UTC)
MONEY = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "PricingCurrencyEffectiveCost")
AMOUNTS = (*MONEY, "ConsumedQuantity", "PricingQuantity", "CommitmentDiscountQuantity")
KINDS = ("input", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "output", "all")


def used(team: str | None, tokens: int = 100, *, output: int = 0, model: str = "claude", cost: str | None = "", **more: Any) -> Row:
    """One measured request: `tokens` of input and `output`, a cent each unless `cost` says what all of them cost."""
    read, short, long = (more.pop(name, 0) for name in ("read", "short", "long"))
    every = tokens + output or 1
    price = None if cost is None else Decimal(cost or Decimal(every) / 100)
    parts = None if price is None else [price * count / every for count in (tokens - read - short - long, read, short + long, output)]
    named = ("x_InputCost", "x_CacheReadCost", "x_CacheWriteCost", "x_OutputCost")
    return {
        "ChargePeriodStart": datetime.combine(more.pop("day", DAY), datetime.min.time()),
        "ProviderName": "Anthropic",
        "x_Team": team,
        "x_Model": model,
        "x_Requests": 1,
        "x_InputTokens": tokens,
        "x_CacheReadTokens": read,
        "x_CacheWrite5mTokens": short,
        "x_CacheWrite1hTokens": long,
        "x_OutputTokens": output,
        "EffectiveCost": price,
        "x_CostSource": "price_list_estimate",
        **(dict.fromkeys(named) if parts is None else {name: round(part, 10) for name, part in zip(named, parts, strict=True)}),
        **more,
    }


def line(billed: str, kind: str | None = None, model: str | None = "claude", tokens: int | None = None, **more: Any) -> Row:
    """One line of a provider's bill that covers `days` days; ListCost is twice and EffectiveCost half of what was billed."""
    start = datetime.combine(more.pop("day", DAY), datetime.min.time())
    amount = Decimal(billed)
    return {
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(days=more.pop("days", 1)),
        "ChargeCategory": "Usage",
        "ProviderName": "Anthropic",
        "ServiceName": "Claude API",
        "BilledCost": amount,
        "EffectiveCost": round(amount / 2, 10),
        "ListCost": amount * 2,
        "ConsumedQuantity": tokens,
        "ConsumedUnit": None if tokens is None else "Tokens",
        "x_Model": model,
        "x_TokenType": kind,
        "x_CostSource": "invoice",
        **more,
    }


def split(folder: Path, bill: Sequence[Row], usage: Sequence[Row]) -> list[Row]:
    """Return all rows of the bill after its split; the bill itself where nothing of it can be split. `SkuId` tells the lines apart."""
    files = (_live(folder, "bill", [row | {"SkuId": str(n)} for n, row in enumerate(bill)]), [_live(folder, "usage", usage)])
    return read(folder / (build(folder, *files) or files[0].path))


def read(path: Path) -> list[Row]:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    with duckdb.connect(config={"threads": 1}) as con:
        found = con.execute(f"SELECT {columns} FROM read_parquet('{path}', hive_partitioning = false) ORDER BY ALL").fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


def _live(folder: Path, name: str, rows: Sequence[Row]) -> LiveFile:
    write(folder / f"{name}.parquet", rows)
    return LiveFile(f"{name}.parquet", name, name, "2026-03", WHEN, DAY, DAY, "", len(rows), ("USD",), name)


def write(path: Path, rows: Sequence[Row]) -> None:
    names = sorted({name for row in rows for name in row})
    typed = ", ".join(
        f'CAST("{name}" AS {kind}) AS "{name}"' if name in names else f'CAST(NULL AS {kind}) AS "{name}"'
        for name, kind in COLUMNS.items()
        if name != "x_ChargeDay"
    )
    values = ", ".join("(" + ", ".join(_sql(row.get(name)) for name in names) + ")" for row in rows)
    table = f"(VALUES {values}) AS t({', '.join(names)})"
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute(f"COPY (SELECT {typed}, CAST(ChargePeriodStart AS DATE) AS x_ChargeDay FROM {table}) TO '{path}' (FORMAT parquet)")


def _sql(value: Any) -> str:
    return "NULL" if value is None else f"'{value}'"


@dataclass(frozen=True)
class Share:
    """Whom a part of a line goes to, and how much of it."""

    owner: tuple[Any, ...]
    share: float


@dataclass(frozen=True)
class Measured:
    """Tokens of one owner of one kind, and their list cost where all of them have a price."""

    day: date
    model: str
    tier: str
    owner: tuple[str | None, str | None]  # team, project
    kind: str
    tokens: float
    cost: Decimal | None


def counts(row: Mapping[str, Any]) -> Mapping[str, tuple[int, Decimal | None]]:
    read, short, long = (row[name] for name in ("x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens"))
    return {
        "input": (row["x_InputTokens"] - read - short - long, row["x_InputCost"]),
        "cache_read": (read, row["x_CacheReadCost"]),
        "cache_write": (short + long, row["x_CacheWriteCost"]),
        "cache_write_5m": (short, None),
        "cache_write_1h": (long, None),
        "output": (row["x_OutputTokens"], row["x_OutputCost"]),
        "all": (row["x_InputTokens"] + row["x_OutputTokens"], row["EffectiveCost"]),
    }


def measured(usage: Iterable[Row]) -> Iterator[Measured]:
    tokens: dict[Any, int] = defaultdict(int)
    costs: dict[Any, list[Decimal | None]] = defaultdict(list)
    for row in usage:
        for kind, (count, cost) in counts(row).items():
            if count > 0:
                tier = row.get("x_ServiceTier") or "standard"
                key = (row["ChargePeriodStart"].date(), row["x_Model"], tier, (row["x_Team"], row.get("x_Project")), kind)
                tokens[key] += count
                costs[key].append(cost)
    for key, count in tokens.items():
        priced = [cost for cost in costs[key] if cost is not None]
        day, model, tier, owner, kind = key
        yield Measured(day, model, tier, owner, kind, count, sum(priced, Decimal(0)) if len(priced) == len(costs[key]) else None)


def days_of(row: Row) -> list[date]:
    first, end = row["ChargePeriodStart"], row["ChargePeriodEnd"]
    return [first.date() + timedelta(days=n) for n in range(max(1, (end - first).days))]


def unbilled(bill: Sequence[Row], usage: Iterable[Row]) -> list[Measured]:
    """What was measured, less what the bill names a team for."""
    every = list(measured(usage))
    left = []
    for one in every:
        place = (one.owner[0], one.model, [one.day])
        whose = [row for row in bill if _is_owned(row) and (row["x_Team"], row["x_Model"], days_of(row)) == place]
        taken = sum(row["ConsumedQuantity"] for row in whose if one.kind in _told(row["x_TokenType"]))
        team = sum(o.tokens for o in every if (o.day, o.model, o.kind, o.owner[0]) == (one.day, one.model, one.kind, one.owner[0]))
        keep = max(0.0, 1 - float(taken) / team)
        cost = None if one.cost is None else one.cost * Decimal(keep)
        left.append(replace(one, tokens=one.tokens * keep, cost=cost))
    return [one for one in left if one.tokens > 1e-6]


def _is_owned(row: Row) -> bool:
    return bool(row.get("x_Team") and row["x_Model"] and row["ConsumedQuantity"]) and row["ChargeCategory"] == "Usage"


def _told(kind: str | None) -> set[str]:
    return {kind or "all", "all"} | ({"cache_write"} if kind in ("cache_write_5m", "cache_write_1h") else set())


def expected(bill: Sequence[Row], usage: Sequence[Row]) -> dict[int, list[Share]]:
    """Return of each line that is split whom its parts go to, largest last; (None, None) of model None is what nobody measured."""
    left = unbilled(bill, usage)
    open_lines = [n for n, row in enumerate(bill) if row["ChargeCategory"] == "Usage" and not row.get("x_Team")]
    found: dict[int, list[Share]] = {}
    for by_kind, by_tier in ((True, True), (True, False), (False, False)):
        asked = [n for n in open_lines if n not in found]
        fits = {n: [one for one in left if _fits(bill[n], one, by_kind, by_tier)] for n in asked}
        pools = {n: _pool(bill[n], by_kind, by_tier) for n in asked}
        for n in asked:
            if fits[n]:
                alike = [bill[m]["ConsumedQuantity"] for m in asked if pools[m] == pools[n] and bill[m]["ConsumedQuantity"] is not None]
                found[n] = _shares(fits[n], float(sum(alike)) if alike else None)
    return found


def _pool(row: Row, by_kind: bool, by_tier: bool) -> tuple[Any, ...]:
    kind = (row["x_TokenType"] or "all") if by_kind else "all"
    return (row["x_Model"], kind, tuple(days_of(row)), row.get("x_Project"), row.get("x_ServiceTier") or "" if by_tier else "")


def _fits(row: Row, one: Measured, by_kind: bool, by_tier: bool) -> bool:
    said = row.get("x_Project")
    return (
        one.kind == ((row["x_TokenType"] or "all") if by_kind else "all")
        and row["x_Model"] in (None, one.model)
        and one.day in days_of(row)
        and (said is None or one.owner[1] in (None, said))
        and (not by_tier or row.get("x_ServiceTier") in (None, one.tier))
    )


def _shares(fits: Sequence[Measured], counted: float | None) -> list[Share]:
    every = sum(one.tokens for one in fits)
    part = every / counted if counted is not None and counted > every * 1.02 else 1.0
    known = [one.cost for one in fits if one.cost is not None]
    by_cost = len(known) == len(fits) and sum(known) > 0
    whole = float(sum(known)) if by_cost else every
    shares: dict[tuple[Any, ...], float] = defaultdict(float)
    for one in fits:
        shares[one.model, *one.owner] += part * (float(one.cost or 0) if by_cost else one.tokens) / whole
    if part < 1:
        shares[None, None, None] += 1 - part
    return [Share(owner, share) for owner, share in shares.items()]
