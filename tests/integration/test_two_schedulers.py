"""Two processes on one PostgreSQL, one killed in the middle of its work: every slot is done, and done once."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Engine

from bot.assemble import assemble, system_clock
from bot.levers import hands
from finops.ledger import runs, troubles
from finops.ledger.runs import Claim, Run
from finops.ledger.state import open_state
from jobs.scheduler import Clocks, Scheduler
from tests.flows.slack import eventually
from tests.integration.clockwork_process import JOBS
from tests.jobs.conftest import ZONE, Bench, Clock

Got = TypeVar("Got")
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.postgres


@contextmanager
def process(folder: Path, database: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [str(folder), database, str(folder / "effects"), name]
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen([sys.executable, "-m", "tests.integration.clockwork_process", *arguments], cwd=ROOT, stderr=log) as started,
    ):
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def test_two_schedulers_do_every_slot_once_though_one_is_killed(postgres_database: str, tmp_path: Path) -> None:
    engine = open_state(postgres_database)
    try:
        with ExitStack() as stack:
            one, other = (stack.enter_context(process(tmp_path, postgres_database, name)) for name in ("one", "other"))

            def told() -> list[Run]:
                return [run for job in JOBS for run in runs.history(engine, job, 10_000)]

            eventually(lambda: len({run.result for run in told() if run.state == "done"}) == 2)  # both take part
            time.sleep(2)
            eventually(lambda: stopped_at_work(one, told))
            one.kill()
            eventually(lambda: any(run.state == "lost" for run in told()))
            time.sleep(3)
            other.send_signal(signal.SIGTERM)
            assert 0 == other.wait(15)
            after = told()
        assert [] == [run for run in after if run.state not in ("done", "lost")]
        done = Counter((run.job, run.period) for run in after if run.state == "done")
        assert {1} == set(done.values())
        assert [] == [gap for job in JOBS for gap in gaps([period for name, period in done if name == job])]
        assert len(done) >= 18
        lost = {(run.job, run.period) for run in after if run.state == "lost"}
        effects = Counter(tuple(line.split()) for line in (tmp_path / "effects").read_text().splitlines())
        assert {each: 1 for each in done if each not in lost} == {each: times for each, times in effects.items() if each not in lost}
    finally:
        engine.dispose()


def stopped_at_work(process: subprocess.Popen[bytes], told: Callable[[], list[Run]]) -> bool:
    """Stop a process in the middle of a run; where it was idle, let it go on."""
    process.send_signal(signal.SIGSTOP)
    if any(run.state == "running" and run.holder.endswith(f":{process.pid}") for run in told()):
        return True
    process.send_signal(signal.SIGCONT)
    return False


def test_who_is_off_the_databases_clock_takes_over_nobody_and_says_so(
    postgres_database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(system_clock())
    with assemble(tmp_path, {"FINOPS_DATABASE_URL": postgres_database, "FINOPS_THREADS": "1"}, clock) as tools:
        bench = Bench(tools, clock)
        job = bench.job(every="24h")
        assert bench.runner().take_due(job, ZONE)
        clock.forward(minutes=10)
        scheduler = Scheduler(
            tools.ledger, bench.runner(), {job.name: job}, lambda: ZONE, Clocks(clock, time.monotonic, "machine"), lambda: None
        )
        assert [] == scheduler.tick()
        assert "s off the database's; set it right" in caplog.text
        assert ["clock of machine"] == list(troubles.current(tools.ledger.engine))
        clock.forward(minutes=-10)
        scheduler.tick()
        assert {} == troubles.current(tools.ledger.engine)
        assert [] == bench.ran


def test_a6_what_carries_plans_out_compares_its_clock_with_the_databases(postgres_database: str, tmp_path: Path) -> None:
    with assemble(tmp_path, {"FINOPS_DATABASE_URL": postgres_database, "FINOPS_THREADS": "1"}, Clock()) as tools:
        theirs = hands(tools, "machine").truth()
        assert theirs
        assert abs(theirs - system_clock()) < timedelta(minutes=1)


def test_of_many_who_reach_for_a_slot_or_a_notice_one_has_it(postgres_database: str) -> None:
    engine, lease = open_state(postgres_database), timedelta(minutes=2)
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    later = now + lease
    try:
        with ThreadPoolExecutor(8) as crowd:

            def together(reach: Callable[[str], Got | None]) -> Got:
                """What the only one of eight gets who gets anything."""
                [got] = [one for one in crowd.map(reach, map(str, range(8))) if one]
                return got

            for period in ("2026-11-20", "2026-11-21", "2026-11-22"):
                first = together(partial(begin, engine, period, now, lease))
                second = together(partial(take_over, engine, first, later, lease))
                assert together(partial(fail, engine, second, later))
            assert 1 == len(together(partial(troubles.take_untold, engine, now)))
    finally:
        engine.dispose()


def begin(engine: Engine, period: str, now: datetime, lease: timedelta, who: str) -> Claim | None:
    return runs.begin(engine, "job", period, due_at=now, holder=who, now=now, lease=lease)


def take_over(engine: Engine, old: Claim, now: datetime, lease: timedelta, who: str) -> Claim | None:
    return runs.take_over(engine, old, holder=who, now=now, lease=lease)


def fail(engine: Engine, claim: Claim, now: datetime, who: str) -> bool:
    return runs.fail(engine, claim, now, f"told by {who}", retry_at=None, next_step="Nothing.")


def gaps(periods: list[str]) -> list[str]:
    """The seconds between the first and the last slot that nobody did."""
    known = set(periods)
    first, last = (datetime.fromisoformat(period) for period in (min(periods), max(periods)))
    every = [first + timedelta(seconds=second) for second in range(int((last - first).total_seconds()) + 1)]
    return [f"{at:%Y-%m-%dT%H:%M:%S}Z" for at in every if f"{at:%Y-%m-%dT%H:%M:%S}Z" not in known]
