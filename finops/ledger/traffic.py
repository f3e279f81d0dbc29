"""The requests of a scope minute by minute, and what resources cost by day: what savings are worked out from."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import case, extract, func, select

from finops.configuration.rulebook_sections import Scope
from finops.guard.saving import Flow
from finops.ledger import catalog
from finops.ledger.ledger import Ledger
from finops.ledger.statements import Asked, scope_of
from finops.periods import Period
from finops.pricing.steps import Tokens
from finops.query import CostQuery, Filter

MINUTE: Final = ("year", "month", "day", "hour", "minute")
KINDS: Final = ("ProviderName", "x_Model", "BillingCurrency")
TOKENS: Final = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens", "x_OutputTokens", "x_Requests")
UNKNOWN: Final = "unknown"
DAY: Final = timedelta(days=1)


def flows(ledger: Ledger, scope: Scope, begin: datetime, end: datetime) -> list[Flow]:
    """Return the requests of a scope in [begin, end), summed by minute and model."""
    days = (begin.astimezone(UTC).date() - DAY, end.astimezone(UTC).date() + DAY)  # whatever zone the ledger's days are in
    with ledger.engine.connect() as connection:
        held = catalog.live_files(connection, kinds=("usage",))
    paths = [file.path for file in held if file.first_day <= days[1] and file.last_day >= days[0]]
    if not paths:
        return []
    with ledger.facts.reading(paths) as reading:
        column = reading.charges.c
        start = column["ChargePeriodStart"]
        by = [*(extract(part, start) for part in MINUTE), *(column[name] for name in KINDS)]
        sums = [func.coalesce(func.sum(column[name]), 0) for name in TOKENS]
        priced = func.sum(case((column["EffectiveCost"].is_(None), 1), else_=0))
        inside = [*_scope(scope, Period(*days), reading.charges, end), start >= begin.astimezone(UTC).replace(tzinfo=None)]
        asked = select(*by, *sums, func.sum(column["EffectiveCost"]), priced).where(*inside, column["x_Model"].is_not(None)).group_by(*by)
        return sorted((_flow(row) for row in reading.run(asked)), key=lambda flow: (flow.at, flow.model))


def costs_by_day(ledger: Ledger, resources: Sequence[str], today: date, days: int = 7) -> tuple[list[Decimal], str] | None:
    """Return what resources cost together on each of the last billed days, and in which currency; None where no bill tells."""
    span = Period(today - DAY * days, today)
    with ledger.engine.connect() as connection:
        held = catalog.live_files(connection, kinds=("bill",))
    paths = [file.path for file in held if file.first_day < span.end and file.last_day >= span.start]
    if not paths:
        return None
    names = tuple({name for each in resources for name in (each, each.rpartition("/")[2])})
    with ledger.facts.reading(paths) as reading:
        column = reading.charges.c
        inside = (*_scope((("resource", names),), span, reading.charges, None), column["ChargeCategory"] == "Usage")
        by = (column["x_ChargeDay"], column["BillingCurrency"])
        rows = reading.run(select(*by, func.sum(column["EffectiveCost"])).where(*inside).group_by(*by).order_by(*by))
    currencies = {row[1] for row in rows}
    return ([row[2] for row in rows if row[2] is not None], currencies.pop()) if len(currencies) == 1 else None


def _scope(scope: Scope, period: Period, source: Any, until: datetime | None) -> list[Any]:
    filters = tuple(Filter(name, values) for name, values in scope)
    inside = scope_of(Asked(CostQuery(period, scope=filters), until.astimezone(UTC) if until else None), source)
    day = source.c["x_ChargeDay"]
    return [day >= period.start, day <= period.end if until else day < period.end, *inside]


def _flow(row: tuple[Any, ...]) -> Flow:
    *minute, provider, model, currency = row[: len(MINUTE) + len(KINDS)]
    *counts, cost, unpriced = row[len(MINUTE) + len(KINDS) :]
    at = datetime(*(int(part) for part in minute), tzinfo=UTC)  # type: ignore[arg-type,misc]
    tokens = Tokens(*(int(count) for count in counts))
    return Flow(at, None if provider == UNKNOWN else provider, model, tokens, None if unpriced else cost, currency)
