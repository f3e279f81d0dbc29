"""Answers that need no token: through a `response_url`, or in the acknowledgement of a command."""

from typing import Any

from slackbox import posting
from slackbox.events import posted
from slackbox.rig import RefusedError, Rig
from slackbox.tickets import ResponseUrl
from slackbox.world import Message


def respond(rig: Rig, token: str, payload: Any) -> None:
    """One use of a response URL; a refused payload does not count as one."""
    if not isinstance(payload, dict):
        raise RefusedError("invalid_payload", status=400)
    if not payload.get("delete_original"):
        check(rig, payload)
    ticket = rig.tickets.spend(token)
    if isinstance(ticket, str):
        raise RefusedError(ticket, status=404)
    show(rig, ticket, payload)


def check(rig: Rig, payload: dict[str, Any]) -> None:
    """A message as a response URL takes it: the same rules, another status."""
    try:
        posting.check(rig, payload)
    except RefusedError as refused:
        status = 400 if refused.error == "no_text" else 404
        raise RefusedError(refused.error, refused.detail, status=status, **refused.fields) from None


def show(rig: Rig, ticket: ResponseUrl, payload: dict[str, Any]) -> None:
    """Post, replace or delete, where the user acted and whether or not the bot is a member there."""
    original = rig.world.find(ticket.channel, ticket.original) if ticket.original else None
    if payload.get("delete_original") and original:
        rig.world.remove(original)
        return
    if payload.get("delete_original"):
        return
    if payload.get("replace_original") and original:
        posting.replace(rig, original, payload)
        return
    message = fresh(rig, ticket, payload)
    ticket.original = ticket.original or message.ts  # a click's original stays the message clicked


def fresh(rig: Rig, ticket: ResponseUrl, payload: dict[str, Any]) -> Message:
    """A new message, ephemeral unless it says `in_channel`."""
    only_for = None if payload.get("response_type") == "in_channel" else ticket.user
    thread = str(payload["thread_ts"]) if payload.get("thread_ts") else ticket.thread_ts
    message = posting.post(rig, ticket.channel, payload, thread_ts=thread, only_for=only_for)
    posted(rig, message)
    return message
