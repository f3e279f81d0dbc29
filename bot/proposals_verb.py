"""`/cost proposals`: what waits for somebody, and what is in force; `/cost proposals P-12` for one of them."""

from datetime import datetime
from typing import Any

from bot.assemble import Tools
from bot.proposal_words import state_of, what
from bot.replies import Asking, Reply, TextReply
from finops.errors import QueryError, UserError, close_to
from finops.guard.quorum import needs_of, told
from finops.ledger.proposals import Proposal, number_of, open_proposals, proposal
from finops.telling.answer_json import moment


def proposals_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """List what is not over yet, oldest first, or show the one that is named. Raises QueryError for other words."""
    engine, named = tools.ledger.engine, rest.strip()
    found = [_named(tools, named)] if named else open_proposals(engine)
    lines = [_line(each) for each in found] or ["Nothing is proposed, and nothing is in force."]
    title = found[0].id if named else "Open proposals"
    return TextReply(title, tuple(lines), {"proposals": [_document(each) for each in found]})


def _named(tools: Tools, name: str) -> Proposal:
    known = [each.id for each in open_proposals(tools.ledger.engine)]
    near = tuple(f"proposals {each}" for each in close_to(name, known))
    try:
        return proposal(tools.ledger.engine, name)
    except UserError as problem:
        listed = f"open are {', '.join(known[:5])}" if known else "none is open"
        what = f"there is no proposal {name[:20]}" if number(name) else f"proposals takes nothing, or one such as P-12, not '{name[:40]}'"
        raise QueryError(f"{what}; {listed}", suggestion="proposals", did_you_mean=near) from problem


def number(name: str) -> bool:
    """Whether this names a proposal, whether there is one or not."""
    try:
        return number_of(name) > 0
    except UserError:
        return False


def _line(found: Proposal) -> str:
    until = _until(found)
    needed = f"; it takes {told(needs_of(found.policy, found.owner)) or 'somebody who may decide'}" if found.state == "pending" else ""
    if not found.is_intact:
        return f"{found.id}: its stored plan is not the one that was proposed; nothing can be decided"
    on = ", ".join(found.plan.targets[:3]) + (" …" if len(found.plan.targets) > 3 else "")
    state = f"{state_of(found)}{f' until {until:%Y-%m-%d %H:%M}Z' if until else ''}{needed}"
    return f"{found.id}: {what(found.plan)} on {on}. {state}. {found.plan.reason}"


def _until(found: Proposal) -> datetime | None:
    return {"pending": found.expires_at, "approved": found.execute_by, "active": found.ends_at}.get(found.state)


def _document(found: Proposal) -> dict[str, Any]:
    until = _until(found)
    return {
        "id": found.id,
        "state": found.state,
        "lever": found.plan.lever if found.is_intact else None,
        "targets": list(found.plan.targets) if found.is_intact else [],
        "reason": found.plan.reason if found.is_intact else None,
        "digest": found.digest,
        "finding": found.finding,
        "requester": found.requester,
        "needs": [{"group": need.group, "quorum": need.quorum} for need in needs_of(found.policy, found.owner)],
        "created_at": moment(found.created_at),
        "until": moment(until) if until else None,
    }
