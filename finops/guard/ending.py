"""Who may end early what is in force, and who may ask that it goes on: one of those who could agree is enough for either."""

from finops.guard.approval_policy import ApprovalPolicy
from finops.guard.approvals import NOT_A_MEMBER, Request, Voter
from finops.guard.quorum import group_name, memberships, needs_of, told


def may_end(policy: ApprovalPolicy, request: Request, person: Voter, *, admin: bool) -> str | None:
    """Return why this person may not; None for whoever asked for it, an admin, and members of a group that decides."""
    if person.account != "member":
        return NOT_A_MEMBER[person.account]
    if admin:
        return None
    return _outside(policy, request, person)


def may_renew(policy: ApprovalPolicy, request: Request, person: Voter) -> str | None:
    """Return why this person may not; None for whoever asked for it, and members of a group that decides. To agree takes another one."""
    if person.account != "member":
        return NOT_A_MEMBER[person.account]
    return _outside(policy, request, person)


def _outside(policy: ApprovalPolicy, request: Request, person: Voter) -> str | None:
    """Say why this person neither asked for it nor is in a group that decides."""
    if person.id == request.requester or person.human == (request.requester_identity or request.requester).casefold():
        return None
    if person.groups is None:
        return "Slack does not say which groups you are in, so nothing was done; try again later"
    needs = needs_of(policy, request.owner)
    if {group_name(need.group) for need in needs} & memberships(person.id, person.groups):
        return None
    return f"you are in no group that decides this; it takes {told(needs) or 'an admin'}"
