"""Looks up what budgets and rules watch, as of one instant: spend by the budget's own days, speeds, unit figures, growth, gauges."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Date, FromClause, cast, func, literal_column, select

from finops.answers import Units
from finops.charges import COLUMNS
from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_conditions import GaugeName, UnitFigure
from finops.configuration.rulebook_sections import Scope
from finops.errors import FinopsError, QueryError, UserError
from finops.guard.budgets import BudgetState, Outlook, Spending, bounds, state_of, today_of
from finops.guard.burn import HISTORY, burn_rate
from finops.guard.idle import Fleet
from finops.insight.unit_costs import unit_costs
from finops.ledger import capacity, statements, unit_statements
from finops.ledger.derive import derived_columns
from finops.ledger.facts import DuckFacts, Reading
from finops.ledger.idle_gpus import fleet
from finops.ledger.ledger import Ledger
from finops.ledger.statements import Asked
from finops.ledger.units import units_of
from finops.periods import DAY, Period, unit_of
from finops.query import CostQuery, Filter
from finops.rulebook import Rulebook

if TYPE_CHECKING:
    from finops.insight.anomalies_events import Anomaly

SINCE: Final = 200  # days that are looked up: a quarter, and those before it that late bills may change
NOT_USED: Final = Filter("category", ("Purchase", "Tax", "Credit", "Adjustment"), negated=True)
GAUGES: Final[Mapping[GaugeName, tuple[tuple[str, ...], Decimal]]] = {
    "gpu_utilisation": (("DCGM_FI_DEV_GPU_UTIL",), Decimal("0.01")),
    "queue_depth": (("vllm:num_requests_waiting",), Decimal(1)),
}
OF_SAMPLES: Final = ("namespace", "model")
STALE: Final = 8  # days
AskPrometheus = Callable[[str, str | None], Sequence[Decimal]]
Spotted = Callable[[datetime, Scope], "Sequence[Anomaly] | None"]  # what is open at an instant within a scope


def filters_of(scope: Scope) -> tuple[Filter, ...]:
    return tuple(Filter(name, values) for name, values in scope)


def spending(ledger: Ledger, budget: Budget, until: datetime, since: int = SINCE) -> Spending:
    """Return what a budget's scope cost on the days of the budget's own calendar before `until`."""
    today = today_of(budget, until)
    period = Period(unit_of(today, budget.period).start - DAY * max(since, HISTORY), today + DAY)
    by = (budget.split.by,) if budget.split else ()
    query = CostQuery(period, scope=filters_of(budget.scope), by=by, currency=budget.currency)
    try:
        return _spending(ledger, query, budget.timezone, until)
    except QueryError as problem:  # no rate for the currency of a bill
        return Spending(problem=f"Nothing is known of what it spent: {problem}.")


def _spending(ledger: Ledger, query: CostQuery, timezone: str, until: datetime) -> Spending:
    now = ledger.manifest(until)
    around = CostQuery(Period(query.period.start - DAY, query.period.end + DAY), scope=query.scope, currency=query.currency)
    files = now.files_of(around.period)
    asked, _ = ledger.asked(around, files, until, now)
    asked = Asked(query, until if files else None, asked.conversion, asked.currency, asked.source, asked.billed, asked.unfinished)
    rows: list[tuple[Any, ...]] = []
    if files:
        with ledger.facts.reading(ledger.split(now, [file.path for file in files])) as reading:
            charges = _by_clock(ledger, reading, timezone)
            lines = statements.lines(asked, query.by, charges).subquery("lines")
            keys = [lines.c.day, lines.c.source, *(column for column in lines.c if column.name.startswith("k"))]
            rows = reading.run(select(*keys, func.sum(lines.c.cost)).group_by(*keys))
    reach = ledger.reach(now, {row[1] for row in rows}, query, until)
    delivered = [one.delivered_at for one in reach.sources]
    return Spending(
        days=_sums(rows),
        complete_until=reach.coverage.complete_until if reach.coverage else None,
        delivered_at=min(delivered, default=None),
        as_of=min(max(delivered), until) if delivered else None,
        parts=_parts(rows) if query.by else {},
    )


def _by_clock(ledger: Ledger, reading: Reading, timezone: str) -> FromClause:
    """The charges with their days by another clock than the ledger's; bills that tell whole days keep them."""
    if timezone == ledger.terms.timezone or not isinstance(ledger.facts, DuckFacts):
        return reading.charges
    day = literal_column(derived_columns((), timezone)["x_ChargeDay"], Date())
    columns = [cast(day, Date()).label(name) if name == "x_ChargeDay" else reading.charges.c[name] for name in COLUMNS]
    return select(*columns).subquery("charges_by_clock")


