"""Files of usage that pile up between two runs of the job are merged at once."""

from pathlib import Path

import pytest

from finops.ledger import catalog, usage, usage_compaction
from finops.ledger.ledger import Ledger
from finops.ledger.usage_compaction import merge_pile
from tests.ledger.requests_made import NOON, event, ids, send


def held(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return len(catalog.live_files(connection, kinds=("usage",)))


def test_more_files_than_a_question_should_open_are_merged(ledger: Ledger, tmp_path: Path) -> None:
    for n in range(9):
        send(ledger, [event(f"r{n}")], tmp_path)
    assert merge_pile(ledger, NOON, most=9).made == 0
    assert merge_pile(ledger, NOON, most=8).replaced == 9
    assert (1, 9) == (held(ledger), len(ids(ledger)))


def test_publishing_merges_what_has_piled_up(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_compaction.merge_pile, "__defaults__", (8,))
    for n in range(10):
        send(ledger, [event(f"r{n}")], tmp_path)
    assert (2, 10) == (held(ledger), len(ids(ledger)))


def test_a_merge_that_fails_loses_no_request(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(usage, "merge_pile", full)
    assert 1 == send(ledger, [event("r1")], tmp_path).months[0].rows
    assert ["r1"] == ids(ledger)
