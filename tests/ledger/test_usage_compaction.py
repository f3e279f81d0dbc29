"""Small files of usage become large ones, and nobody sees a request twice or not at all."""

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from finops.ledger import catalog
from finops.ledger.catalog import LiveFile
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.upkeep import align, sweep
from finops.ledger.usage_compaction import compact, plan
from finops.owners import OwnerRule
from finops.periods import Period
from finops.query import CostQuery
from tests.ledger.conftest import MakeLedger
from tests.ledger.requests_made import NOON, charges, events, ids, send

AFTER = datetime(2026, 4, 2, tzinfo=UTC)


def live(ledger: Ledger) -> list[LiveFile]:
    with ledger.engine.connect() as connection:
        return catalog.live_files(connection, kinds=("usage",))


def file(rows: int, period: str = "2026-03", source: str = "usage", delivered: datetime = NOON) -> LiveFile:
    day = date(2026, 3, 10)
    return LiveFile(f"{source}-{period}-{rows}", "id", source, period, delivered, day, day, "", rows, ("USD",), "usage", "slot")


def planned(*files: LiveFile, now: datetime = NOON, batches: int = 2, most: int = 1000) -> list[list[int]]:
    return [[one.rows for one in group] for group in plan(files, now, batches, most)]


def test_small_files_of_the_running_month_are_merged_and_a_far_larger_one_is_left() -> None:
    assert [[1, 20, 30]] == planned(file(30), file(1), file(20), file(900))


def test_a_file_joins_once_the_small_ones_are_worth_it() -> None:
    assert [[1, 50, 60, 300]] == planned(file(300), file(1), file(50), file(60))


def test_few_small_files_wait_for_more() -> None:
    assert [] == planned(file(1), file(2), file(3), batches=4)


def test_sources_and_months_are_kept_apart() -> None:
    files = [file(n, period, source) for n in (1, 2) for period in ("2026-02", "2026-03") for source in ("a", "b")]
    assert [[1, 2]] * 4 == planned(*files)


def test_a_closed_and_quiet_month_becomes_as_few_files_as_hold_it() -> None:
    assert [[1, 900]] == planned(file(900), file(1), now=AFTER, batches=8)
    assert [[300, 400]] == planned(file(300), file(400), file(800), now=AFTER, batches=8)
    assert [] == planned(file(700), file(800), now=AFTER)


def test_a_closed_month_that_still_gets_requests_is_not_rewritten_each_time() -> None:
    assert [] == planned(file(900), file(1, delivered=AFTER - timedelta(hours=1)), now=AFTER)


def test_merging_changes_no_request_and_sorts_by_time(ledger: Ledger, tmp_path: Path) -> None:
    for n in (2, 0, 1):
        send(ledger, events(5, prefix=f"{n}-", time=datetime(2026, 3, 10 + n, tzinfo=UTC)), tmp_path)
    before = charges(ledger, "*")
    done = compact(ledger, NOON, min_batches=2)
    assert (3, 1, 15) == (done.replaced, done.made, done.rows)
    assert before == charges(ledger, "*")
    (merged,) = live(ledger)
    assert (date(2026, 3, 10), date(2026, 3, 12), 15) == (merged.first_day, merged.last_day, merged.rows)
    with duckdb.connect() as con:
        stored = con.execute(f"SELECT x_ChargeDay FROM '{ledger.root / merged.path}'").fetchall()
    assert sorted(stored) == stored


def test_merged_again_with_newer_batches_there_is_one_file(ledger: Ledger, tmp_path: Path) -> None:
    for n in range(6):
        send(ledger, events(3, prefix=f"{n}-"), tmp_path)
        compact(ledger, NOON, min_batches=2)
    compact(ledger, AFTER)
    assert (1, 18) == (len(live(ledger)), len(ids(ledger)))


def test_replaced_files_stay_for_their_readers_until_the_sweep(ledger: Ledger, tmp_path: Path) -> None:
    for n in range(3):
        send(ledger, events(2, prefix=f"{n}-"), tmp_path)
    compact(ledger, NOON, min_batches=2)
    folder = ledger.root / "source=usage/period=2026-03"
    assert 4 == len(list(folder.iterdir()))
    sweep(ledger, datetime.now(UTC) + timedelta(days=1))  # noqa: TID251 - the files' own age is compared
    assert (1, 6) == (len(list(folder.iterdir())), len(ids(ledger)))


def test_requests_merged_away_still_change_nothing_when_they_come_again(ledger: Ledger, tmp_path: Path) -> None:
    send(ledger, events(3), tmp_path)
    send(ledger, events(3, prefix="s"), tmp_path)
    compact(ledger, NOON, min_batches=2)
    assert 3 == send(ledger, events(3), tmp_path).repeated
    assert 6 == len(ids(ledger))


def test_a_merged_file_follows_the_owners_of_today(make_ledger: MakeLedger, tmp_path: Path) -> None:
    first = make_ledger()
    for n in range(2):
        send(first, events(2, prefix=f"{n}-"), tmp_path)
    second = make_ledger(Terms(owners=(OwnerRule((("model", ("claude",)),), team="assistants"),)))
    compact(second, NOON, min_batches=2)
    assert [("assistants",)] * 4 == charges(second, "x_Team")
    assert 0 == align(second, NOON, "test")


def test_readers_see_every_request_exactly_once_throughout(ledger: Ledger, make_ledger: MakeLedger, tmp_path: Path) -> None:
    for n in range(8):
        send(ledger, events(5, prefix=f"{n}-"), tmp_path)
    reader = make_ledger()
    query = CostQuery(Period(date(2026, 3, 1), date(2026, 4, 1)))
    seen: set[str] = set()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            seen.add(str(reader.answer(query, AFTER).sums[0].total))

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for one in asking:
        one.start()
    for n in range(8, 20):
        compact(ledger, NOON, min_batches=2)
        send(ledger, events(5, prefix=f"{n}-"), tmp_path)
    done.set()
    for one in asking:
        one.join()
    seen_counts = {round(float(total) / 0.0225, 6) for total in seen}  # a batch of five costs 0.0225
    assert seen_counts
    assert seen_counts <= {float(n) for n in range(8, 21)}
