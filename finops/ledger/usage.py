"""Publishes usage events: each request becomes one priced charge, once, however often and by whomever it is delivered."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from finops.deliveries import Load
from finops.errors import LedgerError
from finops.ledger import usage_rows
from finops.ledger.batches import add_batch
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ledger.requests import Seen, known_requests, live_usage, may_be_forgotten, remember_requests, requests_in
from finops.ledger.state import writing
from finops.ledger.usage_aside import UNREADABLE, Aside, put_aside
from finops.ledger.usage_compaction import merge_pile
from finops.ledger.usage_parts import ORDER, Workshop, Written, bring_in, workshop
from finops.ledger.usage_rates import Book, name_models, price_requests
from finops.ledger.usage_report import Month, together, unpriced

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LOG = logging.getLogger("finops.usage")
TRIES: Final = 10
AHEAD: Final = timedelta(days=1)  # clocks of senders differ; a time further ahead is a mistake
MONTH: Final = "strftime(time, '%Y-%m')"


@dataclass(frozen=True)
class Published:
    """What became of a batch: its requests by month, and what was put aside."""

    source: str
    months: tuple[Month, ...]
    aside: Aside

    @property
    def loads(self) -> tuple[Load, ...]:
        return (*(month.load(self.source) for month in self.months), *self.aside.loads)

    @property
    def unpriced(self) -> dict[str, int]:
        """Requests without a price, by model."""
        return unpriced(self.months)

    @property
    def repeated(self) -> int:
        return sum(month.repeated for month in self.months)


class _OvertakenError(Exception):
    """Another process took some of the same requests in while this one was writing its file."""


def publish_events(ledger: Ledger, files: Sequence[Path], book: Book, delivery: Delivery, source: str = "usage") -> list[Load]:
    """Make the canonical events in `files` live as charges of `source`; see `publish`."""
    return list(publish(ledger, files, book, delivery, source).loads)


def publish(ledger: Ledger, files: Sequence[Path], book: Book, delivery: Delivery, source: str = "usage") -> Published:
    """Price the events of JSON Lines files and make them live, all at once and each request id once.

    Of a repeated id the first counts. Files may be given again after a crash at any point: what is live already stays as it
    is. Events of an impossible time are put aside in a file, told, and not counted. Where too many files have piled up they
    are merged first.
    """
    try:
        merge_pile(ledger, delivery.recorded_at)
    except Exception:  # requests that wait matter more, and the next run of the job merges
        LOG.warning("the files of usage that have piled up could not be merged", exc_info=True)
    return _publish(ledger, files, book, delivery, source)


def _publish(ledger: Ledger, files: Sequence[Path], book: Book, delivery: Delivery, source: str) -> Published:
    with workshop(ledger) as shop:
        _take_in(shop.con, files, max(delivery.recorded_at, delivery.delivered_at))
        aside = put_aside(shop.con, ledger.root, source, files)
        for _ in range(TRIES):
            old = _look_up_old(shop.con, ledger, delivery.recorded_at.date())
            repeated = _only_new(shop.con, ledger)
            try:
                written = _make_live(ledger, shop, book, delivery, source, old)
            except _OvertakenError:
                continue
            return Published(source, _months(written, repeated), aside)
    raise LedgerError(f"other processes took in the same requests {TRIES} times while this one tried; load the events again")


def _take_in(con: "DuckDBPyConnection", files: Sequence[Path], now: datetime) -> None:
    """Make the tables `events` and `fresh`: all that was delivered, and the row of each request that counts."""
    latest = (now.astimezone(UTC) + AHEAD).replace(tzinfo=None)
    con.execute(
        f"""CREATE TEMP TABLE events AS SELECT *, CASE
            WHEN key IS NULL OR time IS NULL OR model IS NULL THEN '{UNREADABLE}'
            WHEN time < TIMESTAMP '2000-01-01' THEN 'its time lies before the year 2000'
            WHEN time > ? THEN 'its time lies more than a day ahead' END AS problem
        FROM ({usage_rows.events_of(files)})""",
        [latest],
    )
    con.execute("CREATE TEMP TABLE fresh AS SELECT key, min(rowid) AS place FROM events WHERE problem IS NULL GROUP BY key")


def _look_up_old(con: "DuckDBPyConnection", ledger: Ledger, today: date) -> Mapping[str, set[str]]:
    """Leave in `fresh` no request of a day so old that its id may be forgotten which is in the ledger's files.

    Returns the loads that were looked at, by month: they must be the live ones still when the new requests go live.
    """
    is_old = f"CAST(time AS DATE) < DATE '{may_be_forgotten(today)}'"
    rows = f"FROM fresh JOIN events ON events.rowid = fresh.place WHERE {is_old}"
    looked: dict[str, set[str]] = {}
    for (month,) in con.execute(f"SELECT DISTINCT {MONTH} {rows} ORDER BY ALL").fetchall():
        with ledger.engine.connect() as connection:
            held = live_usage(connection, [month])
        looked[month] = set(held)
        known = requests_in(con, [str(ledger.root / path) for path in held.values()], f"SELECT request_id {rows}")
        if known:
            con.execute("DELETE FROM fresh WHERE key IN (SELECT unnest(?::BLOB[]))", [known])
    return looked


def _only_new(con: "DuckDBPyConnection", ledger: Ledger) -> dict[str, int]:
    """Leave in `fresh` what was not taken in before; return how many good events of each month come again."""
    keys = [key for (key,) in con.execute("SELECT key FROM fresh ORDER BY key").fetchall()]
    with ledger.engine.connect() as connection:
        known = sorted(known_requests(connection, keys))
    if known:
        con.execute("DELETE FROM fresh WHERE key IN (SELECT unnest(?::BLOB[]))", [known])
    again = f"""SELECT {MONTH}, count(*) - count(fresh.place) FROM events LEFT JOIN fresh ON fresh.place = events.rowid
        WHERE problem IS NULL GROUP BY ALL ORDER BY ALL"""
    return dict(con.execute(again).fetchall())


def _make_live(ledger: Ledger, shop: Workshop, book: Book, delivery: Delivery, source: str, old: Mapping[str, set[str]]) -> list[Written]:
    """Raises _OvertakenError, with nothing changed, where some of the requests went live meanwhile."""
    seen: list[Seen] = shop.con.execute(
        "SELECT fresh.key, CAST(time AS DATE) FROM fresh JOIN events ON events.rowid = fresh.place ORDER BY fresh.key"
    ).fetchall()
    if not seen:
        return []
    written = _write(ledger, shop, book, source)
    paths = [bring_in(ledger, one, source) for one in written]
    with writing(ledger.engine) as tx:
        if remember_requests(tx, seen) != len(seen) or any(set(live_usage(tx, [month])) != loads for month, loads in old.items()):
            raise _OvertakenError
        for one, path in zip(written, paths, strict=True):
            add_batch(tx, "usage", source, one.part.sha256[:16], one.part, path, delivery, ledger.terms.derived_digest)
    return written


def _write(ledger: Ledger, shop: Workshop, book: Book, source: str) -> list[Written]:
    con = shop.con
    con.execute("CREATE OR REPLACE TEMP VIEW requests AS SELECT e.* FROM events e JOIN fresh ON fresh.place = e.rowid")
    name_models(con, "requests", book)
    con.execute(f"CREATE OR REPLACE TEMP TABLE unpriced AS {usage_rows.unpriced_charges('requests', source)} ORDER BY {ORDER}")
    price_requests(con, "unpriced", book)
    months = con.execute("SELECT DISTINCT BillingPeriodStart FROM unpriced ORDER BY ALL").fetchall()
    return [shop.write(_month(ledger, start), f"{start:%Y-%m}") for (start,) in months]


def _month(ledger: Ledger, start: datetime) -> str:
    of_month = f"SELECT * FROM unpriced WHERE BillingPeriodStart = TIMESTAMP '{start}'"
    return usage_rows.ledger_columns(usage_rows.priced(of_month), ledger.terms.derived)


def _months(written: Sequence[Written], repeated: Mapping[str, int]) -> tuple[Month, ...]:
    new = (Month(one.part.period, one.part.rows, one.costs, one.unpriced) for one in written)
    again = (Month(period, repeated=count) for period, count in repeated.items() if count)
    return together((*new, *again))
