"""Runs agents: takes the period, keeps the lease, writes the record. Which process runs a period is decided by its claim alone."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from finops.errors import FinopsError, UserError
from finops.ledger import runs
from finops.ledger.ledger import Ledger
from finops.ledger.runs import Claim, Run, Skipped, Standing
from jobs.registry import Job, Tools
from jobs.slots import Slot, due, upcoming

LOG = logging.getLogger("finops.jobs")
WAITS: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))  # before the second, third and fourth attempt
ATTEMPTS: Final = len(WAITS) + 1
MOST_CAUGHT_UP: Final = 100  # slots that a job which takes each of them runs after downtime; older ones are left out

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Surroundings:
    """What a runner takes from outside. `tools` makes a job's tools for an instant and a period; `clean` masks secrets.

    `holder` names this process, `number` makes a number to quote, `lease` is how long a period stays ours without a sign of life.
    """

    ledger: Ledger
    tools: Callable[[datetime, str], Tools]
    clock: Clock
    holder: str
    number: Callable[[], str]
    clean: Callable[[str], str]
    lease: timedelta = timedelta(minutes=2)


class Runner:
    """Takes periods of jobs and runs them."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._engine = around.ledger.engine

    def take_due(self, job: Job, zone: ZoneInfo, *, takes_over: bool = True) -> Claim | None:
        """Claim the slot of `job` that is to run now, if there is one and no other process has it.

        With `takes_over` false, nobody's lease is called ended: our own clock may be the one that is wrong.
        """
        if job.schedule is None:
            return None
        now = self._around.clock()
        standing = runs.standing(self._engine, job.name, now)
        if any(one.state == "running" and not (takes_over and one.has_ended(now)) for one in standing.open):
            return None
        standing = self._without_dead_runs_by_hand(standing, now)
        missed = due(job.schedule, zone, standing.last, now)
        if standing.open and (job.catch_up == "each" or not missed):
            return self._again(job, zone, standing.open[0], now)
        if not missed:
            return None
        left = missed[:-1] if job.catch_up == "latest" else missed[:-MOST_CAUGHT_UP]
        first = job.schedule.slot(missed[len(left)], zone)
        skipped = _skipped(job, left, zone) if left else None
        return runs.begin(
            self._engine,
            job.name,
            first.key,
            due_at=first.due_at,
            holder=self._around.holder,
            now=now,
            lease=self._around.lease,
            instead_of=standing.open,
            skipped=skipped,
        )

    def run(self, job: Job, claim: Claim, zone: ZoneInfo) -> bool:
        """Run a claimed slot and record how it went; False when the lease was lost meanwhile and nothing was recorded."""
        now = claim.due_at if job.catch_up == "each" and claim.due_at else self._around.clock()
        try:
            with self._keeping(claim):
                result = self._work(job, now, claim.period)
        except Exception as problem:  # whatever it was
            return self._failed(job, claim, zone, problem)
        return self._finished(claim, result)

    def by_hand(self, job: Job, as_of: datetime) -> Run:
        """Run a job now, as of an instant, whatever its schedule says. Raises what the job raises, UserError while it runs elsewhere."""
        claim = self._claim_by_hand(job)
        try:
            with self._keeping(claim):
                result = self._work(job, as_of, claim.period)
        except BaseException as problem:
            said = self._sentence(problem) if isinstance(problem, Exception) else "stopped by hand"
            runs.fail(self._engine, claim, self._around.clock(), said, retry_at=None, next_step=None)
            raise
        self._finished(claim, result)
        return runs.run(self._engine, claim.run)

    def hand_back(self, claim: Claim) -> bool:
        return runs.hand_back(self._engine, claim, self._around.clock())

    def _without_dead_runs_by_hand(self, standing: Standing, now: datetime) -> Standing:
        """Settle runs by hand whose process died: nobody repeats them."""
        for one in standing.open:
            if one.due_at is None:
                runs.give_up(self._engine, one, now, "")
        return Standing(tuple(one for one in standing.open if one.due_at is not None), standing.last)

    def _again(self, job: Job, zone: ZoneInfo, old: Claim, now: datetime) -> Claim | None:
        if not old.has_ended(now):
            return None
        if old.attempt >= ATTEMPTS:
            runs.give_up(self._engine, old, now, self._not_again(job, old, zone, now))
            return None
        return runs.take_over(self._engine, old, holder=self._around.holder, now=now, lease=self._around.lease)

    def _claim_by_hand(self, job: Job) -> Claim:
        now = self._around.clock()
        for one in runs.standing(self._engine, job.name, now).open:
            if one.state == "running" and not one.has_ended(now):
                raise UserError(
                    f"{job.name} is running already (for {one.period}, in {one.holder}); "
                    f"try again when it is done, at the latest after {one.lease_until:%H:%M:%S}Z"
                )
            if one.state == "running":
                runs.give_up(self._engine, one, now, "Somebody runs it by hand now.")
        for tick in range(100):  # a clock that stands still names several runs alike
            at = now + timedelta(microseconds=tick)
            period = f"manual:{at.isoformat(timespec='microseconds').removesuffix('+00:00')}Z"
            claim = runs.begin(self._engine, job.name, period, due_at=None, holder=self._around.holder, now=now, lease=self._around.lease)
            if claim:
                return claim
        raise UserError(f"{job.name} was started elsewhere at this moment; try again when that run is done")

    def _work(self, job: Job, now: datetime, period: str) -> str:
        return str(job.work(self._around.tools(now, period)))

    def _finished(self, claim: Claim, result: str) -> bool:
        done = runs.finish(self._engine, claim, self._around.clock(), self._around.clean(result))
        if done:
            LOG.info("%s %s: %s", claim.job, claim.period, result)
        else:
            _say_lost(claim)
        return done

    def _failed(self, job: Job, claim: Claim, zone: ZoneInfo, problem: Exception) -> bool:
        said, now = self._sentence(problem), self._around.clock()
        retry_at, next_step = self._what_next(job, claim, zone, now)
        known = runs.fail(self._engine, claim, now, said, retry_at=retry_at, next_step=next_step)
        if known:
            LOG.warning("%s %s failed: %s. %s", claim.job, claim.period, said, next_step)
        else:
            _say_lost(claim)
        return known

    def _what_next(self, job: Job, claim: Claim, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, str]:
        """Say when a failed slot is tried again: not after its last attempt, and not where the next slot comes first anyway."""
        assert job.schedule is not None
        following = upcoming(job.schedule, zone, now)
        retry_at = now + WAITS[claim.attempt - 1] if claim.attempt < ATTEMPTS else None
        if retry_at is None or (job.catch_up == "latest" and following.due_at <= retry_at):
            return None, self._not_again(job, claim, zone, now)
        return retry_at, f"It is tried again at {retry_at:%H:%M}Z, attempt {claim.attempt + 1} of {ATTEMPTS}."

    def _not_again(self, job: Job, claim: Claim, zone: ZoneInfo, now: datetime) -> str:
        assert job.schedule is not None
        following = upcoming(job.schedule, zone, now)
        return f"It is not tried again for {claim.period}; the next run is due {following.due_at:%Y-%m-%d %H:%M}Z."

    def _sentence(self, problem: Exception) -> str:
        """Tell a problem of ours as it tells itself; anything else gets a number, and its traceback goes to the log."""
        if isinstance(problem, FinopsError):
            return self._around.clean(str(problem))
        number = self._around.number()
        LOG.error("failure %s", number, exc_info=problem)
        return f"unexpected {type(problem).__name__}; the log has it under {number}"

    @contextmanager
    def _keeping(self, claim: Claim) -> Iterator[None]:
        """Renew the lease while the work goes on."""
        ended = threading.Event()
        thread = threading.Thread(target=self._renew, args=(claim, ended), name=f"lease-{claim.job}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _renew(self, claim: Claim, ended: threading.Event) -> None:
        lease = self._around.lease
        while not ended.wait(lease.total_seconds() / 4):
            try:
                if not runs.renew(self._engine, claim, self._around.clock() + lease):
                    LOG.warning("%s %s: the lease is lost", claim.job, claim.period)
                    return
            except Exception as problem:  # the database may be away for a moment
                LOG.warning("%s %s: the lease could not be renewed (%s)", claim.job, claim.period, type(problem).__name__)


def _skipped(job: Job, left: range, zone: ZoneInfo) -> Skipped:
    assert job.schedule is not None
    first, last = job.schedule.slot(left[0], zone), job.schedule.slot(left[-1], zone)
    return Skipped(_span(first, last), f"{len(left)} missed and left out" if len(left) > 1 else "missed and left out")


def _span(first: Slot, last: Slot) -> str:
    return first.key if first == last else f"{first.key}…{last.key}"


def _say_lost(claim: Claim) -> None:
    LOG.warning("%s %s ended after its lease was lost; how it went is not recorded", claim.job, claim.period)
