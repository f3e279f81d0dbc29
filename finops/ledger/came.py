"""What periods that are over did cost, where their bills are complete."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import numpy as np

from finops.errors import QueryError
from finops.ledger.forecasts import Open
from finops.ledger.ledger import Ledger
from finops.ledger.predicting import local_day
from finops.ledger.series import Series, daily
from finops.periods import Period
from finops.query import Filter

MOST: Final = 20_000


def came(ledger: Ledger, over: Sequence[Open], until: datetime) -> dict[Open, Decimal]:
    """Return the actual costs of those that are complete; scopes of one value of the same dimension are read together."""
    groups: dict[tuple[Period, str, str | None], list[Open]] = {}
    for one in over:
        groups.setdefault((one.period, one.currency, _alone(one)), []).append(one)
    found: dict[Open, Decimal] = {}
    for (period, currency, by), mine in groups.items():
        if period.end <= local_day(ledger, until):
            try:
                found |= dict(_each(ledger, mine, until) if by is None else _together(ledger, mine, period, currency, by, until))
            except QueryError:  # no rate for a currency any more: it stays open
                continue
    return found


def _alone(one: Open) -> str | None:
    """Return the dimension of a scope that is one value of it."""
    if len(one.scope) != 1:
        return None
    ((name, values),) = one.scope
    return name if len(values) == 1 and "*" not in values[0] else None


def _each(ledger: Ledger, mine: Sequence[Open], until: datetime) -> Iterator[tuple[Open, Decimal]]:
    for one in mine:
        scope = tuple(Filter(name, values) for name, values in one.scope)
        cost = _cost(daily(ledger, one.period, until, scope=scope, currency=one.currency), 0)
        if cost is not None:
            yield one, cost


def _together(
    ledger: Ledger, mine: Sequence[Open], period: Period, currency: str, by: str, until: datetime
) -> Iterator[tuple[Open, Decimal]]:
    """Of what no longer appears nothing was charged, once the whole is complete."""
    whole = _cost(daily(ledger, period, until, currency=currency), 0)
    series = daily(ledger, period, until, by=(by,), currency=currency, most=MOST)
    rows = {key: row for row, key in enumerate(series.panel.keys)}
    for one in mine:
        row = rows.get(((by, one.scope[0][1][0]),))
        cost = _cost(series, row) if row is not None else None if whole is None else Decimal(0)
        if cost is not None:
            yield one, cost


def _cost(series: Series, row: int) -> Decimal | None:
    """The sum of a series whose days are all complete; days before its first known one were never billed to us."""
    values = series.panel.values[row]
    known = np.isfinite(values)
    if series.panel.complete[row] < series.panel.steps or not known.any() or not known[int(known.argmax()) :].all():
        return None
    return Decimal(str(float(np.nansum(values))))