def _sums(rows: Sequence[tuple[Any, ...]]) -> dict[date, Decimal]:
    days: dict[date, Decimal] = {}
    for row in rows:
        if row[-1] is not None:
            days[row[0]] = days.get(row[0], Decimal(0)) + row[-1]
    return days


def _parts(rows: Sequence[tuple[Any, ...]]) -> dict[date, dict[str | None, Decimal]]:
    parts: dict[date, dict[str | None, Decimal]] = {}
    for row in rows:
        if row[-1] is not None:
            values = parts.setdefault(row[0], {})
            values[row[2]] = values.get(row[2], Decimal(0)) + row[-1]
    return parts


def outlook_of(ledger: Ledger, book: Rulebook, budget: Budget, period: Period, now: datetime) -> Outlook | None:
    """Return what the forecast expects of a budget's scope; None where it cannot tell."""
    from finops.ledger.forecasts import money
    from finops.ledger.predicting import local_day, predict  # numpy, only where somebody asks

    if period.end <= local_day(ledger, now):
        return None
    try:
        found = predict(ledger, book, filters_of(budget.scope), period, now, currency=budget.currency).whole
    except UserError:  # no rate for a currency, or a country without a calendar
        return None
    if found.total is None or found.month_to_date is None:
        return None
    days = tuple((day.date, money(day.cost)) for day in found.daily)
    return Outlook(money(found.total - found.month_to_date), days)


@dataclass(frozen=True)
class Window:
    """What was charged and used between two instants; None where nothing was seen at all."""

    cost: Decimal | None
    units: Units | None


def between(ledger: Ledger, scope: Scope, currency: str, start: datetime, end: datetime, *, used: bool = True) -> Window:
    """Return what the charges that began in `[start, end)` cost, without fees for a whole month; and what was used.

    A bill that tells whole days counts them where they begin.
    """
    period = Period(start.date() - DAY, end.date() + DAY * 2)
    query = CostQuery(period, scope=(*filters_of(scope), NOT_USED), currency=currency)
    now = ledger.manifest(end)
    files = now.files_of(period)
    if not files:
        return Window(None, None)
    asked, _ = ledger.asked(query, files, end, now)
    asked = Asked(query, end, asked.conversion, asked.currency, asked.source, asked.billed, asked.unfinished)
    with ledger.facts.reading(ledger.split(now, [file.path for file in files])) as reading:
        first = reading.charges.c["ChargePeriodStart"] >= start.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
        charges = select(*(reading.charges.c[name] for name in COLUMNS)).where(first).subquery("charges_since")
        lines = statements.lines(asked, (), charges).subquery("lines")
        cost = reading.run(select(func.sum(lines.c.cost)))[0][0]
        if not used:
            return Window(cost, None)
        found = reading.run(unit_statements.unit_sums(asked, period, (), charges))
    return Window(cost, units_of(*found[0][1:]) if found else None)


