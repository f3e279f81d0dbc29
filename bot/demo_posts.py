"""What `finops-bot demo --once` posts beside its answers: the approval that the rules of the demo ask for."""

import html
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.assemble import Tools
from bot.clockwork import runner
from bot.outgoing import deliverer
from finops.ledger.outbox import Reference, reference_of
from finops.ledger.proposals import Proposal, open_proposals, standing
from jobs.registry import find

JOB: Final = "check-budgets"
Look = Callable[[str], Sequence[dict[str, Any]]]


@dataclass(frozen=True)
class Posted:
    """One message that nobody asked for, as it stands in the local Slack, and after how long; without `ts` nothing was posted."""

    kind: str
    id: str | None
    ts: str | None
    text: str
    blocks: tuple[str, ...]
    seconds: float


def post_approval(tools: Tools, look: Look) -> Posted:
    """Watch budgets and rules once, bring out what that says, and return the approval among it. `look` returns a channel's messages."""
    began = time.monotonic()
    run = runner(tools).by_hand(find(JOB), tools.now())
    deliverer(tools).deliver()
    spent = round(time.monotonic() - began, 3)
    asked = open_proposals(tools.ledger.engine)
    for one in asked:
        where = reference_of(tools.ledger.engine, f"proposal:{one.id}")
        if one.state == "pending" and where and (message := _message(look, where)):
            types = tuple(block["type"] for block in message["blocks"])
            return Posted("approval", one.id, where.ts, html.unescape(message["text"]), types, spent)
    return Posted("approval", None, None, _nothing(asked, run.result), (), spent)


def _message(look: Look, where: Reference) -> dict[str, Any] | None:
    return next((one for one in look(where.channel) if one["ts"] == where.ts), None)


def _nothing(asked: Sequence[Proposal], result: str | None) -> str:
    """A folder that an earlier demo left has its proposals already; their messages stood in the local Slack of that time."""
    told = "; ".join(standing(one) for one in asked)
    return f"Nothing new is proposed ({told or result or 'no rule holds'}); leave --config out to begin anew."
