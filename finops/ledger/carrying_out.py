"""Carries approved plans out, ends them, and puts back what failed: from whatever point a crash left, by reading the world."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from finops.errors import FinopsError, LeverError
from finops.guard.plans import Plan
from finops.guard.proposals import Event, State
from finops.guard.protections import halted
from finops.guard.terms import other_terms
from finops.ledger import renewing
from finops.ledger.effecting import ACTOR, Hands, Turn, apply_all, moved, told, undo_all
from finops.ledger.effects import OvertakenError, intend, release, started_at, take
from finops.ledger.outbox import enqueue, escaped
from finops.ledger.proposals import (
    CLOCK,
    Change,
    Move,
    Proposal,
    advance,
    ending,
    expire_due,
    open_proposals,
    proposal,
    read,
    standing,
    step,
)
from finops.ledger.state import writing

WORK: Final[tuple[State, ...]] = ("approved", "executing", "compensating", "reverting")
ITS_TIME: Final = "its time is over"
SKEW: Final = timedelta(minutes=1)  # whose clock is further off may take what has expired for fresh
ALTERED: Final = "its stored plan is not the one that was agreed to"


def carry_out(hands: Hands, identity: str) -> Change:
    """Do what there is to do for a proposal now: start it, go on after a crash, undo. Never raises for what somebody else does already."""
    one = proposal(hands.engine, identity)
    if one.state not in WORK:
        return _nothing(one)
    number = take(hands.engine, one.number, hands.holder, hands.clock(), hands.lease)
    if number is None:
        return Change(False, one, f"{one.id} is being worked on already")
    try:
        return _go_on(Turn(hands, one.number, number), one.id)
    except OvertakenError:
        return Change(False, proposal(hands.engine, one.id), f"another worker went on with {one.id}")
    finally:
        release(hands.engine, one.number, number, hands.clock())


def end_early(hands: Hands, identity: str, actor: str, reason: str | None) -> Change:
    """Put everything back now, because somebody says so."""
    return _end(hands, identity, actor, reason or "ended early")


@dataclass(frozen=True)
class Settled:
    """What was settled: what moved on, and what went wrong in an unexpected way, a sentence each."""

    moved: tuple[Change, ...]
    problems: tuple[str, ...] = ()


def settle(hands: Hands) -> Settled:
    """End what is over, expire what is late, and finish whatever a crash left half-done; one that fails holds up no other."""
    done: list[Change] = []
    problems: list[str] = []

    def each(work: Callable[[], Change], identity: str) -> None:
        try:
            done.append(work())
        except Exception as problem:  # whatever it was, the others go on
            problems.append(f"{identity}: {told(problem)}")

    for one in ending(hands.engine, hands.clock()):
        each(lambda one=one: _end(hands, one.id, CLOCK, ITS_TIME, one), one.id)  # type: ignore[misc]
    done += expire_due(hands.engine, hands.clock())
    for one in open_proposals(hands.engine, states=WORK):
        each(lambda one=one: carry_out(hands, one.id), one.id)  # type: ignore[misc]
    return Settled(tuple(change for change in done if change.happened), tuple(problems))


def _end(hands: Hands, identity: str, actor: str, reason: str, seen: Proposal | None = None) -> Change:
    """With `seen` only as it was seen: what was renewed meanwhile goes on."""
    move = Move(actor, hands.clock(), reason, seen=(seen.state, seen.version) if seen else None)
    ended = step(hands.engine, identity, "end", move)
    if not ended.happened:
        return ended
    after = carry_out(hands, ended.proposal.id)
    return Change(True, after.proposal, after.said)


def _go_on(turn: Turn, identity: str) -> Change:
    """Take step after step until nothing more can be done now."""
    one = proposal(turn.hands.engine, identity)
    if one.state not in WORK:  # it was done while we waited for our turn
        return _nothing(one)
    happened, change = False, _next(turn, one)
    while change.happened and change.proposal.state in WORK:
        happened, change = True, _next(turn, change.proposal)
    return Change(happened or change.happened, change.proposal, change.said)


def _nothing(one: Proposal) -> Change:
    return Change(False, one, f"{standing(one)}; nothing was done")


def _next(turn: Turn, one: Proposal) -> Change:
    if one.state != "approved" and not one.is_intact:
        return _given_up(turn, one)
    return {"approved": _start, "executing": _apply, "compensating": _compensate, "reverting": _revert}[one.state](turn, one)


def _start(turn: Turn, one: Proposal) -> Change:
    hands, guard = turn.hands, turn.hands.guard()
    if guard.stop:
        return Change(False, one, f"{one.id} waits: {halted(guard)}")
    if not one.is_intact:  # `start` says so and ends it; nothing is read with a plan nobody agreed to
        return _moved(turn, one, "start")
    if guard.dry_run:
        would = "; ".join(_described(hands, one.plan))
        return _moved(turn, one, "cancel", f"nothing was moved, because this installation only says what it would do: {would}")
    if renewing.renews(one.plan):
        return renewing.take_over(turn, one)
    if off := _clock_off(hands):
        return Change(False, one, f"{one.id} waits: {off}")
    if hands.terms and (other := other_terms(one.plan, hands.terms(one.plan))):
        return _moved(turn, one, "supersede", other)
    fault, is_certain = _changed(hands, one.plan)
    if fault and is_certain:
        return _moved(turn, one, "supersede", fault)
    if fault:
        return Change(False, one, f"{one.id} waits, since its targets cannot be read: {fault}")
    return _moved(turn, one, "start", also=lambda tx, now: intend(tx, one.number, one.plan.targets, now))


def _clock_off(hands: Hands) -> str | None:
    """Say why nothing is begun by a clock that nobody should rely on; what is put back is put back all the same."""
    theirs = hands.truth()
    skew = hands.clock() - theirs if theirs else timedelta()
    return f"this process's clock is {skew.total_seconds():+.0f} s off the database's; set it right" if abs(skew) > SKEW else None


def _apply(turn: Turn, one: Proposal) -> Change:
    begun = started_at(turn.hands.engine, one.number) or one.changed_at
    outcome, why = apply_all(turn, one.plan, begun + one.policy.executes_within)
    if outcome == "waiting":
        return Change(False, one, f"{one.id} is looked at again in a minute: {why}")
    if outcome == "done":
        is_over = one.plan.lasts is not None and turn.hands.clock() >= begun + one.plan.lasts
        return _moved(turn, one, "applied", also=lambda tx, now: _over(tx, one, now) if is_over else None)
    event: Event = "half_done" if moved(turn.hands.engine, one.number) else "fail"
    return _moved(turn, one, event, why)


def _over(tx: Connection, one: Proposal, now: datetime) -> None:
    """What worked and was never noted, until its time had passed, does not begin anew."""
    advance(tx, one.id, "end", Move(CLOCK, now, ITS_TIME))


def _compensate(turn: Turn, one: Proposal) -> Change:
    return _undone(turn, one, "undone", f"{one.reason or 'it failed half-way'}; what was done is undone")


def _revert(turn: Turn, one: Proposal) -> Change:
    return _undone(turn, one, "reverted", one.reason)


def _undone(turn: Turn, one: Proposal, event: Event, reason: str | None) -> Change:
    outcome, why = undo_all(turn, one.plan)
    if outcome == "waiting":
        return Change(False, one, f"{one.id} is looked at again in a minute: {why}")
    if outcome == "done":
        return _moved(turn, one, event, reason)
    fault = f"could not be put back: {why}"
    return _moved(turn, one, "fail", fault, also=lambda tx, now: _alarm(tx, turn.hands, one, fault, now))


def _given_up(turn: Turn, one: Proposal) -> Change:
    """Nothing is moved, and nothing put back, by a plan that somebody changed in the database."""
    if one.state == "executing":
        return _moved(turn, one, "half_done" if moved(turn.hands.engine, one.number) else "fail", ALTERED)
    return _moved(turn, one, "fail", ALTERED, also=lambda tx, now: _alarm(tx, turn.hands, one, f"is left as it is: {ALTERED}", now))


def _moved(
    turn: Turn, one: Proposal, event: Event, reason: str | None = None, *, also: Callable[[Connection, datetime], None] | None = None
) -> Change:
    """Move the proposal as it was seen, with what belongs to it, in one transaction."""
    now = turn.hands.clock()
    with writing(turn.hands.engine) as tx:
        turn.hold(tx, now)
        change = advance(tx, one.id, event, Move(ACTOR, now, reason, seen=(one.state, one.version)))
        if change.happened and also:
            also(tx, now)
            change = replace(change, proposal=read(tx, one.id))
    return change


def _described(hands: Hands, plan: Plan) -> list[str]:
    try:
        return hands.lever(plan).describe(plan)
    except Exception as problem:
        return [f"{plan.lever} on {', '.join(plan.targets)} ({told(problem)})"]


def _changed(hands: Hands, plan: Plan) -> tuple[str | None, bool]:
    """Say what is not as the plan saw it, and whether that is certain; reading may fail for a moment, too."""
    try:
        lever = hands.lever(plan)
        found = lever.look(plan.targets, plan.parameters)
    except Exception as problem:
        return _unlooked(hands, plan, told(problem))
    now, before = _plain(found), _plain(plan.before)
    changed = [target for target in plan.targets if now.get(target) != before.get(target)]
    if not changed:
        return None, True
    first = changed[0]
    return f"{first} has changed since the plan was made: it was {_shown(before.get(first))} and is {_shown(now.get(first))}", True


def _unlooked(hands: Hands, plan: Plan, why: str) -> tuple[str, bool]:
    """A look that is refused is certain where the targets can be read all the same."""
    try:
        found = {target: hands.lever(plan).observe(plan, target) for target in plan.targets}
    except FinopsError:
        return why, plan.lever not in hands.levers
    except Exception as problem:
        return told(problem), False
    odd = [
        f"{target} is {how} already" if how == "applied" else f"{target} is {how}" for target, how in found.items() if how != "as before"
    ]
    return "; ".join([why, *odd]), bool(odd) or _refused_again(hands, plan)


def _refused_again(hands: Hands, plan: Plan) -> bool:
    """Targets that stand as before and yet are refused: for good if they are refused again, else it was for a moment."""
    try:
        hands.lever(plan).look(plan.targets, plan.parameters)
    except LeverError:
        return True
    except Exception:
        return False
    return False


def _alarm(tx: Connection, hands: Hands, one: Proposal, fault: str, now: datetime) -> None:
    """Shout: something of ours is out there that nobody takes back."""
    what = f"{one.plan.lever} on {', '.join(one.plan.targets)}" if one.is_intact else "its plan is in the audit"
    text = f"{one.id} {fault}. Put it back by hand: {what}."
    summary = f"finops-bot: {one.id} could not be put back"
    event = {"action": "trigger", "severity": "critical", "dedup_key": f"stuck:{one.id}", "summary": summary, "details": {"why": fault}}
    for route in dict.fromkeys((one.route, *hands.alarms)):
        payload = {"text": f":rotating_light: {escaped(text)}" if route.startswith("slack:") else text, "event": event}
        enqueue(tx, key=f"stuck:{one.id}:{route}"[:400], route=route, kind="post", object_id=one.id, payload=payload, at=now)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(dict(value), default=str))


def _shown(image: Any) -> str:
    return json.dumps(image, sort_keys=True)[:200]
