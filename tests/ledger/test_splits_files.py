"""Split files are made when needed, used again while nothing changes, and swept when nobody needs them."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from finops.ledger.bigquery import BigQueryFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.ledger.upkeep import GRACE, roll_up, sweep
from finops.ledger.usage_compaction import compact
from tests.fakes.bigquery_server import BigQueryServer
from tests.ledger.billed import UNTIL, ask, bill, charge, costs, files_beside, total
from tests.ledger.requests_made import events, send


@pytest.fixture
def split(ledger: Ledger, tmp_path: Path) -> Ledger:
    """A ledger whose one bill is split among two teams."""
    fill(ledger, tmp_path)
    assert {"ml": 6, "search": 2} == costs(ledger, "team")
    return ledger


def fill(ledger: Ledger, folder: Path) -> None:
    for team, requests in (("ml", 3), ("search", 1)):
        send(ledger, events(requests, team, team=team), folder)
    bill(ledger, [charge(10, "8", x_Model="claude")])


def unused_for(ledger: Ledger, time: timedelta) -> None:
    for file in files_beside(ledger):
        os.utime(file, ((UNTIL - time).timestamp(),) * 2)


def test_the_same_question_is_answered_from_the_same_file(split: Ledger) -> None:
    before = [file.stat().st_ino for file in files_beside(split)]
    assert {"ml": 6, "search": 2} == costs(split, "team")
    assert before == [file.stat().st_ino for file in files_beside(split)]


def test_a_bill_without_a_line_to_split_is_looked_at_once(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(1, team="ml"), tmp_path)
    bill(ledger, [charge(10, "8", x_BilledTeam="ads")])
    assert {"ads": 8, "ml": 0} == costs(ledger, "team")
    assert [".none"] == [file.suffix for file in files_beside(ledger)]
    assert {"ads": 8, "ml": 0} == costs(ledger, "team")


def test_the_sweep_leaves_a_split_that_questions_need(split: Ledger) -> None:
    unused_for(split, timedelta(days=9))
    sweep(split, UNTIL)
    assert 1 == len(files_beside(split))


def test_a_split_of_files_that_are_no_longer_live_goes_once_nobody_can_be_reading_it(split: Ledger, tmp_path: Path) -> None:
    send(split, events(1, "more", team="ads"), tmp_path)
    assert 8 == total(split, "team")
    unused_for(split, GRACE / 2)
    sweep(split, UNTIL)
    assert 2 == len(files_beside(split))
    unused_for(split, GRACE * 2)
    sweep(split, UNTIL)
    assert 1 == len(files_beside(split))
    assert 3 == len(costs(split, "team"))


def test_with_the_bills_file_its_splits_go(split: Ledger) -> None:
    bill(split, [charge(10, "9", x_Model="claude")], at=UNTIL + timedelta(hours=1))
    assert 9 == total(split, "team")
    later = UNTIL + timedelta(days=36500)
    removed = sweep(split, later, kept=0)
    assert 1 == sum(".split-" in path for path in removed)
    assert 1 == len(files_beside(split))


def test_every_bill_can_be_split_before_it_is_asked(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, tmp_path)
    assert 1 == ledger.split_ahead(UNTIL)
    assert 1 == len(files_beside(ledger))


def test_merging_files_of_usage_splits_the_bill_anew_with_the_same_figures(split: Ledger) -> None:
    before = files_beside(split)
    compact(split, UNTIL)
    assert 1 == len(set(files_beside(split)) - set(before))
    assert {"ml": 6, "search": 2} == costs(split, "team")


def test_daily_sums_give_way_to_a_split(split: Ledger) -> None:
    split.rollup_worth = 1
    assert 3 == roll_up(split)
    assert {"ml": 6, "search": 2} == costs(split, "team")


def test_a_damaged_folder_is_no_reason_to_answer_as_if_nothing_could_be_split(split: Ledger) -> None:
    for file in files_beside(split):
        file.unlink()
    assert {"ml": 6, "search": 2} == costs(split, "team")


def test_on_bigquery_bills_are_split_too_where_the_files_are_at_hand(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with BigQueryServer(tmp_path / "served").running() as server:
        facts = BigQueryFacts(server.client(), "costs.ledger")
        ledger = Ledger(open_state(f"sqlite:///{tmp_path / 'state.sqlite'}"), tmp_path / "ledger", facts, Terms())
        fill(ledger, tmp_path)
        assert {"ml": 6, "search": 2} == costs(ledger, "team")
        for file in ledger.root.glob("source=usage/period=*/*.parquet"):
            file.unlink()
        answer = ask(ledger, "team")
        assert {None: 8, "ml": 0, "search": 0} == costs(ledger, "team")
        assert "The bill of anthropic is not split by usage: not all of its files are in the ledger's folder." in answer.notes
        ledger.close()
