"""Bills of model providers as their connectors deliver them: with the provider's name and the days they tell of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from finops.answers import Answer, Sums
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.periods import Period
from finops.query import CostQuery, Filter
from finops.sources.totals import staged_part
from tests.ledger.bills import Charge, stage

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
UNTIL = datetime(2026, 4, 2, tzinfo=UTC)


def day(number: int) -> date:
    return date(2026, 3, number)


def charge(number: int, billed: str, provider: str = "Anthropic", **more: Any) -> Charge:
    """One line of 10 March, say, of a provider's bill."""
    named = {"ProviderName": provider, "x_CostSource": "invoice", "ListCost": billed}
    return Charge(day(number), billed, service="Claude API", more=named | more)


def bill(ledger: Ledger, charges: Sequence[Charge], source: str = "anthropic", at: datetime = UNTIL, **more: bool) -> None:
    """Publish charges as a format's staging would, days told included."""
    staging = stage(ledger, charges, source)
    with duckdb.connect(config={"threads": 1}) as con:
        parts = tuple(staged_part(con, part.period, part.path) for part in staging.parts)
    ledger.publish(replace(staging, parts=parts), Delivery(at, at, "test", **more))


def ask(
    ledger: Ledger, *by: str, scope: tuple[Filter, ...] = (), known_at: datetime | None = None, people: bool = False, **more: Any
) -> Answer:
    query = CostQuery(more.pop("period", MARCH), more.pop("compare", None), scope, by, **more)
    return ledger.answer(query, UNTIL, known_at=known_at, people=people)


def only(answer: Answer) -> Sums:
    (sums,) = answer.sums
    return sums


def total(ledger: Ledger, *by: str, **more: Any) -> Decimal | None:
    return only(ask(ledger, *by, **more)).total


def costs(ledger: Ledger, *by: str, **more: Any) -> dict[Any, Decimal | None]:
    """Return the cost of each group, under its only key or all of them."""
    return {row.key[0] if len(by) == 1 else row.key: row.cost for row in only(ask(ledger, *by, **more)).rows}


def files_beside(ledger: Ledger) -> list[Path]:
    return sorted(ledger.root.glob("source=*/period=*/*.split-*"))
