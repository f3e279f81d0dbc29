"""From sums to an answer: totals, like for like, rows, movers, series. Pure arithmetic, exact decimals."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from finops.answers import Answer, Freshness, Key, LikeForLike, Point, Row, Sums, Units
from finops.periods import DAY, Period, floor
from finops.query import CostQuery

ZERO = Decimal(0)
MOVERS = 5
OF_NOTHING = 10  # a part this many times the whole is no share of it


@dataclass(frozen=True)
class DaySum:
    """What one source charged on one day; cost None where the bill does not say (no list price)."""

    day: date
    source: str
    currency: str
    cost: Decimal | None


@dataclass(frozen=True)
class GroupSum:
    """One group over both periods, and how many groups there are in its currency.

    `now` and `before` are over the complete days of both periods: half a day missing would look like a fall.
    """

    key: Key
    currency: str
    cost: Decimal | None
    previous: Decimal | None
    now: Decimal | None
    before: Decimal | None
    groups: int
    count: int | None = None


@dataclass(frozen=True)
class PartSum:
    """One group's cost on one day."""

    day: date
    key: Key
    currency: str
    cost: Decimal | None


@dataclass(frozen=True)
class Coverage:
    """The days the ledger can speak of: from the first to the last day of the sources involved, complete before `complete_until`."""

    first_day: date
    last_day: date
    complete_until: date

    def __contains__(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day


UnitPair = tuple[Units | None, Units | None]  # what was used in the period, and in the one it is compared with
NO_UNITS: UnitPair = (None, None)


@dataclass(frozen=True)
class Costs:
    """All sums that one answer is made of."""

    days: tuple[DaySum, ...]
    groups: tuple[GroupSum, ...]
    moves: tuple[GroupSum, ...]
    parts: tuple[PartSum, ...]
    coverage: Coverage | None
    counts: Mapping[str, int] = field(default_factory=dict)  # different values counted, by currency
    estimates: frozenset[str] = frozenset()  # sources whose figures are priced from usage
    units: Mapping[tuple[str, Key | None], UnitPair] = field(default_factory=dict)  # by currency and group; None: all groups


def complete_days(query: CostQuery, coverage: Coverage | None) -> int:
    """Return how many of the first days of both periods are complete."""
    if coverage is None:
        return 0
    shortest = min(query.period.days, query.compare.days if query.compare else query.period.days)
    return max(0, min((coverage.complete_until - query.period.start).days, shortest))


def complete_part(query: CostQuery, coverage: Coverage | None) -> CostQuery:
    """Return the question about the complete first days of both periods; whole where all or none of them are complete."""
    days = complete_days(query, coverage)
    return query if days in (0, query.period.days) else cut(query, days)


def cut(query: CostQuery, days: int) -> CostQuery:
    """Return the same question about the first `days` days of both periods."""
    if not query.compare:
        return query
    first, second = (Period(p.start, p.start + DAY * days) for p in (query.period, query.compare))
    return replace(query, period=first, compare=second)


def answer(
    identity: str,
    query: CostQuery,
    costs: Costs,
    *,
    movers_by: tuple[str, ...],
    as_of: datetime | None,
    sources: Sequence[Freshness],
    notes: Sequence[str],
) -> Answer:
    """Put the sums of one question together, a `Sums` for each currency, largest first."""
    currencies = {day.currency for day in costs.days}
    sums = [_sums(query, costs, currency) for currency in currencies]
    sums.sort(key=lambda one: (-abs(one.total or ZERO), one.currency))
    until = costs.coverage.complete_until if costs.coverage else None
    return Answer(identity, query, tuple(sums), movers_by, as_of, until, tuple(sources), tuple(notes))


def _sums(query: CostQuery, costs: Costs, currency: str) -> Sums:
    days = [day for day in costs.days if day.currency == currency]
    total = _total(days, query.period)
    previous = _previous(days, query, costs.coverage)
    groups = [group for group in costs.groups if group.currency == currency]
    rows = tuple(_row(group, total, previous, costs.units.get((currency, group.key))) for group in largest(groups, currency, query.top))
    units, previous_units = costs.units.get((currency, None), NO_UNITS)
    rows = tuple(sorted(rows, key=lambda row: -(row.cost or ZERO)))
    rest_groups = max((group.groups for group in groups), default=0) - len(rows)
    return Sums(
        currency=currency,
        total=total,
        previous=previous,
        rows=rows,
        movers=_movers([group for group in costs.moves if group.currency == currency], previous),
        rest=_rest(rows, total, previous, len(query.by)) if rest_groups > 0 else None,
        rest_groups=rest_groups,
        series=_series(query, days, [part for part in costs.parts if part.currency == currency], rows, costs.coverage),
        like_for_like=_like_for_like(days, query, costs.coverage),
        count=costs.counts.get(currency),
        estimated=_estimated(days, query.period, costs.estimates),
        units=units,
        previous_units=previous_units,
    )


def largest(groups: Sequence[GroupSum], currency: str, most: int) -> list[GroupSum]:
    """Return the groups of a currency that cost most, credits by their size."""
    mine = [group for group in groups if group.currency == currency]
    return sorted(mine, key=lambda group: (-abs(group.cost or ZERO), [key or "" for key in group.key]))[:most]


def _total(days: Sequence[DaySum], period: Period) -> Decimal | None:
    known = [day.cost for day in days if day.day in period and day.cost is not None]
    return sum(known, ZERO) if known else None


def _estimated(days: Sequence[DaySum], period: Period, sources: frozenset[str]) -> Decimal | None:
    if not sources:
        return None
    return sum((day.cost or ZERO for day in days if day.source in sources and day.day in period), ZERO)


def _previous(days: Sequence[DaySum], query: CostQuery, coverage: Coverage | None) -> Decimal | None:
    """Nothing billed before is zero only where the ledger reaches back that far."""
    if query.compare is None:
        return None
    found = _total(days, query.compare)
    if found is None and coverage and query.compare.start in coverage:
        return ZERO
    return found


def _row(group: GroupSum, total: Decimal | None, previous: Decimal | None, units: UnitPair | None) -> Row:
    before = (group.previous or ZERO) if previous is not None else None
    return Row(group.key, group.cost, before, _share(group.cost, total), group.count, *(units or NO_UNITS))


def _share(cost: Decimal | None, total: Decimal | None) -> float | None:
    """Where credits cancel charges the total is next to nothing, and a share of it says nothing."""
    if cost is None or not total or abs(cost) > OF_NOTHING * abs(total):
        return None
    return float(cost / total)


def _movers(groups: Sequence[GroupSum], previous: Decimal | None) -> tuple[Row, ...]:
    """With nothing on record before, nothing can have moved."""
    if previous is None:
        return ()
    rows = [Row(group.key, group.now, group.before or ZERO, None) for group in groups]
    return tuple(sorted((row for row in rows if row.change), key=lambda row: (-abs(row.change), [key or "" for key in row.key]))[:MOVERS])


def _rest(rows: Sequence[Row], total: Decimal | None, previous: Decimal | None, width: int) -> Row | None:
    if total is None:
        return None
    cost = total - sum((row.cost or ZERO for row in rows), ZERO)
    before = previous - sum((row.previous or ZERO for row in rows), ZERO) if previous is not None else None
    return Row((None,) * width, cost, before, _share(cost, total))


def _series(
    query: CostQuery, days: Sequence[DaySum], parts: Sequence[PartSum], rows: Sequence[Row], coverage: Coverage | None
) -> tuple[Point, ...]:
    grain = query.grain
    by_step: dict[date, Decimal] = defaultdict(Decimal)
    unknown: set[date] = set()
    for day in days:
        if day.day in query.period:
            by_step[floor(day.day, grain)] += day.cost or ZERO
            if day.cost is None:
                unknown.add(floor(day.day, grain))
    split = _split(query, parts)
    return tuple(_point(step, query, by_step, unknown, split, rows, coverage) for step in query.period.steps(grain))


def _split(query: CostQuery, parts: Sequence[PartSum]) -> Mapping[tuple[date, Key], Decimal]:
    split: dict[tuple[date, Key], Decimal] = defaultdict(Decimal)
    for part in parts:
        split[floor(part.day, query.grain), part.key] += part.cost or ZERO
    return split


def _point(
    step: date,
    query: CostQuery,
    by_step: Mapping[date, Decimal],
    unknown: set[date],
    split: Mapping[tuple[date, Key], Decimal],
    rows: Sequence[Row],
    coverage: Coverage | None,
) -> Point:
    inside = [day for day in query.period if floor(day, query.grain) == step]
    covered = coverage is not None and any(day in coverage for day in inside)
    cost = by_step.get(step, ZERO if covered else None)
    if step in unknown and not cost:
        cost = None
    if cost is None or coverage is None:
        return Point(step, cost, complete=False)
    complete = inside[0] >= coverage.first_day and inside[-1] < coverage.complete_until
    parts = tuple(split.get((step, row.key), ZERO) for row in rows) if split else ()
    return Point(step, cost, complete, (*parts, cost - sum(parts, ZERO)) if parts else ())


def _like_for_like(days: Sequence[DaySum], query: CostQuery, coverage: Coverage | None) -> LikeForLike | None:
    count = complete_days(query, coverage)
    if query.compare is None or not count > 0 or count >= query.period.days:
        return None
    same = cut(query, count)
    assert same.compare is not None
    total, previous = _total(days, same.period), _total(days, same.compare)
    return LikeForLike(count, total, previous) if total is not None and previous is not None else None
