"""`chat.*`, `reactions.add` and the status line of a thread."""

import re
from typing import Any

from slackbox import posting, shapes
from slackbox.args import Args, invalid
from slackbox.block_limits import LIMITS
from slackbox.events import posted
from slackbox.rig import RefusedError, Rig
from slackbox.world import Message

NO_TEXT = {"warning": "missing_text_in_message", "response_metadata": {"warnings": ["missing_text_in_message"]}}


def post_message(rig: Rig, args: Args) -> dict[str, Any]:
    """Post for everyone in a channel."""
    channel = posting.writable(rig, args.text("channel"))
    payload = posting.content(args)
    posting.check(rig, payload)
    thread = posting.thread_root(rig, channel.id, args.text("thread_ts"))
    message = posting.post(rig, channel.id, payload, thread_ts=thread)
    posted(rig, message)
    return {"channel": channel.id, "ts": message.ts, "message": shapes.message(rig, message)} | warning(payload)


def warning(payload: dict[str, Any]) -> dict[str, Any]:
    """Slack's remark when there is nothing for a notification or a screen reader."""
    return {} if payload.get("text") or payload.get("markdown_text") else NO_TEXT


def update(rig: Rig, args: Args) -> dict[str, Any]:
    """Edit a message of the bot's; text without blocks takes the blocks away."""
    channel = posting.channel_for(rig, args.text("channel"))
    message = own_message(rig, channel.id, args.text("ts"), "cant_update_message")
    payload = posting.content(args)
    if "metadata" in args.values and not args.parsed("metadata"):
        payload.pop("metadata", None)
        message.metadata = None
    if len(str(payload.get("text", ""))) > LIMITS["message.update_text"]:
        raise RefusedError("msg_too_long")
    posting.check(rig, payload)
    posting.replace(rig, message, payload)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shapes.message(rig, message)} | warning(payload)


def own_message(rig: Rig, channel: str, ts: str, not_ours: str) -> Message:
    """A lasting message the bot wrote."""
    message = rig.world.find(channel, ts)
    if message is None or message.only_for:
        raise RefusedError("message_not_found")
    if message.user != rig.world.bot_user:
        raise RefusedError(not_ours)
    return message


def delete(rig: Rig, args: Args) -> dict[str, Any]:
    """Take a message of the bot's away."""
    channel = posting.channel_for(rig, args.text("channel"))
    message = own_message(rig, channel.id, args.text("ts"), "cant_delete_message")
    rig.world.remove(message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(rig: Rig, args: Args) -> dict[str, Any]:
    """Show one member of a channel something nobody else sees."""
    channel = posting.writable(rig, args.text("channel"))
    user = args.text("user")
    if user not in channel.members:
        raise RefusedError("user_not_in_channel")
    payload = posting.content(args)
    posting.check(rig, payload)
    thread = posting.thread_root(rig, channel.id, args.text("thread_ts"))
    message = posting.post(rig, channel.id, payload, thread_ts=thread, only_for=user)
    return {"message_ts": message.ts} | warning(payload)


def get_permalink(rig: Rig, args: Args) -> dict[str, Any]:
    """The address of a message."""
    channel = posting.channel_for(rig, args.text("channel"))
    message = rig.world.find(channel.id, args.text("message_ts"))
    if message is None or message.only_for:
        raise RefusedError("message_not_found")
    name = "p" + message.ts.replace(".", "")
    query = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.thread_ts else ""
    return {"channel": channel.id, "permalink": f"{rig.url}/archives/{channel.id}/{name}{query}"}


def add_reaction(rig: Rig, args: Args) -> dict[str, Any]:
    """React as the bot."""
    channel = posting.writable(rig, args.text("channel"))
    message = rig.world.find(channel.id, args.text("timestamp"))
    if message is None or message.only_for:
        raise RefusedError("message_not_found")
    name = args.text("name").strip(":")
    if not re.fullmatch(r"[a-z0-9_+'-]{1,100}(::skin-tone-[2-6])?", name):
        raise RefusedError("invalid_name")
    users = message.reactions.setdefault(name, [])
    if rig.world.bot_user in users:
        raise RefusedError("already_reacted")
    users.append(rig.world.bot_user)
    rig.world.changed()
    return {}


def set_status(rig: Rig, args: Args) -> dict[str, Any]:
    """Say in a thread what the app is doing; its next message there ends it."""
    channel = posting.channel_for(rig, args.text("channel_id"))
    loading = args.parsed("loading_messages") or []
    if not isinstance(loading, list) or len(loading) > 10:
        raise invalid("must provide an array of at most 10 [json-pointer:/loading_messages]")
    place = (channel.id, args.text("thread_ts"))
    if args.text("status"):
        rig.world.statuses[place] = args.text("status")
    else:
        rig.world.statuses.pop(place, None)
    rig.world.changed()
    return {}
