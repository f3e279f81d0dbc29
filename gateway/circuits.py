"""A circuit for each model, and each route that has its own: open while its upstream mostly fails, tried again by one request."""

from collections import deque
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 120.0
PROBE_FOR: Final = 60.0  # a probe nobody heard of again is given up


@dataclass(frozen=True, slots=True)
class Rule:
    """When a circuit opens, and for how many seconds: once `share` of at least `least` requests within `window` seconds failed."""

    share: float = 0.5
    least: int = 10
    window: float = 30.0
    pause: float = 10.0


USUAL: Final = Rule()


class Circuit:
    """closed → open by its rule → a probe after the pause, then closed, or open for twice as long."""

    __slots__ = ("_failures", "_opened", "_outcomes", "_probe_until", "_rule", "_wait")

    def __init__(self, rule: Rule = USUAL) -> None:
        self._rule = rule
        self._outcomes: deque[tuple[float, bool]] = deque(maxlen=1000)
        self._failures = 0
        self._opened: float | None = None
        self._probe_until = -1.0
        self._wait = rule.pause

    @property
    def rule(self) -> Rule:
        return self._rule

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
        while self._outcomes[0][0] < now - self._rule.window:
            self._forget()
        if len(self._outcomes) >= self._rule.least and self._failures >= self._rule.share * len(self._outcomes):
            self._opened = now
            return True
        return False

    def _forget(self) -> None:
        _, ok = self._outcomes.popleft()
        self._failures -= not ok

    def _probed(self, ok: bool, now: float) -> bool:
        self._probe_until = -1.0
        if not ok:
            self._opened, self._wait = now, max(self._rule.pause, min(LONGEST, 2 * self._wait))
            return False
        self._opened, self._wait, self._failures = None, self._rule.pause, 0
        self._outcomes.clear()
        return True
