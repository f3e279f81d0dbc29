"""The sweep removes leftovers and nothing that a question can need."""

from datetime import UTC, datetime, timedelta

from finops.ledger.ledger import Ledger
from finops.ledger.upkeep import sweep
from tests.ledger.bills import deliver
from tests.ledger.test_publish import FIRST, LATER, SECOND, total

SOON = datetime(2100, 1, 1, tzinfo=UTC)  # every file on the disk is older than an hour then


def stored(ledger: Ledger) -> int:
    return len(list(ledger.root.glob("source=*/period=*/*.parquet")))


def test_a_file_that_no_load_knows_is_removed(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    orphan = ledger.root / "source=aws" / "period=2026-03" / "orphan.parquet"
    orphan.write_bytes(b"half a file")
    assert "source=aws/period=2026-03/orphan.parquet" in sweep(ledger, SOON)
    assert not orphan.exists()
    assert total(ledger) == 15.5


def test_a_young_file_may_belong_to_a_load_in_progress(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    orphan = ledger.root / "source=aws" / "period=2026-03" / "young.parquet"
    orphan.write_bytes(b"not yet published")
    sweep(ledger, datetime.fromtimestamp(orphan.stat().st_mtime, UTC))
    assert orphan.exists()


def test_earlier_deliveries_stay_readable_up_to_a_number(ledger: Ledger) -> None:
    deliver(ledger, FIRST)
    deliver(ledger, SECOND, at=LATER)
    deliver(ledger, FIRST[:1], at=LATER + timedelta(days=1))
    sweep(ledger, SOON, kept=1)
    assert stored(ledger) == 2
    assert total(ledger) == 10
    sweep(ledger, SOON, kept=0)
    assert stored(ledger) == 1
