"""Questions as SQLAlchemy Core statements over a `charges` relation; the same for every engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    MetaData,
    Numeric,
    Select,
    String,
    Table,
    and_,
    case,
    cast,
    distinct,
    func,
    literal,
    null,
    or_,
    select,
)

from finops.charges import COLUMNS, DAY_TYPE, METRICS, MOMENT, MONEY, TEXT, dimension
from finops.ledger.dialects import Tag
from finops.periods import Period
from finops.query import NONE, CostQuery, Filter
from finops.rates import Span

TYPES: Final[dict[str, Any]] = {MONEY: Numeric(38, 10), TEXT: String(), MOMENT: DateTime(), DAY_TYPE: Date()}
MOVERS: Final = 5
RATE: Final = Numeric(24, 12)  # written as text and cast: engines read 1E-10 as a float

charges = Table("charges", MetaData(), *(Column(name, TYPES[kind]) for name, kind in COLUMNS.items()))


@dataclass(frozen=True)
class Conversion:
    """Into which currency, and what one unit of each billed currency is worth from which day on."""

    currency: str
    spans: Mapping[str, tuple[Span, ...]]


@dataclass(frozen=True)
class Asked:
    """A question as the ledger runs it: `until` hides charges that begin at or after that instant (UTC)."""

    query: CostQuery
    until: datetime
    conversion: Conversion | None = None


def day_sums(asked: Asked, source: FromClause = charges) -> Select[Any]:
    """(day, source, currency, cost, rows) for both periods of the question."""
    keys = (source.c["x_ChargeDay"].label("day"), source.c["x_Source"].label("source"), _currency(asked, source).label("currency"))
    sums = (func.sum(_money(asked, source)).label("cost"), func.count().label("rows"))
    return select(*keys, *sums).where(*_filters(asked, source)).group_by(*keys)


def group_sums(asked: Asked, by: Sequence[str], source: FromClause = charges, *, movers: bool = True) -> Select[Any]:
    """(k0…, currency, cost, previous, by_cost, by_move, groups[, counted]): the largest groups and those that changed most."""
    grouped = _grouped(asked, by, source)
    now, before = func.coalesce(grouped.c.cost, 0), func.coalesce(grouped.c.previous, 0)
    keys = [column for column in grouped.c if column.name.startswith("k")]
    ties = [func.coalesce(column, "") for column in keys]
    counted = [column for column in grouped.c if column.name == "counted"]
    ranked = select(
        *(column for column in grouped.c if column.name != "counted"),
        _rank(grouped, func.abs(now).desc(), *ties).label("by_cost"),
        _rank(grouped, func.abs(now - before).desc(), *ties).label("by_move"),
        func.count().over(partition_by=grouped.c.currency).label("groups"),
        *counted,
    ).cte("ranked")
    wanted = ranked.c.by_cost <= asked.query.top
    return select(ranked).where(or_(wanted, ranked.c.by_move <= MOVERS) if movers else wanted).order_by(ranked.c.by_cost)


def _grouped(asked: Asked, by: Sequence[str], source: FromClause) -> CTE:
    query, money = asked.query, _money(asked, source)
    keys = [_shown(name, source).label(f"k{number}") for number, name in enumerate(by)]
    keys.append(_currency(asked, source).label("currency"))
    before = func.sum(case((_within(query.compare, source), money))) if query.compare else cast(null(), Numeric(38, 10))
    sums = (func.sum(case((_within(query.period, source), money))).label("cost"), before.label("previous"))
    counted = [_different(query.count, query.period, source).label("counted")] if query.count else []
    return select(*keys, *sums, *counted).where(*_filters(asked, source)).group_by(*keys).cte("grouped")


def _different(name: str, period: Period, source: FromClause) -> ColumnElement[int]:
    return func.count(distinct(case((_within(period, source), _shown(name, source)))))


def _rank(grouped: CTE, *order: ColumnElement[Any]) -> ColumnElement[int]:
    return func.row_number().over(partition_by=grouped.c.currency, order_by=order)


def counts(asked: Asked, name: str, source: FromClause = charges) -> Select[Any]:
    """(currency, count): how many different values of a dimension there are in the asked period."""
    currency = _currency(asked, source).label("currency")
    inside = (_within(asked.query.period, source), *_scope(asked, source))
    return select(currency, func.count(distinct(_shown(name, source)))).where(*inside).group_by(currency)


def part_sums(asked: Asked, by: Sequence[str], keys: Sequence[tuple[str | None, ...]], source: FromClause = charges) -> Select[Any]:
    """(day, k0…, currency, cost) of the given groups in the asked period: what a stacked chart draws."""
    shown = [_shown(name, source) for name in by]
    chosen = or_(*(and_(*(_equals(column, value) for column, value in zip(shown, key, strict=True))) for key in keys))
    columns = [source.c["x_ChargeDay"].label("day"), *(column.label(f"k{n}") for n, column in enumerate(shown))]
    columns.append(_currency(asked, source).label("currency"))
    inside = (_within(asked.query.period, source), *_scope(asked, source), chosen)
    return select(*columns, func.sum(_money(asked, source)).label("cost")).where(*inside).group_by(*columns)


def known_values(name: str, source: FromClause = charges, most: int = 2000) -> Select[Any]:
    """(value): what is found under a dimension, the costliest first."""
    shown = _shown(name, source).label("value")
    weight = func.sum(func.abs(source.c["EffectiveCost"]))
    return select(shown).where(shown.is_not(None)).group_by(shown).order_by(weight.desc()).limit(most)


def _equals(column: ColumnElement[Any], value: str | None) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _within(period: Period, source: FromClause) -> ColumnElement[bool]:
    day = source.c["x_ChargeDay"]
    return and_(day >= period.start, day < period.end)


def _filters(asked: Asked, source: FromClause) -> list[ColumnElement[bool]]:
    return [_days(asked.query, source), *_scope(asked, source)]


def _days(query: CostQuery, source: FromClause) -> ColumnElement[bool]:
    """One range where the periods touch: engines prune by it; else either of the two."""
    if query.compare is None:
        return _within(query.period, source)
    first, second = sorted((query.period, query.compare))
    if first.end == second.start:
        return _within(Period(first.start, second.end), source)
    return or_(_within(first, source), _within(second, source))


def _scope(asked: Asked, source: FromClause) -> list[ColumnElement[bool]]:
    return [source.c["ChargePeriodStart"] < asked.until.replace(tzinfo=None), *(_matches(f, source) for f in asked.query.scope)]


def _columns(name: str, source: FromClause) -> list[ColumnElement[Any]]:
    if name.startswith("tag:"):
        return [Tag(source.c["Tags"], name[4:])]
    return [source.c[column] for column in dimension(name).columns]


def _shown(name: str, source: FromClause) -> ColumnElement[Any]:
    columns = _columns(name, source)
    return func.coalesce(*columns) if len(columns) > 1 else columns[0]


def _matches(wanted: Filter, source: FromClause) -> ColumnElement[bool]:
    """Any value in any column of the dimension; a negated filter keeps the charges that say nothing."""
    columns = _columns(wanted.dimension, source)
    tests = [test for column in columns for test in _tests(column, wanted.values)]
    if NONE in wanted.values:
        tests.append(and_(*(column.is_(None) for column in columns)))
    either = or_(*tests)
    return ~func.coalesce(either, literal(False)) if wanted.negated else either


def _tests(column: ColumnElement[Any], values: Sequence[str]) -> list[ColumnElement[bool]]:
    exact = [value for value in values if "*" not in value and value != NONE]
    tests: list[ColumnElement[bool]] = [column.ilike(_pattern(value), escape="/") for value in values if "*" in value]
    return [*tests, column.in_(exact)] if exact else tests


def _pattern(value: str) -> str:
    return value.replace("/", "//").replace("%", "/%").replace("_", "/_").replace("*", "%")


def _currency(asked: Asked, source: FromClause) -> ColumnElement[Any]:
    """The column is grouped by even when converted away, so that a rate that is missing shows."""
    if asked.conversion is None:
        return source.c["BillingCurrency"]
    return literal(asked.conversion.currency, String())


def _money(asked: Asked, source: FromClause) -> ColumnElement[Any]:
    amount = source.c[METRICS[asked.query.metric]]
    if asked.conversion is None:
        return amount
    return amount * case(*_rates(asked.conversion, source))


def _rates(conversion: Conversion, source: FromClause) -> list[tuple[ColumnElement[bool], ColumnElement[Any]]]:
    cases: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = []
    for currency, spans in conversion.spans.items():
        for span in sorted(spans, key=lambda one: one.start, reverse=True):
            holds = and_(source.c["BillingCurrency"] == currency, source.c["x_ChargeDay"] >= span.start)
            cases.append((holds, rate_literal(span.rate)))
    return cases


def rate_literal(rate: Decimal) -> ColumnElement[Any]:
    return cast(literal(format(rate, "f"), String()), RATE)
