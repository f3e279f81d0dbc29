"""How Slack's API writes its objects: users, channels, messages, files, views."""

from typing import Any

from slackbox.file_types import mimetype
from slackbox.rig import Rig
from slackbox.world import Channel, File, Message, User, Usergroup, View


def user(rig: Rig, each: User) -> dict[str, Any]:
    """A user; the address only with `users:read.email`."""
    profile: dict[str, Any] = {"real_name": each.real_name, "display_name": each.name, "title": each.title, "team": each.team}
    if each.email and "users:read.email" in rig.app.scopes:
        profile["email"] = each.email
    shape = {
        "id": each.id,
        "team_id": each.team,
        "name": each.name,
        "real_name": each.real_name,
        "deleted": each.deleted,
        "color": each.color,
        "tz": each.tz,
        "profile": profile,
        "is_bot": each.role == "bot",
        "updated": int(rig.started),
    }
    return shape if each.deleted else {**shape, **roles(rig, each)}


def roles(rig: Rig, each: User) -> dict[str, Any]:
    """What Slack leaves out for a deactivated user."""
    shape: dict[str, Any] = {
        "is_admin": each.role == "admin",
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": each.role == "guest",
        "is_ultra_restricted": each.role == "guest",
        "is_app_user": False,
    }
    if each.team != rig.world.team_id:
        shape["is_stranger"] = True
    return shape


def channel(rig: Rig, each: Channel) -> dict[str, Any]:
    """A conversation as `conversations.info` answers."""
    shape: dict[str, Any] = {
        "id": each.id,
        "created": int(each.created),
        "is_archived": each.archived,
        "is_im": each.kind == "im",
        "is_mpim": False,
        "is_org_shared": False,
        "is_shared": each.external,
        "is_ext_shared": each.external,
        "is_pending_ext_shared": False,
        "context_team_id": rig.world.team_id,
        "is_private": each.kind != "public",
    }
    if each.kind == "im":
        return {**shape, "user": partner(rig, each), "is_user_deleted": rig.world.users[partner(rig, each)].deleted}
    return {
        **shape,
        "name": each.name,
        "name_normalized": each.name,
        "is_channel": each.kind == "public",
        "is_group": each.kind == "private",
        "is_general": each.name == "general",
        "is_member": rig.world.bot_user in each.members,
        "topic": {"value": each.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(each.members),
    }


def partner(rig: Rig, each: Channel) -> str:
    """The person on the other side of a direct message."""
    return next(member for member in each.members if member != rig.world.bot_user)


def message(rig: Rig, each: Message, *, metadata: bool = True) -> dict[str, Any]:
    """A message as history, events and interaction payloads carry it."""
    shape: dict[str, Any] = {
        "type": "message",
        "user": each.user,
        "ts": each.ts,
        "text": each.text,
        "team": rig.world.users[each.user].team,
    }
    if each.user == rig.world.bot_user:
        shape |= {"bot_id": rig.world.bot_id, "app_id": rig.world.app_id, "bot_profile": bot(rig)}
    if each.blocks:
        shape["blocks"] = each.blocks
    if each.attachments:
        shape["attachments"] = each.attachments
    if each.edited:
        shape["edited"] = {"user": each.user, "ts": each.edited}
    if each.files:
        shape["files"] = [file(rig, rig.world.files[name]) for name in each.files if name in rig.world.files]
    if each.reactions:
        shape["reactions"] = [{"name": name, "users": users, "count": len(users)} for name, users in each.reactions.items()]
    if metadata and each.metadata:
        shape["metadata"] = each.metadata
    if each.only_for:
        shape["is_ephemeral"] = True
    return shape | thread(rig, each)


def thread(rig: Rig, each: Message) -> dict[str, Any]:
    """Where a message stands in its thread, if it has one."""
    replies = rig.world.replies(each.channel, each.ts)
    if replies:
        last = replies[-1].ts
        return {
            "thread_ts": each.ts,
            "reply_count": len(replies),
            "reply_users": sorted({one.user for one in replies}),
            "latest_reply": last,
        }
    return {"thread_ts": each.thread_ts} if each.thread_ts else {}


def bot(rig: Rig) -> dict[str, Any]:
    """The app as the author of messages."""
    world = rig.world
    return {
        "id": world.bot_id,
        "app_id": world.app_id,
        "user_id": world.bot_user,
        "name": rig.app.bot_name,
        "deleted": False,
        "updated": int(rig.started),
        "team_id": world.team_id,
    }


def file(rig: Rig, each: File) -> dict[str, Any]:
    """A file; while Slack still looks at it, its type and addresses are missing."""
    shape: dict[str, Any] = {
        "id": each.id,
        "created": int(each.completed_at or 0),
        "name": each.name,
        "title": each.title or each.name,
        "user": each.owner,
        "size": each.length,
        "alt_txt": each.alt_txt,
        "channels": each.channels,
        "is_public": any(rig.world.channels[name].kind == "public" for name in each.channels),
        "shares": {},
        "file_access": "visible",
    }
    if not rig.ready(each):
        return {**shape, "mimetype": "", "filetype": ""}
    kind = mimetype(each.content or b"")
    address = f"{rig.url}/_box/files/{each.id}"
    addresses = {"url_private": address, "url_private_download": address, "permalink": f"{rig.url}/files/{each.id}"}
    return {**shape, "mimetype": kind, "filetype": kind.rsplit("/", 1)[-1], **addresses}


def usergroup(rig: Rig, each: Usergroup, *, with_users: bool) -> dict[str, Any]:
    """A user group as `usergroups.list` answers."""
    shape: dict[str, Any] = {
        "id": each.id,
        "team_id": rig.world.team_id,
        "is_usergroup": True,
        "name": each.name,
        "handle": each.handle,
        "description": "",
        "is_external": False,
        "date_delete": 0,
        "user_count": len(each.users),
    }
    return {**shape, "users": each.users} if with_users else shape


def view(rig: Rig, each: View) -> dict[str, Any]:
    """A view as `views.*` answers and as submissions carry it."""
    empty = {"title": None, "submit": None, "close": None, "private_metadata": "", "callback_id": "", "external_id": ""}
    flags = {"clear_on_close": False, "notify_on_close": False, "submit_disabled": False}
    return {
        **empty,
        **flags,
        **each.payload,
        "id": each.id,
        "team_id": rig.world.team_id,
        "app_id": rig.world.app_id,
        "app_installed_team_id": rig.world.team_id,
        "bot_id": rig.world.bot_id,
        "hash": each.hash,
        "root_view_id": each.root,
        "previous_view_id": each.previous,
        "state": {"values": each.values},
    }
