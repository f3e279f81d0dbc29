"""The prices a batch of requests needs, as a small table that DuckDB joins them with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final, Protocol

from finops.errors import LedgerError
from finops.pricing.steps import Rates, Step
from finops.providers import CLOUDS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class Book(Protocol):
    """The price book as publishing sees it: see `finops.pricing.book`."""

    @property
    def digest(self) -> str: ...

    def rates(self, provider: str | None, model: str, at: datetime, tier: str | None = None, region: str | None = None) -> Rates | None: ...

    def provider_of(self, model: str) -> str | None: ...

    def publisher_of(self, model: str) -> str | None: ...


UNKNOWN: Final = "unknown"
PRICES: Final = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "per_request")
UNIT: Final = "DECIMAL(38,18)"
_DIGITS: Final = Decimal("1e-18")
_ALWAYS: Final = (datetime(1, 1, 1), datetime(9999, 1, 1))  # noqa: DTZ001 - the ledger's times are UTC without an offset
_COLUMNS: Final = ", ".join(f"{prefix}{name} {UNIT}" for prefix in ("", "list_") for name in PRICES)


@dataclass(frozen=True)
class Kind:
    """What decides the price of a request besides its moment and tokens."""

    provider: str | None
    model: str
    tier: str | None
    region: str | None


def name_models(con: "DuckDBPyConnection", relation: str, book: Book) -> None:
    """Make the table `models`: who sells and who made each (provider, model) of `relation`."""
    pairs = con.execute(f"SELECT DISTINCT provider, model FROM {relation}").fetchall()
    con.execute("CREATE OR REPLACE TEMP TABLE models (provider VARCHAR, model VARCHAR, seller VARCHAR, maker VARCHAR)")
    rows = [(given, model, _seller(given, model, book), book.publisher_of(model)) for given, model in pairs]
    if rows:
        con.executemany("INSERT INTO models VALUES (?, ?, ?, ?)", rows)


def _seller(given: str | None, model: str, book: Book) -> str:
    """Who sells a model, unless its id shows otherwise than a sender who names its maker: Claude on Bedrock is on the bill of AWS."""
    known = book.provider_of(model)
    if known in CLOUDS and given == book.publisher_of(model):
        return known
    return given or known or UNKNOWN


def price_requests(con: "DuckDBPyConnection", relation: str, book: Book) -> None:
    """Make the table `rates` for the requests of `relation`, which has the ledger's columns for provider, model, tier, region, start."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE rates (provider VARCHAR, model VARCHAR, tier VARCHAR, region VARCHAR, start TIMESTAMP, "
        f"until TIMESTAMP, above BIGINT, up_to BIGINT, price_id VARCHAR, currency VARCHAR, {_COLUMNS})"
    )
    found = con.execute(f"""SELECT ProviderName, x_Model, x_ServiceTier, RegionId, date_trunc('hour', ChargePeriodStart),
        min(ChargePeriodStart), max(ChargePeriodStart) FROM {relation} GROUP BY ALL ORDER BY ALL""").fetchall()
    rows = [row for kind, hours in _by_kind(found).items() for row in _rows(kind, hours, book)]
    if rows:
        con.executemany(f"INSERT INTO rates VALUES ({', '.join('?' * len(rows[0]))})", rows)


def _by_kind(found: list[tuple[Any, ...]]) -> Mapping[Kind, list[tuple[datetime, datetime]]]:
    kinds: dict[Kind, list[tuple[datetime, datetime]]] = {}
    for provider, model, tier, region, _, first, last in found:
        kinds.setdefault(Kind(provider, model, tier, region), []).append((first, last))
    return kinds


def _rows(kind: Kind, hours: list[tuple[datetime, datetime]], book: Book) -> Iterator[tuple[Any, ...]]:
    """Ask the book only where the rates found last have ended: once for most models, more often on days when prices change."""
    seller = None if kind.provider == UNKNOWN else kind.provider
    known_until = _ALWAYS[0]
    for first, last in hours:
        at = max(first, known_until)
        while at <= last:
            rates = book.rates(seller, kind.model, at.replace(tzinfo=UTC), kind.tier, kind.region)
            if rates is None:
                break  # nobody knows a price: asked again with the next hour's requests
            start, known_until = _plain(rates.start, _ALWAYS[0]), _plain(rates.end, _ALWAYS[1])
            if not start <= at < known_until:
                raise LedgerError(f"the prices {rates.price_id} of {kind.model} do not hold at {at}, for which they were given")
            yield from _steps(kind, at, known_until, rates)
            at = known_until


def _steps(kind: Kind, start: datetime, until: datetime, rates: Rates) -> Iterator[tuple[Any, ...]]:
    edges = [step.above for step in rates.steps[1:]]
    for step, above, up_to in zip(rates.steps, (-1, *edges), (*edges, 2**62), strict=True):
        span = (kind.provider, kind.model, kind.tier, kind.region, start, until, above, up_to, rates.price_id, rates.currency)
        yield (*span, *_units(step, ""), *_units(step, "list_"))


def _units(step: Step, prefix: str) -> list[Decimal | None]:
    return [_unit(getattr(step, prefix + name)) for name in PRICES]


def _unit(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.quantize(_DIGITS, ROUND_HALF_EVEN)


def _plain(moment: datetime | None, default: datetime) -> datetime:
    return default if moment is None else moment.astimezone(UTC).replace(tzinfo=None)
