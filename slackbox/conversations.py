"""`conversations.*`: what channels there are, who is in them and what was said."""

import base64
from collections.abc import Sequence
from typing import Any, TypeVar

from slackbox import posting, shapes
from slackbox.args import Args, invalid
from slackbox.rig import RefusedError, Rig
from slackbox.world import Channel, Message

Item = TypeVar("Item")
PREFIX = {"public": "channels", "private": "groups", "im": "im"}
TYPES = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}


def need(rig: Rig, *scopes: str) -> None:
    """Any one of these scopes."""
    if scopes and not set(scopes) & set(rig.app.scopes):
        raise RefusedError("missing_scope", needed=",".join(scopes), provided=",".join(rig.app.scopes))


def page(args: Args, items: Sequence[Item], default: int = 100) -> tuple[list[Item], dict[str, Any]]:
    """One page of a list and the cursor of the next."""
    limit = args.whole("limit", default)
    if not 1 <= limit <= 1000:
        raise RefusedError("invalid_limit")
    try:
        start = int(base64.b64decode(args.text("cursor"), validate=True) or b"0")
    except ValueError:
        raise RefusedError("invalid_cursor") from None
    if not 0 <= start <= len(items):
        raise RefusedError("invalid_cursor")
    following = base64.b64encode(str(start + limit).encode()).decode() if start + limit < len(items) else ""
    return list(items[start : start + limit]), {"response_metadata": {"next_cursor": following}}


def readable(rig: Rig, args: Args, right: str) -> Channel:
    """The channel named, if the app may do this to channels of its kind."""
    name = args.text("channel")
    channel = rig.world.channels.get(name)
    if channel is None or (channel.kind != "public" and rig.world.bot_user not in channel.members):
        raise RefusedError("channel_not_found")
    need(rig, f"{PREFIX[channel.kind]}:{right}")
    if right == "history" and rig.world.bot_user not in channel.members:
        raise RefusedError("not_in_channel")
    return channel


def info(rig: Rig, args: Args) -> dict[str, Any]:
    """One channel, its share status included."""
    return {"channel": shapes.channel(rig, readable(rig, args, "read"))}


def listing(rig: Rig, args: Args) -> dict[str, Any]:
    """The channels the app may know of."""
    found = [each for each in wanted(rig, args) if each.kind == "public" or rig.world.bot_user in each.members]
    chosen, more = page(args, found)
    return {"channels": [shapes.channel(rig, each) for each in chosen], **more}


def of_user(rig: Rig, args: Args) -> dict[str, Any]:
    """The channels the bot (or a user, as far as the bot may know) is in."""
    bot, user = rig.world.bot_user, args.text("user") or rig.world.bot_user
    if user not in rig.world.users:
        raise RefusedError("user_not_found")
    found = [each for each in wanted(rig, args) if user in each.members and (each.kind == "public" or bot in each.members)]
    chosen, more = page(args, found)
    return {"channels": [shapes.channel(rig, each) for each in chosen], **more}


def wanted(rig: Rig, args: Args) -> list[Channel]:
    """The kinds of channel asked for, each needing its own scope."""
    kinds = [each.strip() for each in args.text("types", "public_channel").split(",")]
    if unknown := [each for each in kinds if each not in TYPES]:
        raise RefusedError("invalid_types", detail=f"{unknown[0]!r} is no type of conversation")
    for each in kinds:
        need(rig, f"{PREFIX.get(TYPES[each], 'mpim')}:read")
    archived = not args.flag("exclude_archived")
    return [
        each for each in rig.world.channels.values() if each.kind in {TYPES[kind] for kind in kinds} and (archived or not each.archived)
    ]


def members(rig: Rig, args: Args) -> dict[str, Any]:
    """Who is in a channel."""
    chosen, more = page(args, readable(rig, args, "read").members)
    return {"members": chosen, **more}


def open_direct(rig: Rig, args: Args) -> dict[str, Any]:
    """The direct messages with one person."""
    if args.has("channel"):
        return {"channel": {"id": posting.channel_for(rig, args.text("channel")).id}, "already_open": True, "no_op": True}
    users = [each for each in args.text("users").split(",") if each]
    if not users:
        raise RefusedError("users_list_not_supplied")
    if len(users) > 1:
        raise RefusedError("method_not_supported_for_channel_type", detail="group direct messages are not part of this Slack")
    if users[0] not in rig.world.users:
        raise RefusedError("user_not_found")
    was_open = rig.world.dm(users[0]) is not None
    channel = posting.open_dm(rig, users[0])
    known = {"already_open": True, "no_op": True} if was_open else {}
    return {"channel": shapes.channel(rig, channel) if args.flag("return_im") else {"id": channel.id}, **known}


def join(rig: Rig, args: Args) -> dict[str, Any]:
    """Enter a public channel."""
    channel = rig.world.channels.get(args.text("channel"))
    if channel is None or (channel.kind == "private" and rig.world.bot_user not in channel.members):
        raise RefusedError("channel_not_found")
    if channel.kind != "public":
        raise RefusedError("method_not_supported_for_channel_type")
    if channel.archived:
        raise RefusedError("is_archived")
    already = rig.world.bot_user in channel.members
    if not already:
        channel.members.append(rig.world.bot_user)
        rig.world.changed()
    return {"channel": shapes.channel(rig, channel)} | ({"warning": "already_in_channel"} if already else {})


def history(rig: Rig, args: Args) -> dict[str, Any]:
    """The newest messages first; replies only with their thread."""
    channel = readable(rig, args, "history")
    found = [each for each in rig.world.messages.get(channel.id, []) if not each.thread_ts or each.thread_ts == each.ts]
    return told(rig, args, sorted(found, key=lambda each: each.ts, reverse=True))


def replies(rig: Rig, args: Args) -> dict[str, Any]:
    """A thread: its first message, then the replies."""
    channel = readable(rig, args, "history")
    root = posting.thread_root(rig, channel.id, args.text("ts"))
    first = rig.world.find(channel.id, root or "")
    if first is None:
        raise invalid("missing required field: ts")
    return told(rig, args, [first, *rig.world.replies(channel.id, first.ts)])


def told(rig: Rig, args: Args, messages: list[Message]) -> dict[str, Any]:
    """Messages between two times, a page of them."""
    oldest, latest = number(args, "oldest", 0.0), number(args, "latest", float("inf"))
    edge = args.flag("inclusive")
    lasting = [each for each in messages if each.only_for is None]
    inside = [each for each in lasting if oldest < float(each.ts) < latest or (edge and float(each.ts) in (oldest, latest))]
    chosen, more = page(args, inside)
    metadata = args.flag("include_all_metadata")
    shown = [shapes.message(rig, each, metadata=metadata) for each in chosen]
    return {"messages": shown, "has_more": bool(more["response_metadata"]["next_cursor"]), **more}


def number(args: Args, name: str, default: float) -> float:
    """A time given as text."""
    try:
        return float(args.text(name) or default)
    except ValueError:
        raise RefusedError(f"invalid_ts_{name}") from None