class Looking:
    """Looks things up in a ledger as of one instant, each once. `ask` asks a Prometheus server, `spotted` tells anomalies.

    With a `book` forecasts are those of `/cost forecast`, of the budgets named in `foreseen` alone where it is given; without one,
    as where very many instants are replayed, a rule of thumb.
    """

    def __init__(
        self,
        ledger: Ledger,
        now: datetime,
        ask: AskPrometheus | None = None,
        book: Rulebook | None = None,
        spotted: Spotted | None = None,
        foreseen: Collection[str] | None = None,
    ) -> None:
        self._ledger, self._now, self._ask, self._book, self._spotted = ledger, now, ask, book, spotted
        self._foreseen = foreseen
        self._spent: dict[str, Spending] = {}
        self._seen: dict[tuple[Any, ...], Window] = {}
        self._idle: dict[timedelta, Fleet | None] = {}

    def spending(self, budget: Budget) -> Spending:
        if budget.name not in self._spent:
            self._spent[budget.name] = spending(self._ledger, budget, self._now)
        return self._spent[budget.name]

    def state(self, budget: Budget, period: Period | None = None) -> BudgetState:
        known, asked = self.spending(budget), period or unit_of(today_of(budget, self._now), budget.period)
        is_open = known.complete_until is not None and known.complete_until < asked.end
        is_asked = is_open and (self._foreseen is None or budget.name in self._foreseen)
        outlook = outlook_of(self._ledger, self._book, budget, asked, self._now) if self._book and is_asked else None
        return state_of(budget, known, self._now, period, outlook)

    def burn(self, budget: Budget, window: timedelta, end: datetime | None = None) -> Decimal | None:
        """What was seen is a lower bound of what was spent, so that late data raise no false alarm."""
        until = end or self._now
        seen = self._window(budget.scope, budget.currency, until - window, until, used=False)
        if seen is None or seen.cost is None:
            return None
        start, end = bounds(unit_of(today_of(budget, self._now), budget.period), budget.timezone)
        return burn_rate(seen.cost, window, budget.amount, start, end)

    def has_bills(self, since: date) -> bool:
        """Tell whether a bill, and not measured usage alone, goes as far as `since`."""
        return any(file.kind != "usage" and file.last_day >= since for file in self._ledger.manifest(self._now).files)

    def unit(self, figure: UnitFigure, scope: Scope, window: timedelta, back: int) -> Decimal | None:
        end = self._now - window * back
        seen = self._window(scope, self._ledger.terms.currency, end - window, end, used=True)
        if seen is None or seen.units is None:
            return None
        costs = unit_costs(seen.cost, seen.units)
        if figure == "cache_hit_ratio":
            return None if costs.cache_hit_ratio is None else Decimal(str(costs.cache_hit_ratio))
        found = {
            "cost_per_1k_requests": costs.per_1k_requests,
            "cost_per_1k_tokens": costs.per_1k_tokens,
            "tokens_per_request": costs.tokens_per_request,
        }
        return found[figure]

    def growth(self, scope: Scope, window: timedelta) -> tuple[Decimal, Decimal] | None:
        """Two windows of whole days, all complete, and not long ago."""
        days = max(1, window // timedelta(days=1))
        today = self._now.astimezone(ZoneInfo(self._ledger.terms.timezone)).date()
        whole = CostQuery(Period(today - DAY * (2 * days + STALE), today + DAY), scope=filters_of(scope))
        try:
            found = _spending(self._ledger, whole, self._ledger.terms.timezone, self._now)
        except QueryError:
            return None
        end = min(found.complete_until, today) if found.complete_until else None
        if end is None or (today - end).days > STALE or not found.days:
            return None
        return _sum(found.days, end - DAY * days, end), _sum(found.days, end - DAY * 2 * days, end - DAY * days)

    def gauge(self, name: GaugeName, scope: Scope, window: timedelta) -> Decimal | None:
        """The mean of all samples; nothing seen is no 0. A scope that samples do not know finds nothing."""
        metrics, scale = GAUGES[name]
        if any(each not in OF_SAMPLES for each, _ in scope):
            return None
        where = {each: list(values) for each, values in scope} or None
        series = capacity.samples(self._ledger, metrics, self._now - window, self._now, window, until=self._now, where=where)
        values = [Decimal(str(value)) for one in series for value in one.optional() if value is not None]
        return sum(values, Decimal(0)) / len(values) * scale if values else None

    def promql(self, query: str, url: str | None) -> Sequence[Decimal] | None:
        try:
            return self._ask(query, url) if self._ask else None
        except FinopsError:  # not reached, or refused: nobody can say
            return None

    def idle(self, at_least: timedelta) -> Fleet | None:
        if at_least not in self._idle:
            self._idle[at_least] = fleet(self._ledger, self._now, at_least)
        return self._idle[at_least]

    def anomalies(self, scope: Scope) -> "Sequence[Anomaly] | None":
        return self._spotted(self._now, scope) if self._spotted else None

    def _window(self, scope: Scope, currency: str, start: datetime, end: datetime, *, used: bool) -> Window | None:
        asked = (scope, currency, start, end, used)
        if asked not in self._seen:
            try:
                self._seen[asked] = between(self._ledger, scope, currency, start, end, used=used)
            except QueryError:
                return None
        return self._seen[asked]


def _sum(days: Mapping[date, Decimal], start: date, end: date) -> Decimal:
    return sum((cost for day, cost in days.items() if start <= day < end), Decimal(0))
