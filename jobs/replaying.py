"""Replays history day by day, to show what budgets and rules would have told; nothing is written, nobody is told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from finops.errors import UserError
from finops.guard.watching import Firing, Memory, Round, remembered
from finops.guard.watching_rules import watch
from finops.ledger.ledger import Ledger
from finops.ledger.watched import AskPrometheus, Looking, Spotted
from finops.periods import DAY, Period
from finops.rulebook import Rulebook
from jobs.check_budgets import asks_for_anomalies

MOST_DAYS = 400
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
    for day in period:
        now = datetime.combine(day + DAY, time(), zone).astimezone(ZoneInfo("UTC")) - timedelta(seconds=1)
        done = watch(book, Looking(ledger, now, ask, spotted=spotted), Round(now, memory, BETWEEN))
        memory = remembered(memory, done)
        if done.fired or done.below or done.over or done.told:
            yield Replayed(day, tuple(done.fired), tuple(done.below.values()), tuple(done.over), tuple(dict.fromkeys(done.told)))


def _anomalies(ledger: Ledger, book: Rulebook, period: Period) -> Spotted | None:
    """The whole period is looked through at once: each day of it is judged by the days before."""
    if not asks_for_anomalies(book):
        return None
    from finops.ledger.anomalies_open import in_the_past

    end = datetime.combine(period.end, time(), ZoneInfo(book.timezone)).astimezone(ZoneInfo("UTC"))
    return in_the_past(ledger, book, period, end)
