"""The same deliveries in a ledger on files and in one on BigQuery."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from finops.ledger.bigquery import open_bigquery
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger
from finops.ledger.state import open_state
from tests.fakes.bigquery_server import BigQueryServer
from tests.ledger.questions import TERMS, fill


@contextmanager
def twin_ledgers(folder: Path, rows_a_page: int = 1000) -> Iterator[tuple[Ledger, Ledger]]:
    """Yield both, filled; with few rows a page most answers of the second come on several pages."""
    (folder / "served").mkdir()
    with BigQueryServer(folder / "served").running() as server:
        server.page_size = rows_a_page
        facts = open_bigquery("bigquery://costs/ledger", client=server.client())
        ours = Ledger(open_state(f"sqlite:///{folder / 'a.sqlite'}"), folder / "a", DuckFacts(folder / "a", threads=1), TERMS)
        theirs = Ledger(open_state(f"sqlite:///{folder / 'b.sqlite'}"), folder / "b", facts, TERMS)
        for ledger in (ours, theirs):
            fill(ledger)
        yield ours, theirs
        for ledger in (ours, theirs):
            ledger.close()
