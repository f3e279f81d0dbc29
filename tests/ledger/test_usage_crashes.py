"""Requests delivered by several processes at once, or by one that dies at any statement, count once."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as engine_event

from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.ledger.usage_compaction import compact
from finops.sources.usage_events import write
from tests.ledger.conftest import MakeLedger
from tests.ledger.requests_made import NOON, events, ids, send

KILLED = 137
PUBLISHER = """
import sys
from pathlib import Path
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.ledger.usage import publish
from tests.ledger.requests_made import DELIVERY, Prices

ledger = Ledger(open_state(sys.argv[1]), Path(sys.argv[2]), DuckFacts(Path(sys.argv[2]), threads=1), Terms())
sys.stdin.readline()
done = [publish(ledger, [Path(path)], Prices(), DELIVERY) for path in sys.argv[3:]]
print(sum(load.rows for one in done for load in one.loads))
ledger.close()
"""


def test_two_processes_with_the_same_files_count_each_request_once(make_ledger: MakeLedger, state_url: str, tmp_path: Path) -> None:
    ledger = make_ledger()
    files = [tmp_path / f"{n}.jsonl" for n in range(6)]
    for n, file in enumerate(files):
        file.write_bytes(write(events(300, prefix=f"{n}-")))
    orders = (files, files[:3] + files[:2:-1], files[1:] + files[:1])
    running = [publisher(state_url, ledger.root, order) for order in orders]
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    counted = [int(one.communicate(timeout=100)[0]) for one in running]
    assert [0, 0, 0] == [one.returncode for one in running]
    assert 1800 == sum(counted)
    assert sorted(f"{n}-{m}" for n in range(6) for m in range(300)) == ids(ledger)


def publisher(url: str, root: Path, files: list[Path]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PUBLISHER), url, str(root), *map(str, files)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def one_process(url: str, root: Path) -> Ledger:
    return Ledger(open_state(url), root, DuckFacts(root, threads=1), Terms())


def die_at(step: int, url: str, root: Path, work: Any) -> int:
    """Do `work` in a child process that dies before its `step`-th statement or commit; return the child's exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [step]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] <= 0:
            os._exit(KILLED)

    try:
        ledger = one_process(url, root)
        for name in ("before_cursor_execute", "commit"):
            engine_event.listen(ledger.engine, name, count)
        work(ledger)
    finally:
        os._exit(0)


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only publishes and dies
def test_killed_before_any_statement_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    for step in range(1, 60):
        root, url = tmp_path / f"{step}", f"sqlite:///{tmp_path}/{step}.sqlite"
        before = one_process(url, root)
        send(before, events(2), tmp_path)
        before.close()
        code = die_at(step, url, root, lambda ledger: send(ledger, events(4), tmp_path))
        after = one_process(url, root)
        assert len(ids(after)) == (4 if code == 0 else 2)
        send(after, events(4), tmp_path)
        assert ["r0", "r1", "r2", "r3"] == ids(after)
        after.close()
        if code == 0:
            break
    assert code == 0
    assert step > 8


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_compaction_killed_before_any_statement_changes_no_request(tmp_path: Path) -> None:
    for step in range(1, 80):
        root, url = tmp_path / f"{step}", f"sqlite:///{tmp_path}/{step}.sqlite"
        before = one_process(url, root)
        for n in range(3):
            send(before, events(2, prefix=f"{n}-"), tmp_path)
        before.close()
        code = die_at(step, url, root, lambda ledger: compact(ledger, NOON, min_batches=2))
        after = one_process(url, root)
        assert ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"] == ids(after)
        compact(after, NOON, min_batches=2)
        assert ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"] == ids(after)
        after.close()
        if code == 0:
            break
    assert code == 0
    assert step > 8
