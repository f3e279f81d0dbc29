"""Reads what is reconciled from one state of the manifest: usage as it was priced, bills as they were delivered, never split."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from finops.completeness import DEFAULT_WAIT, freshness, is_sparse, midnight
from finops.insight.reconcile import Seen
from finops.insight.reconcile_lines import ALL, KINDS, NOTHING, OTHER, REQUESTS, Billed, Measured, kind_of, tokens_of
from finops.ledger import catalog, reconcile_statements
from finops.ledger.catalog import LiveFile
from finops.ledger.ledger import Ledger
from finops.ledger.manifest import LEARNING_DAYS, Covers, Habits, habits_of
from finops.models import model_key
from finops.periods import DAY, Period
from finops.providers import provider_name

LONGEST_LINE: Final = timedelta(days=31)  # a line of a bill covers a month at most
SILENT: Final = timedelta(days=10)  # a source that bills a provider no more for so long is waited for no longer
WRITE_WEIGHTS: Final = (Decimal("1.25"), Decimal(2))  # of cache writes for 5 minutes and an hour, where one request made both


@dataclass(frozen=True)
class Found:
    """What there is to reconcile; `loads` and `as_of` tell for each provider which deliveries bill it and when the newest came.

    `names` spells models as they were written.
    """

    seen: Seen
    has_usage: bool = False
    has_bills: bool = False
    loads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    as_of: Mapping[str, datetime] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


class Names(dict[str, str]):
    """Key of a model → its name with the dots and capitals it was written with, where that is all the key leaves out."""

    def key(self, model: str) -> str:
        """Return the key of a model, and remember how it was written."""
        key = model_key(model)
        if _letters(model) == _letters(key):
            self[key] = min(self.get(key, model), model)
        return key


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))


def find(ledger: Ledger, period: Period, until: datetime, known_at: datetime | None = None) -> Found:
    """Return usage and bills of the days (UTC) in `period` before `until`, and of other days that a line of a bill joins with them."""
    with ledger.engine.connect() as connection:
        files = catalog.live_files(connection, known_at)
        covers = catalog.coverage_of(connection, {file.load_id for file in files})
        habits = habits_of(catalog.observed(connection, until.date() - DAY * LEARNING_DAYS))
    bills, usage = ([file for file in files if file.kind == kind] for kind in ("bill", "usage"))
    period = Period(period.start, max(period.start + DAY, min(period.end, until.date())))
    names = Names()
    billed = _billed(ledger, _touching(bills, period), period, names)
    span = Period(min([period.start, *(line.period.start for line in billed)]), max([period.end, *(line.period.end for line in billed)]))
    reaches, since = _reaches(ledger, bills, covers, habits), _since(usage, covers)
    billed = _of_models(billed, since)
    return Found(
        Seen(_measured(ledger, _touching(usage, span), span, names), billed, _settled(reaches, span, until), since),
        has_usage=bool(usage),
        has_bills=bool(billed),
        loads=_loads(bills, covers),
        as_of=_as_of(bills, covers),
        names=names,
    )


# Rows.


def _touching(files: Sequence[LiveFile], period: Period) -> list[str]:
    """A file is known by the days its charges begin on, in the ledger's time zone; they may end later."""
    first, last = period.start - LONGEST_LINE, period.end + DAY
    return [file.path for file in files if file.first_day <= last and file.last_day >= first]


def _billed(ledger: Ledger, paths: Sequence[str], period: Period, names: Names) -> tuple[Billed, ...]:
    if not paths:
        return ()
    with ledger.facts.reading(paths) as reading:
        written = [name for (name,) in reading.run(reconcile_statements.providers(reading.charges))]
        if not written:
            return ()
        asked = reconcile_statements.bill_days(midnight(period.start), midnight(period.end), sorted(written), reading.charges)
        return tuple(_line(names, *row) for row in reading.run(asked))


def _of_models(billed: Sequence[Billed], since: Collection[str]) -> tuple[Billed, ...]:
    """Bills of anything may be in the ledger: a provider counts that was measured, or whose bill tells of models or tokens."""
    tells = {line.provider for line in billed if line.model or line.kind not in (ALL, OTHER, REQUESTS)}
    return tuple(line for line in billed if line.provider in since or line.provider in tells)


def _line(
    names: Names,
    first: date,
    end: date,
    within: bool,
    provider: str | None,
    model: str | None,
    currency: str,
    tier: str | None,
    token_type: str | None,
    unit: str | None,
    source: str,
    account: str | None,
    counted: bool,
    cost: Decimal,
    quantity: Decimal | None,
) -> Billed:
    days = Period(first, max(end + DAY if within else end, first + DAY))
    kind = kind_of(token_type, unit)
    tokens = tokens_of(quantity, unit) if counted else None
    name, key = provider_name(provider or ""), names.key(model) if model else None
    return Billed(name, key, days, currency, tier, kind, source, account, cost, tokens)


