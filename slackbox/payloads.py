"""What Slack sends to an app: commands, interactions and events, field by field."""

from typing import Any

from slackbox import shapes
from slackbox.rig import Rig
from slackbox.world import Channel, Message, User, View

VERIFICATION = "legacy-verification-token"  # deprecated by Slack, still sent, worth nothing


def command(rig: Rig, user: User, channel: Channel, name: str, text: str, response: str) -> dict[str, str]:
    """A slash command: a flat form."""
    return {
        "token": VERIFICATION,
        "team_id": rig.world.team_id,
        "team_domain": rig.world.domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": rig.world.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url(rig, response),
        "trigger_id": rig.tickets.trigger(user.id),
    }


def channel_name(channel: Channel) -> str:
    """As commands and clicks name the place."""
    return {"im": "directmessage", "private": "privategroup"}.get(channel.kind, channel.name)


def response_url(rig: Rig, token: str) -> str:
    """The address that takes answers."""
    return f"{rig.url}/respond/{token}"


def interaction(rig: Rig, kind: str, user: User) -> dict[str, Any]:
    """What all interactions carry."""
    return {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
        "api_app_id": rig.world.app_id,
        "token": VERIFICATION,
        "trigger_id": rig.tickets.trigger(user.id),
        "team": {"id": rig.world.team_id, "domain": rig.world.domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def message_action(rig: Rig, user: User, message: Message, action: dict[str, Any], response: str) -> dict[str, Any]:
    """Something done to an element of a message."""
    channel = rig.world.channels[message.channel]
    container = {"type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": message.only_for is not None}
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    return {
        **interaction(rig, "block_actions", user),
        "container": container,
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "message": shapes.message(rig, message),
        "state": {"values": message.state.get(user.id, {})},
        "response_url": response_url(rig, response),
        "actions": [action],
    }


def view_action(rig: Rig, user: User, view: View, action: dict[str, Any]) -> dict[str, Any]:
    """Something done to an element of a view."""
    return {
        **interaction(rig, "block_actions", user),
        "container": {"type": "view", "view_id": view.id},
        "view": shapes.view(rig, view),
        "actions": [action],
    }


def submission(rig: Rig, user: User, view: View) -> dict[str, Any]:
    """A modal sent off."""
    return {**interaction(rig, "view_submission", user), "view": shapes.view(rig, view), "response_urls": []}


def closed(rig: Rig, user: User, view: View, *, cleared: bool) -> dict[str, Any]:
    """A modal put away; it gives no trigger."""
    payload = {**interaction(rig, "view_closed", user), "view": shapes.view(rig, view), "is_cleared": cleared}
    del payload["trigger_id"]
    return payload


def event(rig: Rig, inner: dict[str, Any], *, shared: bool = False) -> dict[str, Any]:
    """An event in its envelope."""
    world = rig.world
    installed = {"enterprise_id": None, "team_id": world.team_id, "user_id": world.bot_user, "is_bot": True, "is_enterprise_install": False}
    return {
        "token": VERIFICATION,
        "team_id": world.team_id,
        "context_team_id": world.team_id,
        "api_app_id": world.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": world.new_id("Ev"),
        "event_time": int(rig.clock.now()),
        "authorizations": [installed],
        "is_ext_shared_channel": shared,
        "event_context": f"4-{world.new_id('E')}",
    }
