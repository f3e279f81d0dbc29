"""An alert as everybody sees it: laid out from the record each time it is shown, so that it always tells how things stand."""

from collections.abc import Sequence
from typing import Any, Final

from bot.assemble import Tools
from bot.blocks import Message
from bot.proposal_message import message_of
from bot.proposal_words import at, person
from bot.references import NOWHERE, References
from bot.slack_text import Block, context, mrkdwn, section
from finops.guard.alert_states import AlertState
from finops.ledger.alert_rows import Alert
from finops.ledger.alerts import alert, listed_in
from finops.ledger.proposals import CLOCK, Proposal, beside_of, proposals_for
from finops.money import percent
from finops.telling.names import cut
from jobs.routes import Content

SIGNS: Final = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
SAID: Final[dict[AlertState, str]] = {
    "open": "Nobody has acknowledged it yet",
    "acknowledged": "Acknowledged",
    "snoozed": "Snoozed",
    "corrected": "Corrected: the figures changed, and it no longer holds",
    "resolved": "Over",
}
BUTTONS: Final[dict[AlertState, tuple[str, ...]]] = {
    "open": ("alert.ack", "alert.snooze"),
    "acknowledged": ("alert.snooze",),
    "snoozed": ("alert.ack",),
}
LABELS: Final = {"alert.ack": "Acknowledge", "alert.snooze": "Snooze"}
ACTIONS: Final[dict[AlertState, str]] = {
    "open": "trigger",
    "acknowledged": "acknowledge",
    "snoozed": "acknowledge",
    "corrected": "resolve",
    "resolved": "resolve",
}
TEXT: Final = 3000
FACTS: Final = 10
LISTED: Final = 10
LONGEST_KEY: Final = 255


def render(tools: Tools, identity: str, refer: References = NOWHERE) -> Content:
    """Show an alert as it stands at this moment: the renderer `alert` of the outbox."""
    engine = tools.ledger.engine
    found = alert(engine, identity)
    listed = listed_in(engine, found.number)
    proposed = [one for each in (found, *listed) for one in proposals_for(engine, each.key)]
    within = [one for one in proposed if beside_of(engine, one.id) == found.id]
    apart = [refer.link(one.id) for one in proposed if one not in within]
    decided = next((one for one in within if one.decided_by not in (None, CLOCK)), None)
    return content(found, listed, apart, [message_of(tools, one, within_alert=True) for one in within], decided)


def content(
    found: Alert, listed: list[Alert], proposed: Sequence[str] = (), within: Sequence[Message] = (), decided: Proposal | None = None
) -> Content:
    """Lay an alert out: what was found, the figures, the lower thresholds it came past, how it stands, what can be done.

    `proposed` are links to what was proposed for it elsewhere, as mrkdwn; what is proposed here is laid out `within` it.
    Whoever `decided` on that has seen the alert too.
    """
    finding, key = found.finding, f"{found.id}.{found.version}"
    headline = f"{SIGNS[finding.severity]} {found.id}: {mrkdwn(finding.title, 600)}"
    facts = [f"*{mrkdwn(name, 60)}*\n{mrkdwn(value, 300)}" for name, value in finding.facts.items()][:FACTS]
    blocks: list[Block] = [section(f"*{headline}*", f"{key}.what")]
    if facts:
        fields = [{"type": "mrkdwn", "text": fact, "verbatim": True} for fact in facts]
        blocks.append({"type": "section", "block_id": f"{key}.facts", "fields": fields})
    if listed:
        blocks.append(section("\n".join(_also(one) for one in listed[:LISTED]), f"{key}.also"))
    if proposed:
        blocks.append(section(f"*Proposed:* {', '.join(proposed[:LISTED])}", f"{key}.proposed"))
    for number, message in enumerate(within):
        blocks += [{"type": "divider", "block_id": f"{key}.proposal.{number}"}, *message.blocks]
    blocks += [{"type": "divider", "block_id": f"{key}.standing"}] if within else []
    blocks.append(section(_standing(found, decided), f"{key}.state"))
    blocks.append(context(_small_print(found), f"{key}.context"))
    blocks += _buttons(found, key)
    text = " ".join([headline, *(message.text for message in within), f"{_plain_standing(found, decided, in_text=True)}."])
    return Content(cut(text, TEXT), blocks, event_of(found, listed))


def _also(listed: Alert) -> str:
    finding = listed.finding
    share = f"{percent(float(finding.threshold))} " if finding.threshold is not None else ""
    ended = "" if listed.is_live else f" ({listed.state})"
    return f"Also past {share}{mrkdwn(finding.kind.replace('_', ' '), 60)}: {listed.id}{ended}"


def _standing(found: Alert, decided: Proposal | None) -> str:
    reason = f"\n{mrkdwn(found.reason, 500)}" if found.reason else ""
    return f"*{_plain_standing(found, decided)}*{reason}"


def _plain_standing(found: Alert, decided: Proposal | None, *, in_text: bool = False) -> str:
    """Say the state; `in_text` in plain words, since mailboxes and machines read that too."""
    if found.state == "open" and decided and decided.decided_by:
        return f"Seen by {person(decided.decided_by)}, who decided on {decided.id}"
    said = SAID[found.state]
    if found.state == "snoozed" and found.until:
        said += f" until {found.until:%Y-%m-%d %H:%M}Z" if in_text else f" until {at(found.until)}"
    by_somebody = found.changed_by != "check-budgets" and found.state != "open"
    return f"{said} by {person(found.changed_by)}" if by_somebody else said


def _small_print(found: Alert) -> list[str]:
    finding = found.finding
    told = [mrkdwn(finding.period, 40), f"found {at(found.opened_at)}"]
    told += [f"data as of {at(finding.as_of)}"] if finding.as_of else []
    told += [f"owner {mrkdwn(finding.owner, 100)}"] if finding.owner else []
    return [" · ".join(told)]


def _buttons(found: Alert, key: str) -> list[Block]:
    elements = [
        {
            "type": "button",
            "action_id": action,
            "value": found.id,
            "text": {"type": "plain_text", "text": LABELS[action]},
            "accessibility_label": f"{LABELS[action]} {found.id}",
        }
        for action in BUTTONS.get(found.state, ())
    ]
    return [{"type": "actions", "block_id": f"{key}.actions", "elements": elements}] if elements else []


def event_of(found: Alert, listed: list[Alert]) -> dict[str, Any]:
    """Return the same for machines: one incident for each alert, under the alert's own key."""
    finding = found.finding
    details: dict[str, Any] = {
        "alert": found.id,
        "state": found.state,
        "rule": finding.rule,
        "kind": finding.kind,
        "period": finding.period,
        "scope": {name: list(values) for name, values in finding.scope},
        "value": None if finding.value is None else format(finding.value, "f"),
        "limit": None if finding.limit is None else format(finding.limit, "f"),
        "unit": finding.unit,
        "facts": dict(finding.facts),
        "also": [one.id for one in listed],
    }
    url = finding.evidence.get("url")
    return {
        "action": ACTIONS[found.state],
        "severity": finding.severity,
        "dedup_key": found.key if len(found.key) <= LONGEST_KEY else f"finops-bot:{found.id}",
        "summary": finding.title,
        "details": details,
        "links": [{"href": url, "text": "Where it was found"}] if url else [],
    }
