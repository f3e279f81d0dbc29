"""A change of two periods as statements: what each value moved, then cells of the values that matter."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from finops.errors import QueryError
from finops.insight.drivers_told import OTHER, Value
from finops.ledger.statements import Asked, charges, converted, lines, within
from finops.ledger.unit_statements import MONEY_TYPE
from finops.periods import Period
from finops.query import CostQuery

# What a cell used, in the order of `finops.insight.drivers_cube.USED`; writes to the cache live for either time.
COUNTS: Final = ("x_Requests", "x_InputTokens", "x_CacheReadTokens", "x_CacheWrite5mTokens", "x_CacheWrite1hTokens", "x_OutputTokens")
COSTS: Final = ("x_InputCost", "x_CacheReadCost", "x_CacheWriteCost", "x_OutputCost")
MEASURES: Final = (*COUNTS, *COSTS, "quantity")
BOTH_KNOW: Final = frozenset({"provider", "model", "team", "project", "env", "feature", "user", "tenant", "route", "token_type"})
Kept = Mapping[str, Sequence[Value] | None]  # dimension → the values told apart, None for all of them


def cells(
    asked: Asked, by: Sequence[str], source: FromClause = charges, empty: Collection[str] = (), *, usage: bool = False
) -> Select[Any]:
    """(currency, unit, k0…, later, cost, MEASURES…): every cell in each period that it has charges in.

    `usage`: requests were measured. Then what bills say of models stands beside what was measured of them, by what both know.
    `empty` columns are known to hold nothing.
    """
    query, before = asked.query, earlier(asked.query)
    if query.period.overlaps(before):
        each = [_one_period(asked, period, by, source, empty, usage=usage) for period in (before, query.period)]
        rows: FromClause = union_all(*each).subquery("both")
    else:
        rows = _rows(asked, by, source, empty, usage=usage).subquery("both")
    keys = [rows.c.unit, *(rows.c[f"k{number}"] for number in range(len(by))), rows.c.later]
    named = literal(asked.only_currency, String()) if asked.only_currency else rows.c.currency
    also = [] if asked.only_currency else [rows.c.currency]  # a constant beside a key makes grouping slower
    return select(named.label("currency"), *keys, *_sums(rows)).group_by(*keys, *also)


def _one_period(asked: Asked, period: Period, by: Sequence[str], source: FromClause, empty: Collection[str], *, usage: bool) -> Select[Any]:
    alone = replace(asked, query=replace(asked.query, period=period, compare=None))
    rows = _rows(alone, by, source, empty, usage=usage).subquery()
    return select(*(literal(int(period == asked.query.period)).label("later") if each.name == "later" else each for each in rows.c))


def _rows(asked: Asked, by: Sequence[str], source: FromClause, empty: Collection[str], *, usage: bool) -> Select[Any]:
    told = [*_quantity(source, empty, usage=usage), *_measures(asked, source, usage=usage)]
    told += [case((source.c["x_Model"].is_not(None), 1), else_=0).label("of_model")] if usage else []
    rows = lines(asked, by, source, empty).add_columns(*told).subquery("lines")
    both_know = BOTH_KNOW if usage and asked.billed else frozenset(by)
    keys = [_known_to_both(rows, number, name in both_know) for number, name in enumerate(by)]
    later = case((within(asked.query.period, rows.c.day), 1), else_=0).label("later")
    return select(rows.c.currency, rows.c.unit, *keys, later, rows.c.cost, *(rows.c[name] for name in MEASURES))


def _known_to_both(rows: FromClause, number: int, is_known: bool) -> ColumnElement[Any]:
    key: ColumnElement[Any] = rows.c[f"k{number}"]
    return key if is_known else case((rows.c.of_model == 1, cast(null(), String())), else_=key).label(f"k{number}")


def moved(rows: FromClause, by: Sequence[str]) -> CompoundSelect[Any]:
    """(number of the dimension, value, before, after): the money of each dimension's values by themselves, from `cells`."""
    return union_all(*(_moved_by(rows, number) for number in range(len(by))))


