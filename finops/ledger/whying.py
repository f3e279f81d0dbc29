"""Why a cost changed, from the ledger: like days are compared, and what the figures rest on is told with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import select

from finops.answering import complete_days, complete_part
from finops.errors import QueryError
from finops.insight.anomalies_events import Anomaly
from finops.insight.drivers_cube import Cube
from finops.insight.drivers_told import Why, exact_difference
from finops.insight.drivers_usual import beside_usual
from finops.insight.drivers_why import explain
from finops.insight.explained import Delivered, Estimated, Explained, Unusual
from finops.ledger import catalog, cube_statements, rollup, statements
from finops.ledger.catalog import LiveFile
from finops.ledger.cube import DIMENSIONS, MOST_DIMENSIONS, Compared, compared
from finops.ledger.ledger import Ledger, Reach
from finops.ledger.manifest import Manifest
from finops.ledger.restated import restatements
from finops.ledger.series import FIXED
from finops.periods import DAY, Period, preceding
from finops.query import CostQuery, Filter

MOST: Final = 5
USUAL: Final = timedelta(days=28)  # whole weeks, so that each weekday counts alike
PLACES: Final = 10
TELLING: Final = ("model", "feature", "sku", "service", "team", "project", "account")  # what effects need beside the dimensions asked for


def why(ledger: Ledger, about: CostQuery | Anomaly, until: datetime, *, known_at: datetime | None = None) -> Why:
    """Explain a change or an anomaly. Raises QueryError where nothing is on record, or only in several currencies."""
    found = explained(ledger, about, until, known_at=known_at)
    if found.why is None:
        many = " and ".join(each.currency for each in found.whys)
        what = f"costs in {many} cannot be added up; ask for one currency" if many else "nothing is on record of these days"
        raise QueryError(f"there is no one change to explain: {what}", suggestion="why last 7d")
    return found.why


def explained(ledger: Ledger, about: CostQuery | Anomaly, until: datetime, *, known_at: datetime | None = None) -> Explained:
    """Explain a change or an anomaly with what it rests on. Raises QueryError for a question that compares with nothing."""
    looking = _Looking(ledger, until, known_at)
    return looking.anomaly(about) if isinstance(about, Anomaly) else looking.change(about)


@dataclass(frozen=True)
class _Looking:
    """One look at the ledger, as of one instant."""

    ledger: Ledger
    until: datetime
    known_at: datetime | None

    def change(self, asked: CostQuery) -> Explained:
        cube_statements.earlier(asked)
        reach = self._reach(asked)
        query = alike(asked, reach)
        if not _can_compare(query, reach):
            return self._told(asked, query, (), reach)
        found = self._compared(query)
        return replace(self._told(asked, query, found.cubes, reach), alike=found.alike)

    def anomaly(self, found: Anomaly) -> Explained:
        """What the days of an anomaly cost, beside what was expected of them in the shares of the four weeks before."""
        asked = about(found)
        read = self._compared(asked)
        cubes = read.cubes
        chosen = [cube for cube in cubes if cube.currency == found.currency] or list(cubes[:1])
        beside = tuple(beside_usual(cube, _expected(found, cube)) for cube in chosen)
        told = self._told(asked, asked, beside, self._reach(asked))
        start, end = _days_of(found)
        unusual = Unusual(found.id, found.kind, start, end, found.expected, found.actual, by_hours=found.step == "hour")
        return replace(told, unusual=unusual, alike=read.alike)

    def _compared(self, query: CostQuery) -> Compared:
        by = [*query.by, *(name for name in TELLING if name not in query.by)][:MOST_DIMENSIONS] if query.by else DIMENSIONS
        return compared(self.ledger, query, self.until, by, known_at=self.known_at, whole=True)

    def _told(self, asked: CostQuery, query: CostQuery, cubes: Sequence[Cube], reach: Reach) -> Explained:
        now, chosen = self._files(query)
        involved = {one.source for one in reach.sources}
        rests_on = [file for file in chosen if file.source in involved]
        delivered = max((one.delivered_at for one in reach.sources), default=None)
        most = MOST if asked.top == CostQuery.top else asked.top
        return Explained(
            asked=asked,
            query=query,
            whys=tuple(explain(cube, most=most, among=query.by) for cube in cubes),
            as_of=min(delivered, self.until) if delivered else None,
            complete_until=reach.coverage.complete_until if reach.coverage else None,
            first_day=reach.coverage.first_day if reach.coverage else None,
            sources=reach.sources,
            deliveries=_deliveries(rests_on),
            restated=restatements(self.ledger, query, involved, self.until, self.known_at) if cubes else (),
            estimated=self._estimated(query, now, rests_on) if cubes else (),
            converted=self._converted(query, now, rests_on),
            counted=any(_counts_requests(cube) for cube in cubes),
        )

    def _converted(self, query: CostQuery, now: Manifest, files: Sequence[LiveFile]) -> tuple[str, ...]:
        conversion = self.ledger.asked(query, files, self.until, now)[0].conversion if files else None
        return tuple(sorted({name for file in files for name in file.currencies} - {conversion.currency})) if conversion else ()

    def _files(self, query: CostQuery) -> tuple[Manifest, list[LiveFile]]:
        now = self.ledger.manifest(self.until, self.known_at)
        return now, now.files_of(_span(query))

    def _reach(self, query: CostQuery) -> Reach:
        """How far the sources go that charge within the scope."""
        now, chosen = self._files(query)
        sources = {file.source for file in chosen}
        if len(sources) > 1 and query.scope:
            sources = self._charging(query, now, chosen) or sources
        return self.ledger.reach(now, sources, query, self.until)

    def _charging(self, query: CostQuery, now: Manifest, chosen: Sequence[LiveFile]) -> set[str]:
        asked, _ = self.ledger.asked(query, chosen, self.until, now)
        paths = rollup.choose(self.ledger.root, chosen, query, (), self.until, self.ledger.rollup_worth)
        with self.ledger.facts.reading(self.ledger.split(now, paths)) as reading:
            lines = statements.lines(asked, (), reading.charges).subquery("lines")
            return {source for (source,) in reading.run(select(lines.c.source).distinct())}

    def _estimated(self, query: CostQuery, now: Manifest, chosen: Sequence[LiveFile]) -> tuple[Estimated, ...]:
        """Providers of whose days a different share is estimated before and after: then the kind of figure changed too."""
        usage = {file.load_id for file in chosen if file.kind == "usage"}
        if not usage:
            return ()
        with self.ledger.engine.connect() as connection:
            covers = catalog.coverage_of(connection, usage)
        measured: dict[str, set[date]] = {}
        for days_of in covers.values():
            for provider, days in days_of.items():
                measured.setdefault(provider, set()).update(days)
        told = [_estimated_days(name, days, now.billed.get(name, ()), query) for name, days in sorted(measured.items())]
        return tuple(one for one in told if one.before * query.period.days != one.after * _compare(query).days)


def alike(asked: CostQuery, reach: Reach) -> CostQuery:
    """Return the question about days that can be compared: on record, and complete, in both periods.

    Days before the first on record are left out of both where both are as long. Where no day is complete, and the days
    directly before are compared with, the latest complete days are taken instead.
    """
    coverage = reach.coverage
    if coverage is None or asked.compare is None:
        return asked
    query = _from_first_day(asked, coverage.first_day)
    if complete_days(query, coverage) or asked.compare != preceding(asked.period):
        return complete_part(query, coverage)
    end = coverage.complete_until
    period = Period(end - DAY * asked.period.days, end)
    return complete_part(_from_first_day(replace(asked, period=period, compare=preceding(period)), coverage.first_day), coverage)


def about(anomaly: Anomaly) -> CostQuery:
    """Return the anomaly's days and scope as a question, beside the four weeks before; charges once a period are no part of it."""
    start, end = _days_of(anomaly)
    scope = [Filter(name, (value,)) for name, value in anomaly.key]
    if anomaly.step == "day":
        scope.append(Filter("category", FIXED, negated=True))
    return CostQuery(Period(start, end), Period(start - USUAL, start), tuple(scope), currency=anomaly.currency)


