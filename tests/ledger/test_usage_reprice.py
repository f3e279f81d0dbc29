"""A corrected price reaches the requests it holds for, and nothing else changes."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from finops.ledger.ledger import Ledger
from finops.ledger.tables import audit
from finops.ledger.usage_compaction import compact
from finops.ledger.usage_reprice import Repriced, reprice
from tests.ledger.requests_made import NOON, Prices, charges, event, events, rates, send, step

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
COSTS = "x_RequestId, BilledCost, x_PriceId"


def test_a_model_that_got_a_price_is_priced_and_others_stay(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("a"), event("b", model="new")], tmp_path)
    both = Prices({"claude": (rates("list:claude"),), "new": (rates("own:new", step(times="2")),)})
    assert Repriced(files=1, requests=1) == reprice(ledger, both, MARCH, NOON)
    assert [("a", Decimal("0.0045"), "list:claude"), ("b", Decimal("0.009"), "own:new")] == charges(ledger, COSTS)


def test_a_price_that_begins_later_leaves_earlier_requests_alone(ledger: Ledger, tmp_path: Path) -> None:
    change = datetime(2026, 3, 10, 0, 2, tzinfo=UTC)
    send(ledger, events(4), tmp_path)
    later = Prices({"claude": (rates("list:claude", end=change), rates("new", step(times="2"), start=change))})
    assert 2 == reprice(ledger, later, MARCH, NOON).requests
    assert ["list:claude", "list:claude", "new", "new"] == [price for _, _, price in charges(ledger, COSTS)]


def test_the_same_book_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [*events(3), event("x", model="unknown")], tmp_path)
    before = charges(ledger, "*")
    assert Repriced() == reprice(ledger, Prices(), MARCH, NOON)
    assert before == charges(ledger, "*")


def test_everything_but_the_price_is_kept(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(3, team="ml", user="u", prefix_hashes=("a",), latency_ms=5, cache_read_tokens=10), tmp_path)
    costs = "BilledCost, EffectiveCost, ContractedCost, ListCost, x_InputCost, x_CacheReadCost, x_OutputCost"
    before = charges(ledger, f"* EXCLUDE ({costs})")
    reprice(ledger, Prices({"claude": (rates("list:claude", step(times="3")),)}), MARCH, NOON)
    assert before == charges(ledger, f"* EXCLUDE ({costs})")
    assert [(Decimal("0.040257"),)] == charges(ledger, "sum(BilledCost)")  # 3 × (990×3 + 10×0.3 + 100×15) × 3 a million


def test_a_price_that_was_taken_back_leaves_no_cost_behind(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(2), tmp_path)
    reprice(ledger, Prices({}), MARCH, NOON)
    assert [("r0", None, None), ("r1", None, None)] == charges(ledger, COSTS)


def test_months_before_are_left_as_they_were(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(2), tmp_path)
    assert Repriced() == reprice(ledger, Prices({}), datetime(2026, 4, 1, tzinfo=UTC), NOON)


def test_the_audit_says_which_book_was_applied(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(2), tmp_path)
    reprice(ledger, Prices({}, digest="book-2"), MARCH, NOON)
    with ledger.engine.connect() as connection:
        details = connection.execute(select(audit.c.detail).where(audit.c.action == "usage.repriced")).scalars().all()
    assert ['{"book": "book-2", "files": 1, "requests": 2}'] == details


def test_files_merged_meanwhile_are_left_to_the_next_run(ledger: Ledger, tmp_path: Path) -> None:
    for n in range(2):
        send(ledger, events(2, prefix=f"{n}-"), tmp_path)

    class Slow(Prices):
        """A book that is so slow that a compaction comes between."""

        def rates(self, *given: object, **named: object) -> None:
            compact(ledger, NOON, min_batches=2)

    assert 2 == reprice(ledger, Slow(), MARCH, NOON).missed
    assert [Decimal("0.0045")] * 4 == [cost for _, cost, _ in charges(ledger, COSTS)]
    assert 4 == reprice(ledger, Prices({}), MARCH, NOON).requests
