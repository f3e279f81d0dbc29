"""How long a delivery may still take."""

from collections.abc import Callable
from dataclasses import dataclass

from finops.errors import BillError


@dataclass(frozen=True)
class Deadline:
    """The moment, on `clock`, after which a delivery is given up."""

    at: float
    clock: Callable[[], float]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self.clock() > self.at

    def check(self, name: str) -> None:
        """Refuse the delivery once its time is up; `name` is the file at hand."""
        if self.passed:
            raise BillError(f"{name} could not be read within {self.seconds:g} seconds; deliver smaller files.")
