"""Estimates against bills: for each provider, model and day what we priced and what was billed, and why they differ."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from finops.insight.reconcile_lines import Billed, Measured
from finops.insight.reconcile_status import COMPARED, Comparison, Pool, Tolerance, compare, other_currency, waiting
from finops.insight.reconcile_twice import Twice, without_twice
from finops.periods import DAY, Period


@dataclass(frozen=True)
class Seen:
    """What the ledger holds: usage, bills, the days (UTC) on which a provider's bills are complete, the first day of its usage."""

    measured: Sequence[Measured] = ()
    billed: Sequence[Billed] = ()
    settled: Mapping[str, frozenset[date]] = field(default_factory=dict)
    since: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class Stretch:
    """Days of one provider that can only be compared together; most often a single one."""

    provider: str
    period: Period
    measured: tuple[Measured, ...]
    billed: tuple[Billed, ...]
    is_settled: bool


@dataclass(frozen=True)
class Problem:
    """Days on which one model of a provider, or all of them together, is beyond the tolerance, the newest last."""

    provider: str
    model: str | None
    currency: str
    days: tuple[Comparison, ...]
    goes_on: bool  # the newest compared day is one of them

    @property
    def newest(self) -> tuple[Comparison, ...]:
        """The last run of days without a gap."""
        run = [self.days[-1]]
        for day in reversed(self.days[:-1]):
            if day.period.end == run[-1].period.start:
                run.append(day)
        return tuple(reversed(run))


def by_day(seen: Seen, period: Period, tolerance: Tolerance) -> list[Comparison]:
    """Compare each day that lies in `period`; days that one line of a bill covers together are compared together."""
    return [one for stretch in stretches(seen, period) for one in _compared(stretch.provider, [stretch], tolerance)]


def together(seen: Seen, period: Period, tolerance: Tolerance) -> list[Comparison]:
    """Compare all complete days in `period` as one; what waits for its bill is told apart."""
    groups: dict[tuple[str, bool], list[Stretch]] = defaultdict(list)
    for stretch in stretches(seen, period):
        groups[stretch.provider, not stretch.is_settled].append(stretch)
    return [one for (provider, _), some in sorted(groups.items()) for one in _compared(provider, some, tolerance)]


def billed_twice(seen: Seen, period: Period) -> list[Twice]:
    """Return what more than one source bills."""
    found = [
        without_twice([line for line in stretch.billed if line.currency == currency])[1]
        for stretch in stretches(seen, period)
        for currency in sorted({line.currency for line in stretch.billed})
    ]
    return [one for some in found for one in some]


def problems(days: Iterable[Comparison], since: Mapping[str, date]) -> list[Problem]:
    """Return what is beyond the tolerance; a provider as a whole only where none of its models is.

    The first day of usage counts for nothing, since it began somewhere within it, and nor do providers nobody measures.
    """
    grouped: dict[tuple[str, str, str], list[Comparison]] = defaultdict(list)
    counting = [day for day in days if day.status in COMPARED and day.provider in since and day.period.start > since[day.provider]]
    told = {(day.provider, day.currency, day.period) for day in counting if day.beyond and day.model}
    for day in counting:
        grouped[day.provider, day.model or "", day.currency].append(day)
    found = []
    for (provider, model, currency), some in sorted(grouped.items()):
        some.sort(key=lambda day: day.period)
        beyond = tuple(day for day in some if day.beyond and (model or (provider, currency, day.period) not in told))
        if beyond:
            found.append(Problem(provider, model or None, currency, beyond, beyond[-1] is some[-1]))
    return found


def newest_runs(seen: Seen, found: Iterable[Problem], tolerance: Tolerance) -> list[tuple[Problem, Comparison]]:
    """Return each problem with its newest run of days compared as one."""
    compared: dict[tuple[str, Period], list[Comparison]] = {}
    told = []
    for problem in found:
        period = Period(problem.newest[0].period.start, problem.newest[-1].period.end)
        key = (problem.provider, period)
        if key not in compared:
            compared[key] = together(_only(seen, *key), period, tolerance)
        told.append((problem, next((row for row in compared[key] if _is_of(problem, row)), problem.newest[-1])))
    return told


def _only(seen: Seen, provider: str, period: Period) -> Seen:
    measured = [one for one in seen.measured if one.provider == provider and one.day in period]
    billed = [line for line in seen.billed if line.provider == provider and line.period.overlaps(period)]
    return Seen(measured, billed, seen.settled, seen.since)


def _is_of(problem: Problem, row: Comparison) -> bool:
    return row.status in COMPARED and (row.model, row.currency) == (problem.model, problem.currency)


def stretches(seen: Seen, period: Period) -> Iterator[Stretch]:
    """Yield the days of every provider in order, those together that a line of the bill covers together."""
    usage: dict[str, dict[date, list[Measured]]] = defaultdict(lambda: defaultdict(list))
    lines: dict[str, dict[date, list[Billed]]] = defaultdict(lambda: defaultdict(list))
    for one in seen.measured:
        usage[one.provider][one.day].append(one)
    for line in seen.billed:
        lines[line.provider][line.period.start].append(line)
    for provider in sorted(usage.keys() | lines.keys()):
        mine, theirs = usage[provider], lines[provider]
        settled = seen.settled.get(provider, frozenset())
        for days in _periods(mine, [line.period for some in theirs.values() for line in some]):
            if days.overlaps(period):
                measured = tuple(one for day in days for one in mine.get(day, ()))
                billed = tuple(line for day in days for line in theirs.get(day, ()))
                yield Stretch(provider, days, measured, billed, settled.issuperset(days))


def _periods(days: Iterable[date], lines: Iterable[Period]) -> list[Period]:
    """Lines that overlap make one period; all other days stand alone."""
    found: list[Period] = []
    for period in sorted({*lines, *(Period(day, day + DAY) for day in days)}):
        if found and found[-1].overlaps(period):
            found[-1] = Period(found[-1].start, max(found[-1].end, period.end))
        else:
            found.append(period)
    return found


def _compared(provider: str, some: Sequence[Stretch], tolerance: Tolerance) -> list[Comparison]:
    period = Period(some[0].period.start, some[-1].period.end)
    pools: dict[tuple[str, bool], Pool] = {}
    for stretch in some:
        for key, pool in _pools(stretch).items():
            pools[key] = pools[key].joined(pool) if key in pools else pool
    rows: list[Comparison] = []
    for (currency, alike), pool in sorted(pools.items()):
        if not some[0].is_settled:
            rows += waiting(provider, period, currency, pool)
        else:
            rows += compare(provider, period, currency, pool, tolerance) if alike else other_currency(provider, period, currency, pool)
    return rows


def _pools(stretch: Stretch) -> dict[tuple[str, bool], Pool]:
    """Part by currency; False where the bill has only other currencies than the estimate, so that nothing can be compared."""
    ours, theirs = {one.currency for one in stretch.measured}, {line.currency for line in stretch.billed}
    alike = not ours or not theirs or bool(ours & theirs)
    found = {}
    for currency in ours | theirs:
        kept, repeated = without_twice([line for line in stretch.billed if line.currency == currency])
        measured = tuple(one for one in stretch.measured if one.currency == currency)
        found[currency, alike] = Pool(measured, tuple(kept), tuple(repeated), stretch.period.days)
    return found
