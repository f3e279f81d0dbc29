"""Where a budget stands in one of its periods: what is spent, how fast, where that leads, and whether one can rely on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from finops.configuration.rulebook_budgets import Budget, BudgetPeriod
from finops.guard.burn import forecast_total, rate_to_date, rates_by_days
from finops.periods import DAY, Period, unit_of

BudgetStanding = Literal["ok", "warning", "over", "unknown"]
USUAL_WARNING: Final = Decimal("0.8")
BEYOND: Final = Decimal(10)  # the share of a budget of nothing once anything is spent
SILENT: Final = timedelta(days=3)  # without a delivery for so long, what is shown is old
BEHIND: Final = 8  # days without complete figures
UNLIKELY: Final = 50  # times a usual day: rather a wrong bill than real use
ENOUGH: Final = 7  # days before a day can be called unlikely


@dataclass(frozen=True)
class Spending:
    """What a scope cost on each day of the budget's own calendar; a day that is missing has no data, which is not 0.

    All days before `complete_until` are complete. `delivered_at` is when the source that is the furthest behind delivered last.
    `parts` are the sums of a dimension's values by day. `problem` says why there are no figures at all.
    """

    days: Mapping[date, Decimal] = field(default_factory=dict)
    complete_until: date | None = None
    delivered_at: datetime | None = None
    as_of: datetime | None = None
    parts: Mapping[date, Mapping[str | None, Decimal]] = field(default_factory=dict)
    problem: str | None = None

    def within(self, period: Period) -> dict[date, Decimal]:
        return {day: cost for day, cost in self.days.items() if day in period}


@dataclass(frozen=True)
class Outlook:
    """What a forecast expects: `remaining` beyond what is known already, and each day of the period, as it will be at its end."""

    remaining: Decimal
    days: tuple[tuple[date, Decimal], ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of a split budget: its share of the amount, and what is spent of it."""

    value: str
    amount: Decimal
    spent: Decimal

    @property
    def share(self) -> Decimal:
        return share_of(self.spent, self.amount)


@dataclass(frozen=True)
class BudgetState:
    """A budget in one period. `doubts` are reasons why nothing may be done on these figures, in sentences."""

    budget: Budget
    period: Period
    key: str
    spent: Decimal | None
    share: Decimal | None
    burn_rate: Decimal | None
    burns: Mapping[str, Decimal]
    forecast: Decimal | None
    state: BudgetStanding
    as_of: datetime | None
    complete_until: date | None
    incomplete: int = 0  # days that are counted as far as they are known
    doubts: tuple[str, ...] = ()
    has_gap: bool = False
    parts: tuple[Part, ...] = ()
    breach_date: date | None = None  # when its amount is, or will be, spent

    @property
    def is_sure(self) -> bool:
        return self.spent is not None and not self.doubts

    @property
    def forecast_share(self) -> Decimal | None:
        return None if self.forecast is None else share_of(self.forecast, self.budget.amount)


def share_of(spent: Decimal, amount: Decimal) -> Decimal:
    if amount > 0:
        return spent / amount
    return BEYOND if spent > 0 else Decimal(0)


def today_of(budget: Budget, now: datetime) -> date:
    """Return the day it is where the budget's periods begin and end."""
    return now.astimezone(ZoneInfo(budget.timezone)).date()


def period_key(unit: BudgetPeriod, period: Period) -> str:
    """Name a period: 2026-11-21, 2026-W47, 2026-11, 2026-Q4."""
    first = period.start
    if unit == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    if unit == "quarter":
        return f"{first.year}-Q{(first.month + 2) // 3}"
    return first.isoformat() if unit == "day" else first.strftime("%Y-%m")


def bounds(period: Period, timezone: str) -> tuple[datetime, datetime]:
    """Return the instants between which the period's local days lie; a day may have 23 or 25 hours."""
    zone = ZoneInfo(timezone)
    start, end = (datetime.combine(day, time(), zone) for day in (period.start, period.end))
    return start.astimezone(ZoneInfo("UTC")), end.astimezone(ZoneInfo("UTC"))


def state_of(
    budget: Budget, spending: Spending, now: datetime, period: Period | None = None, outlook: Outlook | None = None
) -> BudgetState:
    """Work out where a budget stands at `now`, in its present period or in another one.

    Without an `outlook` a rule of thumb says where it leads: the usual level of each weekday.
    """
    today = today_of(budget, now)
    period = period or unit_of(today, budget.period)
    key = period_key(budget.period, period)
    if spending.problem or spending.complete_until is None:
        why = spending.problem or "No bill and no usage was loaded yet."
        return BudgetState(budget, period, key, None, None, None, {}, None, "unknown", None, None, doubts=(why,))
    known = spending.within(period)
    spent = sum(known.values(), Decimal(0))
    share, forecast = share_of(spent, budget.amount), _leads_to(spending, spent, period, today, outlook)
    doubts = doubts_of(spending, period, now, today)
    return BudgetState(
        budget,
        period,
        key,
        spent,
        share,
        burn_rate=rate_to_date(known, budget.amount, bounds(period, budget.timezone), now, _reach(spending, budget, now)),
        burns=rates_by_days(spending.days, budget.amount, period, min(spending.complete_until, today)),
        forecast=forecast,
        state=_standing(budget, share, forecast, is_sure=not doubts),
        as_of=spending.as_of,
        complete_until=spending.complete_until,
        incomplete=max(0, (min(today + DAY, period.end) - max(spending.complete_until, period.start)).days),
        doubts=doubts,
        has_gap=has_gap(spending, period),
        parts=_parts(budget, spending, period),
        breach_date=reached(budget.amount, outlook.days if outlook else tuple(sorted(known.items()))),
    )


