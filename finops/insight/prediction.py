"""A forecast with what a reader must know of it: its parts, how far its data reach, what is planned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_calendar import PlannedEvent
from finops.guard.budgets import reached
from finops.insight.forecast import Forecast
from finops.periods import unit_of
from finops.query import Filter


@dataclass(frozen=True)
class Prediction:
    """A scope, and its parts `by` dimensions, which add up to it; `run_rates` are what every day as the last thirty would come to.

    All days before `complete_until` are complete; days from `known_since` on are known, except `gaps` of them. `lately` are the last
    days before the period, `left_out` the parts that are told as one, `events` those planned for the days to come.
    """

    whole: Forecast
    parts: tuple[Forecast, ...]
    by: tuple[str, ...]
    today: date
    run_rates: tuple[float | None, ...]  # of the whole, and of each part
    as_of: datetime | None = None
    complete_until: date | None = None
    known_since: date | None = None
    gaps: int = 0
    left_out: int = 0
    lately: tuple[tuple[date, float | None], ...] = ()
    events: tuple[PlannedEvent, ...] = ()


@dataclass(frozen=True)
class Allowance:
    """The budget of just this scope and period, and when its amount is, or will be, spent."""

    name: str
    amount: float
    on_track: bool
    breach_date: date | None


def allowance(budgets: Iterable[Budget], scope: Sequence[Filter], whole: Forecast) -> Allowance | None:
    """Return the budget of just this scope and period, beside what is expected."""
    asked = {(each.dimension, frozenset(each.values), each.negated) for each in scope}
    for budget in budgets:
        same = asked == {(name, frozenset(values), False) for name, values in budget.scope} and budget.currency == whole.currency
        if same and whole.total is not None and whole.period == unit_of(whole.period.start, budget.period):
            breach = reached(budget.amount, ((day.date, Decimal(str(day.cost))) for day in whole.daily))
            return Allowance(budget.name, float(budget.amount), whole.total <= float(budget.amount), breach)
    return None
