"""Elements as a person meets them: finding one, what may be chosen in it, and what a form holds."""

from typing import Any

from slackbox.block_elements import menu_options
from slackbox.rig import RefusedError, Rig
from slackbox.world import View, elements

VALUE = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "overflow": "selected_option",
    "radio_buttons": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "number_input": "value",
    "rich_text_input": "rich_text_value",
    "file_input": "files",
}
INITIAL = {"value": "initial_value", "rich_text_value": "initial_value", "files": ""} | {
    name: name.replace("selected", "initial") for name in VALUE.values() if name.startswith("selected")
}
FIXED = ("static_select", "multi_static_select", "overflow", "radio_buttons", "checkboxes")


def element_of(blocks: list[dict[str, Any]], body: dict[str, Any], user: str) -> dict[str, Any]:
    """The element meant, with its block's id; refused when it is not on this user's screen."""
    block_id, action_id = body.get("block_id"), body.get("action_id")
    for block in every(blocks):
        for element in elements(block):
            if block["block_id"] == block_id and element.get("action_id") == action_id and shown_to(element, user):
                return {**element, "block_id": block_id}
            if feedback_matches(element, block, block_id, action_id):
                return {**element, "block_id": block_id}
    raise RefusedError("element_not_found", f"there is no {action_id!r} in block {block_id!r} as it stands now", status=409)


def every(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks, and the blocks within containers."""
    return [inner for block in blocks for inner in (block, *every(block.get("child_blocks", [])))]


def shown_to(element: dict[str, Any], user: str) -> bool:
    """Some buttons are drawn for named users only."""
    return not element.get("visible_to_user_ids") or user in element["visible_to_user_ids"]


def feedback_matches(element: dict[str, Any], block: dict[str, Any], block_id: Any, action_id: Any) -> bool:
    """A pair of feedback buttons answers to one id."""
    return element.get("type") == "feedback_buttons" and block["block_id"] == block_id and element.get("action_id") == action_id


def chosen(rig: Rig, element: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The entry of `actions` this makes."""
    kind = element["type"]
    action = {"type": kind, "action_id": element["action_id"], "block_id": element["block_id"], "action_ts": f"{rig.clock.now():.6f}"}
    if kind in ("button", "icon_button", "workflow_button", "feedback_buttons"):
        return action | pressed(element, body)
    name = VALUE.get(kind)
    if name is None:
        raise RefusedError("not_interactive", f"a {kind} cannot be acted on", status=409)
    return action | {name: picked(element, name, body.get(name, body.get("value")))}


def pressed(element: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A button sends its own value; a caller who names one must name that."""
    values = [element["value"]] if "value" in element else []
    if element["type"] == "feedback_buttons":
        values = [element["positive_button"]["value"], element["negative_button"]["value"]]
    asked = body.get("value")
    if asked is not None and asked not in values:
        raise RefusedError("stale_value", f"the button's value is {' or '.join(map(repr, values)) or 'not set'}, not {asked!r}", status=409)
    shown = {name: element[name] for name in ("text", "style", "confirm", "url") if name in element}
    return shown | ({"value": asked or values[0]} if values else {})


def picked(element: dict[str, Any], name: str, value: Any) -> Any:
    """The value as Slack sends it, if the element offers it."""
    if element["type"] not in FIXED:
        return value
    offered = menu_options(element)
    wanted = value if isinstance(value, list) else [value]
    found = [option_for(offered, each) for each in wanted if each is not None]
    if name == "selected_options":
        return found
    return found[0] if found else None


def option_for(offered: list[dict[str, Any]], value: Any) -> dict[str, Any]:
    """The option of that value."""
    asked = value.get("value") if isinstance(value, dict) else value
    for option in offered:
        if option["value"] == asked:
            return option
    raise RefusedError("option_not_found", f"{asked!r} is not on the menu: {', '.join(each['value'] for each in offered)}", status=409)


def fill(values: dict[str, Any], element: dict[str, Any], action: dict[str, Any]) -> None:
    """Remember a choice as the state of its form."""
    name = VALUE.get(element["type"])
    if name and element["type"] != "overflow":
        values.setdefault(element["block_id"], {})[element["action_id"]] = {"type": element["type"], name: action.get(name)}


def refuse_unfilled(rig: Rig, view: View, state: dict[str, Any]) -> None:
    """Take the given state; stop, as Slack's screen does, at required fields left empty."""
    fields = {(block["block_id"], each["action_id"]): (block, each) for block in every(view.payload["blocks"]) for each in stateful(block)}
    for block_id, given in state.items():
        for action_id, value in given.items():
            if (block_id, action_id) not in fields:
                raise RefusedError("element_not_found", f"there is no {action_id!r} in block {block_id!r} of this view", status=409)
            element = fields[block_id, action_id][1]
            name = VALUE[element["type"]]
            entry = picked(element, name, value.get(name) if isinstance(value, dict) else value)
            view.values.setdefault(block_id, {})[action_id] = {"type": element["type"], name: entry}
    errors = {}
    for (block_id, action_id), (block, element) in fields.items():
        entry = view.values.setdefault(block_id, {}).setdefault(action_id, initial(element))
        wrong = complaint(block, element, entry[VALUE[element["type"]]])
        if wrong:
            errors[block_id] = wrong
    if errors:
        view.errors = errors
        rig.world.changed()
        raise RefusedError("invalid_state", "; ".join(f"{name}: {text}" for name, text in errors.items()), status=400, errors=errors)


def stateful(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The elements of a block that hold a value."""
    return [each for each in elements(block) if each.get("type") in VALUE and each["type"] != "overflow"]


def initial(element: dict[str, Any]) -> dict[str, Any]:
    """What a field holds before anyone touches it."""
    name = VALUE[element["type"]]
    empty: Any = [] if name in ("selected_options", "selected_users", "selected_conversations", "selected_channels", "files") else None
    return {"type": element["type"], name: element.get(INITIAL[name], empty)}


def complaint(block: dict[str, Any], element: dict[str, Any], value: Any) -> str:
    """What Slack's screen says about one input."""
    if block.get("type") != "input":
        return ""
    if value in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] == "plain_text_input":
        return wrong_size(element, str(value))
    if element["type"] == "number_input":
        return wrong_number(element, str(value))
    return ""


def wrong_size(element: dict[str, Any], value: str) -> str:
    """Longer or shorter than the field takes."""
    if len(value) < element.get("min_length", 0):
        return f"Must be at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Must be at most {element.get('max_length', 3000)} characters."
    return ""


def wrong_number(element: dict[str, Any], value: str) -> str:
    """No number, or one out of bounds."""
    try:
        number = float(value)
    except ValueError:
        return "Please enter a number."
    if not element.get("is_decimal_allowed") and not value.lstrip("+-").isdigit():
        return "Please enter a whole number."
    if "min_value" in element and number < float(element["min_value"]):
        return f"Must be at least {element['min_value']}."
    if "max_value" in element and number > float(element["max_value"]):
        return f"Must be at most {element['max_value']}."
    return ""
