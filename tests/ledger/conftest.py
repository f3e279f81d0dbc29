"""Ledgers and engines on both state databases."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from finops.ledger.audit_verify import verify
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from tests.ledger.acting_case import Scene, scene
from tests.ledger.outbox_case import Clock, World
from tests.ledger.proposed import KEYS

MakeLedger = Callable[..., Ledger]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def state_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.sqlite'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def make_ledger(state_url: str, tmp_path: Path) -> Iterator[MakeLedger]:
    """Open the ledger of this test, as often as wanted: each call is like another process."""
    opened: list[Ledger] = []

    def make(terms: Terms | None = None) -> Ledger:
        root = tmp_path / "ledger"
        opened.append(Ledger(open_state(state_url), root, DuckFacts(root, threads=1), terms or Terms()))
        return opened[-1]

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(make_ledger: MakeLedger) -> Ledger:
    return make_ledger()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """The Slack of a few lines, in which what goes wrong is chosen."""
    return World(clock)


def opened(url: str) -> Engine:
    """Open a state database with an audit key; SQLite waits for no disk, since no power is lost here."""
    engine = open_state(url, KEYS)
    if url.startswith("sqlite"):
        engine.dispose()
        event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA synchronous=OFF"))
    return engine


@pytest.fixture
def engines(state_url: str) -> Iterator[list[Engine]]:
    """Two processes on one database."""
    both = [opened(state_url) for _ in range(2)]
    yield both
    for engine in both:
        engine.dispose()


@pytest.fixture
def on(state_url: str, tmp_path: Path) -> Iterator[Scene]:
    """One process with its hands on the world; at the end its record must be whole."""
    engine = open_state(state_url, KEYS)
    yield scene(engine, tmp_path)
    assert verify(engine, KEYS, ()).problems == ()
    engine.dispose()
