"""How complete the last days of a bill are: learnt from how earlier days grew, else from a waiting time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from statistics import median

from finops.answers import Freshness
from finops.periods import DAY

DEFAULT_WAIT = timedelta(hours=24)  # most bills are final for a day one to three days later; a source may set its own
LONGEST_WAIT = 5  # days; later changes are restatements, not late data
SETTLED = 3  # days after which a delivery's figure is taken as final when learning
NEARLY_ALL = Decimal("0.99")
MOSTLY = 0.9
ENOUGH_DAYS = 5
FEW = 0.5  # of the days between the first and the last charge
LONG_SILENCE = timedelta(days=7)


@dataclass(frozen=True)
class Seen:
    """One delivery's figure for one usage day in one currency."""

    day: date
    currency: str
    delivered_at: datetime
    effective: Decimal


@dataclass(frozen=True)
class Growth:
    """How much of a day's final cost is on the bill so many whole days after its end; `wait` days until nearly all of it is."""

    wait: timedelta
    shares: Mapping[int, float]


def learn(seen: Iterable[Seen]) -> Growth | None:
    """Return the growth of one source's days, or None while fewer than five days were seen both early and settled."""
    by_age: dict[int, list[float]] = defaultdict(list)
    days = 0
    for figures in _by_day(seen):
        final = figures[-1]
        if _age(final) < SETTLED or not final.effective:
            continue
        early = [(_age(figure), float(figure.effective / final.effective)) for figure in figures[:-1]]
        days += bool(early)
        for age, share in early:
            by_age[age].append(share)
    if days < ENOUGH_DAYS:
        return None
    return Growth(timedelta(days=_wait(by_age)), {age: median(shares) for age, shares in by_age.items()})


def _by_day(seen: Iterable[Seen]) -> list[list[Seen]]:
    grouped: dict[tuple[date, str], list[Seen]] = defaultdict(list)
    for figure in seen:
        grouped[figure.day, figure.currency].append(figure)
    return [sorted(figures, key=lambda one: one.delivered_at) for figures in grouped.values()]


def _age(figure: Seen) -> int:
    """Whole days between the end of the usage day and the delivery; a delivery within the day has age −1."""
    return (figure.delivered_at - midnight(figure.day + DAY)) // DAY


def _wait(by_age: Mapping[int, list[float]]) -> int:
    """The first age from which on nine of ten figures hold nearly all of the day."""
    for age in range(LONGEST_WAIT):
        later = [share for seen_age, shares in by_age.items() if seen_age >= age for share in shares]
        if not later or sum(share >= NEARLY_ALL for share in later) >= MOSTLY * len(later):
            return age
    return LONGEST_WAIT


def is_sparse(days: Iterable[date], delivered_at: datetime) -> bool:
    """Tell whether a bill has charges on few of its days, such as one fee a month: then a day without any is not a missing day."""
    known = sorted(set(days))
    if len(known) < 2:
        return bool(known) and delivered_at > midnight(known[0]) + LONG_SILENCE
    return len(known) < FEW * ((known[-1] - known[0]).days + 1)


def freshness(source: str, delivered_at: datetime, last_day: date, wait: timedelta, *, sparse: bool = False) -> Freshness:
    """Return how far the bill of `source` reaches: a day is complete `wait` after its end, and only if the bill goes that far."""
    settled = (delivered_at - wait).astimezone(UTC).date()
    return Freshness(source, delivered_at, last_day, settled if sparse else min(settled, last_day + DAY))


def share_of(growth: Growth | None, day: date, delivered_at: datetime) -> float | None:
    """Return which share of the final cost of `day` is usually billed by `delivered_at`, or None where nothing was learnt."""
    if growth is None:
        return None
    return growth.shares.get((delivered_at - midnight(day + DAY)) // DAY)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