def _days_of(anomaly: Anomaly) -> tuple[date, date]:
    """The days an anomaly lies on; hours are explained by their whole days."""
    start, end = anomaly.start, anomaly.end
    if isinstance(start, datetime) and isinstance(end, datetime):
        return start.date(), (end - timedelta(microseconds=1)).date() + DAY
    return start, end


def _expected(found: Anomaly, cube: Cube) -> Decimal:
    """Of hours, the rest of their days was as usual."""
    if found.step == "hour":
        return exact_difference(cube.totals[1], Decimal(str(round(found.excess, PLACES))))
    return Decimal(str(round(found.expected, PLACES)))


def _from_first_day(query: CostQuery, first: date) -> CostQuery:
    compare = query.compare
    if compare is None or compare.days != query.period.days or not compare.start < first < compare.end:
        return query
    skipped = first - compare.start
    return replace(query, period=Period(query.period.start + skipped, query.period.end), compare=Period(first, compare.end))


def _can_compare(query: CostQuery, reach: Reach) -> bool:
    """Whether both periods are on record, and some of their days complete."""
    coverage = reach.coverage
    return coverage is None or (_compare(query).end > coverage.first_day and complete_days(query, coverage) > 0)


def _compare(query: CostQuery) -> Period:
    return query.compare or query.period


def _span(query: CostQuery) -> Period:
    if query.compare is None:
        return query.period
    return Period(min(query.period.start, query.compare.start), max(query.period.end, query.compare.end))


def _estimated_days(provider: str, measured: set[date], billed: Sequence[Period], query: CostQuery) -> Estimated:
    open_days = {day for day in measured if not any(day in period for period in billed)}
    before = sum(day in open_days for day in query.compare or ())
    return Estimated(provider, before, sum(day in open_days for day in query.period))


def _deliveries(files: Sequence[LiveFile]) -> tuple[Delivered, ...]:
    """One for each source and month: batches of usage are many."""
    found: dict[tuple[str, str], Delivered] = {}
    for file in files:
        key = (file.source, file.period)
        known = found.get(key, Delivered(*key, file.delivered_at, 0))
        found[key] = replace(known, delivered_at=max(known.delivered_at, file.delivered_at), rows=known.rows + file.rows)
    return tuple(found[key] for key in sorted(found))


def _counts_requests(cube: Cube) -> bool:
    return cube.used is not None and bool((cube.used[:, :, 0] > 0).any())
