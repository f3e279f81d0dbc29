"""Files of usage events go into the ledger in batches; what is bad or unpriced is told."""

from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import UserError
from finops.ledger.ledger import Ledger
from finops.ledger.usage_intake import take_in
from finops.sources.usage_events import write
from tests.ledger.requests_made import DELIVERY, Prices, event, events, ids


def file(folder: Path, content: bytes, name: str = "a.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_several_batches_are_told_as_one_month(ledger: Ledger, tmp_path: Path) -> None:
    done = take_in(ledger, [file(tmp_path, write([*events(10), event("r3")]))], Prices(), DELIVERY, at_once=4)
    assert [("2026-03", 10, Decimal("0.045"), "loaded", "1 request taken in before")] == [
        (load.period, load.rows, load.effective_cost, load.status, load.reason) for load in done.loads
    ]
    assert (("1 request had been taken in before and changed nothing",), False) == (done.notes, done.is_degraded)
    assert 10 == len(ids(ledger))


def test_a_model_without_a_price_is_an_alarm(ledger: Ledger, tmp_path: Path) -> None:
    done = take_in(
        ledger, [file(tmp_path, write([*events(2), event("x", model="gpt-99"), event("y", model="gpt-99")]))], Prices(), DELIVERY
    )
    assert ("no price for model gpt-99: 2 requests are not counted; add it to prices in budgets.yaml",) == done.notes
    assert done.is_degraded


def test_bad_lines_are_told_with_their_place_and_the_others_count(ledger: Ledger, tmp_path: Path) -> None:
    done = take_in(ledger, [file(tmp_path, write(events(2)) + b"{}\n")], Prices(), DELIVERY)
    assert ["r0", "r1"] == ids(ledger)
    assert ("a.jsonl:3: time and request_id and model are missing",) == done.notes
    assert ("quarantined", 1) == (done.loads[-1].status, done.loads[-1].rows)
    assert done.is_degraded


def test_of_many_bad_lines_the_first_are_told_one_by_one(ledger: Ledger, tmp_path: Path) -> None:
    done = take_in(ledger, [file(tmp_path, b"{}\n" * 50)], Prices(), DELIVERY)
    assert (21, "30 more lines are no usage events") == (len(done.notes), done.notes[-1])


def test_a_file_without_events_is_the_callers_mistake(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.jsonl holds no usage events"):
        take_in(ledger, [file(tmp_path, b"\n\n")], Prices(), DELIVERY)


def test_nothing_is_left_behind_in_the_staging_folder(ledger: Ledger, tmp_path: Path) -> None:
    take_in(ledger, [file(tmp_path, write(events(3)))], Prices(), DELIVERY)
    assert [] == list(ledger.staging_folder.iterdir())
