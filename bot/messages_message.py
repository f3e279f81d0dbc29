"""What did not arrive, as Slack shows it to one person: with buttons to those who run the workspace, in figures to others."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.blocks import Message
from bot.messages_verb import ALL_WELL, TITLE, about, how_it_stands, remarks, summary
from bot.proposal_words import at, person
from bot.slack_text import Block, context, mrkdwn, section
from finops.ledger.outbox_unsent import Pile, Piles, Unsent
from finops.telling.delivery_words import many

GIVEN_UP: Final = 10
GOING: Final = 8
FOR_ADMINS: Final = "Which they are is shown to admins of this workspace, since private channels and mailboxes are among them."


def page(piles: Piles, now: datetime, note: str = "") -> Message:
    """Lay out what did not arrive, with buttons; `note` says what was just done."""
    shown = piles.given_up.letters[:GIVEN_UP]
    blocks = [section(f"*{TITLE}*\n{_sentence(piles)}", "messages.summary")]
    blocks += [section(f"*{note}*", "messages.note")] if note else []
    blocks += [block for one in shown for block in _given_up(one)]
    blocks += _left(piles.given_up, len(shown), "given up")
    blocks += _going(piles.ambiguous, "May have arrived") + _going(piles.waiting, "On their way")
    blocks.append({"type": "actions", "block_id": "messages.all", "elements": _for_all(piles.given_up.total, now)})
    return Message(f"{note} {_sentence(piles)}".strip(), blocks)


def page_for_others(piles: Piles) -> Message:
    """Say how much did not arrive, and neither what nor where."""
    text = _sentence(piles)
    known = [] if text == ALL_WELL else [context([FOR_ADMINS], "messages.others")]
    return Message(text, [section(f"*{TITLE}*\n{text}", "messages.summary"), *known])


def _sentence(piles: Piles) -> str:
    return mrkdwn(summary(piles), 300)


def _given_up(one: Unsent) -> list[Block]:
    since = f"given up {at(one.settled_at)}" if one.settled_at else "given up"
    why = f"To {_place(one.route)}, {since} after {many(one.attempts, 'attempt')}: {mrkdwn(one.error, 300)}"
    lines = [f"*{one.id}: {mrkdwn(about(one), 250)}*", why, *(mrkdwn(line, 300) for line in remarks(one))]
    elements = [] if one.needless else [_button("message.again", "Try again", one)]
    elements.append(
        {**_button("message.drop", "Let it go", one), "confirm": _sure(f"Let {one.id} go?", "It is not sent any more.", "Let it go")}
    )
    key = f"messages.{one.id}.{one.attempts}"
    return [section("\n".join(lines), key), {"type": "actions", "block_id": f"{key}.actions", "elements": elements}]


def _place(route: str) -> str:
    """Name where it should have gone; a channel or a person by id as a link."""
    scheme, _, name = route.partition(":")
    if scheme != "slack":
        return mrkdwn(route, 120)
    if name[:1] in "CG" and len(name) >= 9 and name.isalnum() and name == name.upper():
        return f"<#{name}>"
    return person(name[1:]) if name.startswith("@") else mrkdwn(name, 120)


def _going(pile: Pile, title: str) -> list[Block]:
    """Those nobody has to do anything about."""
    if not pile.total:
        return []
    shown = pile.letters[:GOING]
    lines = [f"• {one.id}: {mrkdwn(about(one), 150)} to {_place(one.route)}, since {at(one.at)}: {_stands(one)}" for one in shown]
    more = [f"… and {many(pile.total - len(shown))} more"] if pile.total > len(shown) else []
    return [section("\n".join([f"*{title}*", *lines, *more]), f"messages.going.{title.partition(' ')[0].lower()}")]


def _stands(one: Unsent) -> str:
    """A moment is shown in the reader's own time; only what others wrote is escaped."""
    return how_it_stands(replace(one, error=mrkdwn(one.error, 150)), at)


def _left(pile: Pile, shown: int, words: str) -> list[Block]:
    left = pile.total - shown
    return [context([f"… and {many(left)} more {words}: `finops-bot messages --failed` lists them"], "messages.more")] if left > 0 else []


def _for_all(number: int, now: datetime) -> Sequence[Block]:
    """All that was given up by now: what is given up after this was drawn is none of what its reader agreed to."""
    look: Block = {"type": "button", "action_id": "message.look", "value": "look", "text": _text("Look again")}
    if not number:
        return [look]
    again: Block = {
        "type": "button",
        "action_id": "message.all",
        "value": now.isoformat(),
        "text": _text("Try all again"),
        "style": "primary",
    }
    sure = _sure(
        "Try all again?",
        f"{many(number)}: those that still matter are sent, as things stand then, one a second in a channel.",
        "Try all again",
    )
    return [{**again, "confirm": sure}, look]


def _button(action: str, label: str, one: Unsent) -> Block:
    """A button carries which message, and after how many attempts it was seen to be given up."""
    return {
        "type": "button",
        "action_id": action,
        "value": f"{one.id}|{one.attempts}",
        "text": _text(label),
        "accessibility_label": f"{label}: {one.id}",
    }


def _sure(title: str, text: str, yes: str) -> Block:
    return {"title": _text(title), "text": _text(text), "confirm": _text(yes), "deny": _text("Not now")}


def _text(text: str) -> Block:
    return {"type": "plain_text", "text": text}
