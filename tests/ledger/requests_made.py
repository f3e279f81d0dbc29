"""Usage events and a small price book for tests of the ledger; figures are easy to work out by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from finops.charges import COLUMNS
from finops.ledger import catalog
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ledger.usage import Published, publish
from finops.pricing.steps import Rates, Step
from finops.sources.usage_events import Event, write

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
DELIVERY = Delivery(NOON, NOON, "test")
MILLIONTH = Decimal("0.000001")


def step(above: int = 0, times: str = "1", public: str = "1") -> Step:
    """Prices per million tokens: input 3, read 0.3, write 3.75 and 6, output 15; `public` times that on the list."""
    prices = [Decimal(price) * MILLIONTH * Decimal(times) for price in ("3", "0.3", "3.75", "6", "15")]
    values: list[Any] = [above, *prices, Decimal(0), *(price * Decimal(public) for price in prices), Decimal(0)]
    return Step(*values)


def rates(identity: str, *steps: Step, start: datetime | None = None, end: datetime | None = None, currency: str = "USD") -> Rates:
    return Rates(identity, "Anthropic", "claude", currency, start, end, steps or (step(),))


@dataclass
class Prices:
    """A price book of a few models; counts how often it is asked."""

    table: Mapping[str, tuple[Rates, ...]] = field(default_factory=lambda: {"claude": (rates("list:claude"),)})
    asked: int = 0
    digest: str = "book-1"

    def rates(self, provider: str | None, model: str, at: datetime, tier: str | None = None, region: str | None = None) -> Rates | None:
        self.asked += 1
        name = model if tier is None else f"{model}/{tier}"
        return next((one for one in self.table.get(name, ()) if one.holds(at)), None)

    def provider_of(self, model: str) -> str | None:
        return "Anthropic" if model.startswith("claude") else None

    def publisher_of(self, model: str) -> str | None:
        return self.provider_of(model)


def event(identity: str, **more: Any) -> Event:
    """One request on 10 March of a thousand tokens in and a hundred out: 0.0045 by the book."""
    said = {
        "time": datetime(2026, 3, 10, 9, tzinfo=UTC),
        "model": "claude",
        "provider": "Anthropic",
        "input_tokens": 1000,
        "output_tokens": 100,
    }
    return Event(**{"request_id": identity, **said, **more})


def events(count: int, prefix: str = "r", **more: Any) -> list[Event]:
    """Requests a minute apart."""
    start = datetime(2026, 3, 10, tzinfo=UTC)
    return [event(f"{prefix}{n}", **{"time": start + timedelta(minutes=n), **more}) for n in range(count)]


def send(
    ledger: Ledger, made: Iterable[Event], folder: Path, book: Prices | None = None, delivery: Delivery = DELIVERY, **more: Any
) -> Published:
    """Write events to a file and publish it."""
    path = folder / "events.jsonl"
    path.write_bytes(write(made))
    return publish(ledger, [path], book or Prices(), delivery, **more)


def charges(ledger: Ledger, columns: str = "x_RequestId", order: str = "ALL") -> list[tuple[Any, ...]]:
    """Return columns of all live usage, sorted."""
    with ledger.engine.connect() as connection:
        paths = [str(ledger.root / file.path) for file in catalog.live_files(connection, kinds=("usage",))]
    if not paths:
        return []
    with duckdb.connect() as con:
        return con.execute(f"SELECT {columns} FROM read_parquet({paths}, hive_partitioning = false) ORDER BY {order}").fetchall()


def charge(ledger: Ledger) -> dict[str, Any]:
    """Return the only charge there is, without what is empty."""
    (row,) = charges(ledger, ", ".join(f'"{name}"' for name in COLUMNS))
    return {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}


def ids(ledger: Ledger) -> list[str]:
    return [identity for (identity,) in charges(ledger)]