def _moved_by(rows: FromClause, number: int) -> Select[Any]:
    key = rows.c[f"k{number}"]
    sums = [func.sum(case((rows.c.later == later, rows.c.cost))) for later in (0, 1)]
    return select(literal(number).label("number"), key.label("value"), *(each.label(f"s{n}") for n, each in enumerate(sums))).group_by(key)


def coarser(rows: FromClause, by: Sequence[str], numbers: Sequence[int], kept: Kept) -> Select[Any]:
    """The same columns as `cells` for the dimensions of these `numbers`, with all values that are not kept as one."""
    keys = [_kept(rows.c[f"k{number}"], kept[by[number]]).label(f"k{n}") for n, number in enumerate(numbers)]
    told = select(rows.c.currency, rows.c.unit, *keys, rows.c.later, rows.c.cost, *(rows.c[name] for name in MEASURES)).subquery("told")
    named = [told.c.currency, told.c.unit, *(told.c[f"k{n}"] for n in range(len(numbers))), told.c.later]
    return select(*named, *_sums(told)).group_by(*named)


def _kept(key: ColumnElement[Any], values: Sequence[Value] | None) -> ColumnElement[Any]:
    if values is None:
        return key
    known = [value for value in values if value is not None]
    tests = [(key.in_(known), key)] if known else []
    tests += [(key.is_(None), key)] if None in values else []
    return case(*tests, else_=literal(OTHER, String())) if tests else literal(OTHER, String())


def _sums(rows: FromClause) -> list[ColumnElement[Any]]:
    return [func.sum(rows.c[name]).label(name) for name in ("cost", *MEASURES)]


def _quantity(source: FromClause, empty: Collection[str], *, usage: bool) -> list[ColumnElement[Any]]:
    """What a bill's line counts and in which unit; nothing of models where requests were measured, which say more."""
    pairs = [(source.c[f"{kind}Unit"], source.c[f"{kind}Quantity"]) for kind in ("Pricing", "Consumed") if f"{kind}Unit" not in empty]
    if not pairs:
        return [cast(null(), String()).label("unit"), cast(null(), MONEY_TYPE).label("quantity")]
    counted = source.c["ChargeCategory"] == "Usage"
    if usage:
        counted = and_(counted, source.c["x_Requests"].is_(None), source.c["x_Model"].is_(None))
    tests = [(and_(counted, unit.is_not(None)), unit, amount) for unit, amount in pairs]
    return [case(*((test, each[n]) for test, *each in tests)).label(name) for n, name in enumerate(("unit", "quantity"))]


def _measures(asked: Asked, source: FromClause, *, usage: bool) -> list[ColumnElement[Any]]:
    """Requests and tokens where they were measured, else nothing, which costs an engine no reading."""
    counts = [source.c[name] if usage else cast(null(), BigInteger()) for name in COUNTS]
    costs = [converted(asked, source, source.c[name]) if usage else cast(null(), MONEY_TYPE) for name in COSTS]
    return [column.label(name) for name, column in zip(MEASURES, (*counts, *costs), strict=False)]


def earlier(query: CostQuery) -> Period:
    """The period compared with. Raises QueryError where there is none: nothing changed then."""
    if query.compare is None:
        raise QueryError("why needs two periods to compare; leave 'vs none' out, or name one: 'vs previous month'")
    return query.compare


def largest(rows: FromClause, by: Sequence[str], most: int) -> Select[Any]:
    """(currency, unit, k0…, cost and MEASURES before, the same after) of the largest cells of each currency together."""
    keys = [rows.c.currency, rows.c.unit, *(rows.c[f"k{number}"] for number in range(len(by)))]
    size = func.sum(func.abs(func.coalesce(rows.c.cost, 0)))
    return select(*keys, *_both(rows)).group_by(*keys).order_by(size.desc(), *(func.coalesce(key, "") for key in keys)).limit(most)


def totals(rows: FromClause) -> Select[Any]:
    """(currency, cells, cost and MEASURES before, the same after) of all cells together."""
    return select(rows.c.currency, func.count(), *_both(rows)).group_by(rows.c.currency)


def _both(rows: FromClause) -> list[ColumnElement[Any]]:
    return [func.sum(case((rows.c.later == later, rows.c[name]))) for later in (0, 1) for name in ("cost", *MEASURES)]
