"""Takes votes and withdrawals: judged, written and told in one transaction; a click that is refused is on the record too."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine, insert

from finops.errors import UserError
from finops.guard.approval_policy import Need
from finops.guard.approvals import Ballot, Outcome, Verdict, Voter, judge, may_cancel
from finops.ledger.audit import Stamp, clean
from finops.ledger.loads import record
from finops.ledger.proposals import CLOCK, Change, Move, Proposal, advance, number_of, read, show, touch, votes_of, why_expired
from finops.ledger.state import writing
from finops.ledger.tables_proposals import votes

ALTERED: Final = "its stored plan is not the one it was proposed with, so nothing was counted; tell whoever runs the database"
Strength = Literal["click", "phrase"]


@dataclass(frozen=True)
class Voted:
    """What became of a click: the outcome, a sentence for the voter, and how the proposal stands after it."""

    outcome: Outcome
    said: str
    proposal: Proposal
    missing: tuple[Need, ...] = ()


def vote(engine: Engine, identity: str, ballot: Ballot, now: datetime, *, request: str | None = None) -> Voted:
    """Judge a click and write what became of it; `request` names the click. Raises UserError where there is no such proposal."""
    number_of(identity)
    ballot = replace(ballot, reason=clean(ballot.reason) if ballot.reason else None)
    with writing(engine) as tx:
        try:
            before = read(tx, identity)
        except UserError as problem:
            record(tx, now, ballot.voter.id, "proposal.unknown", identity[:20], _of(ballot), Stamp(request=request))
            unknown = problem
        else:
            return _voted(tx, before, ballot, now, request)
    raise unknown


def cancel(
    engine: Engine,
    identity: str,
    person: Voter,
    now: datetime,
    *,
    admin: bool = False,
    reason: str | None = None,
    request: str | None = None,
) -> Change:
    """Take a request back before anything was moved: whoever asked for it may, and an admin."""
    with writing(engine) as tx:
        before = read(tx, identity)
        if why := may_cancel(before.request, person, admin=admin):
            record(tx, now, person.id, "proposal.refused", before.id, {"asked": "cancel"}, Stamp("click", reason=why, request=request))
            return Change(False, before, why)
        return advance(tx, identity, "cancel", Move(person.id, now, reason, {"admin": admin}, stamp=Stamp("click", request=request)))


def _voted(tx: Connection, before: Proposal, ballot: Ballot, now: datetime, request: str | None) -> Voted:
    if not before.is_intact:
        record(tx, now, ballot.voter.id, "proposal.altered", before.id, _of(ballot), Stamp(reason=ALTERED, request=request))
        return Voted("refused", f"{before.id}: {ALTERED}", before)
    verdict = judge(before.policy, before.request, votes_of(tx, before.number), ballot, now)
    if not verdict.counts:
        return _refused(tx, before, ballot, verdict, now, request)
    strength: Strength = "phrase" if before.policy.step_up and ballot.decision == "approve" else "click"
    _keep(tx, before, ballot, now, strength, request)
    needed = [{"group": need.group, "quorum": need.quorum} for need in verdict.missing]
    stamp = Stamp(strength, reason=ballot.reason, request=request)
    record(tx, now, ballot.voter.id, "proposal.vote", before.id, _of(ballot) | {"still_needed": needed}, stamp)
    if verdict.event is None:
        after = touch(tx, before, now)
        show(tx, after, now)
        return Voted(verdict.outcome, verdict.said, after, verdict.missing)
    moved = advance(tx, before.id, verdict.event, Move(ballot.voter.id, now, ballot.reason, stamp=stamp))
    return Voted(verdict.outcome, verdict.said, moved.proposal)


def _refused(tx: Connection, before: Proposal, ballot: Ballot, verdict: Verdict, now: datetime, request: str | None) -> Voted:
    """Put a refused click on record; one that came too late also ends what it was for, so that the message says so."""
    stamp = Stamp("click", reason=verdict.said, request=request)
    record(tx, now, ballot.voter.id, "proposal.refused", before.id, _of(ballot), stamp)
    if verdict.event is None:
        return Voted("refused", verdict.said, before)
    moved = advance(tx, before.id, verdict.event, Move(CLOCK, now, why_expired(before)))
    return Voted("refused", verdict.said, moved.proposal)


def _keep(tx: Connection, before: Proposal, ballot: Ballot, now: datetime, strength: Strength, request: str | None) -> None:
    voter = ballot.voter
    tx.execute(
        insert(votes).values(
            proposal=before.number,
            human=voter.human[:320],
            voter=voter.id,
            decision=ballot.decision,
            digest=before.digest,
            groups=json.dumps(sorted(voter.groups or ())),
            strength=strength,
            reason=ballot.reason,
            request=request,
            at=now,
        )
    )


def _of(ballot: Ballot) -> dict[str, Any]:
    """What a click said, for the record; the phrase is left out."""
    groups = None if ballot.voter.groups is None else sorted(ballot.voter.groups)
    return {"asked": ballot.decision, "digest": ballot.digest[:64], "account": ballot.voter.account, "groups": groups}
