"""What scaling pods saved: hours that are certain, and money only where somebody named a price."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from finops.guard.plans import Plan
from finops.ledger.carrying_out import carry_out
from finops.ledger.effecting import Hands
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.measuring import report_due
from finops.ledger.proposals import Asked, propose
from finops.ledger.state import open_state
from finops.pricing.book import price_book
from tests.integration.test_levers_kubernetes import EMBEDDER, Bench
from tests.integration.test_levers_kubernetes import bench as bench
from tests.ledger.acting_case import Clock
from tests.ledger.proposed import ANA, NOON, ONE, click


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), tmp_path, DuckFacts(tmp_path, threads=1), Terms())
    yield made
    made.close()


def measured(bench: Bench, ledger: Ledger, **evidence: Any) -> str:
    """Scale four pods to one and measure half an hour later."""
    bench.server.workload(EMBEDDER, 4)
    clock, levers = Clock(), {"kubernetes.scale": bench.scale}
    given = {"replicas": 1}
    before = bench.scale.look([EMBEDDER], given)
    plan = Plan("kubernetes.scale", (EMBEDDER,), given, before, "idle", {"details": evidence}, "7" * 64, lasts=timedelta(days=1))
    one = propose(ledger.engine, Asked(plan, "idle", "finops-bot", ONE, "slack:#ml"), NOON).proposal
    click(ledger.engine, one, ANA)
    assert "active" == carry_out(Hands(ledger.engine, levers, bench.guard, clock, "tests"), one.id).proposal.state
    clock.forward(minutes=32)
    (said,) = report_due(ledger, price_book(), clock(), levers)
    return said


def test_without_a_price_pod_hours_are_told_and_no_money(bench: Bench, ledger: Ledger) -> None:
    said = measured(bench, ledger)
    assert said.endswith("1.5 pod hours were not run; no figure, because the nodes under them are charged until they go, too.")


def test_with_a_price_that_was_found_it_says_when_that_becomes_money(bench: Bench, ledger: Ledger) -> None:
    """8.00 an hour for four pods: three of them for half an hour are 3.00."""
    said = measured(bench, ledger, hourly_cost="8.00", currency="USD")
    assert "measured 3.00 USD (between 3.00 and 3.00): 1.5 hours not run" in said
    assert said.endswith("the hourly cost that was found before; it becomes money when the nodes under it go, too.")
