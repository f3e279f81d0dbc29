"""Which events a change in the workspace causes, for an app that subscribed to them."""

from typing import Any

from slackbox import deliveries, payloads, shapes
from slackbox.rig import Rig
from slackbox.world import Message, User, View

MESSAGE_EVENTS = {"public": ("message.channels", "channel"), "private": ("message.groups", "group"), "im": ("message.im", "im")}


def posted(rig: Rig, message: Message) -> None:
    """A message came: the app hears it where it is a member, and hears its own posts too."""
    channel = rig.world.channels[message.channel]
    if message.only_for or rig.world.bot_user not in channel.members:
        return
    subscription, kind = MESSAGE_EVENTS[channel.kind]
    inner = {**shapes.message(rig, message), "channel": channel.id, "event_ts": message.ts}
    if subscription in rig.app.events:
        send(rig, {**inner, "channel_type": kind}, shared=channel.external)
    mentioned = f"<@{rig.world.bot_user}>" in message.text and message.user != rig.world.bot_user
    if mentioned and channel.kind != "im" and "app_mention" in rig.app.events:
        send(rig, {**inner, "type": "app_mention"}, shared=channel.external)


def home_opened(rig: Rig, user: User, home: View | None) -> None:
    """A person looks at the app's Home tab."""
    if "app_home_opened" not in rig.app.events:
        return
    direct = rig.world.dm(user.id)
    inner: dict[str, Any] = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": direct.id if direct else "",
        "tab": "home",
        "event_ts": f"{rig.clock.now():.6f}",
    }
    send(rig, {**inner, "view": shapes.view(rig, home)} if home else inner)


def send(rig: Rig, inner: dict[str, Any], *, shared: bool = False) -> None:
    """Deliver in the background, with Slack's three retries."""
    rig.in_background(deliveries.event(rig, payloads.event(rig, inner, shared=shared)))
