"""The ledger: takes deliveries in, answers questions from what is live."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, FromClause, insert, select

from finops import answering
from finops.answering import Costs, Coverage, DaySum, GroupSum, PartSum
from finops.answers import Answer, Freshness
from finops.charges import METRICS, dimension, has_many
from finops.completeness import DEFAULT_WAIT, Growth, freshness, is_sparse, midnight, share_of
from finops.deliveries import Load, StagedPart, Staging
from finops.errors import QueryError
from finops.ledger import catalog, rollup, splits, statements
from finops.ledger.catalog import LiveFile
from finops.ledger.derive import derived_columns, derived_digest
from finops.ledger.dialects import duckdb_text
from finops.ledger.facts import Facts, Reading
from finops.ledger.loads import Delivery, move_in, publish
from finops.ledger.manifest import Habits, Manifest, read_manifest
from finops.ledger.rollup import ZONES
from finops.ledger.state import writing
from finops.ledger.statements import Asked, Conversion
from finops.ledger.tables import questions
from finops.ledger.units import charges_for, used
from finops.owners import OwnerRule
from finops.periods import DAY, Period
from finops.query import CostQuery
from finops.rates import Rate, spans

USAGE_WAIT = timedelta(hours=1)  # gateways send within seconds; what was queued somewhere comes within the hour
STILL_DELIVERING = timedelta(days=40)  # a source silent for longer is over, not late
CHART_GROUPS = 6


@dataclass(frozen=True)
class Terms:
    """What the configuration says of the ledger: `currency` to report in, `timezone` of its days, owners, rates, waits by source."""

    currency: str = "USD"
    timezone: str = "UTC"
    owners: tuple[OwnerRule, ...] = ()
    rates: tuple[Rate, ...] = ()
    waits: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def derived(self) -> dict[str, str]:
        return derived_columns(self.owners, self.timezone)

    @property
    def derived_digest(self) -> str:
        return derived_digest(self.owners, self.timezone)


@dataclass(frozen=True)
class Reach:
    """How far the sources of one answer go, and how their days usually grow."""

    sources: tuple[Freshness, ...]
    coverage: Coverage | None
    growths: Mapping[str, Growth]


class Ledger:
    """Charges in Parquet files under `root`, their manifest in the state database, questions run by `facts`."""

    def __init__(self, engine: Engine, root: Path, facts: Facts, terms: Terms) -> None:
        self.engine = engine
        self.root = root
        self.facts = facts
        self.terms = terms
        self.rollup_worth = rollup.WORTH
        self._read: tuple[object, Manifest] | None = None
        self.predictions: tuple[object, dict[Any, Any]] | None = None  # of one state of the files; see finops.ledger.predicting

    def close(self) -> None:
        self.facts.close()
        self.engine.dispose()

    @property
    def staging_folder(self) -> Path:
        return self.root / ".staging"

    def publish(self, staging: Staging, delivery: Delivery) -> list[Load]:
        """Make a staged delivery live; see `finops.ledger.loads.publish`."""
        return publish(self.engine, self._keep, staging, delivery, self.terms.derived_digest)

    def _keep(self, part: StagedPart, source: str) -> str:
        path = move_in(self.root, part, source)
        self.facts.keep(path, self.root / path)
        return path

    def answer(
        self, query: CostQuery, until: datetime, *, parts: bool = False, known_at: datetime | None = None, people: bool = False
    ) -> Answer:
        """Answer `query` from the charges that began before `until` (UTC). `parts` adds each large group's series for a chart.

        `known_at` answers from the deliveries made by then instead of the live ones: what the same question said that day.
        `people` counts the users and sessions behind the requests, and the units of the period compared with. Where a
        provider's bill covers a day its estimates give way to it, and lines of the bill that name no team are split by usage.

        Raises QueryError when the asked currency has no rate on some day.
        """
        now = self.manifest(until, known_at)
        chosen = now.files_of(_span(query))
        asked, missing = self.asked(query, chosen, until, now)
        movers_by = query.by or ("service",)
        costs, reach = self._costs(asked, movers_by, chosen, now, until, parts=parts)
        measured = used(self.facts, asked, query.by, [group.key for group in costs.groups], chosen, people=people)
        costs = replace(costs, units=measured.units, estimates=frozenset(file.source for file in chosen if file.kind == "usage"))
        involved = {day.source for day in costs.days}
        billed = sorted({currency for file in chosen if file.source in involved for currency in file.currencies})
        notes = _currency_notes(billed, asked.conversion, missing) + _incomplete_notes(query, reach) + _metric_notes(query, costs.days)
        notes += measured.notes + _unsplit_notes([now.splits[file.path] for file in chosen if file.path in now.splits], self.root)
        delivered = max((one.delivered_at for one in reach.sources), default=None)
        return answering.answer(
            question_id(query, _effective_until(until, chosen), [file.load_id for file in chosen]),
            query,
            costs,
            movers_by=movers_by if query.compare else (),
            as_of=min(delivered, until) if delivered else None,
            sources=reach.sources,
            notes=notes,
        )

    def remember(self, answer: Answer, query: Mapping[str, object], asked_by: str, asked_at: datetime, until: datetime) -> None:
        """Keep a question so that its id can be asked again; a known id stays as it was first asked."""
        content = json.dumps({"query": query, "until": until.isoformat()}, sort_keys=True)
        with writing(self.engine) as tx:
            if tx.execute(select(questions.c.id).where(questions.c.id == answer.id)).first() is None:
                tx.execute(insert(questions).values(id=answer.id, asked_at=asked_at, asked_by=asked_by, query=content))

    def recall(self, identity: str) -> tuple[dict[str, object], datetime]:
        """Return a remembered question and the instant it was asked for. Raises QueryError for an id nobody asked under."""
        with self.engine.connect() as connection:
            content = connection.execute(select(questions.c.query).where(questions.c.id == identity)).scalar()
        if content is None:
            raise QueryError(f"there is no question {identity}; ask it again and use the id under the new answer")
        kept = json.loads(content)
        return kept["query"], datetime.fromisoformat(kept["until"])

    def evidence(self, query: CostQuery, until: datetime) -> tuple[list[LiveFile], tuple[str, ...]]:
        """Return the live files a question reads and the statements it runs, as text with its values written in."""
        now = self.manifest(until)
        chosen = now.files_of(_span(query))
        asked, _ = self.asked(query, chosen, until, now)
        by = query.by or ("service",)
        rows = statements.lines(asked, by).subquery("lines")
        return chosen, tuple(
            duckdb_text(one) for one in (statements.day_sums(rows), statements.group_sums(query, query, rows, asked.only_currency))
        )

    def values(self, name: str) -> list[str]:
        """Return what the live charges hold under a dimension, the costliest first."""
        with self.engine.connect() as connection:
            paths = [file.path for file in catalog.live_files(connection)]
        if not paths:
            return []
        with self.facts.reading(paths) as reading:
            return [str(value) for (value,) in reading.run(statements.known_values(name, reading.charges))]

    def sources(self, until: datetime) -> tuple[Freshness, ...]:
        """Return how far the bill of every source reaches."""
        now = self.manifest(until)
        return tuple(self._freshness(source, of, now.habits) for source, of in sorted(_by_source(now.files).items()))

    def _costs(
        self, asked: Asked, by: Sequence[str], files: Sequence[LiveFile], now: Manifest, until: datetime, *, parts: bool
    ) -> tuple[Costs, Reach]:
        query = asked.query
        if not files:
            reach = self.reach(now, set(), query, until)
            return Costs((), (), (), (), reach.coverage), reach
        paths = self.split(now, rollup.choose(self.root, files, query, by, until, self.rollup_worth))
        with self.facts.reading(paths) as reading:
            whole, grouped = _relations(asked, by, reading)
            days = tuple(DaySum(*row) for row in reading.run(statements.day_sums(whole, asked.only_currency)))
            reach = self.reach(now, {day.source for day in days}, query, until)
            groups = _groups(asked, answering.complete_part(query, reach.coverage), by, grouped, reading)
            drawn = _parts(asked, groups, grouped, reading) if parts and query.by else ()
            groups, counts = _counted(asked, by, groups, reading)
        return Costs(days, groups if query.by else (), groups, drawn, reach.coverage, counts), reach

    def split(self, now: Manifest, paths: Sequence[str]) -> list[str]:
        """Take for each bill that measured usage can split its split; daily sums know nothing of it, so they give way."""
        wanted = {path: now.splits[rows] for path in paths if (rows := path.removesuffix(rollup.SUFFIX)) in now.splits}
        made = {path: splits.build(self.root, *files) for path, files in wanted.items() if splits.at_hand(self.root, *files)}
        for path in filter(None, made.values()):
            self.facts.keep(path, self.root / path)
        return [made.get(path) or path for path in paths]

    def split_ahead(self, until: datetime) -> int:
        """Split every bill that can be, so that no question has to wait for it; return how many there are."""
        now = self.manifest(until)
        return len(self.split(now, list(now.splits)))

    def manifest(self, until: datetime, known_at: datetime | None = None) -> Manifest:
        """Read what is live and what was learnt of each source; kept until the audit has a newer entry, as every change makes."""
        key = (until.date(), known_at)
        with self.engine.connect() as connection:
            wanted = (catalog.revision(connection), key)
            read = self._read  # taken once: another thread may put its own in this place at any moment
            if read is None or read[0] != wanted:
                self._read = read = (wanted, read_manifest(connection, until, known_at))
            return read[1]

    def asked(self, query: CostQuery, files: Sequence[LiveFile], until: datetime, now: Manifest) -> tuple[Asked, str | None]:
        """Return the question with all that the manifest says beforehand, and the first currency that cannot be converted."""
        currencies = {currency for file in files for currency in file.currencies}
        sources = {file.source for file in files}
        conversion, missing = self._conversion(query, currencies)
        later = until if any(until < midnight(file.last_day + DAY) + ZONES for file in files) else None
        only = [next(iter(names)) if len(names) == 1 else None for names in (currencies, sources)]
        given = (now.billed, now.unfinished) if any(file.kind == "usage" for file in files) else ({}, {})
        return Asked(query, later, conversion, only[0], only[1], *given), missing

    def _conversion(self, query: CostQuery, found: set[str]) -> tuple[Conversion | None, str | None]:
        """Return how to convert, and the first currency that cannot be."""
        target = query.currency or self.terms.currency
        if found <= {target}:
            return None, None
        known = {currency: spans(self.terms.rates, currency, target, _span(query)) for currency in sorted(found)}
        missing = next((currency for currency, rate in known.items() if rate is None), None)
        if missing and query.currency:
            wanted = f"from {missing} to {target} for every day from {_span(query).start} on"
            raise QueryError(f"there is no rate {wanted}; add one to fx in budgets.yaml")
        if missing:
            return None, missing
        return Conversion(target, {currency: rate for currency, rate in known.items() if rate is not None}), None

    def reach(self, now: Manifest, involved: set[str], query: CostQuery, until: datetime) -> Reach:
        """Sources with charges in the answer count; where there are none, all that still deliver, else all there ever were."""
        by_source = _by_source(now.files)
        every = {source: self._freshness(source, of, now.habits) for source, of in by_source.items()}
        horizon = query.period.start - STILL_DELIVERING
        names = involved or {source for source, one in every.items() if one.last_day >= horizon} or set(every)
        fresh = tuple(every[name] for name in sorted(names) if name in every)
        if not fresh:
            return Reach((), None, now.habits.growths)
        today = _day_of(until)
        first = min(file.first_day for name in names for file in by_source.get(name, ()))
        last = min(max(one.last_day for one in fresh), today)
        delivering = [one for one in fresh if one.last_day >= horizon] or list(fresh)
        return Reach(fresh, Coverage(first, last, min(today, *(one.complete_until for one in delivering))), now.habits.growths)

    def _freshness(self, source: str, files: Sequence[LiveFile], habits: Habits) -> Freshness:
        newest = max(files, key=lambda file: (file.last_day, file.delivered_at))
        growth = habits.growths.get(source)
        usual = USAGE_WAIT if newest.kind == "usage" else growth.wait if growth else DEFAULT_WAIT
        wait = self.terms.waits.get(source) or usual
        sparse = newest.kind == "bill" and is_sparse(habits.days.get(source, ()), newest.delivered_at)
        return freshness(source, newest.delivered_at, newest.last_day, wait, sparse=sparse)


def _relations(asked: Asked, by: Sequence[str], reading: Reading) -> tuple[FromClause, FromClause]:
    """Return what days and what groups are summed from.

    Where groups are few, one pass over the files makes a small cube for both. Where they are many, a cube would be as
    large as the charges, so each sum passes over the columns it needs.
    """
    empty = _empty(by, reading)
    charges = charges_for(asked, by, reading)
    if not any(has_many(name) for name in by):
        cube = reading.keep(statements.cube(asked, by, charges, empty))
        return cube, cube
    days = statements.lines(asked, (), charges).subquery("days")
    return days, statements.lines(asked, by, charges, empty).subquery("lines")


def _empty(names: Sequence[str], reading: Reading) -> frozenset[str]:
    several = [column for name in names if len(dimension(name).columns) > 1 for column in dimension(name).columns]
    return reading.empty(several) if several else frozenset()


def _groups(asked: Asked, cut: CostQuery, by: Sequence[str], rows: FromClause, reading: Reading) -> tuple[GroupSum, ...]:
    query = asked.query
    if not query.by and not query.compare:
        return ()
    found = reading.run(statements.group_sums(query, cut, rows, asked.only_currency))
    return tuple(dict.fromkeys(GroupSum(tuple(row[: len(by)]), *row[len(by) :]) for row in found))


def _parts(asked: Asked, groups: Sequence[GroupSum], rows: FromClause, reading: Reading) -> tuple[PartSum, ...]:
    keys = [group.key for currency in {one.currency for one in groups} for group in answering.largest(groups, currency, CHART_GROUPS)]
    if not keys:
        return ()
    width = len(asked.query.by)
    found = reading.run(statements.part_sums(asked.query, sorted(set(keys), key=str), rows, asked.only_currency))
    return tuple(PartSum(row[0], tuple(row[1 : 1 + width]), *row[1 + width :]) for row in found)


def _counted(
    asked: Asked, by: Sequence[str], groups: tuple[GroupSum, ...], reading: Reading
) -> tuple[tuple[GroupSum, ...], dict[str, int]]:
    """Count from the different (group, value) pairs, which one pass finds: far fewer than charges."""
    name = asked.query.count
    if name is None:
        return groups, {}
    pairs = reading.keep(statements.counted(asked, by, name, charges_for(asked, by, reading), _empty((*by, name), reading)))
    totals = dict(reading.run(statements.counts(pairs)))
    if not groups:
        return groups, totals
    found = {row[:-1]: row[-1] for row in reading.run(statements.group_counts([group.key for group in groups], pairs))}
    return tuple(replace(group, count=found.get((*group.key, group.currency), 0)) for group in groups), totals


def question_id(query: CostQuery, until: datetime, load_ids: Sequence[str]) -> str:
    """Return `Q-` and eight letters: the same question on the same data has the same id."""
    content = repr((query, until.isoformat(), sorted(load_ids)))
    number = int.from_bytes(hashlib.sha256(content.encode()).digest()[:5], "big")
    letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is mistaken for another
    return "Q-" + "".join(letters[(number >> shift) & 31] for shift in range(0, 40, 5))


def _effective_until(until: datetime, files: Sequence[LiveFile]) -> datetime:
    """An instant after the last charge day changes nothing, so it must not change the question's id."""
    ends = [midnight(file.last_day + DAY) for file in files]
    return min(until, max(ends)) if ends else until


