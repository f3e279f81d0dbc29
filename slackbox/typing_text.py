"""What Slack makes of typed text: names become mentions, and its own signs are escaped."""

import re

from slackbox.world import Channel, User, World

WORD = re.compile(r"(?<![\w&])([@#])([\w][\w.-]*)")


def escape(text: str) -> str:
    """The three signs that mean something in Slack's text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_message(world: World, text: str) -> str:
    """A message as it is stored."""
    return WORD.sub(lambda match: mention(world, match[1], match[2], named=False), escape(text))


def as_command(world: World, text: str, *, should_escape: bool) -> str:
    """A command's text; only `should_escape` turns names into ids, which then carry the name too."""
    if not should_escape:
        return text
    return WORD.sub(lambda match: mention(world, match[1], match[2], named=True), escape(text))


def mention(world: World, sign: str, name: str, *, named: bool) -> str:
    """The mention meant by a sign and a name, or both as they stand."""
    for end in range(len(name), 0, -1):
        if end < len(name) and name[end - 1] not in ".-" and name[end] not in ".-":
            continue
        found = known(world, sign, name[:end], named=named)
        if found:
            return found + name[end:]
    return sign + name


def known(world: World, sign: str, name: str, *, named: bool) -> str | None:
    """A person, a group or a channel of exactly that name."""
    if sign == "#":
        channel = next((each for each in world.channels.values() if each.name == name), None)
        return f"<#{channel.id}|{channel.name}>" if channel else None
    if name in ("here", "channel", "everyone"):
        return f"<!{name}>"
    user = next((each for each in world.users.values() if name in (each.name, each.id)), None)
    if user:
        return f"<@{user.id}|{user.name}>" if named else f"<@{user.id}>"
    group = next((each for each in world.usergroups.values() if each.handle == name), None)
    return (f"<!subteam^{group.id}|@{group.handle}>" if named else f"<!subteam^{group.id}>") if group else None


def sees_channel(world: World, user: User, channel: Channel) -> bool:
    """Members see a channel; staff see all public ones."""
    return user.id in channel.members or (channel.kind == "public" and user.role in ("admin", "member"))
