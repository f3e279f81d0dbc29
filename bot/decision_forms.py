"""The forms that a click opens, and what was written in them. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from bot.clicks import Click, kept_of
from bot.proposal_words import span, what
from bot.slack_text import Block, code, mrkdwn, plain, section
from finops.guard.approvals import phrase_for
from finops.ledger.proposals import Proposal

REASON: Final = "reason"
PHRASE: Final = "phrase"
HOW_LONG: Final = "how_long"
LONGEST_REASON: Final = 500
SPANS: Final[Mapping[str, timedelta]] = {
    "1 hour": timedelta(hours=1),
    "4 hours": timedelta(hours=4),
    "1 day": timedelta(days=1),
    "3 days": timedelta(days=3),
    "1 week": timedelta(weeks=1),
}


def approve_form(click: Click, found: Proposal) -> Block:
    """The second step for what is risky: the phrase names the request and the plan, so that nobody types it by habit."""
    phrase = phrase_for(found.id, found.digest)
    about = f"{mrkdwn(what(found.plan), 500)}\non {mrkdwn(', '.join(found.plan.targets[:5]), 500)}"
    told = section(f"*{about}*\nType {code(phrase)} to approve exactly this plan.", "about")
    return form_of("proposal.approve", f"Approve {found.id}", "Approve", [told, _line(PHRASE, "The phrase", phrase)], kept_of(click))


def deny_form(click: Click, found: Proposal) -> Block:
    told = section(f"*{mrkdwn(what(found.plan), 500)}*\nNothing will be done. One denial ends it.", "about")
    return form_of("proposal.deny", f"Deny {found.id}", "Deny", [told, reason_field("Why not?")], kept_of(click))


def end_form(click: Click, found: Proposal) -> Block:
    told = section(f"*{mrkdwn(what(found.plan), 500)}*\nEverything is put back as it was before.", "about")
    return form_of("proposal.end", f"End {found.id} now", "End now", [told, reason_field("Why now?")], kept_of(click))


def renew_form(click: Click, found: Proposal) -> Block:
    """Asks that it goes on; the same people decide about that."""
    long = f"{span(found.plan.lasts)} more" if found.plan.lasts else "on"
    told = f"*{mrkdwn(what(found.plan), 500)}*\nIf the same people agree, it lasts {long} from then on; otherwise it ends as planned."
    return form_of("proposal.renew", f"Renew {found.id}", "Ask", [section(told, "about"), reason_field("Why longer?")], kept_of(click))


def snooze_form(click: Click, identity: str) -> Block:
    options = [{"text": {"type": "plain_text", "text": name}, "value": name} for name in SPANS]
    menu = {"type": "static_select", "action_id": HOW_LONG, "options": options, "initial_option": options[1]}
    wait = {"type": "input", "block_id": HOW_LONG, "label": {"type": "plain_text", "text": "For how long?"}, "element": menu}
    return form_of("alert.snooze", f"Snooze {identity}", "Snooze", [wait, reason_field("Why may it wait?")], kept_of(click))


def written(view: Mapping[str, Any], name: str) -> str:
    """Return what was written in a field, or chosen there."""
    entry = ((view.get("state") or {}).get("values") or {}).get(name, {}).get(name) or {}
    return str(entry.get("value") or (entry.get("selected_option") or {}).get("value") or entry.get("selected_date") or "").strip()


def missing_in(view: Mapping[str, Any]) -> dict[str, str]:
    """Return what is still wrong with a form, by field: Slack lets blanks through."""
    asked = [block["block_id"] for block in view.get("blocks", ()) if block.get("type") == "input"]
    wrong = {name: "Please write why; it is kept on the record." for name in asked if name == REASON and not written(view, name)}
    if HOW_LONG in asked and written(view, HOW_LONG) not in SPANS:
        wrong[HOW_LONG] = "Please choose how long."
    return wrong


def form_of(callback: str, title: str, submit: str, blocks: list[Block], kept: str) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": {"type": "plain_text", "text": plain(title, 24)},
        "submit": {"type": "plain_text", "text": submit},
        "close": {"type": "plain_text", "text": "Not now"},
        "private_metadata": kept,
        "blocks": blocks,
    }


def reason_field(label: str) -> Block:
    return _line(REASON, label, "It is kept on the record")


def _line(name: str, label: str, hint: str) -> Block:
    field = {
        "type": "plain_text_input",
        "action_id": name,
        "max_length": LONGEST_REASON,
        "placeholder": {"type": "plain_text", "text": plain(hint, 150)},
    }
    return {"type": "input", "block_id": name, "label": {"type": "plain_text", "text": label}, "element": field}
