"""Says everything Slack would refuse about blocks, a message or a view; pure, and it never raises."""

from collections.abc import Iterator
from typing import Any

from slackbox import schema
from slackbox.block_elements import plain
from slackbox.block_limits import LIMITS
from slackbox.blocks import SURFACES
from slackbox.data_blocks import text_length
from slackbox.schema import Problem, array, boolean, one_of, record, string


def blocks(payload: Any, surface: str = "message", at: str = "/blocks") -> list[Problem]:
    """Problems of a list of blocks on one surface: message, modal or home."""
    shape = array(SURFACES[surface], LIMITS[f"{surface}.blocks"])
    problems = list(shape(payload, at))
    if isinstance(payload, list):
        problems += ids_repeat(payload, at)
        problems += crowded(payload, at)
    return problems


def message(payload: Any) -> list[Problem]:
    """Problems of a message as `chat.postMessage` takes it; `code` is the error name where it has one of its own."""
    if not isinstance(payload, dict):
        return [schema.must_be("object", "")]
    problems = list(content(payload))
    if payload.get("blocks") is not None:
        problems += blocks(payload["blocks"])
        problems += too_long_together(payload["blocks"])
    problems += attachments(payload.get("attachments"))
    problems += metadata(payload.get("metadata"))
    return problems


def view(payload: Any, at: str = "/view") -> list[Problem]:
    """Problems of a modal or Home view."""
    if not isinstance(payload, dict):
        return [schema.must_be("object", at)]
    kind = payload.get("type")
    if not isinstance(kind, str) or kind not in VIEWS:
        return [Problem(f"unsupported type: {kind}", f"{at}/type", {"type": "enum", "expected": sorted(VIEWS)})]
    problems = list(VIEWS[kind](payload, at))
    if isinstance(payload.get("blocks"), list):
        problems += blocks(payload["blocks"], kind, f"{at}/blocks")
        if kind == "modal" and has_inputs(payload["blocks"]) and payload.get("submit") is None:
            problems.append(Problem("missing required field: submit", f"{at}/submit", {"type": "required", "field": "submit"}))
    return problems


def is_listed(value: Any, at: str) -> Iterator[Problem]:
    """Only that it is a list: what is in it is looked at by surface."""
    if not isinstance(value, list):
        yield schema.must_be("array", at)


COMMON = {
    "type": one_of("modal", "home"),
    "private_metadata": string(LIMITS["view.private_metadata"]),
    "callback_id": string(LIMITS["id"]),
    "external_id": string(LIMITS["id"]),
}
MODAL = {
    "submit": plain(LIMITS["view.submit"]),
    "close": plain(LIMITS["view.close"]),
    "clear_on_close": boolean,
    "notify_on_close": boolean,
    "submit_disabled": boolean,
}
VIEWS = {
    "modal": record({"title": plain(LIMITS["view.title"]), "blocks": is_listed}, {**COMMON, **MODAL}),
    "home": record({"blocks": is_listed}, COMMON),
}


def content(payload: dict[str, Any]) -> Iterator[Problem]:
    """There is something to say, and it is said in one way."""
    given = [name for name in ("text", "blocks", "attachments", "markdown_text") if payload.get(name)]
    if not given:
        yield Problem("a message needs text or blocks", "/text", code="no_text")
    if payload.get("text") is not None:
        yield from string()(payload["text"], "/text")
    if "markdown_text" in given:
        yield from string(LIMITS["message.markdown"])(payload["markdown_text"], "/markdown_text")
        if len(given) > 1:
            yield Problem("markdown_text goes with neither text nor blocks", "/markdown_text", code="markdown_text_conflict")


def attachments(payload: Any) -> Iterator[Problem]:
    """Legacy attachments: their number, and the blocks in them."""
    if payload is None:
        return
    if not isinstance(payload, list):
        yield schema.must_be("array", "/attachments")
        return
    if len(payload) > LIMITS["message.attachments"]:
        yield Problem(f"no more than {LIMITS['message.attachments']} items allowed", "/attachments", code="too_many_attachments")
    for index, each in enumerate(payload):
        if isinstance(each, dict) and each.get("blocks") is not None:
            yield from blocks(each["blocks"], at=f"/attachments/{index}/blocks")


METADATA = record({"event_type": string(LIMITS["id"], 1), "event_payload": lambda value, at: object_only(value, at)})


