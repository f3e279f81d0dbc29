"""`/cost proposals`: what waits for somebody, and what is in force."""

from datetime import datetime
from typing import Any

from bot.assemble import Tools
from bot.proposal_words import SAID, what
from bot.replies import Asking, Reply, TextReply
from finops.guard.quorum import needs_of, told
from finops.ledger.proposals import Proposal, open_proposals
from finops.telling.answer_json import moment


def proposals_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """List what is not over yet, oldest first."""
    found = open_proposals(tools.ledger.engine)
    lines = [_line(each) for each in found] or ["Nothing is proposed, and nothing is in force."]
    return TextReply("Open proposals", tuple(lines), {"proposals": [_document(each) for each in found]})


def _line(found: Proposal) -> str:
    until = _until(found)
    needed = f"; it takes {told(needs_of(found.policy, found.owner)) or 'somebody who may decide'}" if found.state == "pending" else ""
    if not found.is_intact:
        return f"{found.id}: its stored plan is not the one that was proposed; nothing can be decided"
    on = ", ".join(found.plan.targets[:3]) + (" …" if len(found.plan.targets) > 3 else "")
    state = f"{SAID[found.state]}{f' until {until:%Y-%m-%d %H:%M}Z' if until else ''}{needed}"
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
