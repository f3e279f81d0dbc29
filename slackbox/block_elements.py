"""Shapes of what sits inside blocks: text objects, options, confirmations, buttons, menus and inputs."""

from collections.abc import Iterator, Mapping
from typing import Any

from slackbox.block_limits import LIMITS
from slackbox.schema import Check, Problem, array, at_least_one, boolean, by_type, exactly_one, integer, one_of, record, string

ID = string(LIMITS["id"], 1)
FILE_ID = r"F[A-Z0-9]{8,}"
DATE = r"\d{4}-\d{2}-\d{2}"
TIME = r"([01]\d|2[0-3]):[0-5]\d"


def plain(most: int, fewest: int = 1) -> Check:
    """A plain_text object of at most `most` characters."""
    return by_type({"plain_text": record({"text": string(most, fewest)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """A plain_text or mrkdwn object of 1 to `most` characters."""
    body = string(most, 1)
    return by_type(
        {
            "plain_text": record({"text": body}, {"emoji": boolean}),
            "mrkdwn": record({"text": body}, {"verbatim": boolean}),
        }
    )


SLACK_FILE = record({}, {"id": string(pattern=FILE_ID), "url": string(LIMITS["image.url"], 1)}, exactly_one("id", "url"))
IMAGE_FIELDS: Mapping[str, Check] = {"image_url": string(LIMITS["image.url"], 1, r"https?://\S+"), "slack_file": SLACK_FILE}
ALT_TEXT = string(LIMITS["image.alt_text"], 1)
IMAGE = record({"alt_text": ALT_TEXT}, IMAGE_FIELDS, exactly_one("image_url", "slack_file"))

CONFIRM = record(
    {
        "title": plain(LIMITS["confirm.title"]),
        "text": text(LIMITS["confirm.text"]),
        "confirm": plain(LIMITS["confirm.confirm"]),
        "deny": plain(LIMITS["confirm.deny"]),
    },
    {"style": one_of("primary", "danger")},
)

OPTION_TEXT = {"text": plain(LIMITS["option.text"]), "value": string(LIMITS["option.value"], 1)}
OPTION = record(OPTION_TEXT, {"description": plain(LIMITS["option.description"])})
OVERFLOW_OPTION = record(OPTION_TEXT, {"description": plain(LIMITS["option.description"]), "url": string(LIMITS["option.url"])})
RICH_OPTION = record(
    {"text": text(LIMITS["option.text"]), "value": string(LIMITS["option.value"], 1)},
    {"description": text(LIMITS["option.description"])},
)
OPTIONS = array(OPTION, LIMITS["select.options"], 1)
GROUP = record({"label": plain(LIMITS["group.label"]), "options": OPTIONS})
DISPATCH = record({}, {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2, 1)})
FILTER = record(
    {},
    {
        "include": array(one_of("im", "mpim", "private", "public"), 4, 1),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
    at_least_one("include", "exclude_external_shared_channels", "exclude_bot_users"),
)

BUTTON_FIELDS: dict[str, Check] = {
    "action_id": ID,
    "url": string(LIMITS["button.url"]),
    "value": string(LIMITS["button.value"]),
    "style": one_of("primary", "danger"),
    "confirm": CONFIRM,
    "accessibility_label": string(LIMITS["button.accessibility_label"]),
    "agent_prompt": string(LIMITS["button.agent_prompt"]),
    "agent_prompt_display": string(),
    "visible_to_user_ids": array(string(), LIMITS["visible_to"]),
}
BUTTON = record({"text": plain(LIMITS["button.text"])}, BUTTON_FIELDS)


def chooser(own: Mapping[str, Check], required: Mapping[str, Check] | None = None, *, multi: bool = False) -> Check:
    """A menu: what all of them share plus the fields of this one."""
    shared: dict[str, Check] = {
        "action_id": ID,
        "placeholder": plain(LIMITS["placeholder"]),
        "confirm": CONFIRM,
        "focus_on_load": boolean,
    }
    if multi:
        shared["max_selected_items"] = integer(1)
    return record(required or {}, {**shared, **own})


def static_select(initial: Mapping[str, Check], *, multi: bool) -> Check:
    """A menu of fixed options or of fixed groups, whose initial choice is one of them."""
    fields = {"options": OPTIONS, "option_groups": array(GROUP, LIMITS["select.groups"], 1), **initial}
    base = chooser(fields, multi=multi)
    either = exactly_one("options", "option_groups")

    def check(value: Any, at: str) -> Iterator[Problem]:
        yield from base(value, at)
        if isinstance(value, dict):
            yield from either(value, at)
            yield from initial_is_listed(value, at)

    return check


def initial_is_listed(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """Slack refuses an initial choice that is not on the menu, letter for letter."""
    listed = menu_options(value)
    chosen = value.get("initial_options")
    for name, each in [("initial_option", value.get("initial_option")), *[("initial_options", one) for one in _list(chosen)]]:
        if each is not None and each not in listed:
            yield Problem(f"{name} does not match any of the options", f"{at}/{name}", {"type": "member"})


def menu_options(element: dict[str, Any]) -> list[Any]:
    """Every option of a menu, the grouped ones too."""
    grouped = [option for group in _list(element.get("option_groups")) if isinstance(group, dict) for option in _list(group.get("options"))]
    return [*_list(element.get("options")), *grouped]


def listed_choice(option: Check, most: int, initial: Mapping[str, Check]) -> Check:
    """Radio buttons or checkboxes."""
    return record(
        {"options": array(option, most, 1)},
        {"action_id": ID, "confirm": CONFIRM, "focus_on_load": boolean, **initial},
        initial_is_listed,
    )


def typed_input(own: Mapping[str, Check], required: Mapping[str, Check] | None = None) -> Check:
    """A field one types into."""
    shared = {"action_id": ID, "placeholder": plain(LIMITS["placeholder"]), "focus_on_load": boolean, "dispatch_action_config": DISPATCH}
    return record(required or {}, {**shared, **own})


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


TEXT_LENGTH = LIMITS["text_input.length"]
PLAIN_INPUT = typed_input(
    {
        "initial_value": string(TEXT_LENGTH),
        "multiline": boolean,
        "min_length": integer(0, TEXT_LENGTH),
        "max_length": integer(1, TEXT_LENGTH),
    }
)

IDS = array(string(None, 1))
MENUS: dict[str, Check] = {
    "static_select": static_select({"initial_option": OPTION}, multi=False),
    "multi_static_select": static_select({"initial_options": OPTIONS}, multi=True),
    "external_select": chooser({"initial_option": OPTION, "min_query_length": integer(0)}),
    "multi_external_select": chooser({"initial_options": OPTIONS, "min_query_length": integer(0)}, multi=True),
    "users_select": chooser({"initial_user": string()}),
    "multi_users_select": chooser({"initial_users": IDS}, multi=True),
    "conversations_select": chooser(
        {"initial_conversation": string(), "default_to_current_conversation": boolean, "response_url_enabled": boolean, "filter": FILTER}
    ),
    "multi_conversations_select": chooser(
        {"initial_conversations": IDS, "default_to_current_conversation": boolean, "filter": FILTER}, multi=True
    ),
    "channels_select": chooser({"initial_channel": string(), "response_url_enabled": boolean}),
    "multi_channels_select": chooser({"initial_channels": IDS}, multi=True),
}
PICKERS: dict[str, Check] = {
    "checkboxes": listed_choice(
        RICH_OPTION, LIMITS["checkboxes.options"], {"initial_options": array(RICH_OPTION, LIMITS["checkboxes.options"], 1)}
    ),
    "radio_buttons": listed_choice(RICH_OPTION, LIMITS["radio.options"], {"initial_option": RICH_OPTION}),
    "datepicker": chooser({"initial_date": string(pattern=DATE)}),
    "timepicker": chooser({"initial_time": string(pattern=TIME), "timezone": string()}),
    "datetimepicker": record(
        {}, {"action_id": ID, "initial_date_time": integer(1_000_000_000, 9_999_999_999), "confirm": CONFIRM, "focus_on_load": boolean}
    ),
}
OVERFLOW = record({"options": array(OVERFLOW_OPTION, LIMITS["overflow.options"], 1)}, {"action_id": ID, "confirm": CONFIRM})
WORKFLOW_BUTTON = record(
    {
        "text": plain(LIMITS["button.text"]),
        "workflow": record({"trigger": record({"url": string()}, {"customizable_input_parameters": IDS})}),
    },
    {
        "action_id": ID,
        "style": one_of("primary", "danger"),
        "accessibility_label": string(LIMITS["button.accessibility_label"]),
    },
)
INPUTS: dict[str, Check] = {
    "plain_text_input": PLAIN_INPUT,
    "email_text_input": typed_input({"initial_value": string()}),
    "url_text_input": typed_input({"initial_value": string()}),
    "number_input": typed_input({"initial_value": string(), "min_value": string(), "max_value": string()}, {"is_decimal_allowed": boolean}),
    "rich_text_input": typed_input({"initial_value": record({}, {"type": string(), "elements": array(lambda value, at: iter(()))})}),
    "file_input": record({}, {"action_id": ID, "filetypes": IDS, "max_files": integer(1, LIMITS["file_input.files"])}),
}
FEEDBACK = record(
    {"text": plain(LIMITS["button.text"]), "value": string(LIMITS["button.value"])},
    {"accessibility_label": string(LIMITS["button.accessibility_label"])},
)
CONTEXT_ACTIONS = by_type(
    {
        "feedback_buttons": record({"positive_button": FEEDBACK, "negative_button": FEEDBACK}, {"action_id": ID}),
        "icon_button": record(
            {"icon": one_of("trash"), "text": plain(LIMITS["button.text"])},
            {
                "action_id": ID,
                "value": string(LIMITS["button.value"]),
                "confirm": CONFIRM,
                "accessibility_label": string(LIMITS["button.accessibility_label"]),
                "visible_to_user_ids": array(string(), LIMITS["visible_to"]),
            },
        ),
    }
)

ACTION_ELEMENT = by_type(
    {"button": BUTTON, "overflow": OVERFLOW, "workflow_button": WORKFLOW_BUTTON, "plain_text_input": PLAIN_INPUT, **MENUS, **PICKERS}
)
ACCESSORY = by_type(
    {
        "button": BUTTON,
        "overflow": OVERFLOW,
        "workflow_button": WORKFLOW_BUTTON,
        "image": IMAGE,
        **MENUS,
        **PICKERS,
    }
)
INPUT_ELEMENT = by_type({**INPUTS, **MENUS, **PICKERS})