def metadata(payload: Any) -> Iterator[Problem]:
    """What the app hangs on a message for itself: a named event with an object."""
    if payload is None:
        return
    for problem in METADATA(payload, "/metadata"):
        yield Problem(problem.message, problem.pointer, problem.constraint, "invalid_metadata_format")
    if len(repr(payload)) > LIMITS["metadata.bytes"]:
        yield Problem("metadata is too large", "/metadata", code="metadata_too_large")


def object_only(value: Any, at: str) -> Iterator[Problem]:
    """Any object will do."""
    if not isinstance(value, dict):
        yield schema.must_be("object", at)


def ids_repeat(payload: list[Any], at: str) -> Iterator[Problem]:
    """A `block_id` names one block of the message, an `action_id` one element of its block."""
    seen: set[str] = set()
    for index, block in enumerate(payload):
        if not isinstance(block, dict):
            continue
        name = block.get("block_id")
        if isinstance(name, str) and name in seen:
            yield Problem(f"block_id {name} already exists", f"{at}/{index}/block_id", {"type": "unique"})
        seen.add(str(name))
        yield from actions_repeat(block, f"{at}/{index}")
        if isinstance(block.get("child_blocks"), list):
            yield from ids_repeat_within(block["child_blocks"], f"{at}/{index}/child_blocks", seen)


def ids_repeat_within(children: list[Any], at: str, seen: set[str]) -> Iterator[Problem]:
    """The children of a container share the message's names."""
    for index, block in enumerate(children):
        name = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(name, str) and name in seen:
            yield Problem(f"block_id {name} already exists", f"{at}/{index}/block_id", {"type": "unique"})
        seen.add(str(name))
        if isinstance(block, dict):
            yield from actions_repeat(block, f"{at}/{index}")


def actions_repeat(block: dict[str, Any], at: str) -> Iterator[Problem]:
    """Two elements of one block cannot answer to one name."""
    seen: set[str] = set()
    elements = block.get("elements")
    for index, each in enumerate(elements if isinstance(elements, list) else []):
        name = each.get("action_id") if isinstance(each, dict) else None
        if isinstance(name, str) and name in seen:
            yield Problem(f"action_id {name} already exists", f"{at}/elements/{index}/action_id", {"type": "unique"})
        seen.add(str(name))


def crowded(payload: list[Any], at: str) -> Iterator[Problem]:
    """What a surface holds only so much of: charts, tables, table text, markdown."""
    if len(kinds(payload, "data_visualization")) > LIMITS["message.charts"]:
        yield Problem(f"no more than {LIMITS['message.charts']} data_visualization blocks allowed", at, {"type": "max_items", "max": 2})
    if len(kinds(payload, "table")) > LIMITS["message.tables"]:
        yield Problem("only_one_table_allowed", at, {"type": "max_items", "max": LIMITS["message.tables"]})
    if sum(text_length(each.get("rows")) for each in kinds(payload, "data_table")) > LIMITS["message.data_table_text"]:
        yield Problem(
            f"data tables must be less than {LIMITS['message.data_table_text'] + 1} characters in total", at, {"type": "max_length"}
        )
    if sum(len(str(each.get("text"))) for each in kinds(payload, "markdown")) > LIMITS["message.markdown"]:
        yield Problem(f"markdown must be less than {LIMITS['message.markdown'] + 1} characters in total", at, {"type": "max_length"})


def kinds(payload: list[Any], kind: str) -> list[dict[str, Any]]:
    """The blocks of one type, those inside containers too."""
    found: list[dict[str, Any]] = []
    for block in payload:
        if isinstance(block, dict):
            found += [block] if block.get("type") == kind else []
            found += kinds(block["child_blocks"], kind) if isinstance(block.get("child_blocks"), list) else []
    return found


def has_inputs(payload: list[Any]) -> bool:
    """A modal one fills in."""
    return any(isinstance(block, dict) and block.get("type") == "input" for block in payload)


def too_long_together(payload: Any) -> Iterator[Problem]:
    """All text of a message's blocks; the tables have their own count."""
    counted = (
        [each for each in payload if isinstance(each, dict) and each.get("type") not in ("table", "data_table")]
        if isinstance(payload, list)
        else []
    )
    if text_length(counted) > LIMITS["message.blocks_text"]:
        yield Problem(
            f"blocks must be less than {LIMITS['message.blocks_text'] + 1} characters in total", "/blocks", code="msg_blocks_too_long"
        )


def errors(problems: list[Problem]) -> list[str]:
    """As the `errors` of an answer lists them."""
    return [str(each) for each in problems]
