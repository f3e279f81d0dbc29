"""Questions as SQLAlchemy Core statements over a `charges` relation; the same for every engine."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    CompoundSelect,
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
    union_all,
)

from finops.answering import MOVERS
from finops.charges import COLUMNS, COUNT, DAY_TYPE, ESTIMATE, METRICS, MOMENT, MONEY, TEXT, dimension
from finops.ledger.billed_models import models_of
from finops.ledger.dialects import Tag
from finops.periods import Period
from finops.query import NONE, CostQuery, Filter
from finops.rates import Span

TYPES: Final[dict[str, Any]] = {MONEY: Numeric(38, 10), TEXT: String(), MOMENT: DateTime(), DAY_TYPE: Date(), COUNT: BigInteger()}
RATE: Final = Numeric(24, 12)  # written as text and cast: engines read 1E-10 as a float

charges = Table("charges", MetaData(), *(Column(name, TYPES[kind]) for name, kind in COLUMNS.items()))


Statement = Select[Any] | CompoundSelect[Any]

Group = tuple[str | None, ...]


@dataclass(frozen=True)
class Conversion:
    """Into which currency, and what one unit of each billed currency is worth from which day on."""

    currency: str
    spans: Mapping[str, tuple[Span, ...]]


@dataclass(frozen=True)
class Asked:
    """A question as the ledger runs it: `until` hides charges that begin at or after that instant (UTC).

    What the manifest knows needs no column read: `until` is None where no charge is later, `currency` and `source` name
    the only ones there are.
    """

    query: CostQuery
    until: datetime | None = None
    conversion: Conversion | None = None
    currency: str | None = None
    source: str | None = None
    billed: Mapping[str, tuple[Period, ...]] = field(default_factory=dict)  # provider → days whose estimates give way to its bill
    unfinished: Mapping[str, tuple[Period, ...]] = field(default_factory=dict)  # … on which its bill gives way to them: the day went on

    @property
    def only_currency(self) -> str | None:
        """The one currency of all figures, converted or as billed."""
        return self.conversion.currency if self.conversion else self.currency


def lines(asked: Asked, by: Sequence[str], source: FromClause = charges, empty: Collection[str] = ()) -> Select[Any]:
    """(day, source, currency, k0…, cost): the charges of both periods, each with its group; what all sums are made of.

    `empty` columns are known to hold nothing: grouping by one column is much cheaper than by the first known of two.
    """
    keys = [shown(name, source, empty).label(f"k{number}") for number, name in enumerate(by)]
    origin = literal(asked.source, String()) if asked.source else source.c["x_Source"]
    named = [source.c["x_ChargeDay"].label("day"), origin.label("source"), currency_of(asked, source).label("currency")]
    return select(*named, *keys, _money(asked, source).label("cost")).where(days_of(asked.query, source), *scope_of(asked, source))


def cube(asked: Asked, by: Sequence[str], source: FromClause = charges, empty: Collection[str] = ()) -> Select[Any]:
    """The same columns as `lines`, summed by day and group: far fewer rows where groups are few."""
    every = lines(asked, by, source, empty).subquery("lines")
    keys = [every.c.day, every.c.source, *_keys(every)]
    named, also = _either(asked.only_currency, every)
    return select(*keys, named, func.sum(every.c.cost).label("cost")).group_by(*keys, *also)


def counted(asked: Asked, by: Sequence[str], name: str, source: FromClause = charges, empty: Collection[str] = ()) -> Select[Any]:
    """(currency, k0…, counted): every different value of a dimension in the asked period, once for each group."""
    keys = [shown(each, source, empty).label(f"k{number}") for number, each in enumerate(by)]
    columns = [currency_of(asked, source).label("currency"), *keys, shown(name, source, empty).label("counted")]
    inside = (within(asked.query.period, source.c["x_ChargeDay"]), *scope_of(asked, source))
    return select(*columns).where(*inside).distinct()


def day_sums(rows: FromClause, currency: str | None = None) -> Select[Any]:
    """(day, source, currency, cost) for both periods, from `lines` or a `cube`; `currency` names the only one there is."""
    keys = (rows.c.day, rows.c.source)
    named, also = _either(currency, rows)
    return select(*keys, named, func.sum(rows.c.cost).label("cost")).group_by(*keys, *also)


def _either(currency: str | None, rows: FromClause) -> tuple[ColumnElement[Any], list[ColumnElement[Any]]]:
    """The currency to show and what to group by for it: a constant beside a key makes grouping slower."""
    return (literal(currency, String()).label("currency"), []) if currency else (rows.c.currency, [rows.c.currency])


def group_sums(query: CostQuery, cut: CostQuery, rows: FromClause, currency: str | None = None) -> Statement:
    """(k0…, currency, cost, previous, now, before, groups), from `lines` or a `cube`; a group may come twice.

    The largest groups of the whole periods, and those that changed most over the periods of `cut`, which are complete.
    `currency` names the only one there is: then neither grouping nor ranking has to look at it.
    """
    grouped = _grouped(query, cut, rows, currency)
    ties = [func.coalesce(column, "") for column in _keys(grouped)]
    size = (func.abs(func.coalesce(grouped.c.cost, 0)).desc(), *ties)
    change = (func.abs(func.coalesce(grouped.c.now, 0) - func.coalesce(grouped.c.before, 0)).desc(), *ties)
    if currency:
        return union_all(_first(grouped, size, query.top, "largest"), _first(grouped, change, MOVERS, "moved"))
    every = func.count().over(partition_by=grouped.c.currency).label("groups")
    ranked = select(grouped, every, _rank(grouped, size).label("by_size"), _rank(grouped, change).label("by_change")).cte("ranked")
    kept = [column for column in ranked.c if column.name not in ("by_size", "by_change")]
    return select(*kept).where(or_(ranked.c.by_size <= query.top, ranked.c.by_change <= MOVERS))


def _grouped(query: CostQuery, cut: CostQuery, rows: FromClause, currency: str | None) -> CTE:
    keys = _keys(rows)
    named, also = _either(currency, rows)
    cost, previous = _sum_in(query.period, rows), _sum_in(query.compare, rows)
    now, before = (cost, previous) if cut == query else (_sum_in(cut.period, rows), _sum_in(cut.compare, rows))
    sums = [cost.label("cost"), previous.label("previous"), now.label("now"), before.label("before")]
    return select(*keys, named, *sums).group_by(*keys, *also).cte("grouped")


def _first(grouped: CTE, order: Sequence[ColumnElement[Any]], most: int, name: str) -> Select[Any]:
    every = select(func.count()).select_from(grouped).scalar_subquery().label("groups")
    return select(select(grouped, every).order_by(*order).limit(most).subquery(name))


def _rank(grouped: CTE, order: Sequence[ColumnElement[Any]]) -> ColumnElement[int]:
    return func.row_number().over(partition_by=grouped.c.currency, order_by=order)


def _sum_in(period: Period | None, rows: FromClause) -> ColumnElement[Any]:
    if period is None:
        return cast(null(), Numeric(38, 10))
    return func.sum(case((within(period, rows.c.day), rows.c.cost)))


def _keys(rows: FromClause) -> list[ColumnElement[Any]]:
    return [column for column in rows.c if re.fullmatch("k[0-9]", column.name)]


def part_sums(query: CostQuery, groups: Sequence[Group], rows: FromClause, currency: str | None = None) -> Select[Any]:
    """(day, k0…, currency, cost) of the given groups in the asked period, from `lines` or a `cube`: what a stacked chart draws."""
    columns = [rows.c.day, *_keys(rows)]
    named, also = _either(currency, rows)
    inside = (within(query.period, rows.c.day), _is_one_of(groups, rows))
    return select(*columns, named, func.sum(rows.c.cost).label("cost")).where(*inside).group_by(*columns, *also)


def _is_one_of(groups: Sequence[Group], rows: FromClause) -> ColumnElement[bool]:
    keys = _keys(rows)
    return _any_of(keys[0], [group[0] for group in groups]) if len(keys) == 1 else or_(*(_all_of(keys, group) for group in groups))


def group_counts(groups: Sequence[Group], rows: FromClause) -> Select[Any]:
    """(k0…, currency, count): how many different values the given groups have, from `counted`."""
    keys = [*_keys(rows), rows.c.currency]
    return select(*keys, func.count(rows.c.counted)).where(_is_one_of(groups, rows)).group_by(*keys)


def counts(rows: FromClause) -> Select[Any]:
    """(currency, count): how many different values there are in all, from `counted`."""
    return select(rows.c.currency, func.count(distinct(rows.c.counted))).group_by(rows.c.currency)


def known_values(name: str, source: FromClause = charges, most: int = 2000) -> Select[Any]:
    """(value): what is found under a dimension, the costliest first."""
    value = shown(name, source).label("value")
    weight = func.sum(func.abs(source.c["EffectiveCost"]))
    return select(value).where(value.is_not(None)).group_by(value).order_by(weight.desc()).limit(most)


def _any_of(column: ColumnElement[Any], values: Sequence[str | None]) -> ColumnElement[bool]:
    """A list, which engines look up faster than a chain of comparisons."""
    known = column.in_([value for value in values if value is not None])
    return or_(known, column.is_(None)) if None in values else known


def _all_of(columns: Sequence[ColumnElement[Any]], group: Sequence[str | None]) -> ColumnElement[bool]:
    return and_(*(_equals(column, value) for column, value in zip(columns, group, strict=True)))


def _equals(column: ColumnElement[Any], value: str | None) -> ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def within(period: Period, day: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(day >= period.start, day < period.end)


def days_of(query: CostQuery, source: FromClause) -> ColumnElement[bool]:
    """One range where the periods touch: engines prune by it; else either of the two."""
    day = source.c["x_ChargeDay"]
    if query.compare is None:
        return within(query.period, day)
    first, second = sorted((query.period, query.compare))
    if first.end == second.start:
        return within(Period(first.start, second.end), day)
    return or_(within(first, day), within(second, day))


def scope_of(asked: Asked, source: FromClause) -> list[ColumnElement[bool]]:
    early = [source.c["ChargePeriodStart"] < asked.until.replace(tzinfo=None)] if asked.until else []
    return [*early, *(_matches(each, source) for each in asked.query.scope)]


def _columns(name: str, source: FromClause) -> list[ColumnElement[Any]]:
    if name.startswith("tag:"):
        return [Tag(source.c["Tags"], name[4:])]
    return [source.c[column] for column in dimension(name).columns]


def shown(name: str, source: FromClause, empty: Collection[str] = ()) -> ColumnElement[Any]:
    every = _columns(name, source)
    columns = [column for column in every if getattr(column, "name", None) not in empty] or every[:1]
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


def currency_of(asked: Asked, source: FromClause) -> ColumnElement[Any]:
    only = asked.only_currency
    return literal(only, String()) if only else source.c["BillingCurrency"]


def _money(asked: Asked, source: FromClause) -> ColumnElement[Any]:
    amount: ColumnElement[Any] = source.c[METRICS[asked.query.metric]]
    given = [_superseded(asked.billed, source)] if asked.billed else []
    given += [_unfinished(asked.unfinished, source)] if asked.unfinished else []
    if given:
        amount = case((or_(*given), cast(literal("0", String()), Numeric(38, 10))), else_=amount)
    return converted(asked, source, amount)


def converted(asked: Asked, source: FromClause, amount: ColumnElement[Any]) -> ColumnElement[Any]:
    """An amount of a charge in the currency of the answer."""
    return amount if asked.conversion is None else amount * case(*_rates(asked.conversion, source))


def _superseded(billed: Mapping[str, tuple[Period, ...]], source: FromClause) -> ColumnElement[bool]:
    """An estimate whose provider has billed its day: its requests and tokens count, its money is on the bill."""
    return and_(source.c["x_CostSource"] == ESTIMATE, _on_days(billed, source))


def _unfinished(days: Mapping[str, tuple[Period, ...]], source: FromClause) -> ColumnElement[bool]:
    """A line for models on a bill that came before its day was over: what was measured that day says more."""
    is_bill = func.coalesce(source.c["x_CostSource"], "") != ESTIMATE
    return and_(is_bill, _on_days(days, source), models_of(sorted(days), source))


def _on_days(days: Mapping[str, tuple[Period, ...]], source: FromClause) -> ColumnElement[bool]:
    day = source.c["x_ChargeDay"]
    return or_(
        *(
            and_(source.c["ProviderName"] == provider, or_(*(within(period, day) for period in periods)))
            for provider, periods in sorted(days.items())
        )
    )


def _rates(conversion: Conversion, source: FromClause) -> list[tuple[ColumnElement[bool], ColumnElement[Any]]]:
    cases: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = []
    for currency, spans in conversion.spans.items():
        for span in sorted(spans, key=lambda one: one.start, reverse=True):
            holds = and_(source.c["BillingCurrency"] == currency, source.c["x_ChargeDay"] >= span.start)
            cases.append((holds, rate_literal(span.rate)))
    return cases


def rate_literal(rate: Decimal) -> ColumnElement[Any]:
    return cast(literal(format(rate, "f"), String()), RATE)
