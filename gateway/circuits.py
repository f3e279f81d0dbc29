"""A circuit for each model: open while its upstream mostly fails, tried again by a single request."""

from collections import deque
from typing import Final

WINDOW: Final = 30.0  # seconds of outcomes that count
LEAST: Final = 10  # fewer outcomes say nothing
SHARE: Final = 0.5
OPEN_FOR: Final = 10.0
LONGEST: Final = 120.0
PROBE_FOR: Final = 60.0  # a probe nobody heard of again is given up


class Circuit:
    """closed → open after half of at least ten requests failed → a probe after ten seconds, then closed, or open for twice as long."""

    __slots__ = ("_failures", "_opened", "_outcomes", "_probe_until", "_wait")

    def __init__(self) -> None:
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=1000)
        self._failures = 0
        self._opened: float | None = None
        self._probe_until = -1.0
        self._wait = OPEN_FOR

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    def refuses(self, now: float) -> float:
        """Return 0 where a request may pass, else the seconds until one may. Asking once the wait is over starts the probe."""
        if self._opened is None:
            return 0.0
        if (left := self._opened + self._wait - now) > 0:
            return left
        if (left := self._probe_until - now) > 0:
            return min(left, 1.0)
        self._probe_until = now + PROBE_FOR
        return 0.0

    def release(self) -> None:
        """Let another request be the probe: the one that was has not reached the upstream."""
        self._probe_until = -1.0

    def note(self, ok: bool, now: float, *, probe: bool = False) -> bool:
        """Count an outcome; return whether it opened or closed the circuit. While it is open only the probe's counts."""
        if self._opened is not None:
            return probe and self._probed(ok, now)
        if len(self._outcomes) == self._outcomes.maxlen:
            self._forget()
        self._outcomes.append((now, ok))
        self._failures += not ok
        while self._outcomes[0][0] < now - WINDOW:
            self._forget()
        if len(self._outcomes) >= LEAST and self._failures >= SHARE * len(self._outcomes):
            self._opened = now
            return True
        return False

    def _forget(self) -> None:
        _, ok = self._outcomes.popleft()
        self._failures -= not ok

    def _probed(self, ok: bool, now: float) -> bool:
        self._probe_until = -1.0
        if not ok:
            self._opened, self._wait = now, min(LONGEST, 2 * self._wait)
            return False
        self._opened, self._wait, self._failures = None, OPEN_FOR, 0
        self._outcomes.clear()
        return True
