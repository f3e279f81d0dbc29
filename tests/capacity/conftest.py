"""A ledger for samples, and the shortest ways to put some in."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.loads import Delivery
from finops.ledger.state import open_state
from jobs.ingest_capacity import IngestedSamples, ingest_capacity_files

DATA = Path(__file__).parents[1] / "data" / "capacity"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
Put = Callable[..., IngestedSamples]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    root = tmp_path / "ledger"
    made = Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), root, DuckFacts(root, threads=1), Terms())
    yield made
    made.close()


@pytest.fixture
def put(ledger: Ledger, tmp_path: Path) -> Put:
    """Write a CSV of samples and load it."""

    def load(text: str, name: str = "samples.csv", *, at: datetime = NOW) -> IngestedSamples:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return put_file(ledger, path, at=at)

    return load


def put_file(ledger: Ledger, path: Path, *, at: datetime = NOW) -> IngestedSamples:
    return ingest_capacity_files(ledger, [path], taken_at=at, delivery=Delivery(at, at, "test"))
