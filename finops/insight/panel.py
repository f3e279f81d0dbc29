"""Costs of several series on one calendar: what forecasts and detectors read."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Key = tuple[tuple[str, str], ...]  # sorted (dimension, value) pairs; () is the total
Step = Literal["day", "hour"]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
LENGTHS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}


@dataclass(frozen=True, eq=False)
class Panel:
    """Series by step, in one currency, as floats: good enough to draw and to predict, never to account with.

    `values[s, t]` is what series `s` cost in step `t` since `start` (a day of the ledger's time zone, or an hour in UTC); NaN where
    nothing is known, which is not zero. Of each series the first `complete[s]` steps are final; what later steps hold is a part of
    what they will come to. `fixed[s, t]` is the part of `values` that is charged once a period whatever the use (fees, taxes, seats,
    commitments, support); zeros where nobody can tell.
    """

    keys: tuple[Key, ...]
    start: date
    values: Floats
    complete: NDArray[np.intp]
    currency: str = "USD"
    step: Step = "day"
    fixed: Floats | None = None

    def __post_init__(self) -> None:
        shape = (len(self.keys), self.values.shape[1] if self.values.ndim == 2 else -1)
        if self.values.shape != shape or self.complete.shape != shape[:1] or (self.fixed is not None and self.fixed.shape != shape):
            raise ValueError(f"a panel of {len(self.keys)} series needs as many rows, not {self.values.shape} and {self.complete.shape}")

    @property
    def steps(self) -> int:
        return int(self.values.shape[1])

    def day(self, step: int) -> date:
        """Return the day of a step; of a panel by hours, the day its hour lies on in UTC."""
        return (self.start + LENGTHS["day"] * step) if self.step == "day" else self.hour(step).date()

    def hour(self, step: int) -> datetime:
        """Return when a step begins, in UTC, for a panel by hours."""
        return datetime.combine(self.start, datetime.min.time(), UTC) + LENGTHS["hour"] * step


@dataclass(frozen=True)
class Event:
    """Known beforehand, from budgets.yaml: from `start` up to `end`, `scope` costs `factor` times the usual, plus `amount` a day."""

    start: date
    end: date
    factor: float = 1.0
    amount: float = 0.0
    scope: Key = ()
    name: str = ""


@dataclass(frozen=True)
class Calendar:
    """What is known of days to come and days gone: holidays behave like each other, events do what they say."""

    holidays: frozenset[date] = frozenset()
    events: tuple[Event, ...] = field(default=())
