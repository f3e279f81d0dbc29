"""Ticks. APScheduler wakes us every few seconds and decides nothing: which slots are due and who runs them is the claims' affair."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from finops.ledger import runs, troubles
from finops.ledger.ledger import Ledger
from finops.ledger.runs import Claim
from jobs.registry import Job
from jobs.runner import Runner

LOG = logging.getLogger("finops.scheduler")
AT_ONCE: Final = 2  # different jobs; one job never runs twice at a time
SKEW: Final = timedelta(seconds=60)  # a clock that is further off than this is told of, and takes over nobody's lease
TIDYING: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Clocks:
    """The wall clock, one that only goes forward (seconds), and how this machine is called when its clock is wrong."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    machine: str


class Scheduler:
    """Runs what is due until stopped. `tell` sends the notices that are waiting; `zone` is asked at each tick, for it may change."""

    def __init__(
        self,
        ledger: Ledger,
        runner: Runner,
        jobs: Mapping[str, Job],
        zone: Callable[[], ZoneInfo],
        clocks: Clocks,
        tell: Callable[[], object],
        *,
        seconds: float = 5.0,
    ) -> None:
        self._ledger, self._runner, self._zone, self._clocks, self._tell = ledger, runner, zone, clocks, tell
        self._jobs = [job for job in jobs.values() if job.schedule]
        self._seconds = seconds
        self._ticker = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},  # never a shared one: two schedulers on it run things twice
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600},
        )
        self._running: dict[str, Claim] = {}
        self._changed = threading.Condition()
        self._beats: dict[str, threading.Thread] = {}
        self._stopping = self._ticking = self._wanted = False
        self._turns: Counter[str] = Counter()
        self._last_tick: tuple[datetime, float] | None = None
        self._tidied_at: float | None = None
        self._skewed = False

    def start(self) -> None:
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it would tell of every tick
        self._ticker.add_job(self._beat, IntervalTrigger(seconds=self._seconds, timezone=UTC))
        self._ticker.start()
        self._beat()

    def stop(self, grace: float = 5.0) -> int:
        """Claim nothing more, give what runs `grace` seconds, hand the rest back for other processes; return how much that was."""
        with self._changed:
            self._stopping = True
        if self._ticker.running:
            self._ticker.shutdown(wait=False)
        if beat := self._beats.get("tick"):
            beat.join(grace)  # it may be about to claim something, and hands that back
        with self._changed:
            self._changed.wait_for(lambda: not self._running, grace)
            left = list(self._running.values())
        for claim in left:
            if self._runner.hand_back(claim):
                LOG.warning("%s %s did not end in time; handed back", claim.job, claim.period)
        return len(left)

    def tick(self) -> list[str]:
        """Start what is due and return the names of the jobs started."""
        self._watch_clock()
        in_turn = sorted(self._jobs, key=lambda one: self._turns[one.name])  # who ran least comes first
        return [job.name for job in in_turn if self._may_start(job) and self._start(job)]

    def wait(self, seconds: float) -> bool:
        """Wait until nothing runs here any more; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def _may_start(self, job: Job) -> bool:
        with self._changed:
            return not self._stopping and job.name not in self._running and len(self._running) < AT_ONCE

    def _start(self, job: Job) -> bool:
        zone = self._zone()
        claim = self._runner.take_due(job, zone, takes_over=not self._skewed)
        if claim is None:
            return False
        with self._changed:
            if self._stopping:
                self._runner.hand_back(claim)
                return False
            self._running[job.name] = claim
            self._turns[job.name] += 1
        # a daemon, since one that hangs must not keep the process alive
        threading.Thread(target=self._run, args=(job, claim, zone), name=f"job-{job.name}", daemon=True).start()
        return True

    def _run(self, job: Job, claim: Claim, zone: ZoneInfo) -> None:
        try:
            self._runner.run(job, claim, zone)
        except Exception:  # the record could not be written; the lease will end and the period be taken over
            LOG.exception("how %s %s went could not be recorded", job.name, claim.period)
        finally:
            with self._changed:
                del self._running[job.name]
                self._changed.notify_all()
            if self._ticker.running:
                self._wake()  # what waited for this place need not wait for the next tick

    def _beat(self) -> None:
        """Tick, and tell, each on a thread that may take its time: a Slack that hangs delays no job, and neither keeps us alive."""
        self._wake()
        before = self._beats.get("tell")
        if before is None or not before.is_alive():
            self._beat_on("tell", self._tell_safely)

    def _beat_on(self, name: str, work: Callable[[], None]) -> None:
        self._beats[name] = threading.Thread(target=work, name=f"clock-{name}", daemon=True)
        self._beats[name].start()

    def _wake(self) -> None:
        """Tick now, or once more after the tick that is under way."""
        with self._changed:
            self._wanted = True
            if self._ticking or self._stopping:
                return
            self._ticking = True
            self._beat_on("tick", self._tick_while_wanted)

    def _tick_while_wanted(self) -> None:
        while True:
            with self._changed:
                if self._stopping or not self._wanted:
                    self._ticking = False
                    return
                self._wanted = False
            self._tick_safely()

    def _tick_safely(self) -> None:
        try:
            self.tick()
            self._tidy()
        except Exception:  # the database may be away for a moment
            LOG.exception("a tick failed")

    def _tell_safely(self) -> None:
        try:
            self._tell()
        except Exception:
            LOG.exception("notices could not be looked at")

    def _tidy(self) -> None:
        """Once an hour, drop old records."""
        now = self._clocks.monotonic()
        if self._tidied_at is None or now - self._tidied_at >= TIDYING.total_seconds():
            self._tidied_at = now
            runs.forget(self._ledger.engine, self._clocks.now())

    def _watch_clock(self) -> None:
        """Say when the wall clock jumps, and when it is not the database's: periods stay right, but leases are told by it."""
        now, ticks = self._clocks.now(), self._clocks.monotonic()
        if self._last_tick and abs(jump := (now - self._last_tick[0]) - timedelta(seconds=ticks - self._last_tick[1])) > SKEW:
            LOG.warning("the clock jumped by %+.0f s; no period runs twice for that", jump.total_seconds())
        self._last_tick = now, ticks
        theirs = runs.database_clock(self._ledger.engine)
        if theirs is not None:
            self._note_skew(now - theirs, now)

    def _note_skew(self, skew: timedelta, now: datetime) -> None:
        is_off = abs(skew) > SKEW
        if is_off == self._skewed:
            return
        self._skewed = is_off
        error = f"the clock of {self._clocks.machine} is {skew.total_seconds():+.0f} s off the database's; set it right"
        LOG.log(logging.ERROR if is_off else logging.INFO, error if is_off else "the clock is right again")
        told = (error, "Jobs go on, but this machine takes over no run of a process that died.") if is_off else None
        troubles.note(self._ledger.engine, f"clock of {self._clocks.machine}"[:60], now, told)
