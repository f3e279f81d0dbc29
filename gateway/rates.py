"""How many requests a second: buckets that refill, and a rate that glides with the burn rate."""

import math
from typing import Final

from gateway.limits import Adaptive, Limit

CALM: Final = 1.0  # a burn rate at which nothing is held back
ALARMED: Final = 4.0  # and one at which all is held back that was agreed
GLIDE: Final = 10.0  # seconds in which a rate covers most of the way to where it should be


def target_rate(adaptive: Adaptive) -> float:
    """Return the rate for a burn rate: the most while spending is on budget, the least at four times it, equal ratios between.

    A burn rate nobody knows counts as alarming.
    """
    if math.isnan(adaptive.burn) or adaptive.least >= adaptive.most:
        return adaptive.least
    share = min(1.0, max(0.0, (adaptive.burn - CALM) / (ALARMED - CALM)))
    if adaptive.least <= 0:
        return adaptive.most * (1.0 - share)
    return float(max(adaptive.least, min(adaptive.most, adaptive.most * (adaptive.least / adaptive.most) ** share)))


def rate_of(limit: Limit) -> float | None:
    """Return the rate a limit asks for; the lower one where it has both a rate and bounds."""
    rates = [] if limit.requests_per_second is None else [limit.requests_per_second]
    if limit.adaptive is not None:
        rates.append(target_rate(limit.adaptive))
    return min(rates, default=None)


class Bucket:
    """Lets `burst` requests pass at once and `rate` a second after that. A new rate is reached by gliding, not by a jump."""

    __slots__ = ("_at", "_burst", "_full", "_rate", "_target")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = self._target = rate
        self._burst = burst
        self._full = burst
        self._at = now

    @property
    def rate(self) -> float:
        return self._rate

    def aim(self, rate: float, burst: float, *, glide: bool) -> None:
        """Set the rate to be reached."""
        self._target, self._burst = rate, burst
        self._full = min(self._full, burst)
        if not glide:
            self._rate = rate

    def take(self, now: float) -> float:
        """Take a request's place: 0 where there was one, else the seconds until there is."""
        self._refill(now)
        if self._full >= 1.0:
            self._full -= 1.0
            return 0.0
        return (1.0 - self._full) / self._rate if self._rate > 0 else math.inf

    def give_back(self) -> None:
        self._full = min(self._burst, self._full + 1.0)

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)  # a clock that steps back gives nothing
        self._at = max(now, self._at)
        if self._rate != self._target:
            self._rate = self._target + (self._rate - self._target) * math.exp(-passed / GLIDE)
        self._full = min(self._burst, self._full + passed * self._rate)