def _leads_to(spending: Spending, spent: Decimal, period: Period, today: date, outlook: Outlook | None) -> Decimal | None:
    if outlook is not None:
        return (spent + outlook.remaining).quantize(outlook.remaining)  # as exact as the forecast, no more
    assert spending.complete_until is not None
    return forecast_total(spending.days, period, today, spending.complete_until)


def reached(amount: Decimal, days: Iterable[tuple[date, Decimal]]) -> date | None:
    """Return the day on which more than the amount is spent, None where these days do not spend it."""
    spent = Decimal(0)
    for day, cost in days:
        spent += cost
        if spent > amount:
            return day
    return None


def _reach(spending: Spending, budget: Budget, now: datetime) -> datetime | None:
    """Return how far the figures go where whole days are missing; None where they reach today."""
    assert spending.complete_until is not None
    if spending.complete_until >= today_of(budget, now):
        return None
    return datetime.combine(spending.complete_until, time(), ZoneInfo(budget.timezone))


def _standing(budget: Budget, share: Decimal, forecast: Decimal | None, *, is_sure: bool) -> BudgetStanding:
    if not is_sure:
        return "unknown"
    if share >= 1:
        return "over"
    below = [each.at for each in budget.thresholds if each.kind == "actual" and each.at < 1]
    leads_over = forecast is not None and forecast > budget.amount
    return "warning" if leads_over or share >= max(below, default=USUAL_WARNING) else "ok"


def doubts_of(spending: Spending, period: Period, now: datetime, today: date) -> tuple[str, ...]:
    """Return why nobody should act on these figures: they are old, or a day in them can hardly be true."""
    told = []
    assert spending.complete_until is not None
    if (spending.delivered_at and now - spending.delivered_at > SILENT) or (today - spending.complete_until).days > BEHIND:
        since = f"{spending.delivered_at:%Y-%m-%d %H:%M}Z" if spending.delivered_at else "long ago"
        told.append(f"The figures are old: delivered {since}, complete before {spending.complete_until}.")
    if day := unlikely_day(spending.days, period):
        told.append(f"What {day} cost is more than {UNLIKELY} times a usual day; check the bill before anything is done.")
    return tuple(told)


def unlikely_day(days: Mapping[date, Decimal], period: Period) -> date | None:
    """Return the newest day of the period that costs many times what days before it do, as a bill in the wrong unit would."""
    for day in sorted((day for day in days if day in period), reverse=True):
        before = [cost for other, cost in days.items() if day - DAY * 28 <= other < day]
        if len(before) >= ENOUGH and (usual := median(before)) > 0 and days[day] > UNLIKELY * usual:
            return day
    return None


def has_gap(spending: Spending, period: Period) -> bool:
    """Tell whether a day that should be complete has no figure or 0, among days that have one: its bill may be broken."""
    assert spending.complete_until is not None
    for day in period:
        if day >= spending.complete_until:
            return False
        around = [spending.days.get(day - DAY * back, 0) for back in range(1, 8)]
        if not spending.days.get(day) and sum(cost > 0 for cost in around) == len(around):
            return True
    return False


def _parts(budget: Budget, spending: Spending, period: Period) -> tuple[Part, ...]:
    if budget.split is None:
        return ()
    sums: dict[str | None, Decimal] = {}
    for day, values in spending.parts.items():
        for value, cost in values.items() if day in period else ():
            sums[value] = sums.get(value, Decimal(0)) + cost
    return tuple(Part(value, budget.amount * share, sums.get(value, Decimal(0))) for value, share in budget.split.shares)


def document(state: BudgetState) -> dict[str, Any]:
    """Return what scripts get of a budget."""
    budget = state.budget
    period = {"start": str(state.period.start), "end": str(state.period.end), "unit": budget.period, "key": state.key}
    return {
        "name": budget.name,
        "scope": {name: list(values) for name, values in budget.scope},
        "period": period,
        "amount": _text(budget.amount),
        "currency": budget.currency,
        "spent": _text(state.spent),
        "share": _number(state.share),
        "burn_rate": _number(state.burn_rate),
        "burn": {name: _number(rate) for name, rate in state.burns.items()},
        "forecast": _text(state.forecast),
        "breach_date": state.breach_date.isoformat() if state.breach_date else None,
        "state": state.state,
        "owner": budget.owner,
        "parent": budget.parent,
        "timezone": budget.timezone,
        "split": [
            {"value": part.value, "amount": _text(part.amount), "spent": _text(part.spent), "share": _number(part.share)}
            for part in state.parts
        ],
        "as_of": f"{state.as_of:%Y-%m-%dT%H:%M:%SZ}" if state.as_of else None,
        "complete_until": str(state.complete_until) if state.complete_until else None,
        "incomplete_days": state.incomplete,
        "notes": list(state.doubts),
    }


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.quantize(Decimal("0.000001")), "f")


def _number(share: Decimal | None) -> float | None:
    return None if share is None else round(float(share), 6)
