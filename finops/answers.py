"""What a question is answered with: figures first, and how far they can be trusted."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from finops.query import CostQuery

Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Freshness:
    """How far the bill of one source reaches: all days before `complete_until` are complete."""

    source: str
    delivered_at: datetime
    last_day: date
    complete_until: date


@dataclass(frozen=True)
class Units:
    """What was used: requests and tokens, and by the price list what their input and output cost in the answer's currency.

    `input_tokens` include those read from and written to a cache. `unpriced` requests are of models without a price: their
    cost is unknown, not 0. `users` and `sessions` are counted only where asked. `requests` None: only a bill's tokens are known.
    """

    requests: int | None
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    input_cost: Decimal | None = None
    output_cost: Decimal | None = None
    unpriced: int = 0
    users: int | None = None
    sessions: int | None = None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True)
class Row:
    """One group of the breakdown; `previous` is None where the question compares with nothing, `cost` where the group is gone.

    `count` is how many different values of the counted dimension it holds, None where nothing is counted.
    """

    key: Key
    cost: Decimal | None
    previous: Decimal | None
    share: float | None
    count: int | None = None
    units: Units | None = None
    previous_units: Units | None = None

    @property
    def change(self) -> Decimal:
        return (self.cost or Decimal(0)) - (self.previous or Decimal(0))


@dataclass(frozen=True)
class Point:
    """One day, week or month of the series; cost None means no data, which is not zero. `parts` follow the rows, then the rest."""

    start: date
    cost: Decimal | None
    complete: bool
    parts: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class LikeForLike:
    """Both periods cut to their first `days` days, all of them complete."""

    days: int
    total: Decimal
    previous: Decimal


@dataclass(frozen=True)
class Sums:
    """The figures in one currency. `rows` are the largest groups, `rest` sums the `rest_groups` others, `movers` changed most."""

    currency: str
    total: Decimal | None
    previous: Decimal | None
    rows: tuple[Row, ...]
    movers: tuple[Row, ...]
    rest: Row | None
    rest_groups: int
    series: tuple[Point, ...]
    like_for_like: LikeForLike | None = None
    count: int | None = None
    estimated: Decimal | None = None  # the part priced from usage, where no bill covers the day yet; None where nothing was measured
    units: Units | None = None
    previous_units: Units | None = None

    @property
    def change(self) -> Decimal | None:
        if self.total is None or self.previous is None:
            return None
        return self.total - self.previous

    @property
    def change_share(self) -> float | None:
        if self.change is None or not self.previous:
            return None
        return float(self.change / abs(self.previous))


@dataclass(frozen=True)
class Answer:
    """The answer to one question. `sums` has one entry a currency, none when nothing matched; `movers_by` names what moved."""

    id: str
    query: CostQuery
    sums: tuple[Sums, ...]
    movers_by: tuple[str, ...]
    as_of: datetime | None
    complete_until: date | None
    sources: tuple[Freshness, ...]
    notes: tuple[str, ...]
