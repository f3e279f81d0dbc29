"""Keeps proposals: each move is a compare-and-set with its audit entry and its message, in one transaction."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from finops.errors import LedgerError, UserError
from finops.guard.approval_policy import ApprovalPolicy, read_policy
from finops.guard.approvals import Request, Vote, has_expired
from finops.guard.plans import Plan, read_plan
from finops.guard.proposals import FINAL, TRANSITIONS, Event, State, said
from finops.guard.quorum import memberships, missing, needs_of, told
from finops.ledger import audit
from finops.ledger.audit import PLAIN, Stamp
from finops.ledger.audit_chain import Entry
from finops.ledger.loads import record
from finops.ledger.outbox import Kind, enqueue, payload_of
from finops.ledger.state import writing
from finops.ledger.tables_proposals import proposals as rows
from finops.ledger.tables_proposals import votes

CLOCK: Final = "clock"  # who acts where nobody does: a deadline passed


@dataclass(frozen=True)
class Beside:
    """The alert whose message in Slack shows a proposal too, and that message's key in the outbox."""

    alert: str
    key: str


@dataclass(frozen=True)
class Asked:
    """What is proposed, for which finding, on whose behalf, who must agree, and where it is shown (a route of the outbox).

    `owner` decides where the policy names nobody. `requester_identity` names the human behind the requester's account. `beside`
    names the message of the alert it is shown in; without one it has a message of its own.
    """

    plan: Plan
    finding: str
    requester: str
    policy: ApprovalPolicy
    route: str
    owner: str | None = None
    requester_identity: str | None = None
    beside: Beside | None = None


@dataclass(frozen=True)
class Proposal:
    """A frozen plan and where it stands. `plan_text` is the plan as it was stored, `digest` what votes are bound to."""

    number: int
    state: State
    version: int
    finding: str
    plan_text: str
    digest: str
    policy: ApprovalPolicy
    requester: str
    requester_identity: str | None
    owner: str | None
    route: str
    created_at: datetime
    expires_at: datetime
    execute_by: datetime | None
    ends_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    changed_at: datetime
    reason: str | None

    @property
    def id(self) -> str:
        return f"P-{self.number}"

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL

    @cached_property
    def plan(self) -> Plan:
        return read_plan(json.loads(self.plan_text))

    @cached_property
    def is_intact(self) -> bool:
        """Whether the stored plan is still the one whose digest was shown; whoever changed it went past us."""
        try:
            return self.plan.digest == self.digest
        except (ValueError, KeyError, TypeError, ArithmeticError):
            return False

    @property
    def request(self) -> Request:
        """What a vote is judged by."""
        return Request(
            id=self.id,
            state=self.state,
            digest=self.digest,
            requester=self.requester,
            expires_at=self.expires_at,
            requester_identity=self.requester_identity,
            owner=self.owner,
            execute_by=self.execute_by,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
        )


@dataclass(frozen=True)
class Change:
    """What became of a move: whether it happened, how the proposal stands now, and a sentence to tell."""

    happened: bool
    proposal: Proposal
    said: str


@dataclass(frozen=True)
class Move:
    """Who moves a proposal, when and why. With `seen` it happens only to the (state, version) that was looked at."""

    actor: str
    at: datetime
    reason: str | None = None
    detail: Mapping[str, Any] | None = None
    seen: tuple[State, int] | None = None
    stamp: Stamp = PLAIN


def propose(engine: Engine, asked: Asked, now: datetime) -> Change:
    """Store a plan to be decided on; the same plan for the same finding, while it is open, is the same proposal."""
    with writing(engine) as tx:
        return propose_in(tx, asked, now)


def propose_in(tx: Connection, asked: Asked, now: datetime) -> Change:
    """Like `propose`, in the transaction of what it belongs to."""
    text, digest = json.dumps(asked.plan.document(), sort_keys=True, allow_nan=False), asked.plan.digest
    same = (rows.c.finding == asked.finding, rows.c.digest == digest, rows.c.state.not_in(sorted(FINAL)))
    found = tx.execute(select(rows).where(*same)).first()
    if found is not None:
        before = _proposal(found)
        return Change(False, before, f"{before.id} proposes exactly this already and is {said(before.state)}")
    made = tx.execute(
        insert(rows)
        .values(
            state="pending",
            version=1,
            finding=asked.finding,
            lever=asked.plan.lever,
            plan=text,
            digest=digest,
            policy=json.dumps(asked.policy.document(), sort_keys=True),
            requester=asked.requester,
            requester_identity=asked.requester_identity,
            owner=asked.owner,
            route=asked.route,
            created_at=now,
            expires_at=now + asked.policy.expires,
            changed_at=now,
        )
        .returning(rows)
    ).one()
    proposal = _proposal(made)
    detail = {"finding": asked.finding, "plan": asked.plan.document(), "policy": asked.policy.document(), "owner": asked.owner}
    record(tx, now, asked.requester, "proposal.propose", proposal.id, detail, Stamp(after=digest, reason=asked.plan.reason))
    _announce(tx, proposal, now, asked.beside)
    return Change(True, proposal, f"{proposal.id} is proposed")


