"""Slack's rate limits as token buckets: per method by tier, and one message a second per channel."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}  # 5 is what Slack calls special
POST_BURST = 4


@dataclass
class Bucket:
    """Holds up to `size` calls and fills at `rate` a second."""

    size: float
    rate: float
    level: float
    at: float

    def take(self, now: float) -> float:
        """Seconds to wait; 0 when the call may pass."""
        self.level = min(self.size, self.level + max(0.0, now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return (1 - self.level) / self.rate
        self.level -= 1
        return 0.0


@dataclass
class RateLimiter:
    """Says how long a call must wait."""

    now: Callable[[], float]
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def retry_after(self, method: str, tier: int, channel: str | None = None) -> int:
        """Whole seconds for `Retry-After`, or 0: go ahead."""
        if method == "chat.postMessage":
            return self._take(f"{method} {channel}", POST_BURST, 1.0)
        return self._take(method, PER_MINUTE[tier], PER_MINUTE[tier] / 60)

    def _take(self, key: str, size: float, rate: float) -> int:
        now = self.now()
        bucket = self.buckets.setdefault(key, Bucket(size, rate, size, now))
        return math.ceil(bucket.take(now) - 1e-9)
