"""What a person can do in Slack: type, click, choose, submit, look. Each call refuses what Slack's own screen would not offer."""

from typing import Any

from slackbox import deliveries, events, modals, payloads, responses
from slackbox.choices import chosen, element_of, fill, refuse_unfilled
from slackbox.rig import RefusedError, Reply, Rig
from slackbox.typing_text import as_command, as_message, sees_channel
from slackbox.world import Channel, Message, User, View

Body = dict[str, Any]


def actor(rig: Rig, body: Body) -> User:
    """Who acts: a person with a working account."""
    user = rig.world.users.get(str(body.get("user")))
    if user is None:
        raise RefusedError("user_not_found", f"{body.get('user')!r} is no user here; use one of {', '.join(rig.world.users)}", status=404)
    if user.deleted:
        raise RefusedError("account_inactive", f"{user.name} has left and can do nothing", status=403)
    if user.role == "bot":
        raise RefusedError("user_is_bot", "the bot acts through its own calls", status=403)
    return user


def place(rig: Rig, user: User, name: Any) -> Channel:
    """A channel the user may write in."""
    channel = rig.world.channels.get(str(name))
    if channel is None or not sees_channel(rig.world, user, channel):
        raise RefusedError("channel_not_found", f"{user.name} sees no channel {name!r}", status=404)
    if channel.archived:
        raise RefusedError("is_archived", f"#{channel.name} is archived", status=409)
    if user.id not in channel.members:
        raise RefusedError("not_in_channel", f"{user.name} is not in #{channel.name}", status=403)
    return channel


async def type_command(rig: Rig, body: Body) -> Body:
    """A slash command, sent to the app if it is one of its own."""
    user = actor(rig, body)
    channel = place(rig, user, body.get("channel"))
    name, _, text = str(body.get("text", "")).strip().partition(" ")
    if body.get("thread_ts"):
        rig.world.tell(user.id, channel.id, f"{name} is not supported in threads. Sorry!")
        return {"delivered": False}
    known = rig.app.commands.get(name)
    if known is None or user.team != rig.world.team_id:
        rig.world.tell(
            user.id,
            channel.id,
            f"{name} is not a valid command. In Slack, all messages that start with the “/” character are interpreted as commands.",
        )
        return {"delivered": False}
    token = rig.tickets.response_url(user.id, channel.id)
    typed = as_command(rig.world, text.strip(), should_escape=known.should_escape)
    mark_read(rig, channel, user)
    context = {"user": user.id, "channel": channel.id, "command": name, "token": token}
    reply = await deliveries.deliver(rig, "command", payloads.command(rig, user, channel, name, typed, token), context)
    command_answered(rig, reply, context)
    return outcome(reply)


def command_answered(rig: Rig, reply: Reply, context: Body) -> None:
    """Show what the acknowledgement holds, or what Slack says when none came."""
    user, channel = context["user"], context["channel"]
    if not reply.ok:
        reason = "operation_timeout" if reply.reason == "http_timeout" else "dispatch_failed"
        rig.world.tell(user, channel, f"{context['command']} failed with the error “{reason}”")
        return
    payload = reply.json() if reply.is_json else {"text": reply.text}
    ticket = rig.tickets.urls.get(context["token"])
    if ticket is None or not (payload.get("text") or payload.get("blocks")):
        return
    try:
        responses.check(rig, payload)
    except RefusedError as refused:
        rig.note(kind="refused", method="ack", error=refused.error, errors=refused.fields.get("errors"))
        rig.world.tell(user, channel, f"{context['command']} failed with the error “{refused.error}”")
        return
    responses.show(rig, ticket, payload)


def outcome(reply: Reply) -> Body:
    """How the app took it."""
    return {"delivered": True, "acked": reply.ok, "status": reply.status, "reason": reply.reason}


async def say(rig: Rig, body: Body) -> Body:
    """A message, as the user."""
    user = actor(rig, body)
    channel = place(rig, user, body.get("channel"))
    text = str(body.get("text", "")).strip()
    if not text:
        raise RefusedError("no_text", "a message needs text", status=400)
    root = rig.world.find(channel.id, str(body.get("thread_ts"))) if body.get("thread_ts") else None
    if body.get("thread_ts") and (root is None or not root.seen_by(user.id)):
        raise RefusedError("thread_not_found", f"there is no thread {body['thread_ts']} in {channel.name or channel.id}", status=404)
    thread = (root.thread_ts or root.ts) if root else None
    message = rig.world.add(Message(rig.world.new_ts(), channel.id, user.id, as_message(rig.world, text), thread_ts=thread))
    mark_read(rig, channel, user)
    events.posted(rig, message)
    return {"ts": message.ts}


def mark_read(rig: Rig, channel: Channel, user: User) -> None:
    """Who acts in a channel has read it."""
    channel.read[user.id] = f"{rig.clock.now():.6f}"


async def interact(rig: Rig, body: Body) -> Body:
    """A click or a choice in a message or view."""
    user = actor(rig, body)
    if not rig.app.interactive:
        raise RefusedError("interactivity_disabled", "the manifest switches interactivity off", status=409)
    return await (in_view if body.get("view") else in_message)(rig, user, body)


async def in_message(rig: Rig, user: User, body: Body) -> Body:
    """In a message the user can see, as it stands now."""
    where = body.get("message") or {}
    channel = rig.world.channels.get(str(where.get("channel")))
    message = rig.world.find(channel.id, str(where.get("ts"))) if channel else None
    if channel is None or message is None or not message.seen_by(user.id) or not sees_channel(rig.world, user, channel):
        raise RefusedError("message_not_found", f"{user.name} sees no such message", status=404)
    element = element_of(message.blocks, body, user.id)
    action = chosen(rig, element, body)
    fill(message.state.setdefault(user.id, {}), element, action)
    mark_read(rig, channel, user)
    token = rig.tickets.response_url(user.id, channel.id, message.ts, message.thread_ts)
    payload = payloads.message_action(rig, user, message, action, token)
    return await send_interaction(rig, payload, {"user": user.id, "channel": channel.id})


