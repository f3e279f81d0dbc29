"""Tries again what a network broke: waits longer each time, and never all callers at the same moment."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class BrokenOffError(Exception):
    """The other side went away or is busy: the same request may work in a moment."""


@dataclass(frozen=True)
class Backoff:
    """`tries` in all, with pauses that double from `first` to `most` seconds, each cut short by chance (0–1)."""

    tries: int = 6
    first: float = 0.5
    most: float = 20.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def pauses(self) -> Iterator[float]:
        for number in range(self.tries - 1):
            yield min(self.most, self.first * 2**number) * (0.5 + self.chance() / 2)


def again(work: Callable[[], T], backoff: Backoff, *, went_on: Callable[[], bool] = lambda: False) -> T:
    """Do the work, and once more after each BrokenOffError; where `went_on` says that it got further, the count begins anew."""
    pauses = backoff.pauses()
    while True:
        try:
            return work()
        except BrokenOffError:
            if went_on():
                pauses = backoff.pauses()
            pause = next(pauses, None)
            if pause is None:
                raise
            backoff.sleep(pause)
