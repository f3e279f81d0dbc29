"""The Web API: one table of methods, and what every call goes through before its handler."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slackbox import chat, conversations, files, modals, people, validate
from slackbox.args import Args, invalid
from slackbox.rig import RefusedError, Rig

Handler = Callable[[Rig, Args], dict[str, Any]]
READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
WRITE = ("chat:write",)


@dataclass(frozen=True)
class Method:
    """A method: what it needs and how often it may be called; any one of `scopes` will do."""

    handler: Handler
    required: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    tier: int = 3
    token: str = "bot"  # noqa: S105 - bot | app | none: whose token the method takes


def api_test(rig: Rig, args: Args) -> dict[str, Any]:
    """Echo the arguments; `error` makes it fail."""
    if args.has("error"):
        raise RefusedError(args.text("error"), args=dict(args.values))
    return {"args": dict(args.values)}


def open_connection(rig: Rig, args: Args) -> dict[str, Any]:
    """The address of a socket, good for one connection."""
    wire = rig.wire
    if wire is None or wire.name != "socket":
        raise RefusedError("forbidden_team", detail="Socket Mode is off: this app takes its events over HTTP")
    ticket = rig.settings.token()
    rig.sockets_offered.add(ticket)
    return {"url": f"{rig.url.replace('http', 'ws', 1)}/socket?ticket={ticket}"}


def validate_blocks(rig: Rig, args: Args) -> dict[str, Any]:
    """Say what is wrong with blocks, a message or a view."""
    given = [name for name in ("blocks", "message", "view") if args.has(name)]
    if len(given) != 1:
        raise invalid("must provide exactly one of blocks, message, view")
    value = args.parsed(given[0])
    if given[0] == "blocks":
        problems = validate.blocks(value, at="")
    else:
        problems = validate.view(value, "") if given[0] == "view" else [each for each in validate.message(value) if each.code != "no_text"]
    if problems:
        raise RefusedError(f"invalid_{given[0]}", errors=[each.as_json() for each in problems])
    return {}


METHODS: Mapping[str, Method] = {
    "api.test": Method(api_test, tier=4, token="none"),  # noqa: S106
    "apps.connections.open": Method(open_connection, tier=2, token="app"),  # noqa: S106 - tier 1 in Slack: too slow for tests
    "assistant.threads.setStatus": Method(chat.set_status, ("channel_id", "thread_ts", "status"), ("assistant:write", "chat:write"), 5),
    "auth.test": Method(people.auth_test, tier=5),
    "blocks.validate": Method(validate_blocks, token="none"),  # noqa: S106
    "bots.info": Method(people.bot_info, (), ("users:read",)),
    "chat.delete": Method(chat.delete, ("channel", "ts"), WRITE),
    "chat.getPermalink": Method(chat.get_permalink, ("channel", "message_ts"), tier=5),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("channel", "user"), WRITE, 4),
    "chat.postMessage": Method(chat.post_message, ("channel",), WRITE, 5),
    "chat.update": Method(chat.update, ("channel", "ts"), WRITE),
    "conversations.history": Method(conversations.history, ("channel",), HISTORY),
    "conversations.info": Method(conversations.info, ("channel",), READ),
    "conversations.join": Method(conversations.join, ("channel",), ("channels:join",)),
    "conversations.list": Method(conversations.listing, (), READ, 2),
    "conversations.members": Method(conversations.members, ("channel",), READ, 4),
    "conversations.open": Method(conversations.open_direct, (), ("im:write", "mpim:write")),
    "conversations.replies": Method(conversations.replies, ("channel", "ts"), HISTORY),
    "files.completeUploadExternal": Method(files.complete_upload, ("files",), ("files:write",), 4),
    "files.delete": Method(files.delete, ("file",), ("files:write",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, ("filename", "length"), ("files:write",), 4),
    "files.info": Method(files.info, ("file",), ("files:read",), 4),
    "reactions.add": Method(chat.add_reaction, ("channel", "timestamp", "name"), ("reactions:write",)),
    "team.info": Method(people.team_info, (), ("team:read",)),
    "usergroups.list": Method(people.usergroup_list, (), ("usergroups:read",), 2),
    "usergroups.users.list": Method(people.usergroup_users, ("usergroup",), ("usergroups:read",), 2),
    "users.conversations": Method(conversations.of_user, (), READ),
    "users.info": Method(people.user_info, ("user",), ("users:read",), 4),
    "users.list": Method(people.user_list, (), ("users:read",), 2),
    "users.lookupByEmail": Method(people.user_by_email, ("email",), ("users:read.email",)),
    "views.open": Method(modals.open_view, ("view",), (), 4),
    "views.publish": Method(modals.publish, ("user_id", "view"), (), 4),
    "views.push": Method(modals.push, ("view",), (), 4),
    "views.update": Method(modals.update, ("view",), (), 4),
}
NAME = re.compile(r"\w{1,80}")


def call(rig: Rig, name: str, token: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Do one call; RefusedError says why not."""
    method = METHODS.get(name)
    if method is None:
        raise RefusedError("unknown_method", req_method=name)
    authorise(rig, method, token)
    pace(rig, name, method, values)
    args = Args(values)
    if wrong := [each for each in values if not NAME.fullmatch(each)]:
        raise RefusedError("invalid_arg_name", detail=f"{wrong[0]!r} cannot be the name of an argument")
    if missing := [each for each in method.required if values.get(each) is None and each != "status"]:
        raise invalid(*[f"missing required field: {each}" for each in missing])
    return method.handler(rig, args)


def authorise(rig: Rig, method: Method, token: str) -> None:
    """The right kind of token, with one of the scopes."""
    if method.token == "none":  # noqa: S105
        return
    if not token:
        raise RefusedError("not_authed")
    if token not in (rig.settings.bot_token, rig.settings.app_token):
        raise RefusedError("invalid_auth")
    if token != (rig.settings.app_token if method.token == "app" else rig.settings.bot_token):  # noqa: S105
        raise RefusedError("not_allowed_token_type")
    conversations.need(rig, *method.scopes)


def pace(rig: Rig, name: str, method: Method, values: Mapping[str, Any]) -> None:
    """Keep to the method's tier."""
    if not rig.settings.rate_limits:
        return
    channel = values.get("channel")
    wait = rig.limiter.retry_after(name, method.tier, str(channel) if channel else None)
    if wait:
        raise RefusedError("ratelimited", retry_after=wait)
