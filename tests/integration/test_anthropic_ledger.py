"""A month of Anthropic's reports in the ledger: asked again, restated, broken; the last good one answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from finops.configuration.rulebook_sources import SourceSettings
from finops.errors import UserError
from finops.ledger.catalog import past_loads
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.rulebook import Rulebook
from finops.settings import read
from finops.sources.connect import Surroundings, source
from jobs.taking import Ingested, Taking, take_entry
from tests.fakes.anthropic_server import AnthropicServer
from tests.fakes.report_server import Fact

KEY = "sk-ant-admin01-test"
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MODEL = "claude-sonnet-4-5-20250929"
PRICES = {MODEL: {"input": Decimal(3), "output": Decimal(15)}}

Take = Callable[..., Ingested]


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    facts = [Fact(date(2026, 3, day), None, MODEL, {"input": 1_000_000, "output": 100_000}) for day in range(1, 20)]
    made = AnthropicServer(facts, PRICES, key=KEY, today=NOW.date())
    with made.running():
        yield made


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    root = tmp_path / "ledger"
    opened = Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), root, DuckFacts(root, threads=1), Terms())
    yield opened
    opened.close()


@pytest.fixture
def take(server: AnthropicServer, ledger: Ledger, tmp_path: Path) -> Take:
    """Ask the source that budgets.yaml and the environment describe, some hours after noon."""

    def run(hours: int = 0, **environment: str) -> Ingested:
        environ = {"ANTHROPIC_ADMIN_KEY": KEY, "ANTHROPIC_BASE_URL": server.url} | environment
        now = NOW + timedelta(hours=hours)
        given = Surroundings(read(environ, tmp_path), Rulebook(), now)
        return take_entry(ledger, SourceSettings("claude", kind="anthropic"), given, Taking(now, "test"))

    return run


def live(ledger: Ledger) -> list[tuple[str, dict[str, Any]]]:
    return [(load.period, load.effective) for load in past_loads(ledger.engine, "claude") if load.is_live]


def test_a_month_is_loaded_once_and_then_unchanged(take: Take, ledger: Ledger) -> None:
    assert [[("2026-03", "loaded")], [("2026-03", "unchanged")]] == [
        [(load.period, load.status) for load in take(hours).loads] for hours in (0, 1)
    ]
    assert [("2026-03", {"USD": Decimal("85.5000000000")})] == live(ledger)


def test_a_restated_day_replaces_the_month(server: AnthropicServer, take: Take, ledger: Ledger) -> None:
    take()
    server.facts[4] = Fact(date(2026, 3, 5), None, MODEL, {"input": 3_000_000, "output": 100_000})
    assert ["loaded"] == [load.status for load in take(1).loads]
    assert [("2026-03", {"USD": Decimal("91.5000000000")})] == live(ledger)


@pytest.mark.parametrize("lost", [1, 19])
def test_an_answer_without_days_never_replaces_a_good_one(lost: int, server: AnthropicServer, take: Take, ledger: Ledger) -> None:
    take()
    server.lost = {date(2026, 3, day) for day in range(1, lost + 1)}
    done = take(1)
    assert [("2026-03", {"USD": Decimal("85.5000000000")})] == live(ledger)
    assert "reports tokens but no costs for 2026-03" in " ".join([*done.failures, *(load.reason or "" for load in done.loads)])


def test_cents_taken_for_dollars_never_replace_a_good_month(server: AnthropicServer, take: Take, ledger: Ledger) -> None:
    take()
    server.scale = Decimal(100)
    (failure,) = take(1).failures
    assert "costs are 100 times the list price of its tokens" in failure
    assert [("2026-03", {"USD": Decimal("85.5000000000")})] == live(ledger)


def test_a_refused_key_is_a_failure_and_changes_nothing(take: Take, ledger: Ledger) -> None:
    take()
    (failure,) = take(1, ANTHROPIC_ADMIN_KEY="sk-ant-admin01-other").failures
    assert failure.startswith("Anthropic does not know the key in ANTHROPIC_ADMIN_KEY (401)")
    assert [("2026-03", {"USD": Decimal("85.5000000000")})] == live(ledger)


def test_standard_and_detailed_export_together_are_refused(tmp_path: Path) -> None:
    both = tuple(
        SourceSettings(name, kind="gcp", location=f"costs.billing.gcp_billing_export_{kind}_0123AB_4567CD_89EF01")
        for name, kind in (("plain", "v1"), ("detailed", "resource_v1"))
    )
    with pytest.raises(UserError, match="hold the same money of billing account 0123AB-4567CD-89EF01; keep one of them"):
        source(both[0], Surroundings(read({}, tmp_path), Rulebook(sources=both), NOW))
