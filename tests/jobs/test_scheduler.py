"""The ticker: what runs beside what, how it stops, and what it says of clocks that jump."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from finops.ledger import runs
from jobs.registry import Job, Tools
from jobs.scheduler import Clocks, Scheduler
from jobs.slots import schedule
from tests.jobs.conftest import ZONE, Bench


class Gate:
    """Jobs that wait until they are let through."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.began: list[str] = []

    def job(self, name: str) -> Job:
        def work(tools: Tools) -> str:
            self.began.append(name)
            assert self.open.wait(20)
            return f"through for {tools.period}"

        return Job(name, "", work, schedule(every="1h"))


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def ticking(bench: Bench, *jobs: Job, tell: Callable[[], object] = lambda: None, seconds: float = 0.05) -> Scheduler:
    clocks = Clocks(bench.clock, time.monotonic, "machine")
    return Scheduler(bench.tools.ledger, bench.runner(), {job.name: job for job in jobs}, lambda: ZONE, clocks, tell, seconds=seconds)


def states(bench: Bench, job: str) -> list[str]:
    return [run.state for run in reversed(runs.history(bench.tools.ledger.engine, job))]


def until(question: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_jobs_run_beside_each_other_and_a_third_waits_for_its_turn(bench: Bench, gate: Gate) -> None:
    clock = ticking(bench, gate.job("a"), gate.job("b"), gate.job("c"))
    assert ["a", "b"] == clock.tick()
    assert [] == clock.tick()
    gate.open.set()
    assert clock.wait(10)
    assert ["c"] == clock.tick()
    assert clock.wait(10)


def test_a_job_whose_slots_come_faster_than_it_runs_does_not_crowd_out_the_others(bench: Bench, gate: Gate) -> None:
    gate.open.set()
    clock = ticking(bench, gate.job("a"), gate.job("b"), gate.job("c"))
    for _ in range(3):
        while clock.tick():
            assert clock.wait(10)
        bench.clock.forward(hours=1)
    assert {"a": 3, "b": 3, "c": 3} == {name: gate.began.count(name) for name in "abc"}


def test_two_schedulers_on_one_sqlite_run_every_slot_once(bench: Bench, gate: Gate) -> None:
    gate.open.set()
    clocks = [ticking(bench, gate.job("a"), gate.job("b")) for _ in range(2)]
    for _ in range(12):
        together = [threading.Thread(target=clock.tick) for clock in clocks]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        assert all(clock.wait(10) for clock in clocks)
        bench.clock.forward(hours=1)
    assert {"a": 12, "b": 12} == {name: gate.began.count(name) for name in "ab"}
    assert ["done"] * 12 == states(bench, "a")


def test_it_ticks_and_tells_by_itself(bench: Bench, gate: Gate) -> None:
    told: list[int] = []
    clock = ticking(bench, gate.job("a"), tell=lambda: told.append(1))
    clock.start()
    try:
        until(lambda: gate.began == ["a"] and len(told) > 2)
        gate.open.set()
        bench.clock.forward(hours=1)
        until(lambda: states(bench, "a") == ["done", "done"])
    finally:
        assert 0 == clock.stop(5)


def test_what_waited_for_a_place_takes_it_before_the_next_tick(bench: Bench, gate: Gate) -> None:
    gate.open.set()
    clock = ticking(bench, *map(gate.job, "abcdef"), seconds=3600)
    clock.start()
    try:
        until(lambda: sorted(gate.began) == list("abcdef"))
    finally:
        clock.stop(5)


def test_a_tick_that_fails_is_logged_and_the_next_one_works(bench: Bench, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gate.open.set()
    broken = iter([True])
    real = bench.clock.now
    clock = ticking(bench, gate.job("a"))

    def zone() -> object:
        if next(broken, False):
            raise OSError("the database is away")
        return ZONE

    clock._zone = zone  # type: ignore[assignment]
    clock.start()
    try:
        until(lambda: states(bench, "a") == ["done"])
    finally:
        clock.stop(5)
    assert "a tick failed" in caplog.text
    assert real == bench.clock.now


def test_stopping_waits_for_what_runs(bench: Bench, gate: Gate) -> None:
    clock = ticking(bench, gate.job("a"))
    clock.tick()
    threading.Timer(0.2, gate.open.set).start()
    assert 0 == clock.stop(10)
    assert ["done"] == states(bench, "a")


def test_what_does_not_end_in_time_is_handed_back_and_runs_elsewhere_at_once(bench: Bench, gate: Gate) -> None:
    here, there = ticking(bench, gate.job("a")), ticking(bench, gate.job("a"))
    here.tick()
    assert 1 == here.stop(0.05)
    assert [] == here.tick()
    assert ["a"] == there.tick()
    gate.open.set()
    assert here.wait(10)
    assert there.wait(10)
    assert ["released", "done"] == states(bench, "a")


def test_a_clock_that_jumps_is_told_of(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    clock = ticking(bench)
    clock.tick()
    bench.clock.forward(hours=-1)
    clock.tick()
    assert ["the clock jumped by -3600 s; no period runs twice for that"] == [record.getMessage() for record in caplog.records]
