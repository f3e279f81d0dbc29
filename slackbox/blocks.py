"""Every block Slack knows: its shape, and the surfaces it may stand on."""

from collections.abc import Iterator
from typing import Any

from slackbox.block_elements import (
    ACCESSORY,
    ACTION_ELEMENT,
    ALT_TEXT,
    BUTTON,
    CONTEXT_ACTIONS,
    ID,
    IMAGE,
    IMAGE_FIELDS,
    INPUT_ELEMENT,
    plain,
    text,
)
from slackbox.block_limits import LIMITS
from slackbox.data_blocks import DATA_BLOCKS
from slackbox.rich_text import RICH_TEXT, RICH_TEXT_OBJECT
from slackbox.schema import Check, Problem, array, at_least_one, at_most_one, boolean, by_type, exactly_one, one_of, record, string

OWN_ID: dict[str, Check] = {"block_id": ID}
IMAGE_OBJECT = by_type({"image": IMAGE})
SECTION = record(
    {},
    {
        "text": text(LIMITS["section.text"]),
        "fields": array(text(LIMITS["section.field"]), LIMITS["section.fields"], 1),
        "accessory": ACCESSORY,
        "expand": boolean,
        **OWN_ID,
    },
    at_least_one("text", "fields"),
)
IMAGE_BLOCK = record(
    {"alt_text": ALT_TEXT},
    {**IMAGE_FIELDS, "title": plain(LIMITS["image.title"]), **OWN_ID},
    exactly_one("image_url", "slack_file"),
)
CONTEXT_TEXT = text(LIMITS["section.text"])
CONTEXT_PIECES = {"image", "plain_text", "mrkdwn"}


def context_piece(value: Any, at: str) -> Iterator[Problem]:
    """Text or a small image."""
    is_image = isinstance(value, dict) and value.get("type") == "image"
    kind = value.get("type") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind not in CONTEXT_PIECES:
        yield Problem(f"unsupported type: {kind}", f"{at}/type", {"type": "enum", "expected": sorted(CONTEXT_PIECES)})
        return
    yield from (IMAGE_OBJECT if is_image else CONTEXT_TEXT)(value, at)


INPUT = record(
    {"label": plain(LIMITS["input.label"]), "element": INPUT_ELEMENT},
    {"hint": plain(LIMITS["input.hint"]), "optional": boolean, "dispatch_action": boolean, **OWN_ID},
)
CARD = record(
    {},
    {
        "hero_image": IMAGE_OBJECT,
        "icon": IMAGE_OBJECT,
        "slack_icon": by_type({"icon": record({"name": string(None, 1)})}),
        "title": text(LIMITS["card.title"]),
        "subtitle": text(LIMITS["card.subtitle"]),
        "body": text(LIMITS["card.body"]),
        "subtext": text(LIMITS["card.subtext"]),
        "actions": array(by_type({"button": BUTTON}), LIMITS["card.actions"], 1),
        **OWN_ID,
    },
    at_least_one("hero_image", "title", "actions", "body"),
    at_most_one("icon", "slack_icon"),
)
STATUS = one_of("pending", "in_progress", "complete", "error")
SOURCE = by_type({"url": record({"url": string(None, 1), "text": string(None, 1)})})
TASK_REQUIRED: dict[str, Check] = {"task_id": string(None, 1), "title": string(None, 1), "status": STATUS}
TASK_OPTIONAL: dict[str, Check] = {"details": RICH_TEXT_OBJECT, "output": RICH_TEXT_OBJECT, "sources": array(SOURCE), **OWN_ID}