def advance(tx: Connection, identity: str, event: Event, move: Move) -> Change:
    """Move a proposal by one step of the table, or say why not and who was faster. Never raises for a lost race."""
    before = read(tx, identity)
    if move.seen is not None and move.seen != (before.state, before.version):
        return Change(False, before, f"{before.id} has moved on meanwhile: {standing(before)}")
    if (before.state, event) not in TRANSITIONS:
        return Change(False, before, f"{standing(before)}; nothing was changed")
    if event == "start" and (fault := _unfit(tx, before, move.at)):
        return _refused_start(tx, before, move, *fault)
    return _moved(tx, before, event, move)


def expire_due(engine: Engine, now: datetime) -> list[Change]:
    """End whatever nobody decided, or nobody carried out, in time."""
    due = or_((rows.c.state == "pending") & (rows.c.expires_at <= now), (rows.c.state == "approved") & (rows.c.execute_by <= now))
    with engine.connect() as connection:  # nearly always nothing, and then nothing is written
        if connection.execute(select(rows.c.number).where(due).limit(1)).first() is None:
            return []
    with writing(engine) as tx:
        found = [_proposal(row) for row in tx.execute(select(rows).where(due).order_by(rows.c.number))]
        return [_moved(tx, one, "expire", Move(CLOCK, now, why_expired(one))) for one in found]


def step(engine: Engine, identity: str, event: Event, move: Move) -> Change:
    """Like `advance`, in a transaction of its own: supersede, start, applied, end, reverted, half_done, undone, fail."""
    with writing(engine) as tx:
        return advance(tx, identity, event, move)


def proposal(engine: Engine, identity: str) -> Proposal:
    """Return a proposal by its id. Raises UserError where there is none."""
    with engine.connect() as connection:
        return read(connection, identity)


def open_proposals(engine: Engine, *, states: Iterable[State] = (), finding: str | None = None) -> list[Proposal]:
    """Return what is not over yet, oldest first: all of it, or in some states, or for one finding."""
    wanted = select(rows).where(rows.c.state.in_(list(states)) if states else rows.c.state.not_in(sorted(FINAL)))
    if finding is not None:
        wanted = wanted.where(rows.c.finding == finding)
    with engine.connect() as connection:
        return [_proposal(row) for row in connection.execute(wanted.order_by(rows.c.number))]


def open_in(connection: Connection, finding: str) -> list[Proposal]:
    """Return what is not over yet for a finding, oldest first, as a transaction sees it."""
    wanted = select(rows).where(rows.c.finding == finding, rows.c.state.not_in(sorted(FINAL))).order_by(rows.c.number)
    return [_proposal(row) for row in connection.execute(wanted)]


def proposals_for(engine: Engine, finding: str, most: int = 20) -> list[Proposal]:
    """Return the latest proposals for a finding, what is over too, oldest first."""
    wanted = select(rows).where(rows.c.finding == finding).order_by(rows.c.number.desc()).limit(most)
    with engine.connect() as connection:
        return [_proposal(row) for row in connection.execute(wanted)][::-1]


def ending(engine: Engine, now: datetime) -> list[Proposal]:
    """Return what is in force although its time is over."""
    wanted = select(rows).where(rows.c.state == "active", rows.c.ends_at <= now).order_by(rows.c.number)
    with engine.connect() as connection:
        return [_proposal(row) for row in connection.execute(wanted)]


def votes_of(connection: Connection, number: int) -> list[Vote]:
    """Return the votes that count, oldest first."""
    found = connection.execute(select(votes).where(votes.c.proposal == number).order_by(votes.c.at, votes.c.voter))
    return [Vote(row.voter, row.human, row.decision, frozenset(json.loads(row.groups)), row.at) for row in found]


def history_of(engine: Engine, identity: str) -> list[Entry]:
    """Return all the audit tells of a proposal, refused clicks too, oldest first."""
    return audit.history_of(engine, f"P-{number_of(identity)}")


def read(connection: Connection, identity: str) -> Proposal:
    row = connection.execute(select(rows).where(rows.c.number == number_of(identity))).first()
    if row is None:
        raise UserError(f"there is no proposal {identity[:20]}; its message and /cost audit name it, such as P-12")
    return _proposal(row)


def number_of(identity: str) -> int:
    """Return 12 for P-12. Raises UserError for anything else."""
    letter, dash, digits = identity.strip().partition("-")
    if letter.upper() != "P" or not dash or not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise UserError(f"'{identity[:20]}' is not a proposal; it is named P- and its number, such as P-12")
    return int(digits)


def standing(proposal: Proposal) -> str:
    """Return how it stands and who decided: `P-12 is denied, by U1 at 2026-11-21 12:00Z`; what came of it later was nobody's click."""
    if not proposal.decided_by or not proposal.decided_at:
        return f"{proposal.id} is {said(proposal.state)}"
    by = "by" if proposal.state in DECIDED else "agreed to by"
    return f"{proposal.id} is {said(proposal.state)}, {by} {proposal.decided_by} at {proposal.decided_at:%Y-%m-%d %H:%M}Z"


