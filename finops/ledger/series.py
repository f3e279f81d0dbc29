"""Daily and hourly costs of many series at once, as a panel: what forecasts and detectors read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, FromClause, func, or_, select

from finops.charges import COLUMNS, Metric
from finops.errors import QueryError
from finops.insight.panel import Floats, Key, Panel, Step
from finops.ledger import rollup, statements
from finops.ledger.catalog import LiveFile
from finops.ledger.facts import Reading
from finops.ledger.manifest import Manifest
from finops.ledger.statements import Asked
from finops.periods import Period
from finops.query import NONE, CostQuery, Filter

if TYPE_CHECKING:
    from finops.ledger.ledger import Ledger

MOST: Final = 2000
# Charged once a period whatever the use (FOCUS ChargeCategory); credits come and go with the usage they are for.
FIXED: Final = ("Purchase", "Tax", "Adjustment")
HOURS: Final = 24
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Series:
    """A panel, and how fresh it is; `left_out` are the series beyond the largest."""

    panel: Panel
    as_of: datetime | None = None
    left_out: int = 0


def daily(
    ledger: "Ledger",
    period: Period,
    until: datetime,
    *,
    scope: Sequence[Filter] = (),
    by: Sequence[str] = (),
    currency: str | None = None,
    metric: Metric = "effective",
    most: int = MOST,
) -> Series:
    """Return what `scope` cost on each day, split `by` dimensions: the `most` costliest of them over the period.

    In the reporting currency, or the only one there is. A day is NaN where no delivery covers it, 0 where one does and names no
    charge. Raises QueryError where amounts in several currencies cannot be converted.
    """
    query = CostQuery(period, scope=tuple(scope), by=tuple(by), currency=currency, metric=metric)
    return _Reader(ledger, query, until, "day").read(most)


def hourly(
    ledger: "Ledger", period: Period, until: datetime, *, scope: Sequence[Filter] = (), by: Sequence[str] = (), most: int = MOST
) -> Series:
    """Return the same by hours in UTC, from measured usage alone: what requests cost at their prices, whatever a bill said later."""
    return _Reader(ledger, CostQuery(period, scope=tuple(scope), by=tuple(by)), until, "hour").read(most)


class _Reader:
    """One reading of a panel."""

    def __init__(self, ledger: "Ledger", query: CostQuery, until: datetime, step: Step) -> None:
        self.ledger, self.query, self.until, self.step = ledger, query, until, step
        self.now: Manifest = ledger.manifest(until)
        self.files = [file for file in self.now.files_of(query.period) if step == "day" or file.kind == "usage"]
        self.length = query.period.days * (HOURS if step == "hour" else 1)

    def read(self, most: int) -> Series:
        if not self.files:
            return Series(_empty(self.query, self.length, self.ledger.terms.currency, self.step))
        asked, _ = self.ledger.asked(self.query, self.files, self.until, self.now)
        if self.step == "hour":
            asked = Asked(asked.query, self.until, asked.conversion, asked.currency, asked.source)
        with self.ledger.facts.reading(self._paths()) as reading:
            rows, groups = self._rows(asked, reading, most)
        currencies = sorted({row[2] for row in rows})
        if len(currencies) > 1:
            wanted = " and ".join(currencies)
            raise QueryError(f"costs in {wanted} cannot be added up; add their rates to fx in budgets.yaml, or ask for one currency")
        currency = next(iter(currencies), asked.only_currency or self.ledger.terms.currency)
        return self._series(rows, currency, max(0, groups - most))

    def _paths(self) -> list[str]:
        if self.step == "hour":
            return [file.path for file in self.files]
        names = (*self.query.by, "category")
        chosen = rollup.choose(self.ledger.root, self.files, self.query, names, self.until, self.ledger.rollup_worth)
        return self.ledger.split(self.now, chosen)

    def _rows(self, asked: Asked, reading: Reading, most: int) -> tuple[list[tuple[Any, ...]], int]:
        """(step, source, currency, k0…, fixed, cost) of the largest groups, and how many groups there are."""
        charges = reading.charges if self.step == "day" else _by_hours(reading.charges)
        by = self.query.by
        kept = reading.keep(statements.cube(asked, (*by, "category"), charges))
        keys = [kept.c[f"k{number}"] for number in range(len(by))]
        is_fixed = func.coalesce(kept.c[f"k{len(by)}"].in_(FIXED), False).label("fixed")
        named = [kept.c.day, kept.c.source, kept.c.currency, *keys, is_fixed]
        sums = select(*named, func.sum(kept.c.cost)).group_by(*named)
        if not keys:
            return reading.run(sums), 1
        size = func.sum(func.abs(kept.c.cost))
        largest = reading.run(select(*keys).group_by(*keys).order_by(size.desc(), *(func.coalesce(key, "") for key in keys)).limit(most))
        if len(largest) < most:
            return reading.run(sums), len(largest)
        groups = reading.run(select(func.count()).select_from(select(*keys).distinct().subquery("groups")))[0][0]
        return reading.run(sums.where(_one_of(largest, keys))), groups

    def _series(self, rows: Sequence[tuple[Any, ...]], currency: str, left_out: int) -> Series:
        by = self.query.by
        width = len(by)
        numbers: dict[tuple[str | None, ...], int] = {} if width else {(): 0}
        of_sources: dict[int, set[str]] = {}
        values, fixed = (np.zeros((len({row[3 : 3 + width] for row in rows}) or 1, self.length)) for _ in range(2))
        for row in rows:
            if row[-1] is None:
                continue
            number = numbers.setdefault(row[3 : 3 + width], len(numbers))
            of_sources.setdefault(number, set()).add(row[1])
            step = self._step_of(row[0])
            values[number, step] += float(row[-1])
            if row[-2]:
                fixed[number, step] += float(row[-1])
        count = len(numbers)
        values, fixed = values[:count], fixed[:count]
        known, complete = self._known(count, of_sources)
        values[~known] = np.nan
        keys = tuple(_key(by, group) for group in numbers)
        panel = Panel(keys, self.query.period.start, values, complete, currency, self.step, fixed)
        delivered = [file.delivered_at for file in self.files]
        return Series(panel, min(max(delivered), self.until), left_out)

    def _step_of(self, when: date | datetime) -> int:
        if not isinstance(when, datetime):
            return (when - self.query.period.start).days
        return (when.date() - self.query.period.start).days * HOURS + when.hour

    def _known(self, count: int, of_sources: Mapping[int, set[str]]) -> tuple[Bools, NDArray[np.intp]]:
        """Return which steps of which series deliveries cover, and how many leading steps are complete."""
        known, complete = np.zeros((count, self.length), dtype=bool), np.zeros(count, dtype=np.intp)
        covered = {source: self._covered(files) for source, files in _by_source(self.now.files, self.step).items()}
        found: dict[frozenset[str], tuple[Bools, int]] = {}
        for number in range(count):
            sources = frozenset(of_sources.get(number, ()))
            if sources and sources not in found:
                reaches, gaps = zip(*(covered[name] for name in sorted(sources)), strict=True)
                found[sources] = np.logical_or.reduce(reaches) & ~np.logical_or.reduce(gaps), self._complete(set(sources))
            if sources:
                known[number], complete[number] = found[sources]
        return known, complete

    def _covered(self, files: Sequence[LiveFile]) -> tuple[Bools, Bools]:
        """Return the steps a source tells of, and the gaps: months between its first and its last that were never delivered."""
        first, last = min(file.first_day for file in files), max(file.last_day for file in files)
        months = {(day.year, day.month) for file in files for day in (file.first_day, file.last_day)}
        within = [first <= day <= last for day in self.query.period]
        told = [inside and (day.year, day.month) in months for inside, day in zip(within, self.query.period, strict=True)]
        each = HOURS if self.step == "hour" else 1
        return np.repeat(told, each), np.repeat(np.logical_and(within, np.logical_not(told)), each)

    def _complete(self, sources: set[str]) -> int:
        if self.step == "hour":
            begun = datetime.combine(self.query.period.start, time(), UTC)
            return max(0, min(self.length, (self.until - begun) // timedelta(hours=1) - 1))  # the last hour's events may still come
        reach = self.ledger.reach(self.now, sources, self.query, self.until).coverage
        return max(0, (min(reach.complete_until, self.query.period.end) - self.query.period.start).days) if reach else 0


def _by_hours(charges: FromClause) -> FromClause:
    """The charges with the hour they began in the place of their day."""
    hour: ColumnElement[Any] = func.date_trunc("hour", charges.c["ChargePeriodStart"]).label("x_ChargeDay")
    return select(*(hour if name == "x_ChargeDay" else charges.c[name] for name in COLUMNS)).subquery("charges_by_hours")


def _one_of(groups: Sequence[tuple[Any, ...]], keys: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
    if len(keys) == 1:
        named = keys[0].in_([value for (value,) in groups if value is not None])
        return or_(named, keys[0].is_(None)) if (None,) in groups else named
    joined = func.concat(*(part for key in keys for part in (func.coalesce(key, NONE), "\x1f")))
    return joined.in_(["".join(f"{NONE if value is None else value}\x1f" for value in group) for group in groups])


def _key(by: Sequence[str], group: Sequence[str | None]) -> Key:
    return tuple(sorted((name, NONE if value is None else value) for name, value in zip(by, group, strict=True)))


def _by_source(files: Iterable[LiveFile], step: Step) -> dict[str, list[LiveFile]]:
    found: dict[str, list[LiveFile]] = {}
    for file in files:
        if step == "day" or file.kind == "usage":
            found.setdefault(file.source, []).append(file)
    return found


def _empty(query: CostQuery, length: int, currency: str, step: Step) -> Panel:
    keys: tuple[Key, ...] = () if query.by else ((),)
    nothing: Floats = np.full((len(keys), length), np.nan)
    return Panel(keys, query.period.start, nothing, np.zeros(len(keys), dtype=np.intp), currency, step, np.zeros_like(nothing))
