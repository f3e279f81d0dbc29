"""A change explained, with all that is needed to trust it: the days compared, how fresh they are, which deliveries they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from finops.answers import Freshness
from finops.insight.drivers_told import EXACT, Value, Why
from finops.periods import Period
from finops.query import CostQuery

WORTH_TELLING: Final = Decimal("0.01")  # of the change: what is less explains nothing of it


@dataclass(frozen=True)
class Restated:
    """A delivery that changed what an earlier one had said of complete days: by `before` and `after` in the two periods.

    `whole_bill`: of all charges of the bill, where nobody can tell any more what the ones asked for were before.
    """

    source: str
    month: str
    delivered_at: datetime
    currency: str
    before: Decimal
    after: Decimal
    whole_bill: bool = False

    @property
    def change(self) -> Decimal:
        """Return its part of the change."""
        return EXACT.subtract(self.after, self.before)


@dataclass(frozen=True)
class Delivered:
    """A delivery that the figures rest on."""

    source: str
    month: str
    delivered_at: datetime
    rows: int


@dataclass(frozen=True)
class Estimated:
    """Days of a provider that measured usage stands for, since no bill covers them yet: so many of either period."""

    provider: str
    before: int
    after: int


@dataclass(frozen=True)
class Unusual:
    """The anomaly explained: what its days cost beside what they should have cost, by what they usually hold."""

    id: str
    kind: str
    start: date
    end: date
    expected: float
    actual: float
    by_hours: bool = False


@dataclass(frozen=True)
class Explained:
    """Why the cost of `asked` changed. `query` tells the days compared, `whys` has one entry a currency, the largest change first."""

    asked: CostQuery
    query: CostQuery
    whys: tuple[Why, ...]
    as_of: datetime | None = None
    complete_until: date | None = None
    first_day: date | None = None
    sources: tuple[Freshness, ...] = ()
    deliveries: tuple[Delivered, ...] = ()
    restated: tuple[Restated, ...] = ()
    estimated: tuple[Estimated, ...] = ()
    alike: tuple[tuple[str, Value], ...] = ()  # values that all of the charges have
    converted: tuple[str, ...] = ()  # currencies, at the rates of the configuration
    counted: bool = False  # some requests were measured
    unusual: Unusual | None = None

    @property
    def why(self) -> Why | None:
        """Return the only explanation; None where nothing is on record, or in several currencies."""
        return self.whys[0] if len(self.whys) == 1 else None

    @property
    def compared(self) -> Period:
        """Return the period the change is seen from."""
        return self.query.compare or self.query.period


def telling(restated: Sequence[Restated], why: Why) -> tuple[Restated, ...]:
    """Return the restatements in the currency of a change that are a part of it worth telling, the largest first."""
    least = abs(why.change) * WORTH_TELLING
    found = [one for one in restated if one.currency == why.currency and one.change and abs(one.change) >= least]
    return tuple(sorted(found, key=lambda one: -abs(one.change)))
