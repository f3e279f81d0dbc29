"""How a daily quota is handed out in slices, so that no gateway asks before each request and none uses what another has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

N = TypeVar("N", int, Decimal)
SMALLEST: Final = Decimal("0.000000001")
SLICES: Final = 4  # a worker holds at most so small a part of its even share at a time


@dataclass(frozen=True)
class Day:
    """A quota's day in its time zone, and the instant it ends."""

    date: date
    ends: datetime


def day_at(now: datetime, timezone: str) -> Day:
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    return Day(today, datetime.combine(today + timedelta(days=1), time(), zone).astimezone(UTC))


def allowed(quota: N, others: Sequence[N], used: N, stands: N, want: N, workers: int) -> tuple[N, bool]:
    """Return up to where a worker may use today, and whether it wants more than there is.

    `others` is what every other worker may use or has used, `used` what this one has, `stands` up to where it goes on
    without us, `want` what it has in hand beyond `used`. What all may use never sums to more than `quota`, unless more
    was used already. With 0 `workers` only what is wanted is handed out, and no slice beyond it.
    """
    nothing = quota - quota
    stands = max(stands, used)
    free = max(quota - sum(others, start=nothing) - stands, nothing)
    short = max(max(_slice(free, workers), want) - (stands - used), nothing)
    may = stands + min(short, free)
    return may, may - used < want or (free <= 0 and stands <= used)


def _slice(free: N, workers: int) -> N:
    if not workers:
        return free - free
    parts = SLICES * workers
    return free // parts if isinstance(free, int) else (free / parts).quantize(SMALLEST, ROUND_DOWN)
