"""What every way of posting shares: is it allowed there, is it well formed, and then it stands in the channel."""

import copy
from typing import Any

from slackbox import validate
from slackbox.args import Args
from slackbox.block_limits import LIMITS
from slackbox.files import unready
from slackbox.rig import RefusedError, Rig
from slackbox.schema import Problem
from slackbox.world import Channel, Message, name_blocks


def content(args: Args) -> dict[str, Any]:
    """The parts of a call that are the message itself."""
    structures = {name: args.parsed(name) for name in ("blocks", "attachments", "metadata") if args.has(name)}
    texts = {name: args.text(name) for name in ("text", "markdown_text") if args.has(name)}
    return {**texts, **structures}


def check(rig: Rig, message: dict[str, Any]) -> None:
    """Refuse what Slack would refuse, by the same name."""
    blocks = message.get("blocks")
    if blocks is not None and not isinstance(blocks, list):
        raise RefusedError("invalid_blocks_format")
    problems = validate.message(message)
    named = [each for each in problems if each.code != "failed_constraint"]
    if named and named[0].code != "msg_blocks_too_long":
        raise RefusedError(named[0].code, detail=str(named[0]))
    refuse_blocks([each for each in problems if each.code == "failed_constraint"])
    if named:
        raise RefusedError(named[0].code, detail=str(named[0]))
    refuse_blocks([Problem("invalid slack file", at) for at in unready(rig, blocks, "/blocks")])


def refuse_blocks(problems: list[Problem]) -> None:
    """`invalid_blocks`, listing each problem twice as Slack does."""
    if problems:
        lines = validate.errors(problems)
        raise RefusedError("invalid_blocks", errors=lines, response_metadata={"messages": [f"[ERROR] {line}" for line in lines]})


def channel_for(rig: Rig, name: str) -> Channel:
    """A channel by id or name, or the direct messages with a user by id."""
    world = rig.world
    found = world.channels.get(name) or next(
        (each for each in world.channels.values() if each.name and each.name == name.lstrip("#")), None
    )
    if found is None and name in world.users:
        return open_dm(rig, name)
    if found is None or (found.kind != "public" and world.bot_user not in found.members):
        raise RefusedError("channel_not_found")
    return found


def writable(rig: Rig, name: str) -> Channel:
    """A channel the bot may post in."""
    channel = channel_for(rig, name)
    if channel.archived:
        raise RefusedError("is_archived")
    if rig.world.bot_user not in channel.members and "chat:write.public" not in rig.app.scopes:
        raise RefusedError("not_in_channel")
    return channel


def open_dm(rig: Rig, user: str) -> Channel:
    """The bot's direct messages with a person, opened if need be."""
    person = rig.world.users[user]
    if person.deleted:
        raise RefusedError("user_disabled")
    if person.role == "bot":
        raise RefusedError("cannot_dm_bot")
    found = rig.world.dm(user)
    if found is None:
        found = Channel("D" + user[1:], "", "im", [user, rig.world.bot_user], external=person.role == "external", created=rig.clock.now())
        rig.world.channels[found.id] = found
    return found


def thread_root(rig: Rig, channel: str, ts: str) -> str | None:
    """The first message of the thread that `ts` is in."""
    if not ts:
        return None
    message = rig.world.find(channel, ts)
    if message is None or message.only_for:
        raise RefusedError("thread_not_found")
    return message.thread_ts or message.ts


def post(rig: Rig, channel: str, payload: dict[str, Any], *, thread_ts: str | None = None, only_for: str | None = None) -> Message:
    """Put a checked message of the bot's into a channel."""
    message = Message(
        rig.world.new_ts(),
        channel,
        rig.world.bot_user,
        str(payload.get("text") or payload.get("markdown_text") or "")[: LIMITS["message.text"]],
        copy.deepcopy(payload.get("blocks") or []),
        thread_ts,
        only_for=only_for,
        metadata=payload.get("metadata") or None,
        attachments=copy.deepcopy(payload.get("attachments") or []),
    )
    if payload.get("markdown_text"):
        message.blocks = [{"type": "markdown", "text": payload["markdown_text"]}]
    rig.world.statuses.pop((channel, thread_ts or ""), None)
    return rig.world.add(message)


def replace(rig: Rig, message: Message, payload: dict[str, Any]) -> None:
    """Give a message new content; what people had chosen in it is forgotten."""
    message.text = str(payload.get("text") or "")
    message.blocks = copy.deepcopy(payload.get("blocks") or [])
    message.attachments = copy.deepcopy(payload.get("attachments") or [])
    if "metadata" in payload:
        message.metadata = payload["metadata"] or None
    message.state = {}
    message.edited = f"{rig.clock.now():.6f}"
    name_blocks(rig.world, message.blocks)
    rig.world.changed()
