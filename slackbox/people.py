"""`users.*`, `usergroups.*`, `auth.test`, `team.info` and `bots.info`."""

from typing import Any

from slackbox import shapes
from slackbox.args import Args
from slackbox.conversations import page
from slackbox.rig import RefusedError, Rig


def auth_test(rig: Rig, args: Args) -> dict[str, Any]:
    """Whose token this is."""
    world = rig.world
    return {
        "url": rig.url + "/",
        "team": world.team_name,
        "user": rig.app.bot_name,
        "team_id": world.team_id,
        "user_id": world.bot_user,
        "bot_id": world.bot_id,
        "is_enterprise_install": False,
    }


def team_info(rig: Rig, args: Args) -> dict[str, Any]:
    """The workspace."""
    world = rig.world
    return {"team": {"id": world.team_id, "name": world.team_name, "domain": world.domain, "email_domain": "lumen.example", "icon": {}}}


def bot_info(rig: Rig, args: Args) -> dict[str, Any]:
    """The app as a bot."""
    if args.text("bot", rig.world.bot_id) != rig.world.bot_id:
        raise RefusedError("bot_not_found")
    return {"bot": shapes.bot(rig)}


def user_info(rig: Rig, args: Args) -> dict[str, Any]:
    """One user by id."""
    user = rig.world.users.get(args.text("user"))
    if user is None:
        raise RefusedError("user_not_found")
    return {"user": shapes.user(rig, user)}


def user_list(rig: Rig, args: Args) -> dict[str, Any]:
    """Everyone, those who left too."""
    chosen, more = page(args, list(rig.world.users.values()), 1000)
    return {"members": [shapes.user(rig, each) for each in chosen], "cache_ts": int(rig.clock.now()), **more}


def user_by_email(rig: Rig, args: Args) -> dict[str, Any]:
    """One user of this workspace by address; those who left are not found."""
    asked = args.text("email").lower()
    for user in rig.world.users.values():
        if user.email and user.email == asked and not user.deleted and user.team == rig.world.team_id:
            return {"user": shapes.user(rig, user)}
    raise RefusedError("users_not_found")


def usergroup_list(rig: Rig, args: Args) -> dict[str, Any]:
    """All user groups; their people on request."""
    with_users = args.flag("include_users")
    return {"usergroups": [shapes.usergroup(rig, each, with_users=with_users) for each in rig.world.usergroups.values()]}


def usergroup_users(rig: Rig, args: Args) -> dict[str, Any]:
    """The people of one user group."""
    group = rig.world.usergroups.get(args.text("usergroup"))
    if group is None:
        raise RefusedError("no_such_subteam")
    return {"users": [each for each in group.users if not rig.world.users[each].deleted]}
