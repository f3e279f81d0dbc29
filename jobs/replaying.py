"""Replays history day by day, to show what budgets and rules would have told; nothing is written, nobody is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_conditions import ForecastBreach, conditions_in
from finops.errors import UserError
from finops.guard.conditions import targets
from finops.guard.watching import Firing, Memory, Round, remembered
from finops.guard.watching_rules import watch
from finops.ledger.ledger import Ledger
from finops.ledger.watched import AskPrometheus, Looking, Spotted
from finops.periods import DAY, Period
from finops.rulebook import Rulebook
from jobs.check_budgets import asks_for_anomalies

MOST_DAYS = 400
MOST_FORECASTS = 400  # a budget on a day each, a fraction of a second: beyond them a rule of thumb stands in
BETWEEN = timedelta(days=2)  # looks are a day apart: what holds at two of them is taken to hold in between


@dataclass(frozen=True)
class Replayed:
    """What would have been told at the end of one day."""

    day: date
    fired: tuple[Firing, ...]
    corrected: tuple[str, ...]
    over: tuple[str, ...]
    told: tuple[str, ...]


def replay(ledger: Ledger, book: Rulebook, period: Period, ask: AskPrometheus | None = None) -> Iterator[Replayed]:
    """Yield what happened on each day on which anything did, with the charges that began before the day was over."""
    if period.days > MOST_DAYS:
        raise UserError(f"{period.days} days are more than the {MOST_DAYS} that can be replayed at once; choose a later --from")
    memory, zone, spotted = Memory(), ZoneInfo(book.timezone), _anomalies(ledger, book, period)
    foreseen = forecast_in(book)
    by = book if foreseen and are_foreseen(book, period) else None
    for day in period:
        now = datetime.combine(day + DAY, time(), zone).astimezone(ZoneInfo("UTC")) - timedelta(seconds=1)
        done = watch(book, Looking(ledger, now, ask, by, spotted, foreseen), Round(now, memory, BETWEEN))
        memory = remembered(memory, done)
        if done.fired or done.below or done.over or done.told:
            yield Replayed(day, tuple(done.fired), tuple(done.below.values()), tuple(done.over), tuple(dict.fromkeys(done.told)))


def forecast_in(book: Rulebook) -> frozenset[str]:
    """Return the budgets whose forecast a threshold of theirs or a rule asks for."""
    about = {budget.name for budget in book.budgets if any(each.kind == "forecast" for each in budget.thresholds)}
    asking = [rule for rule in book.rules if any(isinstance(each, ForecastBreach) for each in conditions_in(rule.when))]
    ruled = [budget for rule in asking for budget in targets(rule, book.budgets) if isinstance(budget, Budget)]
    return frozenset(about | {budget.name for budget in ruled})


def are_foreseen(book: Rulebook, period: Period) -> bool:
    """Say whether forecasts of all the days are worked out as `/cost forecast` does."""
    return len(forecast_in(book)) * period.days <= MOST_FORECASTS


def _anomalies(ledger: Ledger, book: Rulebook, period: Period) -> Spotted | None:
    """The whole period is looked through at once: each day of it is judged by the days before."""
    if not asks_for_anomalies(book):
        return None
    from finops.ledger.anomalies_open import in_the_past

    end = datetime.combine(period.end, time(), ZoneInfo(book.timezone)).astimezone(ZoneInfo("UTC"))
    return in_the_past(ledger, book, period, end)
