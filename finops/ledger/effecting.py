"""Moves the targets of a plan one by one and puts them back: a trace before each call, a look after each doubt, nothing blindly twice."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine

from finops.configuration.rulebook_approvals import Guard
from finops.errors import FinopsError, LeverError
from finops.guard.plans import Plan
from finops.ledger.effects import MOVED, Effect, Stage, effects_of, hold, mark
from finops.ledger.loads import record
from finops.ledger.state import writing
from finops.ports import Lever, Standing

LOG = logging.getLogger("finops.actions")
ACTOR: Final = "carry-out"
PAUSE: Final = timedelta(seconds=30)  # a call whose answer was lost may still be on its way
ATTEMPTS: Final = 5
Outcome = Literal["done", "failed", "waiting"]


@dataclass(frozen=True)
class Hands:
    """What carries plans out. `guard` and `clock` tell how it is at each moment, `holder` names this process.

    `alarms` are routes that hear, beside the proposal's own, of what could not be put back. `terms` tells what of the
    rulebook matters to a plan, as it is configured at that moment. `truth` tells the time by the database's own clock.
    """

    engine: Engine
    levers: Mapping[str, Lever]
    guard: Callable[[], Guard]
    clock: Callable[[], datetime]
    holder: str
    alarms: tuple[str, ...] = ()
    lease: timedelta = timedelta(minutes=5)
    terms: Callable[[Plan], Mapping[str, Any]] | None = None
    truth: Callable[[], datetime | None] = lambda: None

    def lever(self, plan: Plan) -> Lever:
        """Raises LeverError where this installation has no such lever."""
        if plan.lever not in self.levers:
            raise LeverError(f"there is no lever {plan.lever} here; it has {', '.join(sorted(self.levers))}")
        return self.levers[plan.lever]


@dataclass(frozen=True)
class Turn:
    """The right to work on one proposal, until another worker takes it over."""

    hands: Hands
    proposal: int
    number: int

    def hold(self, tx: Connection, now: datetime) -> None:
        hold(tx, self.proposal, self.number, now + self.hands.lease)

    def mark(self, before: Effect, stage: Stage, **more: Any) -> Effect:
        """Write how far a target is, with its audit entry. Raises OvertakenError."""
        now = self.hands.clock()
        with writing(self.hands.engine) as tx:
            self.hold(tx, now)
            after = mark(tx, before, stage, now, **more)
            detail = {"target": after.target, "attempt": after.attempts, "error": after.error, "holder": self.hands.holder}
            record(tx, now, ACTOR, f"effect.{stage}", f"P-{self.proposal}", detail)
        return after


def apply_all(turn: Turn, plan: Plan, deadline: datetime) -> tuple[Outcome, str | None]:
    """Move target after target as the plan wants it; the first that cannot be moved ends it, with the reason.

    After the deadline nothing new is moved: what was agreed to then may not be wanted any more.
    """
    for effect in effects_of(turn.hands.engine, turn.proposal):
        is_late = turn.hands.clock() >= deadline
        after = _apply_one(turn, plan, effect, is_late=is_late)
        if is_late and after.stage != "applied":
            return "failed", after.error or "it was not finished in time"
        if after.stage != "applied":
            is_over = after.stage == "failed" or after.attempts >= ATTEMPTS
            return "failed" if is_over else "waiting", after.error
    return "done", None


def undo_all(turn: Turn, plan: Plan) -> tuple[Outcome, str | None]:
    """Put back whatever was moved, or may have been, the last one first; what cannot be put back holds up no other."""
    for effect in reversed(effects_of(turn.hands.engine, turn.proposal)):
        if effect.stage in MOVED:
            _undo_one(turn, plan, effect)
    left = effects_of(turn.hands.engine, turn.proposal)
    waiting = [each for each in left if each.stage in MOVED]
    stuck = [f"{each.target}: {each.error}" for each in left if each.stage == "stuck"]
    if waiting:
        return "waiting", waiting[0].error
    return ("failed", "; ".join(stuck)) if stuck else ("done", None)


def moved(engine: Engine, proposal: int) -> bool:
    """Say whether any target was moved, or may have been."""
    return any(each.stage in MOVED for each in effects_of(engine, proposal))


def _apply_one(turn: Turn, plan: Plan, effect: Effect, *, is_late: bool) -> Effect:
    if effect.stage == "intended":
        return effect if is_late else _call(turn, plan, effect)
    return _look_again(turn, plan, effect, is_late=is_late) if effect.stage == "calling" else effect


def _call(turn: Turn, plan: Plan, effect: Effect) -> Effect:
    effect = turn.mark(effect, "calling", attempts=effect.attempts + 1)
    try:
        turn.hands.lever(plan).apply(plan, effect.target)
    except LeverError as problem:
        return turn.mark(effect, "failed", error=told(problem))
    except Exception as problem:  # LeverUnknownError, and whatever else: it may have had its effect
        return _in_doubt(turn, plan, effect, told(problem))
    standing, _ = _observed(turn, plan, effect.target)
    if standing in ("changed", "gone"):
        return turn.mark(effect, "failed", error=f"{effect.target} was moved and is {standing} all the same")
    return turn.mark(effect, "applied")


def _in_doubt(turn: Turn, plan: Plan, effect: Effect, why: str) -> Effect:
    """The answer was lost: look once at once, else leave it until whatever is on its way has arrived."""
    standing, problem = _observed(turn, plan, effect.target)
    if standing == "applied":
        return turn.mark(effect, "applied", error=why)
    if standing in ("changed", "gone"):
        return turn.mark(effect, "failed", error=f"{why}; {effect.target} is {standing}")
    error = f"{why}; {problem}" if problem else why
    return turn.mark(effect, "calling", again_at=turn.hands.clock() + PAUSE, error=error)


def _look_again(turn: Turn, plan: Plan, effect: Effect, *, is_late: bool) -> Effect:
    """A call may be out, of a process that died or one whose answer was lost: read first, repeat only what certainly is not."""
    now = turn.hands.clock()
    if effect.again_at is not None and now < effect.again_at <= now + 2 * PAUSE:
        return effect
    standing, problem = _observed(turn, plan, effect.target)
    if standing == "applied":
        return turn.mark(effect, "applied", error=effect.error)
    if standing in ("changed", "gone"):
        return turn.mark(effect, "failed", error=f"{effect.target} is {standing}")
    if effect.attempts >= ATTEMPTS or is_late:
        return effect
    if problem:
        return turn.mark(effect, "calling", attempts=effect.attempts + 1, again_at=now + PAUSE, error=problem)
    if effect.again_at is None and now < effect.changed_at + PAUSE:
        return turn.mark(effect, "calling", again_at=effect.changed_at + PAUSE, error="whoever moved it fell silent")
    return _call(turn, plan, effect)


def _undo_one(turn: Turn, plan: Plan, effect: Effect) -> Effect:
    now = turn.hands.clock()
    if effect.again_at is not None and now < effect.again_at <= now + 2 * PAUSE:
        return effect  # a call that would move it, or put it back, may still arrive
    if effect.stage == "undoing":
        standing, _ = _observed(turn, plan, effect.target)
        if standing in ("as before", "gone"):
            return turn.mark(effect, "undone", error=_gone(effect, standing))
        if effect.attempts >= ATTEMPTS:
            return turn.mark(effect, "stuck", error=effect.error or "it could not be put back")
    attempts = effect.attempts + 1 if effect.stage == "undoing" else 1
    effect = turn.mark(effect, "undoing", attempts=attempts)
    try:
        turn.hands.lever(plan).revert(plan, effect.target)
    except Exception as problem:  # LeverError, LeverUnknownError, and whatever else
        return _not_undone(turn, plan, effect, told(problem))
    return turn.mark(effect, "undone")


def _not_undone(turn: Turn, plan: Plan, effect: Effect, why: str) -> Effect:
    """What somebody else changed since is theirs and stays; everything else is tried again."""
    standing, _ = _observed(turn, plan, effect.target)
    if standing in ("as before", "gone"):
        return turn.mark(effect, "undone", error=_gone(effect, standing))
    if standing == "changed" or effect.attempts >= ATTEMPTS:
        return turn.mark(effect, "stuck", error=why)
    return turn.mark(effect, "undoing", again_at=turn.hands.clock() + PAUSE, error=why)


def _observed(turn: Turn, plan: Plan, target: str) -> tuple[Standing | None, str | None]:
    """Return how a target stands; None, and why, where it cannot be read."""
    try:
        return turn.hands.lever(plan).observe(plan, target), None
    except Exception as problem:
        return None, told(problem)


def _gone(effect: Effect, standing: Standing | None) -> str | None:
    return f"{effect.target} is not there any more" if standing == "gone" else None


def told(problem: Exception) -> str:
    """Tell a problem of ours as it tells itself; of any other the traceback goes to the log."""
    if isinstance(problem, FinopsError):
        return str(problem)
    LOG.error("a lever failed in a way of its own", exc_info=problem)
    return f"unexpected {type(problem).__name__}"
