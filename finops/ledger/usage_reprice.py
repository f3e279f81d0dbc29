"""Prices requests anew after the price list or budgets.yaml was corrected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from finops.ledger import catalog
from finops.ledger.batches import replace_batches
from finops.ledger.catalog import LiveFile
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery, record
from finops.ledger.state import writing
from finops.ledger.usage_parts import Workshop, Written, bring_in, requests_of, workshop
from finops.ledger.usage_rates import Book, price_requests
from finops.ledger.usage_rows import COST_COLUMNS, ledger_columns, priced

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ACTOR: Final = "reprice-usage"
COMPARED: Final = ("x_PriceId", "BillingCurrency", "BilledCost", "ListCost", "x_InputCost", "x_OutputCost")


@dataclass(frozen=True)
class Repriced:
    """What one run did: files written anew, requests whose price changed, and files that others replaced meanwhile."""

    files: int = 0
    requests: int = 0
    missed: int = 0


@dataclass(frozen=True)
class _Anew:
    """A live file, what takes its place, and how many of its requests changed."""

    old: LiveFile
    new: Written
    path: str
    changed: int


def reprice(ledger: Ledger, book: Book, since: datetime, now: datetime) -> Repriced:
    """Bring the requests of the months from `since` on to what the book says today of the moment they were made.

    Only corrections change anything: a new price holds from its own day. All files change in one step, with an audit entry.
    """
    with ledger.engine.connect() as connection:
        files = catalog.live_files(connection, kinds=("usage",))
    with workshop(ledger) as shop:
        anew = [one for file in files if file.period >= f"{since:%Y-%m}" and (one := _anew(ledger, shop, file, book))]
        return _flip(ledger, anew, book, now) if anew else Repriced()


def _anew(ledger: Ledger, shop: Workshop, file: LiveFile, book: Book) -> _Anew | None:
    """Write a file with today's prices where any of them differs."""
    shop.con.execute(f"CREATE OR REPLACE TEMP TABLE before AS {requests_of([str(ledger.root / file.path)])}")
    price_requests(shop.con, "before", book)
    unpriced = f"SELECT * EXCLUDE ({', '.join(map(_name, COST_COLUMNS))}) FROM before"
    shop.con.execute(f"CREATE OR REPLACE TEMP TABLE after AS {priced(unpriced)}")
    changed = _changed(shop.con)
    if not changed:
        return None
    written = shop.write(ledger_columns("SELECT * FROM after", ledger.terms.derived), file.period)
    return _Anew(file, written, bring_in(ledger, written, file.source), changed)


def _changed(con: "DuckDBPyConnection") -> int:
    differs = " OR ".join(f"b.{_name(name)} IS DISTINCT FROM a.{_name(name)}" for name in COMPARED)
    row = con.execute(f"SELECT count(*) FROM before b JOIN after a USING (x_RequestId) WHERE {differs}").fetchone()
    return int(row[0]) if row else 0


def _flip(ledger: Ledger, anew: Sequence[_Anew], book: Book, now: datetime) -> Repriced:
    done = Repriced()
    with writing(ledger.engine) as tx:
        for one in anew:
            delivery = Delivery(one.old.delivered_at, now, ACTOR)
            slot, old = one.new.part.sha256[:16], [one.old.load_id]
            kept = replace_batches(tx, "usage", one.old.source, old, slot, one.new.part, one.path, delivery, ledger.terms.derived_digest)
            done = Repriced(done.files + kept, done.requests + kept * one.changed, done.missed + (not kept))
        detail = {"book": book.digest, "files": done.files, "requests": done.requests}
        record(tx, now, ACTOR, "usage.repriced", f"{done.requests} requests", detail)
    return done


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
