"""Deliveries that changed what was known of days already complete: a cost may move because a bill was corrected."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from finops.completeness import DEFAULT_WAIT, midnight
from finops.insight.explained import Restated
from finops.ledger.tables import files, load_days, loads
from finops.periods import DAY
from finops.query import CostQuery

if TYPE_CHECKING:
    from finops.ledger.ledger import Ledger

MOMENT: Final = timedelta(microseconds=1)
MOST_ASKED: Final = 3  # each costs two questions, where the whole bill is not what was asked for

Day = tuple[date, str]  # and the currency


@dataclass(frozen=True)
class _Load:
    """What one delivery said of the days compared; `readable` while its rows are still kept."""

    delivered_at: datetime
    days: Mapping[Day, Decimal]
    readable: bool


def restatements(
    ledger: "Ledger", query: CostQuery, sources: set[str], until: datetime, known_at: datetime | None = None
) -> tuple[Restated, ...]:
    """Return the deliveries by `known_at` that changed complete days of either period, the latest first.

    For a part of the charges, what the same question answered before and after; else what the bills say of their days.
    """
    growths = ledger.manifest(until, known_at).habits.growths
    found: list[tuple[Restated, bool]] = []
    for (source, month), seen in _loads(ledger, query, sources, known_at).items():
        growth = growths.get(source)
        wait = ledger.terms.waits.get(source) or (growth.wait if growth else DEFAULT_WAIT)
        for earlier, later in pairwise(seen):
            both = earlier.readable and later.readable
            found += [(one, both) for one in _changed(source, month, earlier, later, wait, query)]
    found.sort(key=lambda each: (each[0].delivered_at, each[0].source, each[0].month), reverse=True)
    if not query.scope and query.metric == "effective" and not query.currency:
        return tuple(one for one, _ in found)
    return tuple(_asked(ledger, query, one, until) if both else replace(one, whole_bill=True) for one, both in found[:MOST_ASKED])


def _loads(ledger: "Ledger", query: CostQuery, sources: set[str], known_at: datetime | None) -> dict[tuple[str, str], list[_Load]]:
    """Return what deliveries of bills said of the days compared, for each source and month in the order they were made."""
    statement = (
        select(
            loads.c.id, loads.c.source, loads.c.period, loads.c.delivered_at, load_days.c.day, load_days.c.currency, load_days.c.effective
        )
        .join(load_days, load_days.c.load_id == loads.c.id)
        .where(loads.c.kind == "bill", loads.c.status.in_(("loaded", "superseded")), loads.c.source.in_(sorted(sources)))
        .where(load_days.c.day >= _first(query), load_days.c.day < query.period.end)
        .order_by(loads.c.delivered_at, loads.c.recorded_at, loads.c.id)
    )
    if known_at:
        statement = statement.where(loads.c.delivered_at <= known_at)
    told: dict[tuple[str, str], dict[str, dict[Day, Decimal]]] = {}
    at: dict[str, datetime] = {}
    with ledger.engine.connect() as connection:
        for row in connection.execute(statement):
            told.setdefault((row.source, row.period), {}).setdefault(row.id, {})[row.day, row.currency] = row.effective
            at[row.id] = row.delivered_at
        kept = {name for (name,) in connection.execute(select(files.c.load_id).where(files.c.retired_at.is_(None)))}
    return {key: [_Load(at[name], days, name in kept) for name, days in each.items()] for key, each in told.items()}


def _changed(source: str, month: str, earlier: _Load, later: _Load, wait: timedelta, query: CostQuery) -> Iterator[Restated]:
    settled = [key for key in {*earlier.days, *later.days} if midnight(key[0] + DAY) + wait <= earlier.delivered_at]
    for currency in sorted({name for _, name in settled}):
        before, after = (
            sum((_grown(earlier, later, key) for key in settled if key[1] == currency and key[0] in period), Decimal(0))
            for period in (query.compare or query.period, query.period)
        )
        if before or after:
            yield Restated(source, month, later.delivered_at, currency, before, after)


def _grown(earlier: _Load, later: _Load, key: Day) -> Decimal:
    return later.days.get(key, Decimal(0)) - earlier.days.get(key, Decimal(0))


def _asked(ledger: "Ledger", query: CostQuery, one: Restated, until: datetime) -> Restated:
    """The same delivery by what it changed of the charges asked for."""
    plain = replace(query, by=(), count=None)
    then, now = (_totals(ledger, plain, until, at) for at in (one.delivered_at - MOMENT, one.delivered_at))
    (currency,) = {*then, *now} if len({*then, *now}) == 1 else (one.currency,)
    nothing = (Decimal(0), Decimal(0))
    (before, after), (later_before, later_after) = (each.get(currency, nothing) for each in (then, now))
    return Restated(one.source, one.month, one.delivered_at, currency, later_before - before, later_after - after)


def _totals(ledger: "Ledger", query: CostQuery, until: datetime, known_at: datetime) -> dict[str, tuple[Decimal, Decimal]]:
    """What the question said from the deliveries made by then: of the period before, and of the one asked for."""
    answer = ledger.answer(query, until, known_at=known_at)
    return {sums.currency: (sums.previous or Decimal(0), sums.total or Decimal(0)) for sums in answer.sums}


def _first(query: CostQuery) -> date:
    return min(query.period.start, (query.compare or query.period).start)