def show(tx: Connection, proposal: Proposal, now: datetime) -> None:
    """Let the message be brought up to date; what it says is looked up when it is sent."""
    first = f"proposal:{proposal.id}"
    beside = beside_of(tx, proposal.id)
    payload = _shown_in(beside) if beside else _alone(proposal)
    key = f"{first}:{proposal.version}"
    enqueue(tx, key=key, route=proposal.route, kind="update", object_id=proposal.id, payload=payload, at=now, after=first)


def _announce(tx: Connection, proposal: Proposal, now: datetime, beside: Beside | None) -> None:
    """Say it in a message of its own, or let the alert's tell of it; where that message cannot be reached, it is said alone."""
    kind: Kind = "update" if beside else "post"
    payload = {**_shown_in(beside.alert), "alone": _alone(proposal)} if beside else _alone(proposal)
    after = beside.key if beside else None
    first = f"proposal:{proposal.id}"
    enqueue(tx, key=first, route=proposal.route, kind=kind, object_id=proposal.id, payload=payload, at=now, after=after)


def beside_of(source: Engine | Connection, identity: str) -> str | None:
    """Return the alert whose message shows a proposal; None where it has one of its own."""
    if isinstance(source, Engine):
        with source.connect() as connection:
            return beside_of(connection, identity)
    payload = payload_of(source, f"proposal:{identity}") or {}
    return str(payload["id"]) if payload.get("render") == "alert" else None


def _alone(proposal: Proposal) -> dict[str, str]:
    return {"render": "proposal", "id": proposal.id}


def _shown_in(alert: str) -> dict[str, Any]:
    return {"render": "alert", "id": alert}


def touch(tx: Connection, before: Proposal, now: datetime) -> Proposal:
    """Count up the version of a proposal that stays where it is."""
    return _set(tx, before, {"changed_at": now})


def _moved(tx: Connection, before: Proposal, event: Event, move: Move) -> Change:
    state = TRANSITIONS[before.state, event]
    now = _set(tx, before, {"state": state, "changed_at": move.at, "reason": move.reason} | _also(event, before, move))
    stamp = Stamp(move.stamp.strength, before.state, state, move.reason or move.stamp.reason, move.stamp.request, move.stamp.config)
    detail = {"digest": before.digest, "version": now.version, **(move.detail or {})}
    record(tx, move.at, move.actor, f"proposal.{event}", before.id, detail, stamp)
    show(tx, now, move.at)
    return Change(True, now, standing(now))


def _set(tx: Connection, before: Proposal, values: dict[str, Any]) -> Proposal:
    """Compare and set; no writer runs beside us, so that a miss is a mistake of ours and undoes everything."""
    here = (rows.c.number == before.number, rows.c.state == before.state, rows.c.version == before.version)
    changed = tx.execute(update(rows).where(*here).values(**values, version=before.version + 1).returning(rows)).first()
    if changed is None:
        raise LedgerError(f"{before.id} was moved beside us, so nothing was done; try again")
    return _proposal(changed)


DECIDING: Final[frozenset[Event]] = frozenset({"approve", "deny", "cancel", "expire", "supersede"})
DECIDED: Final[frozenset[State]] = frozenset({"approved", "denied", "cancelled", "expired", "superseded"})


def _also(event: Event, before: Proposal, move: Move) -> dict[str, Any]:
    """Return what else a step sets."""
    if event == "applied":
        lasts = before.plan.lasts
        return {"ends_at": move.at + lasts if lasts else None}
    decided = {"decided_by": move.actor, "decided_at": move.at} if event in DECIDING else {}
    return decided | ({"execute_by": move.at + before.policy.executes_within} if event == "approve" else {})


def _unfit(tx: Connection, before: Proposal, now: datetime) -> tuple[Event, str] | None:
    """Say why an approved proposal must not be carried out, and what becomes of it instead."""
    if has_expired(before.request, now):
        return "expire", why_expired(before)
    if not before.is_intact:
        return "supersede", "the stored plan is not the one that was agreed to"
    agreed = select(votes).where(votes.c.proposal == before.number, votes.c.decision == "approve", votes.c.digest == before.digest)
    people = {row.voter: memberships(row.voter, json.loads(row.groups)) for row in tx.execute(agreed)}
    needs = needs_of(before.policy, before.owner)
    if not needs or (short := missing(needs, people)):
        return "supersede", f"the stored votes do not agree to this plan: {told(short) if needs else 'an approver'} missing"
    return None


def _refused_start(tx: Connection, before: Proposal, move: Move, event: Event, why: str) -> Change:
    moved = _moved(tx, before, event, Move(move.actor if event == "supersede" else CLOCK, move.at, why, move.detail, stamp=move.stamp))
    return Change(False, moved.proposal, f"{before.id} is not carried out: {why}")


def why_expired(before: Proposal) -> str:
    return "nobody decided in time" if before.state == "pending" else "it was not carried out in time"


def _proposal(row: Row[Any]) -> Proposal:
    plain = {name: value for name, value in row._mapping.items() if name not in ("lever", "plan", "policy")}
    return Proposal(**plain, plan_text=row.plan, policy=read_policy(json.loads(row.policy)))
