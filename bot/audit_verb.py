"""`/cost audit P-12`: all that was done about a proposal, in order, refused clicks too."""

import json
from typing import Any, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.errors import QueryError, UserError
from finops.guard.proposals import said
from finops.ledger.audit_chain import Entry
from finops.ledger.proposals import Proposal, history_of, proposal, standing

DONE: Final = {
    "proposal.propose": "proposed it",
    "proposal.vote": "voted",
    "proposal.approve": "was the last to approve",
    "proposal.deny": "denied it",
    "proposal.cancel": "took it back",
    "proposal.expire": "let it expire",
    "proposal.supersede": "set it aside",
    "proposal.start": "began to carry it out",
    "proposal.applied": "carried it out",
    "proposal.end": "ended it",
    "proposal.reverted": "put everything back",
    "proposal.half_done": "failed half-way",
    "proposal.undone": "undid what was done",
    "proposal.fail": "failed",
    "proposal.refused": "was refused",
    "proposal.altered": "was refused",
}


def audit_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """Raises QueryError where no proposal is named, or there is none of that name."""
    if not rest.strip():
        raise QueryError("audit wants a proposal, such as audit P-12", suggestion="audit P-12")
    try:
        found = proposal(tools.ledger.engine, rest.strip())
    except UserError as problem:
        raise QueryError(str(problem)) from problem
    history = [entry for entry in history_of(tools.ledger.engine, found.id) if entry.at <= asking.until]
    lines = (f"{standing(found)}: {found.plan.lever} for {found.plan.reason}", f"Plan {found.plan.short_digest}", *map(_line, history))
    return TextReply(f"Audit of {found.id}", lines, _document(found, history))


def _line(entry: Entry) -> str:
    done = DONE.get(entry.action, entry.action)
    if entry.action == "proposal.vote":
        done = "approved" if json.loads(entry.detail)["asked"] == "approve" else "voted against it"
    moved = f" ({said(entry.before)} → {said(entry.after)})" if entry.before and entry.after else ""  # type: ignore[arg-type]
    how = " with the phrase typed" if entry.strength == "phrase" and entry.action == "proposal.vote" else ""
    return f"{entry.seq}. {entry.at:%Y-%m-%d %H:%M:%S}Z {entry.actor} {done}{how}{moved}{f': {entry.reason}' if entry.reason else ''}"


def _document(found: Proposal, history: list[Entry]) -> dict[str, Any]:
    told = [entry.document() | {"detail": json.loads(entry.detail)} for entry in history]
    return {"id": found.id, "state": found.state, "digest": found.digest, "plan": found.plan.document(), "entries": told}
