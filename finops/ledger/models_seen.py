"""Which models the requests in the ledger used, and how much of each kind of token: what the prices are checked with."""

from datetime import UTC
from typing import Any

from sqlalchemy import func, select

from finops.ledger import catalog
from finops.ledger.ledger import Ledger
from finops.pricing.checking import Seen
from finops.pricing.steps import Tokens

BY = ("ProviderName", "x_Model", "x_ServiceTier", "RegionId")
COUNTS = ("x_InputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens", "x_OutputTokens", "x_Requests")
UNKNOWN = "unknown"


def models_seen(ledger: Ledger) -> tuple[Seen, ...]:
    """Return every kind of request in the live usage, summed."""
    with ledger.engine.connect() as connection:
        paths = [file.path for file in catalog.live_files(connection, kinds=("usage",))]
    if not paths:
        return ()
    with ledger.facts.reading(paths) as reading:
        column = reading.charges.c
        by = [column[name] for name in BY]
        sums = [func.coalesce(func.sum(column[name]), 0) for name in COUNTS]
        asked = select(*by, *sums, func.max(column["ChargePeriodStart"])).where(column["x_Model"].is_not(None)).group_by(*by).order_by(*by)
        return tuple(_seen(row) for row in reading.run(asked))


def _seen(row: tuple[Any, ...]) -> Seen:
    provider, model, tier, region, *counts, last = row
    tokens = Tokens(*(int(count) for count in counts))
    return Seen(None if provider == UNKNOWN else provider, model, tier, region, tokens, last.replace(tzinfo=UTC))
