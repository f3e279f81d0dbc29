"""Requests delivered by several processes at once, or by one that dies at any statement, count once."""

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.ledger.usage_compaction import compact
from finops.sources.usage_events import write
from tests.ledger.conftest import MakeLedger
from tests.ledger.dying import KILLED, Arm, die_at
from tests.ledger.requests_made import NOON, events, ids, send

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


def killed_at(step: int, url: str, root: Path, work: Any) -> int:
    """Do `work` in a child process that dies before its `step`-th statement or commit; return the child's exit code."""

    def armed(arm: Arm) -> None:
        ledger = one_process(url, root)
        arm(ledger.engine)
        work(ledger)

    return die_at(step, armed)


def each_step(folder: Path, first: Any, work: Any) -> Iterator[tuple[int, Ledger]]:
    """For each statement of `work`: the ledger as `first` left it and a process that died there; the last one lived, with code 0."""
    made, code, step = folder / "made", -1, 0
    before = one_process(f"sqlite:///{made}/state.sqlite", made)
    first(before)
    before.close()
    while code:
        step += 1
        root = folder / f"{step}"
        shutil.copytree(made, root)
        url = f"sqlite:///{root}/state.sqlite"
        code = killed_at(step, url, root, work)
        assert code in (0, KILLED)
        after = one_process(url, root)
        yield code, after
        after.close()
    assert step > 8


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only publishes and dies
def test_killed_before_any_statement_nothing_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    def publish(ledger: Ledger) -> None:
        send(ledger, events(4), tmp_path)

    for code, after in each_step(tmp_path, lambda ledger: send(ledger, events(2), tmp_path), publish):
        assert len(ids(after)) == (2 if code else 4)
        publish(after)
        assert ["r0", "r1", "r2", "r3"] == ids(after)


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_compaction_killed_before_any_statement_changes_no_request(tmp_path: Path) -> None:
    def three(ledger: Ledger) -> None:
        for n in range(3):
            send(ledger, events(2, prefix=f"{n}-"), tmp_path)

    def work(ledger: Ledger) -> None:
        compact(ledger, NOON, min_batches=2)

    for _, after in each_step(tmp_path, three, work):
        assert ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"] == ids(after)
        work(after)
        assert ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"] == ids(after)
