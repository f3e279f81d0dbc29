"""A ledger with the real state database, a clock that is set by hand, and jobs that note what they were asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event

from bot.assemble import Tools, assemble
from finops.ledger import runs
from finops.ledger.runs import Claim
from jobs import registry
from jobs.registry import CatchUp, Job
from jobs.runner import Runner, Surroundings
from jobs.slots import schedule

ZONE = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is set."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


@dataclass
class Bench:
    """One state database, a clock, and runners that stand for processes."""

    tools: Tools
    clock: Clock
    ran: list[str] = field(default_factory=list)
    names: Iterator[int] = field(default_factory=lambda: count(1))

    def runner(self, clock: Callable[[], datetime] | None = None) -> Runner:
        def tools_for(now: datetime, period: str) -> registry.Tools:
            return registry.Tools(self.tools.ledger, now, self.tools.settings, self.tools.rulebook, period)

        name = f"host:{next(self.names)}"
        return Runner(
            Surroundings(self.tools.ledger, tools_for, clock or self.clock, name, lambda: "4711", lambda text: text.replace("hush", "•••"))
        )

    def job(self, *, catch_up: CatchUp = "latest", fails: Exception | None = None, **when: str) -> Job:
        """A job that notes the periods it ran for."""

        def work(tools: registry.Tools) -> str:
            self.ran.append(tools.period)
            if fails:
                raise fails
            return f"ran for {tools.period} at {tools.now:%d %H:%M}"

        return Job("count-beans", "Count beans.", work, schedule(**(when or {"daily": "06:30"})), catch_up)

    def once(self, runner: Runner, job: Job) -> Claim | None:
        """Run what is due, if anything is."""
        claim = runner.take_due(job, ZONE)
        if claim:
            runner.run(job, claim, ZONE)
        return claim

    def told(self) -> list[tuple[str, int, str, str | None]]:
        """Every record: period, attempt, state, and what it says; the oldest first."""
        found = runs.history(self.tools.ledger.engine, "count-beans", 1000)
        return [(run.period, run.attempt, run.state, run.error or run.result) for run in reversed(found)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = Clock()
    with assemble(tmp_path, {"FINOPS_THREADS": "1"}, clock) as tools:
        tools.ledger.engine.dispose()
        event.listen(tools.ledger.engine, "connect", lambda opened, _: opened.execute("PRAGMA synchronous=OFF"))  # no power is lost here
        yield Bench(tools, clock)
