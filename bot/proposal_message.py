"""A proposal as everybody sees it: laid out from the record each time it is shown, so that it always tells how things stand."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bot.assemble import Tools
from bot.blocks import TEXT, Message
from bot.proposal_words import SIGN, at, how_it_stands, lasting, person, saving, state_of, targets, what, who_is_needed
from bot.references import NOWHERE, References
from bot.slack_text import Block, code, context, mrkdwn, plain, section
from finops.configuration.rulebook_approvals import Guard
from finops.guard.approvals import Vote
from finops.guard.plans import DIGITS_SHOWN, Plan
from finops.guard.proposals import FINAL, State
from finops.guard.quorum import memberships, missing, needs_of
from finops.ledger.alerts import of_key
from finops.ledger.proposals import Proposal, proposal, votes_of
from finops.ledger.renewing import renews
from finops.telling.names import cut
from jobs.routes import Content

SEPARATOR: Final = "|"
BUTTONS: Final[Mapping[State, tuple[str, ...]]] = {
    "pending": ("proposal.approve", "proposal.deny", "proposal.cancel"),
    "approved": ("proposal.deny", "proposal.cancel"),
    "active": ("proposal.renew", "proposal.end"),
}
LABELS: Final = {
    "proposal.approve": "Approve",
    "proposal.deny": "Deny",
    "proposal.cancel": "Take back",
    "proposal.renew": "Renew",
    "proposal.end": "End now",
}
STYLES: Final = {"proposal.approve": "primary", "proposal.deny": "danger", "proposal.end": "danger"}
MOST_EVIDENCE: Final = 8
IN_THE_TARGETS: Final = ("Scope",)


def render(tools: Tools, identity: str, refer: References = NOWHERE) -> Content:
    """Show a proposal as it stands at this moment: the renderer `proposal` of the outbox."""
    found = proposal(tools.ledger.engine, identity)
    message = message_of(tools, found, refer)
    return Content(message.text, message.blocks, event_of(found, message.text))


def message_of(tools: Tools, found: Proposal, refer: References = NOWHERE, *, within_alert: bool = False) -> Message:
    """Lay a proposal out as it stands; `within_alert` says already why, and where it comes from."""
    with tools.ledger.engine.connect() as connection:
        votes = votes_of(connection, found.number)
    origins = () if within_alert else _origins(tools, found, refer)
    return proposal_blocks(found, votes, tools.rulebook.guard, origins, tells_why=not within_alert)


def proposal_blocks(
    found: Proposal, votes: Sequence[Vote], guard: Guard, origins: Sequence[str] = (), *, tells_why: bool = True
) -> Message:
    """Lay a proposal out: what, why, what it brings and costs, who must agree and who did, how it stands, what can be done.

    `origins` say where it comes from, as mrkdwn.
    """
    key = block_key(found)
    if not found.is_intact:
        text = f"{found.id}: its stored plan is not the one that was proposed, so nothing can be decided. Tell whoever runs the database."
        return Message(text, [section(text, f"{key}.altered")])
    plan = found.plan
    why = f"\n{mrkdwn(plan.reason, 500)}" if tells_why else ""
    blocks = [
        section(f"*{found.id}: {mrkdwn(what(plan), 600)}*{why}", f"{key}.what"),
        {"type": "section", "block_id": f"{key}.facts", "fields": [_field(*each) for each in _facts(plan)]},
        *_side_effects(plan, key),
        section("\n".join([f"{SIGN[found.state]} *{how_it_stands(found)}*", *_agreement(found, votes)]), f"{key}.state"),
        context([*_limits(found, guard), *origins, *_small_print(found)], f"{key}.context"),
        *buttons(found, key),
    ]
    return Message(cut(_text(found, tells_why=tells_why), TEXT), blocks)


def block_key(found: Proposal) -> str:
    """Return what the blocks of this version are called, so that a click tells which version was seen."""
    return f"{found.id}.{found.version}"


def home_key(found: Proposal) -> str:
    return f"home.{block_key(found)}"


def value_of(found: Proposal) -> str:
    """Return what a button carries: which proposal, and which plan was shown; nothing else is taken from a click."""
    return f"{found.id}{SEPARATOR}{found.digest}"


def buttons(found: Proposal, key: str) -> list[Block]:
    """Return the buttons that fit the state; none where nothing can be done any more."""
    elements = [_button(found, action) for action in BUTTONS.get(found.state, ()) if action != "proposal.renew" or found.plan.lasts]
    return [{"type": "actions", "block_id": f"{key}.actions", "elements": elements}] if elements else []


def needs_phrase(found: Proposal) -> bool:
    """Whether whoever approves types a phrase as well."""
    return found.policy.step_up or found.plan.risk == "high"


def event_of(found: Proposal, summary: str) -> dict[str, Any]:
    """Return the same for machines: one incident for each proposal, from the question to its end."""
    action = "resolve" if found.state in FINAL - {"compensation_failed"} else "trigger" if found.state == "pending" else "acknowledge"
    alarm = found.state == "compensation_failed"
    plan = found.plan if found.is_intact else None
    details = {
        "proposal": found.id,
        "state": found.state,
        "lever": plan.lever if plan else None,
        "targets": list(plan.targets) if plan else [],
        "digest": found.digest,
    }
    severity = "critical" if alarm else "warning"
    return {
        "action": "trigger" if alarm else action,
        "severity": severity,
        "dedup_key": f"proposal:{found.id}",
        "summary": summary,
        "details": details,
    }


def _facts(plan: Plan) -> list[tuple[str, str]]:
    return [
        ("Target" if len(plan.targets) == 1 else f"{len(plan.targets)} targets", targets(plan)),
        ("Saves", saving(plan)),
        ("Lasts", lasting(plan)),
        ("Risk", plan.risk),
    ]


def _field(name: str, value: str) -> Block:
    return {"type": "mrkdwn", "text": f"*{name}*\n{cut(value, 1800)}", "verbatim": True}


def _side_effects(plan: Plan, key: str) -> list[Block]:
    lines = [f"• {mrkdwn(each, 300)}" for each in plan.side_effects[:6]]
    return [section("\n".join(["*Side effects*", *lines]), f"{key}.effects")] if lines else []


def _agreement(found: Proposal, votes: Sequence[Vote]) -> list[str]:
    """Say who must agree, who did, and whom it still takes; only the first while nobody did."""
    needs = needs_of(found.policy, found.owner)
    agreed = [vote for vote in votes if vote.decision == "approve"]
    lines = [f"Must agree: {who_is_needed(needs)}"] if found.state == "pending" or not agreed else []
    lines += [f"Agreed: {'; '.join(f'{person(vote.voter)}, {at(vote.at)}' for vote in agreed)}"] if agreed else []
    short = missing(needs, {vote.voter: memberships(vote.voter, vote.groups) for vote in agreed})
    return [*lines, f"Still needed: {who_is_needed(short)}"] if agreed and short and found.state == "pending" else lines


def _limits(found: Proposal, guard: Guard) -> list[str]:
    """Say what the rulebook will not let happen, whoever agrees."""
    if found.state not in ("pending", "approved"):
        return []
    if guard.stop:
        return ["All levers are stopped in rules.yaml: nothing will be moved."]
    return ["Dry run: once agreed, it is only told what would be done."] if guard.dry_run else []


def _small_print(found: Proposal) -> list[str]:
    evidence = _evidence(found.plan.evidence)
    return [
        *([evidence] if evidence else []),
        f"Asked by {person(found.requester)}, {at(found.created_at)}",
        f"Plan {code(found.digest[:DIGITS_SHOWN])}",
        f"All that was done: {code(f'/cost audit {found.id}')}",
    ]


def _origins(tools: Tools, found: Proposal, refer: References) -> list[str]:
    """Say which alert it was proposed for, and what it would go on from."""
    alert = of_key(tools.ledger.engine, found.finding)
    before = renews(found.plan) if found.is_intact else None
    told = [f"For {refer.link(alert.id)}"] if alert else []
    return [*told, *([f"Goes on from {refer.link(before)}"] if before else [])]


def _evidence(evidence: Mapping[str, Any]) -> str:
    """Tell the facts of the finding that a plan rests on; the whole of it is in the audit."""
    facts = evidence.get("facts")
    told = [f"{name} {value}" for name, value in facts.items() if name not in IN_THE_TARGETS] if isinstance(facts, Mapping) else []
    return mrkdwn(" · ".join(told[:MOST_EVIDENCE]), 400)


def _text(found: Proposal, *, tells_why: bool) -> str:
    """The whole in a sentence or two, for notifications, screen readers and mail."""
    plan = found.plan
    about = f"{found.id}: {mrkdwn(what(plan), 600)} for {mrkdwn(', '.join(plan.targets[:3]), 300)}."
    why = f" {mrkdwn(plan.reason.rstrip('.'), 300)}." if tells_why else ""
    brings = f" It saves {saving(plan)}." if plan.saving and found.state == "pending" else ""
    return f"{about}{why}{brings} {state_of(found)}."


def _button(found: Proposal, action: str) -> Block:
    label = LABELS[action]
    button: Block = {
        "type": "button",
        "action_id": action,
        "value": value_of(found),
        "text": {"type": "plain_text", "text": label},
        "accessibility_label": f"{label} {found.id}",
    }
    if action in STYLES:
        button["style"] = STYLES[action]
    asked = _question(found, action)
    return button | ({"confirm": asked} if asked else {})


def _question(found: Proposal, action: str) -> Block | None:
    """Ask once more before a click that acts at once; where a form follows, that is the question."""
    if action == "proposal.cancel":
        return _confirm(f"Take {found.id} back?", "It can be proposed again.", "Take back")
    if action == "proposal.approve" and not needs_phrase(found) and found.plan.risk != "low":
        many = f"{len(found.plan.targets)} target{'s' * (len(found.plan.targets) != 1)}"
        return _confirm(f"Approve {found.id}?", f"{what(found.plan)}: {many}, {lasting(found.plan)}.", "Approve")
    return None


def _confirm(title: str, text: str, yes: str) -> Block:
    return {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "plain_text", "text": plain(text, 300)},
        "confirm": {"type": "plain_text", "text": yes},
        "deny": {"type": "plain_text", "text": "Not now"},
    }