async def in_view(rig: Rig, user: User, body: Body) -> Body:
    """In the user's Home tab or a modal they have open."""
    view = own_view(rig, user, body)
    element = element_of(view.payload["blocks"], body, user.id)
    action = chosen(rig, element, body)
    fill(view.values, element, action)
    rig.world.changed()
    return await send_interaction(rig, payloads.view_action(rig, user, view, action), {"user": user.id, "channel": None})


def own_view(rig: Rig, user: User, body: Body) -> View:
    """The view named, if this user has it in front of them: the top modal or the Home tab."""
    view = rig.world.view(str(body.get("view")))
    stack = rig.world.stacks.get(user.id, [])
    if view is None or view.user != user.id or (view in stack and view is not stack[-1]):
        raise RefusedError("view_not_found", f"{user.name} does not have that view in front of them", status=404)
    return view


async def send_interaction(rig: Rig, payload: Body, context: Body) -> Body:
    """Deliver it, and say to the user when the app did not answer."""
    reply = await deliveries.deliver(rig, "interaction", payload, context)
    interaction_answered(rig, reply, payload, context)
    return outcome(reply)


def interaction_answered(rig: Rig, reply: Reply, payload: Body, context: Body) -> None:
    """An unanswered click is told to whoever clicked."""
    if not reply.ok and payload["type"] != "view_closed":
        late = (
            "This app did not respond in time."
            if reply.reason == "http_timeout"
            else f"This app responded with status code {reply.status}."
        )
        rig.world.tell(context["user"], context["channel"], late)


async def submit(rig: Rig, body: Body) -> Body:
    """Send the modal off; what the app answers decides what is seen next."""
    user = actor(rig, body)
    view = own_view(rig, user, body)
    if view.payload["type"] != "modal" or view.payload.get("submit") is None:
        raise RefusedError("not_submittable", "this view has no submit button", status=409)
    if view.payload.get("submit_disabled"):
        raise RefusedError("submit_disabled", "the submit button is switched off", status=409)
    refuse_unfilled(rig, view, body.get("state") or {})
    view.errors = {}
    payload = payloads.submission(rig, user, view)
    reply = await deliveries.deliver(rig, "interaction", payload, {"user": user.id, "channel": None, "view": view.id})
    return {**outcome(reply), **submission_answered(rig, reply, view.id, user.id)}


def submission_answered(rig: Rig, reply: Reply, view_id: str, user: str) -> Body:
    """Close, or do as the app says: errors, update, push, clear."""
    view = rig.world.view(view_id)
    if view is None:
        return {}
    if not reply.ok:
        rig.world.tell(user, None, "We had some trouble connecting. Try again?")
        return {}
    answer = reply.json()
    action = answer.get("response_action")
    try:
        ACTIONS.get(str(action), close_top)(rig, view, answer)
    except RefusedError as refused:
        rig.note(kind="refused", method=f"response_action {action}", error=refused.error, errors=refused.fields)
        rig.world.tell(user, None, "We had some trouble connecting. Try again?")
        return {"refused": refused.error}
    rig.world.changed()
    return {"response_action": action, "errors": view.errors} if action else {}


def close_top(rig: Rig, view: View, answer: Body) -> None:
    """Done with this modal; the one below comes back."""
    stack = rig.world.stacks.get(view.user, [])
    if view in stack:
        stack.remove(view)


def show_errors(rig: Rig, view: View, answer: Body) -> None:
    """The app names input blocks and what is wrong with them."""
    inputs = {block["block_id"] for block in view.payload["blocks"] if block.get("type") == "input"}
    given = answer.get("errors")
    if not isinstance(given, dict) or not given or set(given) - inputs:
        raise RefusedError("invalid_errors", f"errors name {list(given or [])}, the inputs are {sorted(inputs)}")
    view.errors = {str(block): str(text) for block, text in given.items()}


def show_update(rig: Rig, view: View, answer: Body) -> None:
    """The same modal, redrawn."""
    modals.redraw(rig, view, modals.checked(rig, answer.get("view"), "modal"))


def show_push(rig: Rig, view: View, answer: Body) -> None:
    """One more modal on top."""
    modals.push_on(rig, view.user, modals.checked(rig, answer.get("view"), "modal"))


def clear(rig: Rig, view: View, answer: Body) -> None:
    """Away with the whole stack."""
    rig.world.stacks[view.user] = []


ACTIONS = {"errors": show_errors, "update": show_update, "push": show_push, "clear": clear}


async def close(rig: Rig, body: Body) -> Body:
    """Put the modal away; the app hears of it only if it asked to."""
    user = actor(rig, body)
    view = own_view(rig, user, body)
    if view.payload["type"] != "modal":
        raise RefusedError("not_closable", "the Home tab stays", status=409)
    clears = bool(view.payload.get("clear_on_close"))
    (clear if clears else close_top)(rig, view, {})
    rig.world.changed()
    if not view.payload.get("notify_on_close"):
        return {"delivered": False}
    return await send_interaction(rig, payloads.closed(rig, user, view, cleared=clears), {"user": user.id, "channel": None})


async def open_home(rig: Rig, body: Body) -> Body:
    """Look at the app's Home tab."""
    user = actor(rig, body)
    events.home_opened(rig, user, rig.world.homes.get(user.id))
    return {}
