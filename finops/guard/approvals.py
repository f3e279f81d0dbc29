"""Judges a vote: may this person, for exactly this plan, still decide, and is it then enough?"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.plans import DIGITS_SHOWN
from finops.guard.proposals import Event, State, said
from finops.guard.quorum import group_name, memberships, missing, needs_of, told

Decision = Literal["approve", "deny"]
Account = Literal["member", "guest", "external", "deactivated", "bot", "unknown"]
Outcome = Literal["refused", "counted", "approved", "denied"]

NOT_A_MEMBER: Final[dict[str, str]] = {
    "guest": "guests of this workspace decide nothing",
    "external": "people of other workspaces decide nothing here",
    "deactivated": "this account is deactivated",
    "bot": "bots decide nothing",
    "unknown": "Slack does not say whether you are a full member of this workspace, so nothing was counted; try again later",
}


@dataclass(frozen=True)
class Voter:
    """Who clicks, as Slack told it at that moment. `groups` (ids and handles) is None where Slack could not say.

    `identity` names the human behind several accounts, such as a mail address; without it the id does.
    """

    id: str
    groups: frozenset[str] | None
    account: Account = "member"
    identity: str | None = None

    @property
    def human(self) -> str:
        return (self.identity or self.id).casefold()


@dataclass(frozen=True)
class Ballot:
    """What was clicked: a decision on the plan with the digest that was shown, and the phrase where one is asked for."""

    voter: Voter
    decision: Decision
    digest: str
    phrase: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Vote:
    """A vote that counts, with the groups its voter was in when it was given."""

    voter: str
    human: str
    decision: Decision
    groups: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class Request:
    """What a vote is judged by, as the ledger has it. `owner` decides where the policy names nobody."""

    id: str
    state: State
    digest: str
    requester: str
    expires_at: datetime
    requester_identity: str | None = None
    owner: str | None = None
    execute_by: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True)
class Verdict:
    """What becomes of a vote, in a sentence for the voter. `event` moves the proposal, also where a vote came too late."""

    outcome: Outcome
    said: str
    event: Event | None = None
    missing: tuple[Need, ...] = ()

    @property
    def counts(self) -> bool:
        return self.outcome != "refused"


def judge(policy: ApprovalPolicy, request: Request, votes: Sequence[Vote], ballot: Ballot, now: datetime) -> Verdict:
    """Return what becomes of a ballot, given the votes so far. Whatever is in doubt is refused."""
    why = _barred(ballot.voter) or _already(request, votes, ballot.voter) or _late(request) or _another_plan(request, ballot)
    if why:
        return Verdict("refused", why)
    if has_expired(request, now):
        return Verdict("refused", f"{request.id} has expired at {_at(_deadline(request))}; nothing was done", "expire")
    needs = needs_of(policy, request.owner)
    why = _own(policy, request, ballot.voter) or _stranger(needs, ballot.voter) or _step_up(policy, request, ballot)
    if why:
        return Verdict("refused", why)
    if ballot.decision == "deny":
        return Verdict("denied", f"{request.id} is denied; nothing will be done", "deny")
    if request.state == "approved":
        return Verdict("refused", _decided(request))
    return _counted(request, needs, votes, ballot.voter)


def has_expired(request: Request, now: datetime) -> bool:
    """Say whether nobody decided, or nobody carried it out, in time."""
    deadline = _deadline(request)
    return deadline is not None and deadline <= now


def may_cancel(request: Request, person: Voter, *, admin: bool) -> str | None:
    """Return why this person may not take the request back; None when they may."""
    if why := _barred(person):
        return why
    if admin or person.id == request.requester or person.human == _requester(request):
        return None
    return f"only {request.requester}, who asked for {request.id}, or an admin takes it back; deny it instead"


def phrase_for(identity: str, digest: str) -> str:
    """Return what has to be typed to approve with a step-up: it names the request and the plan."""
    return f"approve {identity} {digest[:6]}"


def _barred(voter: Voter) -> str | None:
    if voter.account != "member":
        return NOT_A_MEMBER[voter.account]
    if voter.groups is None:
        return "Slack does not say which groups you are in, so nothing was counted; try again later"
    return None


def _already(request: Request, votes: Sequence[Vote], voter: Voter) -> str | None:
    before = next((vote for vote in votes if voter.id == vote.voter or voter.human == vote.human), None)
    if before is None:
        return None
    done = "approved" if before.decision == "approve" else "denied"
    who = "you" if before.voter == voter.id else f"{before.voter}, who is you too,"
    return f"{who} {done} {request.id} already at {_at(before.at)}; it is {said(request.state)}"


def _late(request: Request) -> str | None:
    return None if request.state in ("pending", "approved") else _decided(request)


def _decided(request: Request) -> str:
    who = f" by {request.decided_by}" if request.decided_by else ""
    when = f" at {_at(request.decided_at)}" if request.decided_at else ""
    return f"{request.id} is {said(request.state)} already{who}{when}; your click changed nothing"


def _another_plan(request: Request, ballot: Ballot) -> str | None:
    if hmac.compare_digest(ballot.digest.encode(errors="replace"), request.digest.encode()):
        return None
    return (
        f"the plan of {request.id} is not the one you were shown "
        f"({ballot.digest[:DIGITS_SHOWN]}, now {request.digest[:DIGITS_SHOWN]}); read it anew and decide again"
    )


def _own(policy: ApprovalPolicy, request: Request, voter: Voter) -> str | None:
    if voter.id == request.requester or voter.human == _requester(request):
        return f"you asked for {request.id} yourself; somebody else has to decide"
    if policy.excludes_owner and request.owner and group_name(request.owner) in memberships(voter.id, voter.groups or ()):
        return f"you own what asked for {request.id}; somebody else has to decide"
    return None


def _stranger(needs: Sequence[Need], voter: Voter) -> str | None:
    if not needs:
        return "nobody is named who may decide; give the budget an owner or approvers in budgets.yaml"
    if {group_name(need.group) for need in needs} & memberships(voter.id, voter.groups or ()):
        return None
    return f"you are in no group that decides this; it takes {told(needs)}"


def _step_up(policy: ApprovalPolicy, request: Request, ballot: Ballot) -> str | None:
    if not policy.step_up or ballot.decision == "deny":
        return None
    wanted = phrase_for(request.id, request.digest)
    if ballot.phrase is None or not ballot.phrase.strip():
        return f"this one needs the phrase '{wanted}' typed as well"
    typed = " ".join(ballot.phrase.split()).casefold()
    if hmac.compare_digest(typed.encode(errors="replace"), wanted.casefold().encode()):
        return None
    return f"the phrase is wrong; type '{wanted}'"


def _counted(request: Request, needs: Sequence[Need], votes: Sequence[Vote], voter: Voter) -> Verdict:
    people = {vote.voter: memberships(vote.voter, vote.groups) for vote in votes if vote.decision == "approve"}
    left = missing(needs, people | {voter.id: memberships(voter.id, voter.groups or ())})
    if left:
        return Verdict("counted", f"your approval of {request.id} counts; still needed: {told(left)}", None, left)
    return Verdict("approved", f"{request.id} is approved", "approve")


def _requester(request: Request) -> str:
    return (request.requester_identity or request.requester).casefold()


def _deadline(request: Request) -> datetime | None:
    return {"pending": request.expires_at, "approved": request.execute_by}.get(request.state)


def _at(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else "an unknown time"
