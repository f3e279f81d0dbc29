"""`views.*`: modals in a stack of three, and the Home tab."""

import copy
import json
from typing import Any

from slackbox import shapes, validate
from slackbox.args import Args, invalid
from slackbox.block_limits import LIMITS
from slackbox.files import unready
from slackbox.rig import RefusedError, Rig
from slackbox.world import View, elements, name_blocks

DEPTH = 3


def open_view(rig: Rig, args: Args) -> dict[str, Any]:
    """Open a modal for the user who just acted."""
    payload = checked(rig, args.parsed("view"), "modal")
    user = exchange(rig, args)
    view = made(rig, user, payload)
    rig.world.stacks[user] = [view]
    return shown(rig, view)


def push(rig: Rig, args: Args) -> dict[str, Any]:
    """Lay a modal on the one the user just acted in."""
    payload = checked(rig, args.parsed("view"), "modal")
    user = exchange(rig, args)
    return shown(rig, push_on(rig, user, payload))


def push_on(rig: Rig, user: str, payload: dict[str, Any]) -> View:
    """One more modal on the stack."""
    stack = rig.world.stacks.get(user, [])
    if not stack:
        raise RefusedError("invalid_trigger_id", detail="a push needs an open modal")
    if len(stack) >= DEPTH:
        raise RefusedError("push_limit_reached")
    view = made(rig, user, payload, stack)
    stack.append(view)
    return view


def exchange(rig: Rig, args: Args) -> str:
    """The user whose act gave this trigger."""
    trigger = rig.tickets.exchange(args.text("trigger_id") or args.text("interactivity_pointer"))
    if isinstance(trigger, str):
        raise RefusedError(trigger)
    return trigger.user


def update(rig: Rig, args: Args) -> dict[str, Any]:
    """Redraw an open modal or Home tab."""
    if not args.has("view_id") and not args.has("external_id"):
        raise invalid("must provide view_id or external_id")
    found = [
        each
        for each in rig.world.all_views()
        if args.text("view_id") == each.id or args.text("external_id", "\0") == each.payload.get("external_id")
    ]
    if not found:
        raise RefusedError("not_found")
    view = found[0]
    payload = checked(rig, args.parsed("view"), str(view.payload.get("type")))
    same_hash(view, args)
    redraw(rig, view, payload)
    return shown(rig, view)


def publish(rig: Rig, args: Args) -> dict[str, Any]:
    """Draw a user's Home tab."""
    user = args.text("user_id")
    if not rig.app.has_home:
        raise RefusedError("not_enabled")
    if user not in rig.world.users or rig.world.users[user].deleted:
        raise invalid("invalid user_id")
    payload = checked(rig, args.parsed("view"), "home")
    home = rig.world.homes.get(user)
    if home is None:
        home = rig.world.homes[user] = made(rig, user, payload)
    else:
        same_hash(home, args)
        redraw(rig, home, payload)
    return shown(rig, home)


def same_hash(view: View, args: Args) -> None:
    """Refuse to draw over a version the app has not seen."""
    if args.has("hash") and args.text("hash") != view.hash:
        raise RefusedError("hash_conflict")


def checked(rig: Rig, payload: Any, kind: str) -> dict[str, Any]:
    """A view Slack would take."""
    given = payload.get("type") if isinstance(payload, dict) else None
    if given in list(validate.VIEWS) and given != kind:
        raise invalid(f"must be a {kind} view [json-pointer:/view/type]")
    problems = validate.errors(validate.view(payload))
    if problems:
        raise invalid(*problems)
    if len(json.dumps(payload).encode()) > LIMITS["view.bytes"]:
        raise RefusedError("view_too_large")
    if wrong := unready(rig, payload.get("blocks"), "/view/blocks"):
        raise invalid(*[f"invalid slack file [json-pointer:{at}]" for at in wrong])
    return dict(copy.deepcopy(payload))


def made(rig: Rig, user: str, payload: dict[str, Any], stack: list[View] | None = None) -> View:
    """A new view with its ids."""
    external = payload.get("external_id")
    if external and any(each.payload.get("external_id") == external for each in rig.world.all_views()):
        raise RefusedError("duplicate_external_id")
    name_blocks(rig.world, payload["blocks"])
    view_id = rig.world.new_id("V")
    below = stack[-1] if stack else None
    return View(view_id, user, payload, new_hash(rig), below.root if below else view_id, below.id if below else None)


def new_hash(rig: Rig) -> str:
    """A version name."""
    return f"{int(rig.clock.now())}.{rig.world.new_id('h')[-8:]}"


def redraw(rig: Rig, view: View, payload: dict[str, Any]) -> None:
    """New content in place; what was typed stays where its field stays."""
    name_blocks(rig.world, payload["blocks"])
    view.payload = payload
    view.hash = new_hash(rig)
    view.errors = {}
    kept = {(block["block_id"], each.get("action_id")) for block in payload["blocks"] for each in elements(block)}
    view.values = {
        block: {name: value for name, value in fields.items() if (block, name) in kept}
        for block, fields in view.values.items()
        if any((block, name) in kept for name in fields)
    }


def shown(rig: Rig, view: View) -> dict[str, Any]:
    """Draw it, and answer with it."""
    rig.world.changed()
    return {"view": shapes.view(rig, view)}