def _span(query: CostQuery) -> Period:
    if query.compare is None:
        return query.period
    return Period(min(query.period.start, query.compare.start), max(query.period.end, query.compare.end))


def _day_of(until: datetime) -> date:
    """The first day that `until` cuts into: the days before it are whole."""
    return until.astimezone(UTC).date()


def _by_source(files: Sequence[LiveFile]) -> dict[str, list[LiveFile]]:
    grouped: dict[str, list[LiveFile]] = defaultdict(list)
    for file in files:
        grouped[file.source].append(file)
    return grouped


def _currency_notes(billed: Sequence[str], conversion: Conversion | None, missing: str | None) -> list[str]:
    if conversion is not None:
        others = [currency for currency in billed if currency != conversion.currency]
        return [f"Converted to {conversion.currency} from {', '.join(others)} at the rates in budgets.yaml."] if others else []
    if missing and len(billed) > 1:
        return [f"Shown in each currency by itself: there is no rate for {missing} in budgets.yaml."]
    return []


def _incomplete_notes(query: CostQuery, reach: Reach) -> list[str]:
    notes = []
    for one in reach.sources:
        days = [day for day in query.period if day >= one.complete_until and day <= one.last_day]
        shares = [(day, share_of(reach.growths.get(one.source), day, one.delivered_at)) for day in days]
        known = [f"{day:%-d %b} usually {share:.0%}" for day, share in shares if share is not None]
        if known:
            notes.append(f"Of its last days the bill of {one.source} holds by now: {', '.join(known)}.")
    return notes


def _unsplit_notes(wanted: Sequence[tuple[LiveFile, Sequence[LiveFile]]], root: Path) -> list[str]:
    missing = sorted({bill.source for bill, usage in wanted if not splits.at_hand(root, bill, usage)})
    named = ", ".join(missing)
    return [f"The bill of {named} is not split by usage: not all of its files are in the ledger's folder."] if missing else []


def _metric_notes(query: CostQuery, days: Sequence[DaySum]) -> list[str]:
    unknown = {day.source for day in days if day.cost is None}
    if not unknown:
        return []
    return [f"The bill of {', '.join(sorted(unknown))} has no {METRICS[query.metric]} on some days; they are left out, not counted as 0."]
