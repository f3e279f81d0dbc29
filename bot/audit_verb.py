"""`/cost audit P-12`, `A-3`, `M-17`: all that was done about a proposal, an alert or a message, in order, refused clicks too."""

import json
import re
from typing import Any, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.errors import QueryError, UserError
from finops.ledger import audit
from finops.ledger.alerts import alert
from finops.ledger.audit_chain import Entry
from finops.ledger.outbox_unsent import message
from finops.ledger.proposals import Proposal, history_of, proposal, standing
from finops.telling.delivery_words import FATES
from finops.telling.names import clean

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
    "proposal.renew": "asked that it goes on",
    "proposal.refused": "was refused",
    "proposal.altered": "was refused",
    "effect.calling": "calls the lever",
    "effect.applied": "sees it as wanted",
    "effect.undoing": "puts back",
    "effect.undone": "sees it as it was",
    "effect.stuck": "cannot put it back",
    "alert.fire": "told it",
    "alert.asked": "made the proposals it asks for",
    "alert.acknowledge": "acknowledged it",
    "alert.snooze": "snoozed it",
    "alert.wake": "opened it again",
    "alert.correct": "corrected it",
    "alert.resolve": "ended it",
    "alert.refused": "was refused",
    "outbox.dead": "gave it up",
    "outbox.revived": "had it tried again",
    "outbox.dropped": "let it go",
    "outbox.refused": "was refused",
}
PROPOSAL: Final = re.compile(r"[Pp]-[0-9]{1,9}")


def audit_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """Raises QueryError where no proposal is named, or there is none of that name."""
    name = rest.strip()
    if not name:
        raise QueryError("audit wants a proposal or an alert, such as audit P-12 or audit A-3", suggestion="audit P-12")
    if name[:2].upper() == "A-":
        return _of_alert(tools, name, asking)
    if name[:2].upper() == "M-":
        return _of_message(tools, name, asking)
    try:
        found = proposal(tools.ledger.engine, name)
    except UserError as problem:
        what = f"there is no proposal {name[:20]}" if PROPOSAL.fullmatch(name) else f"'{name[:40]}' is neither a proposal nor an alert"
        said = f"{what}; proposals and alerts list them, such as P-12 and A-3"
        raise QueryError(said, suggestion="proposals", did_you_mean=("proposals", "alerts all")) from problem
    history = [entry for entry in history_of(tools.ledger.engine, found.id) if entry.at <= asking.until]
    lines = (f"{standing(found)}: {found.plan.lever} for {found.plan.reason}", f"Plan {found.plan.short_digest}", *map(_line, history))
    return TextReply(f"Audit of {found.id}", lines, _document(found, history))


def _of_alert(tools: Tools, name: str, asking: Asking) -> Reply:
    try:
        found = alert(tools.ledger.engine, name)
    except UserError as problem:
        raise QueryError(f"there is no alert {name[:20]}; alerts all lists them, such as A-3", suggestion="alerts all") from problem
    history = [entry for entry in audit.history_of(tools.ledger.engine, found.id) if entry.at <= asking.until]
    told = [entry.document() | {"detail": json.loads(entry.detail)} for entry in history]
    lines = (f"{found.id} is {found.state}: {found.finding.title}", *map(_line, history))
    return TextReply(f"Audit of {found.id}", lines, {"id": found.id, "state": found.state, "entries": told})


def _of_message(tools: Tools, name: str, asking: Asking) -> Reply:
    """A message is on record under its key; who was refused, under its number."""
    try:
        found = message(tools.ledger.engine, name)
    except UserError as problem:
        raise QueryError(str(problem), suggestion="messages") from problem
    both = (audit.history_of(tools.ledger.engine, thing) for thing in {found.id, found.key})
    history = sorted((entry for part in both for entry in part if entry.at <= asking.until), key=lambda entry: entry.seq)
    told = [entry.document() | {"detail": json.loads(entry.detail)} for entry in history]
    lines = (f"{found.id} about {clean(found.about)} {FATES[found.state]}", *map(_line, history))  # not where to: it may be private
    return TextReply(f"Audit of {found.id}", lines, {"id": found.id, "state": found.state, "entries": told})


def _line(entry: Entry) -> str:
    done = DONE.get(entry.action, entry.action)
    if entry.action == "proposal.vote":
        done = "approved" if json.loads(entry.detail)["asked"] == "approve" else "voted against it"
    moved = f" ({_words(entry.before)} → {_words(entry.after)})" if entry.before and entry.after else ""
    how = " with the phrase typed" if entry.strength == "phrase" and entry.action == "proposal.vote" else ""
    return f"{entry.seq}. {entry.at:%Y-%m-%d %H:%M:%S}Z {entry.actor} {done}{how}{moved}{f': {entry.reason}' if entry.reason else ''}"


def _words(state: str) -> str:
    return state.replace("_", " ")


def _document(found: Proposal, history: list[Entry]) -> dict[str, Any]:
    told = [entry.document() | {"detail": json.loads(entry.detail)} for entry in history]
    return {"id": found.id, "state": found.state, "digest": found.digest, "plan": found.plan.document(), "entries": told}
