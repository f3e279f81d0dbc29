"""Ids of requests are noted for some weeks, and still no request is ever counted twice."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from finops.ledger import usage
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ledger.requests import forget_requests
from finops.ledger.tables import seen_requests
from finops.ledger.upkeep import sweep
from finops.ledger.usage_compaction import compact
from tests.ledger.requests_made import NOON, event, events, ids, send

LATER = NOON + timedelta(days=60)
AGAIN = Delivery(LATER, LATER, "test")


def noted(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(seen_requests)).scalar_one())


def test_ids_of_recent_days_are_kept(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, [event("old", time=datetime(2026, 1, 3, tzinfo=UTC)), event("new")], tmp_path)
    assert 1 == forget_requests(ledger.engine, NOON.date())
    assert 1 == noted(ledger)
    assert 0 == forget_requests(ledger.engine, NOON.date())


def test_the_sweep_forgets(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(3), tmp_path)
    sweep(ledger, LATER)
    assert 0 == noted(ledger)


def test_a_forgotten_request_that_comes_again_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(3), tmp_path)
    forget_requests(ledger.engine, LATER.date())
    again = send(ledger, [*events(3), event("late")], tmp_path, delivery=AGAIN)
    assert (1, 3) == (again.months[0].rows, again.repeated)
    assert ["late", "r0", "r1", "r2"] == ids(ledger)


def test_it_is_known_after_files_were_merged_and_under_another_source(ledger: Ledger, tmp_path: Path) -> None:
    for n in range(3):
        send(ledger, [event(f"r{n}")], tmp_path)
    compact(ledger, LATER)
    forget_requests(ledger.engine, LATER.date())
    send(ledger, events(3), tmp_path, delivery=AGAIN, source="gateway")
    assert ["r0", "r1", "r2"] == ids(ledger)


def test_a_process_that_was_faster_with_the_same_old_requests_is_noticed(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other's requests go live, and are forgotten at once, between the look into the files and the flip."""
    send(ledger, [event("other")], tmp_path)
    calls = iter([True])
    write = usage._write

    def overtaken(*given: object) -> object:
        if next(calls, False):
            (tmp_path / "else").mkdir()
            other = threading.Thread(target=send, args=(ledger, events(2), tmp_path / "else"), kwargs={"delivery": AGAIN})
            other.start()
            other.join()
            forget_requests(ledger.engine, LATER.date())
        return write(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(usage, "_write", overtaken)
    send(ledger, events(2), tmp_path, delivery=AGAIN)
    assert ["other", "r0", "r1"] == ids(ledger)
