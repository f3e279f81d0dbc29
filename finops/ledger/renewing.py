"""Renews what is in force: asked and agreed to like anything else, then taken over in one step, without a moment in between."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine

from finops.errors import UserError
from finops.guard.plans import Plan
from finops.guard.proposals import Event, said
from finops.ledger.audit import Stamp
from finops.ledger.effecting import ACTOR, Turn, told
from finops.ledger.effects import effects_of, intend, mark
from finops.ledger.gateway_effects import hand_over
from finops.ledger.loads import record
from finops.ledger.outbox import enqueue
from finops.ledger.proposals import Asked, Change, Move, Proposal, advance, open_in, proposal, propose_in, read, standing
from finops.ledger.state import writing

RENEWS: Final = "renews"


def renew(
    engine: Engine, identity: str, actor: str, now: datetime, reason: str | None = None, *, actor_identity: str | None = None
) -> Change:
    """Propose that what is in force lasts once more as long, from its approval on; whoever decided about it decides again.

    What is asked for already is not asked for twice. Raises UserError where nothing is in force that could go on.
    """
    with writing(engine) as tx:
        old = read(tx, identity)
        if old.state != "active" or old.plan.lasts is None:
            raise UserError(f"{standing(old)}; only what is active, and ends by itself, can be renewed")
        if asked := _asked(tx, old):
            return Change(False, asked, f"{asked.id} asks already that {old.id} goes on; it is {said(asked.state)}")
        plan = renewal(old, reason)
        change = propose_in(tx, Asked(plan, old.finding, actor, old.policy, old.route, old.owner, actor_identity), now)
        record(tx, now, actor, "proposal.renew", old.id, {"renewal": change.proposal.id}, Stamp(reason=reason))
        _tell(tx, old, change.proposal, now)
        return change


def _asked(tx: Connection, old: Proposal) -> Proposal | None:
    """Return what asks already that it goes on, and is not decided."""
    return next((one for one in open_in(tx, old.finding) if one.is_intact and renews(one.plan) == old.id), None)


def _tell(tx: Connection, old: Proposal, new: Proposal, now: datetime) -> None:
    first = f"proposal:{old.id}"
    text = f"{new.id} asks that this goes on."
    enqueue(
        tx, key=f"{first}:renewal:{new.id}", route=old.route, kind="thread", object_id=old.id, payload={"text": text}, at=now, after=first
    )


def renewal(old: Proposal, reason: str | None) -> Plan:
    """Return the plan that goes on where another one stands: the same before-image is put back at the end of it."""
    assert old.ends_at is not None
    evidence = {**old.plan.evidence, RENEWS: old.id, "ends_at": old.ends_at.isoformat(), "replaces": old.digest}
    return replace(old.plan, evidence=evidence, reason=f"{old.id} goes on{f': {reason}' if reason else ''} ({_first(old.plan.reason)})")


def renews(plan: Plan) -> str | None:
    """Return the proposal that a plan goes on with."""
    found = plan.evidence.get(RENEWS)
    return found if isinstance(found, str) else None


def take_over(turn: Turn, one: Proposal) -> Change:
    """End the old proposal without putting anything back, and let the new one hold what it held. No lever is moved."""
    identity = renews(one.plan)
    assert identity is not None
    fault = _unfit(turn, proposal(turn.hands.engine, identity), one)
    now = turn.hands.clock()
    with writing(turn.hands.engine) as tx:
        turn.hold(tx, now)
        old = read(tx, identity)
        fault = fault or _over(old, now)
        if fault:
            return advance(tx, one.id, "supersede", Move(ACTOR, now, fault, seen=(one.state, one.version)))
        return _handed_over(tx, old, one, now)


def _handed_over(tx: Connection, old: Proposal, one: Proposal, now: datetime) -> Change:
    started = advance(tx, one.id, "start", Move(ACTOR, now, seen=(one.state, one.version)))
    if not started.happened:
        return started
    events: tuple[Event, ...] = ("end", "reverted")
    for event in events:
        advance(tx, old.id, event, Move(ACTOR, now, f"goes on as {one.id}"))
    for effect in effects_of(tx, old.number):  # nothing is left to be put back under the old name
        mark(tx, mark(tx, effect, "undoing", now), "undone", now, error=f"goes on as {one.id}")
    intend(tx, one.number, one.plan.targets, now)
    for effect in effects_of(tx, one.number):
        mark(tx, mark(tx, effect, "calling", now), "applied", now)
    hand_over(tx, old.digest, one.digest, now + one.plan.lasts if one.plan.lasts else None, now)
    return advance(tx, one.id, "applied", Move(ACTOR, now, f"goes on from {old.id}"))


def _over(old: Proposal, now: datetime) -> str | None:
    """Say why there is nothing that could go on."""
    if old.state != "active" or old.ends_at is None or old.ends_at <= now:
        return f"{old.id}, which it was to go on from, is over"
    return None


def _unfit(turn: Turn, old: Proposal, one: Proposal) -> str | None:
    same = (old.plan.lever, old.plan.targets, dict(old.plan.parameters), dict(old.plan.before))
    if same != (one.plan.lever, one.plan.targets, dict(one.plan.parameters), dict(one.plan.before)):
        return f"{one.id} is not what {old.id} does"
    try:
        found = {target: turn.hands.lever(old.plan).observe(old.plan, target) for target in old.plan.targets}
    except Exception as problem:
        return f"the targets of {old.id} cannot be read: {told(problem)}"
    return next((f"{target} is {how} and not as {old.id} set it" for target, how in found.items() if how != "applied"), None)


def _first(reason: str) -> str:
    """Keep the first reason, however often it was renewed."""
    return reason.rpartition("(")[2].rstrip(")") if " goes on" in reason else reason
