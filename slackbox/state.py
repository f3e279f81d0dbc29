"""The workspace as one user sees it, for the page and for tests."""

from typing import Any

from slackbox.file_types import mimetype
from slackbox.rig import RefusedError, Rig
from slackbox.typing_text import sees_channel
from slackbox.world import Channel, File, Message, User, View


def state(rig: Rig, user_id: str) -> dict[str, Any]:
    """Everything that user may see, and nothing else; without a user, what the first person of the workspace sees."""
    world = rig.world
    user = world.users.get(user_id or next(iter(world.users)))
    if user is None:
        raise RefusedError("user_not_found", f"{user_id!r} is no user here; use one of {', '.join(world.users)}", status=404)
    channels = [each for each in world.channels.values() if sees_channel(world, user, each)]
    messages = {each.id: [message(rig, one) for one in world.messages.get(each.id, []) if one.seen_by(user.id)] for each in channels}
    return {
        "revision": world.revision,
        "now": rig.clock.now(),
        "me": user.id,
        "team": {"id": world.team_id, "name": world.team_name},
        "app": {"id": world.app_id, "name": rig.app.name, "bot_user": world.bot_user, "connected": bool(rig.wire and rig.wire.connected())},
        "users": [person(each) for each in world.users.values()],
        "usergroups": [
            {"id": each.id, "handle": each.handle, "name": each.name, "users": each.users} for each in world.usergroups.values()
        ],
        "channels": [channel(rig, each, user) for each in channels],
        "commands": [
            {"command": each.command, "description": each.description, "usage_hint": each.usage_hint} for each in rig.app.commands.values()
        ],
        "messages": messages,
        "views": [view(each) for each in world.stacks.get(user.id, [])],
        "home": home(world.homes.get(user.id)),
        "images": images(rig, user, [each.id for each in channels]),
        "notices": [
            {"id": each.id, "channel": each.channel, "text": each.text, "at": each.at} for each in world.notices if each.user == user.id
        ],
        "statuses": [
            {"channel": place, "thread_ts": thread, "text": text} for (place, thread), text in world.statuses.items() if place in messages
        ],
    }


def person(user: User) -> dict[str, Any]:
    """A user, briefly."""
    return {
        "id": user.id,
        "name": user.name,
        "real_name": user.real_name,
        "role": user.role,
        "deleted": user.deleted,
        "color": f"#{user.color}",
        "title": user.title,
    }


def channel(rig: Rig, each: Channel, user: User) -> dict[str, Any]:
    """A channel and how much in it is new to this user."""
    read = each.read.get(user.id, "0")
    unread = [one for one in rig.world.messages.get(each.id, []) if one.ts > read and one.user != user.id and one.seen_by(user.id)]
    return {
        "id": each.id,
        "name": each.name,
        "kind": each.kind,
        "members": each.members,
        "topic": each.topic,
        "external": each.external,
        "archived": each.archived,
        "unread": len(unread),
    }


def message(rig: Rig, each: Message) -> dict[str, Any]:
    """A message with all a screen needs."""
    return {
        "ts": each.ts,
        "user": each.user,
        "text": each.text,
        "blocks": each.blocks,
        "thread_ts": each.thread_ts,
        "reply_count": len(rig.world.replies(each.channel, each.ts)),
        "edited": each.edited is not None,
        "ephemeral": each.only_for is not None,
        "files": [file(rig, rig.world.files[name]) for name in each.files if name in rig.world.files],
        "reactions": [{"name": name, "users": users} for name, users in each.reactions.items()],
        "metadata": each.metadata,
        "attachments": each.attachments,
    }


def file(rig: Rig, each: File) -> dict[str, Any]:
    """A file of a message."""
    return {
        "id": each.id,
        "name": each.name,
        "title": each.title,
        "url": f"/_box/files/{each.id}",
        "mimetype": mimetype(each.content or b"") if rig.ready(each) else "",
        "alt_txt": each.alt_txt,
    }


def view(each: View) -> dict[str, Any]:
    """An open modal."""
    fields = {name: each.payload.get(name) for name in ("type", "callback_id", "title", "submit", "close", "blocks", "submit_disabled")}
    return {"id": each.id, **fields, "errors": each.errors, "values": each.values, "hash": each.hash}


def home(each: View | None) -> dict[str, Any]:
    """The Home tab, once the app has drawn it."""
    return {"id": each.id, "blocks": each.payload["blocks"], "values": each.values} if each else {"id": None, "blocks": []}


def images(rig: Rig, user: User, channels: list[str]) -> dict[str, Any]:
    """Finished pictures in what this user sees: by `slack_file`, or shared in a channel."""
    shown = [block for name in channels for one in rig.world.messages.get(name, []) if one.seen_by(user.id) for block in one.blocks]
    shown += [block for each in rig.world.stacks.get(user.id, []) for block in each.payload["blocks"]]
    shown += rig.world.homes[user.id].payload["blocks"] if user.id in rig.world.homes else []
    names = mentioned_files(shown) | {name for name, each in rig.world.files.items() if set(each.channels) & set(channels)}
    files = [rig.world.files[name] for name in sorted(names) if name in rig.world.files and rig.ready(rig.world.files[name])]
    return {each.id: {"url": f"/_box/files/{each.id}", "alt_txt": each.alt_txt} for each in files}


def mentioned_files(value: Any) -> set[str]:
    """Ids in every `slack_file` below a value."""
    if isinstance(value, list):
        return set().union(*[mentioned_files(each) for each in value])
    if not isinstance(value, dict):
        return set()
    reference = value.get("slack_file")
    own = {str(reference.get("id") or str(reference.get("url", "")).rsplit("/", 1)[-1])} if isinstance(reference, dict) else set()
    return own.union(*[mentioned_files(each) for name, each in value.items() if name != "slack_file"])
