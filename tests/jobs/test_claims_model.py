"""Claims against a small model: three processes that look, finish, fail, crash and hand back while clocks go on and jump."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from finops.ledger import runs
from finops.ledger.runs import Claim
from jobs.registry import CatchUp, Job, Tools
from jobs.runner import ATTEMPTS
from jobs.slots import newest
from tests.jobs.conftest import NOON, ZONE, Bench

PROCESSES = st.integers(0, 2)


class Claims(RuleBasedStateMachine):
    """`held` is what each process believes to hold; `current` is the only claim that may still be recorded."""

    bench: ClassVar[Bench]
    numbers: ClassVar[Iterator[int]]
    catch_up: ClassVar[CatchUp]

    @initialize()
    def begin(self) -> None:
        self.bench.clock.now = NOON
        base = self.bench.job(every="1h", catch_up=self.catch_up)
        self.job = Job(f"job-{next(self.numbers)}", base.about, self.work, base.schedule, self.catch_up)
        self.processes = [self.bench.runner() for _ in range(3)]
        self.held: dict[int, Claim] = {}
        self.current: Claim | None = None
        self.granted: dict[str, int] = {}
        self.done: list[str] = []
        self.fails = False

    def work(self, tools: Tools) -> str:
        if self.fails:
            raise ValueError(tools.period)
        return "done"

    @rule(process=PROCESSES)
    def look(self, process: int) -> None:
        if process in self.held:
            return
        claim = self.processes[process].take_due(self.job, ZONE)
        busy = self.current is not None and not self.current.has_ended(self.bench.clock.now)
        assert not (busy and claim), "two processes hold the job"
        assert self.job.schedule is not None
        fresh = self.job.schedule.slot(newest(self.job.schedule, ZONE, self.bench.clock.now), ZONE).key
        if self.catch_up == "latest" and not busy and fresh not in self.granted:
            assert claim is not None
            assert fresh == claim.period
        if claim:
            assert claim.period not in self.done
            self.granted[claim.period] = self.granted.get(claim.period, 0) + 1
            assert claim.attempt <= ATTEMPTS
            self.held[process] = self.current = claim

    @rule(process=PROCESSES, fails=st.booleans())
    def end(self, process: int, fails: bool) -> None:
        claim = self.held.pop(process, None)
        if claim is None:
            return
        self.fails = fails
        recorded = self.processes[process].run(self.job, claim, ZONE)
        assert recorded == (claim is self.current), "only the last who was granted it may record it"
        if recorded:
            self.current = None
            self.done += [] if fails else [claim.period]

    @rule(process=PROCESSES)
    def hand_back(self, process: int) -> None:
        if claim := self.held.pop(process, None):
            assert self.processes[process].hand_back(claim) == (claim is self.current)
            self.current = None if claim is self.current else self.current

    @rule(process=PROCESSES)
    def crash(self, process: int) -> None:
        self.held.pop(process, None)
        self.processes[process] = self.bench.runner()

    @rule(minutes=st.sampled_from([1, 2, 20, 60, 300]))
    def time_passes(self, minutes: int) -> None:
        self.bench.clock.forward(minutes=minutes)

    @rule(hours=st.sampled_from([-30, -1, 1, 24 * 40]))
    def clock_jumps(self, hours: int) -> None:
        self.bench.clock.forward(hours=hours)

    @invariant()
    def nothing_is_done_twice(self) -> None:
        assert sorted(set(self.done)) == sorted(self.done)

    def teardown(self) -> None:
        """Whatever happened, a process that stays gets the newest slot done, and every record is settled."""
        if not hasattr(self, "job"):
            return
        self.bench.clock.forward(days=80)
        before = set(self.granted)
        self.fails, runner = False, self.bench.runner()
        for _ in range(ATTEMPTS * 200):
            was_open = runs.standing(self.bench.tools.ledger.engine, self.job.name, self.bench.clock.now).open
            claim = runner.take_due(self.job, ZONE)
            if claim is None and not was_open:  # giving up an old slot takes a tick of its own
                break
            if claim:
                assert runner.run(self.job, claim, ZONE)
                self.done.append(claim.period)
        self.nothing_is_done_twice()
        assert self.job.schedule is not None
        assert self.job.schedule.slot(newest(self.job.schedule, ZONE, self.bench.clock.now), ZONE).key in before | set(self.done)
        told = runs.history(self.bench.tools.ledger.engine, self.job.name, 5000)
        assert {run.state for run in told} <= {"done", "failed", "lost", "released", "skipped"}
        assert sorted(self.done) == sorted(run.period for run in told if run.state == "done")


@pytest.mark.parametrize(("catch_up", "examples"), [("latest", 120), ("each", 8)])
def test_whatever_happens_each_slot_is_done_once(bench: Bench, catch_up: CatchUp, examples: int) -> None:
    under_test = type("UnderTest", (Claims,), {"bench": bench, "numbers": count(1), "catch_up": catch_up})
    few = settings(max_examples=examples, stateful_step_count=30, deadline=None, database=None, phases=[Phase.generate])
    run_state_machine_as_test(under_test, settings=few)


def test_the_default_lease_is_two_minutes(bench: Bench) -> None:
    claim = bench.runner().take_due(bench.job(), ZONE)
    assert claim is not None
    assert NOON + timedelta(minutes=2) == claim.lease_until