def not_pending(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """A task on its own has begun; only a plan lists what is still to do."""
    if value.get("status") == "pending":
        yield Problem("only tasks of a plan can be pending", f"{at}/status", {"type": "enum"})


def task_ids_differ(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """A plan's tasks are updated by id."""
    seen: set[str] = set()
    for index, task in enumerate(value["tasks"] if isinstance(value.get("tasks"), list) else []):
        task_id = task.get("task_id") if isinstance(task, dict) else None
        if isinstance(task_id, str) and task_id in seen:
            yield Problem(f"task_id {task_id} already exists", f"{at}/tasks/{index}/task_id", {"type": "unique"})
        seen.add(str(task_id))


def plan_task(value: Any, at: str) -> Iterator[Problem]:
    """A task card inside a plan, with or without its type."""
    bare = {name: each for name, each in value.items() if name != "type"} if isinstance(value, dict) else value
    yield from record(TASK_REQUIRED, TASK_OPTIONAL)(bare, at)


def collapsing_is_coherent(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """What cannot collapse cannot start collapsed; what can has no divider under its header."""
    if value.get("default_collapsed") and not value.get("is_collapsible"):
        yield Problem("default_collapsed requires is_collapsible", f"{at}/default_collapsed", {"type": "requires"})
    if value.get("has_header_divider") and value.get("is_collapsible"):
        yield Problem("has_header_divider requires a container that does not collapse", f"{at}/has_header_divider", {"type": "requires"})


VIDEO = record(
    {
        "alt_text": ALT_TEXT,
        "title": plain(LIMITS["video.title"]),
        "thumbnail_url": string(LIMITS["image.url"], 1),
        "video_url": string(LIMITS["image.url"], 1),
    },
    {
        "title_url": string(LIMITS["image.url"]),
        "description": plain(LIMITS["video.description"]),
        "author_name": string(LIMITS["video.author"]),
        "provider_name": string(LIMITS["video.author"]),
        "provider_icon_url": string(LIMITS["image.url"]),
        **OWN_ID,
    },
)

SIMPLE: dict[str, Check] = {
    "section": SECTION,
    "header": record({"text": plain(LIMITS["header.text"])}, OWN_ID),
    "divider": record({}, OWN_ID),
    "image": IMAGE_BLOCK,
    "context": record({"elements": array(context_piece, LIMITS["context.elements"], 1)}, OWN_ID),
    "actions": record({"elements": array(ACTION_ELEMENT, LIMITS["actions.elements"], 1)}, OWN_ID),
    "input": INPUT,
    "rich_text": RICH_TEXT,
    "video": VIDEO,
    "file": record({"external_id": string(None, 1), "source": one_of("remote")}, OWN_ID),
}
CONTAINER = record(
    {"child_blocks": array(by_type({**SIMPLE, "table": DATA_BLOCKS["table"]}), LIMITS["container.blocks"], 1)},
    {
        "title": plain(LIMITS["container.title"]),
        "rich_text_title": RICH_TEXT_OBJECT,
        "subtitle": text(LIMITS["container.subtitle"]),
        "width": one_of("narrow", "standard", "wide", "full"),
        "icon": IMAGE_OBJECT,
        "is_collapsible": boolean,
        "default_collapsed": boolean,
        "has_header_divider": boolean,
        **OWN_ID,
    },
    at_least_one("title", "rich_text_title"),
    collapsing_is_coherent,
)
BLOCKS: dict[str, Check] = {
    **SIMPLE,
    **DATA_BLOCKS,
    "markdown": record({"text": string(LIMITS["markdown.text"], 1)}, OWN_ID),
    "context_actions": record({"elements": array(CONTEXT_ACTIONS, LIMITS["context_actions.elements"], 1)}, OWN_ID),
    "card": CARD,
    "carousel": record({"elements": array(by_type({"card": CARD}), LIMITS["carousel.cards"], 1)}, OWN_ID),
    "container": CONTAINER,
    "alert": record({"text": text(LIMITS["alert.text"])}, {"level": one_of("default", "info", "warning", "error", "success"), **OWN_ID}),
    "task_card": record(TASK_REQUIRED, TASK_OPTIONAL, not_pending),
    "plan": record(
        {"title": string(None, 1)},
        {"tasks": array(plan_task, LIMITS["plan.tasks"]), **OWN_ID},
        task_ids_differ,
    ),
}

NOT_IN_MESSAGES = {"alert"}
NOT_IN_MODALS = {
    "carousel",
    "container",
    "context_actions",
    "data_table",
    "data_visualization",
    "file",
    "markdown",
    "plan",
    "table",
    "task_card",
}
NOT_AT_HOME = {"alert", "context_actions", "file", "markdown", "plan", "task_card"}
SURFACES: dict[str, Check] = {
    surface: by_type({name: shape for name, shape in BLOCKS.items() if name not in absent})
    for surface, absent in {"message": NOT_IN_MESSAGES, "modal": NOT_IN_MODALS, "home": NOT_AT_HOME}.items()
}