def _measured(ledger: Ledger, paths: Sequence[str], span: Period, names: Names) -> tuple[Measured, ...]:
    if not paths:
        return ()
    with ledger.facts.reading(paths) as reading:
        asked = reconcile_statements.usage_days(midnight(span.start), midnight(span.end), reading.charges)
        return tuple(_usage(names, *row) for row in reading.run(asked))


def _usage(
    names: Names, day: date, provider: str, model: str, currency: str, tier: str | None, priced: bool, requests: Any, *figures: Any
) -> Measured:
    counts, money = [int(count) for count in figures[:5]], [each or NOTHING for each in figures[5:]]
    inputs, read, short, long, output = counts
    tokens = dict(zip(KINDS, (inputs - read - short - long, read, short, long, output), strict=True))
    costs = _costs(*money[:-1]) if priced else {}
    return Measured(
        provider=provider_name(provider),
        model=names.key(model),
        day=day,
        currency=currency,
        tier=tier,
        requests=int(requests),
        unpriced=0 if priced else int(requests),
        tokens=tokens,
        priced=tokens if priced else {},
        costs=costs,
        fees=money[-1] - sum(costs.values(), NOTHING),
    )


def _costs(
    fresh: Decimal, read: Decimal, short: Decimal, long: Decimal, mixed: Decimal, mixed_short: Any, mixed_long: Any, output: Decimal
) -> dict[str, Decimal]:
    """Requests that wrote for 5 minutes and for an hour know only the sum of both: it is split by what either usually costs."""
    weights = [int(tokens) * weight for tokens, weight in zip((mixed_short, mixed_long), WRITE_WEIGHTS, strict=True)]
    part = (mixed * weights[0] / sum(weights)).quantize(Decimal("1e-10")) if mixed else NOTHING
    return dict(zip(KINDS, (fresh, read, short + part, long + mixed - part, output), strict=True))


# Days.


@dataclass(frozen=True)
class Reach:
    """The days that one source bills of one provider: between `first` and `last`, in months it has delivered, before `complete`."""

    source: str
    provider: str
    first: date
    last: date
    months: frozenset[str]
    complete: date

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last and day < self.complete and f"{day:%Y-%m}" in self.months

    def counts(self, day: date) -> bool:
        """Whether its bill of that day is there, or to be waited for."""
        return self.first <= day <= self.last + SILENT


def _reaches(ledger: Ledger, bills: Sequence[LiveFile], covers: Covers, habits: Habits) -> list[Reach]:
    by_source: dict[str, list[LiveFile]] = defaultdict(list)
    for file in bills:
        by_source[file.source].append(file)
    found = []
    for source, files in sorted(by_source.items()):
        days: dict[str, set[date]] = defaultdict(set)
        for file in files:
            for provider, billed in covers.get(file.load_id, {}).items():
                days[provider] |= billed
        until = _complete(ledger, source, files, habits)
        months = frozenset(file.period for file in files)
        found += [Reach(source, provider, min(some), max(some), months, until) for provider, some in sorted(days.items())]
    return found


def _complete(ledger: Ledger, source: str, files: Sequence[LiveFile], habits: Habits) -> date:
    """The day before which a source's days are whole, by the same rule as in answers."""
    newest = max(files, key=lambda file: (file.last_day, file.delivered_at))
    growth = habits.growths.get(source)
    wait = ledger.terms.waits.get(source) or (growth.wait if growth else DEFAULT_WAIT)
    sparse = is_sparse(habits.days.get(source, ()), newest.delivered_at)
    return freshness(source, newest.delivered_at, newest.last_day, wait, sparse=sparse).complete_until


def _settled(reaches: Sequence[Reach], span: Period, until: datetime) -> dict[str, frozenset[date]]:
    """The days on which every source that bills a provider is complete."""
    found = {}
    for provider in sorted({reach.provider for reach in reaches}):
        mine = [reach for reach in reaches if reach.provider == provider]
        found[provider] = frozenset(day for day in span if day < until.date() and _is_settled(mine, day))
    return found


def _is_settled(reaches: Sequence[Reach], day: date) -> bool:
    counting = [reach for reach in reaches if reach.counts(day)]
    return bool(counting) and all(reach.covers(day) for reach in counting)


def _since(usage: Sequence[LiveFile], covers: Covers) -> dict[str, date]:
    found: dict[str, date] = {}
    for file in usage:
        for provider, days in covers.get(file.load_id, {}).items():
            found[provider] = min(days | {found.get(provider, date.max)})
    return found


def _loads(bills: Sequence[LiveFile], covers: Covers) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = defaultdict(set)
    for file in bills:
        for provider in covers.get(file.load_id, {}):
            found[provider].add(file.load_id)
    return {provider: tuple(sorted(ids)) for provider, ids in found.items()}


def _as_of(bills: Sequence[LiveFile], covers: Covers) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for file in bills:
        for provider in covers.get(file.load_id, {}):
            found[provider] = max(file.delivered_at, found.get(provider, file.delivered_at))
    return found
