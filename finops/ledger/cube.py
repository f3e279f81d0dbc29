"""Two periods as cells to explain a change from: the values that moved money, told apart as far as it is worth it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from finops.answering import complete_part
from finops.charges import dimension
from finops.insight.drivers_cube import Cell, Cube, cube_of
from finops.insight.drivers_told import OTHER, Value, exact_difference
from finops.ledger import cube_statements as statements
from finops.ledger import rollup
from finops.ledger.cube_statements import MEASURES
from finops.ledger.facts import Reading
from finops.ledger.ledger import Ledger
from finops.ledger.statements import Asked
from finops.ledger.units import charges_for
from finops.periods import Period
from finops.query import CostQuery

DIMENSIONS: Final = ("provider", "account", "service", "region", "sku", "team", "project", "env", "model", "feature")
MOST_DIMENSIONS: Final = 8  # those on which most money moved; a search over ten takes twice as long
MOST_CELLS: Final = 20_000
TOLD_APART: Final = 1_000_000  # combinations of kept values at most; what an engine can group by in a moment
STEADY: Final = Decimal("0.1")  # what a value's money counts beside what of it moved: a cause may hide in opposite moves

Moved = dict[str, dict[Value, tuple[Decimal, Decimal]]]


@dataclass(frozen=True)
class Compared:
    """A cube for each currency, the largest first; `query` tells which days of both periods it holds: those that are complete.

    `alike` are the values that all charges have, which no dimension of a cube can tell apart.
    """

    cubes: tuple[Cube, ...]
    query: CostQuery
    alike: tuple[tuple[str, Value], ...] = ()


def compared(
    ledger: Ledger,
    query: CostQuery,
    until: datetime,
    by: Sequence[str] = DIMENSIONS,
    *,
    known_at: datetime | None = None,
    whole: bool = False,
) -> Compared:
    """Return what the scope of `query` cost in its period and the one compared with, by those of `by` that differ.

    `whole` reads all days as asked, those too that are not complete.
    Raises QueryError where the question compares with nothing, or a currency has no rate.
    """
    statements.earlier(query)
    now = ledger.manifest(until, known_at)
    chosen = now.files_of(_span(query))
    if not whole:
        reach = ledger.reach(now, {file.source for file in chosen}, query, until)
        query = complete_part(query, reach.coverage)
    if not chosen:
        return Compared((), query)
    asked, _ = ledger.asked(query, chosen, until, now)
    paths = ledger.split(now, rollup.choose(ledger.root, chosen, query, by, until, ledger.rollup_worth))
    with ledger.facts.reading(paths) as reading:
        cubes, alike = _cubes(asked, by, reading, usage=any(file.kind == "usage" for file in chosen))
    return Compared(cubes, query, alike)


def _span(query: CostQuery) -> Period:
    before = statements.earlier(query)
    return Period(min(query.period.start, before.start), max(query.period.end, before.end))


def _cubes(asked: Asked, by: Sequence[str], reading: Reading, *, usage: bool) -> tuple[tuple[Cube, ...], tuple[tuple[str, Value], ...]]:
    empty = reading.empty([column for name in by for column in dimension(name).columns] + ["PricingUnit", "ConsumedUnit"])
    by = [name for name in by if not empty.issuperset(dimension(name).columns)]
    rows = reading.keep(statements.cells(asked, by, charges_for(asked, by, reading), empty, usage=usage))
    wholes = reading.run(statements.totals(rows))
    moved = _moved(by, reading.run(statements.moved(rows, by))) if by else {}
    named = _dimensions(by, moved)
    if sum(count for _, count, *_ in wholes) > MOST_CELLS or named != tuple(by):
        rows = reading.keep(statements.coarser(rows, by, [by.index(name) for name in named], kept_values(named, moved)))
    found = [_Row.of(row, len(named)) for row in reading.run(statements.largest(rows, named, MOST_CELLS))]
    cubes = [_cube(_Row(currency, None, (OTHER,) * len(named), sums), named, found) for currency, _, *sums in wholes]
    alike = tuple((name, value) for name in by if len(moved[name]) == 1 for value in moved[name])
    return tuple(sorted(cubes, key=lambda cube: (-abs(cube.change), cube.currency))), alike


def _cube(whole: "_Row", by: Sequence[str], found: Sequence["_Row"]) -> Cube:
    """The cells of one currency; where there were more than are told apart, what is left of the whole is one more."""
    mine = [row for row in found if row.currency == whole.currency]
    every = [*mine, whole.without(mine)] if len(found) == MOST_CELLS else mine
    return cube_of(by, [row.cell() for row in every], whole.currency)


def _moved(by: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> Moved:
    found: Moved = {name: {} for name in by}
    for number, value, before, after in rows:
        found[by[number]][value] = (before or Decimal(0), after or Decimal(0))
    return found


def _dimensions(by: Sequence[str], moved: Moved) -> tuple[str, ...]:
    """Those that tell charges apart; where they are many, those on which most money moved."""
    differ = [name for name in by if len(moved[name]) > 1]
    ranked = sorted(differ, key=lambda name: -sum(abs(after - before) for before, after in moved[name].values()))
    return tuple(name for name in by if name in ranked[:MOST_DIMENSIONS])


def kept_values(by: Sequence[str], moved: Moved, most: int = TOLD_APART) -> dict[str, list[Value] | None]:
    """Choose which values of each dimension are told apart, those that moved most first; None for all of them.

    Together they make at most `most` combinations, however they are distributed over charges.
    """
    weighed = [(_weight(money), name, value or "", value) for name in by for value, money in moved[name].items()]
    kept: dict[str, list[Value]] = {name: [] for name in by}
    for _, name, _, value in sorted(weighed, key=lambda each: (-each[0], *each[1:3])):
        if _combinations(kept, moved, name) <= most:
            kept[name].append(value)
    return {name: None if len(values) == len(moved[name]) else values for name, values in kept.items()}


def _weight(money: tuple[Decimal, Decimal]) -> Decimal:
    before, after = money
    return abs(after - before) + STEADY * max(abs(before), abs(after))


def _combinations(kept: Mapping[str, Sequence[Value]], moved: Moved, more: str) -> int:
    """How many there are with one more value of a dimension; what is not kept is a value by itself."""
    number = 1
    for name, values in kept.items():
        number *= min(len(values) + 1 + (name == more), len(moved[name]))
    return number


@dataclass(frozen=True)
class _Row:
    """A cell as it was read; `sums` are cost and MEASURES before, and the same after."""

    currency: str
    unit: str | None
    key: tuple[Value, ...]
    sums: Sequence[Any]

    @classmethod
    def of(cls, row: tuple[Any, ...], width: int) -> "_Row":
        return cls(row[0], row[1], tuple(row[2 : 2 + width]), row[2 + width :])

    def without(self, others: Sequence["_Row"]) -> "_Row":
        """Return what is left of a total."""
        columns = zip(*(row.sums for row in others), strict=True)
        left = [_left(whole, column) for whole, column in zip(self.sums, columns, strict=True)]
        return _Row(self.currency, self.unit, self.key, left)

    def cell(self) -> Cell:
        width = 1 + len(MEASURES)
        before, after = self.sums[:width], self.sums[width:]
        return Cell(self.key, before[0] or Decimal(0), after[0] or Decimal(0), _used(before[1:]), _used(after[1:]))


def _left(whole: Any, parts: Sequence[Any]) -> Any:
    known = [Decimal(part) for part in parts if part is not None]
    left = Decimal(0 if whole is None else whole)
    for part in known:
        left = exact_difference(left, part)
    return left


def _used(measures: Sequence[Any]) -> dict[str, float]:
    """By the names a cube has; writes to the cache of both lifetimes are one."""
    requests, inputs, read, written_5m, written_1h, output, *costs, quantity = measures
    written = None if written_5m is None and written_1h is None else (written_5m or 0) + (written_1h or 0)
    names = ("requests", "input", "cache_read", "cache_write", "output", "input_cost", "cache_read_cost", "cache_write_cost", "output_cost")
    every = dict(zip(names, (requests, inputs, read, written, output, *costs), strict=True)) | {"quantity": quantity}
    return {name: float(amount) for name, amount in every.items() if amount is not None}
