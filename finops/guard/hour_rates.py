"""What an hour of a resource costs by its own bill, and for how long the bill says that it ran."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

HOUR: Final = timedelta(hours=1)
ZERO: Final = Decimal(0)


@dataclass(frozen=True)
class HourLine:
    """One line of a bill that charges a resource by the hour. `committed`: a commitment pays for it, used or not."""

    resource: str
    meter: str
    start: datetime
    end: datetime
    hours: Decimal
    cost: Decimal
    currency: str
    committed: bool
    source: str
    place: tuple[tuple[str, str], ...] = ()  # provider, account, region, team, project, env, service, as far as it tells


@dataclass(frozen=True)
class HourRate:
    """What an hour saved would not be charged: its mean and the least and the most of a day; `committed` is charged all the same."""

    likely: Decimal
    low: Decimal
    high: Decimal
    currency: str
    days: int
    committed: Decimal
    sources: tuple[str, ...]
    grain: timedelta = field(default=HOUR)

    @property
    def basis(self) -> str:
        days = f"{self.days} {'day' if self.days == 1 else 'days'}"
        said = f"what the bill of {', '.join(self.sources)} charged an hour of it on {days} before"
        if self.committed > 0:
            said += f", without the {100 * self.committed:.0f} % that a commitment pays for in any case"
        return said


def rate_of(lines: Sequence[HourLine]) -> HourRate | None:
    """Return the rate of what the lines tell of; None without any hours, or in several currencies."""
    currencies = {line.currency for line in lines}
    hours = ran(lines)
    if len(currencies) != 1 or hours <= 0:
        return None
    by_day: dict[date, list[HourLine]] = defaultdict(list)
    for line in lines:
        by_day[line.start.date()].append(line)
    daily = [_free(each) / most for each in by_day.values() if (most := ran(each)) > 0]
    likely = _free(lines) / hours
    grain = max(line.end - line.start for line in lines)
    sources = tuple(sorted({line.source for line in lines}))
    committed = ran([line for line in lines if line.committed]) / hours
    return HourRate(likely, min(*daily, likely), max(*daily, likely), currencies.pop(), len(daily), committed, sources, grain)


def ran(lines: Sequence[HourLine]) -> Decimal:
    """Return the hours of all resources together."""
    return sum((_hours(each) for each in by_resource(lines).values()), ZERO)


def _hours(lines: Sequence[HourLine]) -> Decimal:
    """Return the hours of the meter that counted most: two meters of one machine count the same hours."""
    meters: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        meters[line.meter] += line.hours
    return max(meters.values(), default=ZERO)


def unbilled(lines: Sequence[HourLine], resources: int, begins: datetime, ends: datetime, grain: timedelta) -> Decimal:
    """Return how many hours of `resources` the bill leaves out around [begins, ends), which is widened to whole lines of it."""
    seconds = max(int(grain.total_seconds()), 1)
    first = begins.timestamp() // seconds * seconds
    last = -(-ends.timestamp() // seconds) * seconds
    inside = [line for line in lines if first <= line.start.timestamp() < last]
    whole = Decimal(str((last - first) / 3600)) * resources
    return max(ZERO, whole - ran(inside))


def by_resource(lines: Sequence[HourLine]) -> dict[str, list[HourLine]]:
    found: dict[str, list[HourLine]] = defaultdict(list)
    for line in lines:
        found[line.resource].append(line)
    return found


def _free(lines: Sequence[HourLine]) -> Decimal:
    return sum((line.cost for line in lines if not line.committed), ZERO)
