"""Each of Slack's numbers: exactly at it is fine, one over is not."""

from collections.abc import Callable
from typing import Any

import pytest

from slackbox import validate
from slackbox.block_limits import LIMITS
from slackbox.schema import Problem

Json = dict[str, Any]
Build = Callable[[int], list[Problem]]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(number: int = 0, **fields: Any) -> Json:
    return {"text": plain(f"o{number}"), "value": f"v{number}", **fields}


def options(count: int) -> list[Json]:
    return [option(number) for number in range(count)]


def button(**fields: Any) -> Json:
    return {"type": "button", "text": plain("Go"), **fields}


def dividers(count: int) -> list[Json]:
    return [{"type": "divider"}] * count


def section(**fields: Any) -> Json:
    return {"type": "section", **fields}


def one(block: Json) -> list[Problem]:
    return validate.blocks([block])


def action(element: Json) -> list[Problem]:
    return one({"type": "actions", "elements": [element]})


def field(element: Json, **fields: Any) -> list[Problem]:
    return validate.blocks([{"type": "input", "label": plain("L"), "element": element, **fields}], "modal")


def confirm(**fields: Any) -> list[Problem]:
    full = {"title": plain("t"), "text": plain("t"), "confirm": plain("t"), "deny": plain("t"), **fields}
    return action(button(confirm=full))


def view(**fields: Any) -> list[Problem]:
    return validate.view({"type": "modal", "title": plain("T"), "blocks": [], **fields})


def image(**fields: Any) -> list[Problem]:
    return one({"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a", **fields})


def table(rows: int = 1, columns: int = 1, text: str = "x", **fields: Any) -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": text}] * columns] * rows, **fields}


def data_table(rows: int = 2, columns: int = 1, text: str = "x", **fields: Any) -> Json:
    cells = [[{"type": "raw_text", "text": text}] * columns] * rows
    return {"type": "data_table", "caption": "c", "rows": cells, **fields}


def line(series: list[Json], categories: list[str], **axis: Any) -> Json:
    return chart({"type": "line", "series": series, "axis_config": {"categories": categories, **axis}})


def chart(body: Json, title: str = "Cost") -> Json:
    return {"type": "data_visualization", "title": title, "chart": body}


def series(name: str, labels: list[str]) -> Json:
    return {"name": name, "data": [{"label": label, "value": -1} for label in labels]}


def pie(labels: list[str]) -> Json:
    return chart({"type": "pie", "segments": [{"label": label, "value": 1} for label in labels]})


def names(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def card(**fields: Any) -> list[Problem]:
    return one({"type": "card", "title": plain("t"), **fields})


def container(**fields: Any) -> list[Problem]:
    return one({"type": "container", "title": plain("t"), "child_blocks": dividers(1), **fields})


def tasks(count: int) -> list[Problem]:
    cards = [{"task_id": str(number), "title": "t", "status": "pending"} for number in range(count)]
    return one({"type": "plan", "title": "p", "tasks": cards})


def video(**fields: Any) -> list[Problem]:
    urls = {"thumbnail_url": "https://example.com/t.png", "video_url": "https://example.com/v"}
    return one({"type": "video", "alt_text": "a", "title": plain("t"), **urls, **fields})


def rich_list(**fields: Any) -> list[Problem]:
    return one({"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [], **fields}]})


def select(kind: str = "static_select", **fields: Any) -> Json:
    return {"type": kind, **fields}


def feedback(count: int) -> list[Problem]:
    element = {"type": "icon_button", "icon": "trash", "text": plain("Delete")}
    return one({"type": "context_actions", "elements": [element] * count})


def message(**fields: Any) -> list[Problem]:
    return validate.message({"text": "x", **fields})


CASES: dict[str, tuple[int, Build]] = {
    "message.blocks": (50, lambda n: validate.blocks(dividers(n))),
    "modal.blocks": (100, lambda n: view(blocks=dividers(n))),
    "home.blocks": (100, lambda n: validate.view({"type": "home", "blocks": dividers(n)})),
    "message.attachments": (100, lambda n: message(attachments=[{"text": "x"}] * n)),
    "message.blocks_text": (
        13_200,
        lambda n: message(blocks=[section(text=mrkdwn("x" * 3000))] * 4 + [section(text=mrkdwn("x" * (n - 12_000)))]),
    ),
    "message.markdown": (12_000, lambda n: message(blocks=[{"type": "markdown", "text": "x" * part} for part in (6000, n - 6000)])),
    "message.charts": (2, lambda n: validate.blocks([pie(["a"])] * n)),
    "message.tables": (1, lambda n: validate.blocks([table()] * n)),
    "view.title": (24, lambda n: view(title=plain("x" * n))),
    "view.submit": (24, lambda n: view(submit=plain("x" * n))),
    "view.close": (24, lambda n: view(close=plain("x" * n))),
    "view.private_metadata": (3000, lambda n: view(private_metadata="x" * n)),
    "id": (
        255,
        lambda n: (
            one({"type": "divider", "block_id": "x" * n})
            + action(button(action_id="x" * n))
            + view(callback_id="x" * n, external_id="x" * n)
        ),
    ),
    "section.text": (3000, lambda n: one(section(text=mrkdwn("x" * n)))),
    "section.fields": (10, lambda n: one(section(fields=[mrkdwn("x")] * n))),
    "section.field": (2000, lambda n: one(section(fields=[mrkdwn("x" * n)]))),
    "header.text": (150, lambda n: one({"type": "header", "text": plain("x" * n)})),
    "context.elements": (10, lambda n: one({"type": "context", "elements": [mrkdwn("x")] * n})),
    "actions.elements": (25, lambda n: one({"type": "actions", "elements": [button()] * n})),
    "context_actions.elements": (5, feedback),
    "button.text": (75, lambda n: action(button(text=plain("x" * n)))),
    "button.value": (2000, lambda n: action(button(value="x" * n))),
    "button.url": (3000, lambda n: action(button(url="x" * n))),
    "button.accessibility_label": (75, lambda n: action(button(accessibility_label="x" * n))),
    "button.agent_prompt": (4000, lambda n: action(button(agent_prompt="x" * n))),
    "visible_to": (10, lambda n: action(button(visible_to_user_ids=["U0ANA00001"] * n))),
    "confirm.title": (100, lambda n: confirm(title=plain("x" * n))),
    "confirm.text": (300, lambda n: confirm(text=plain("x" * n))),
    "confirm.confirm": (30, lambda n: confirm(confirm=plain("x" * n))),
    "confirm.deny": (30, lambda n: confirm(deny=plain("x" * n))),
    "placeholder": (150, lambda n: action(select(options=options(1), placeholder=plain("x" * n)))),
    "select.options": (100, lambda n: action(select(options=options(n)))),
    "select.groups": (100, lambda n: action(select(option_groups=[{"label": plain("g"), "options": options(1)}] * n))),
    "option.text": (75, lambda n: action(select(options=[option(text=plain("x" * n))]))),
    "option.value": (150, lambda n: action(select(options=[option(value="x" * n)]))),
    "option.description": (75, lambda n: action(select(options=[option(description=plain("x" * n))]))),
    "option.url": (3000, lambda n: action(select("overflow", options=[option(url="x" * n)]))),
    "group.label": (75, lambda n: action(select(option_groups=[{"label": plain("x" * n), "options": options(1)}]))),
    "overflow.options": (5, lambda n: action(select("overflow", options=options(n)))),
    "radio.options": (10, lambda n: action(select("radio_buttons", options=options(n)))),
    "checkboxes.options": (10, lambda n: action(select("checkboxes", options=options(n)))),
    "file_input.files": (10, lambda n: field({"type": "file_input", "max_files": n})),
    "text_input.length": (3000, lambda n: field({"type": "plain_text_input", "max_length": n, "min_length": n, "initial_value": "x" * n})),
    "image.url": (3000, lambda n: image(image_url="https://example.com/".ljust(n, "x"))),
    "image.alt_text": (2000, lambda n: image(alt_text="x" * n)),
    "image.title": (2000, lambda n: image(title=plain("x" * n))),
    "input.label": (2000, lambda n: field({"type": "plain_text_input"}, label=plain("x" * n))),
    "input.hint": (2000, lambda n: field({"type": "plain_text_input"}, hint=plain("x" * n))),
    "markdown.text": (12_000, lambda n: one({"type": "markdown", "text": "x" * n})),
    "rich_text.indent": (8, lambda n: rich_list(indent=n)),
    "rich_text.border": (1, lambda n: rich_list(border=n)),
    "table.rows": (100, lambda n: one(table(rows=n))),
    "table.cells": (20, lambda n: one(table(columns=n))),
    "table.column_settings": (20, lambda n: one(table(column_settings=[{"align": "right"}] * n))),
    "table.text": (10_000, lambda n: one(table(text="x" * n))),
    "data_table.rows": (201, lambda n: one(data_table(rows=n))),
    "data_table.columns": (20, lambda n: one(data_table(columns=n))),
    "data_table.page_size": (100, lambda n: one(data_table(page_size=n))),
    "data_table.text": (
        20_000,
        lambda n: one({**data_table(), "rows": [[{"type": "raw_text", "text": "x"}], [{"type": "raw_text", "text": "x" * (n - 1)}]]}),
    ),
    "message.data_table_text": (
        20_000,
        lambda n: validate.blocks(
            [
                data_table(text="x" * 5000),
                {**data_table(), "rows": [[{"type": "raw_text", "text": "x"}], [{"type": "raw_text", "text": "x" * (n - 10_001)}]]},
            ]
        ),
    ),
    "chart.title": (50, lambda n: one({**pie(["a"]), "title": "x" * n})),
    "chart.segments": (12, lambda n: one(pie(names(n)))),
    "chart.series": (12, lambda n: one(line([series(name, ["a"]) for name in names(n)], ["a"]))),
    "chart.name": (20, lambda n: one(line([series("x" * n, ["a"])], ["a"]))),
    "chart.categories": (20, lambda n: one(line([series("s", names(n))], names(n)))),
    "chart.label": (20, lambda n: one(pie(["x" * n])) + one(line([series("s", ["x" * n])], ["x" * n]))),
    "chart.axis_label": (50, lambda n: one(line([series("s", ["a"])], ["a"], x_label="x" * n, y_label="y" * n))),
    "card.title": (150, lambda n: card(title=plain("x" * n))),
    "card.subtitle": (150, lambda n: card(subtitle=plain("x" * n))),
    "card.body": (200, lambda n: card(body=plain("x" * n))),
    "card.subtext": (200, lambda n: card(subtext=plain("x" * n))),
    "card.actions": (3, lambda n: card(actions=[button()] * n)),
    "carousel.cards": (10, lambda n: one({"type": "carousel", "elements": [{"type": "card", "title": plain("t")}] * n})),
    "container.title": (150, lambda n: container(title=plain("x" * n))),
    "container.subtitle": (150, lambda n: container(subtitle=plain("x" * n))),
    "container.blocks": (10, lambda n: container(child_blocks=dividers(n))),
    "alert.text": (200, lambda n: validate.blocks([{"type": "alert", "text": plain("x" * n)}], "modal")),
    "plan.tasks": (50, tasks),
    "video.title": (200, lambda n: video(title=plain("x" * n))),
    "video.description": (200, lambda n: video(description=plain("x" * n))),
    "video.author": (50, lambda n: video(author_name="x" * n)),
}
ELSEWHERE = {
    "message.text": "cut, not refused: test_web_api",
    "message.update_text": "chat.update only: test_web_api",
    "view.bytes": "view_too_large: test_tickets",
    "metadata.bytes": "a size in bytes: below",
    "data_table.fewest_rows": "a lower bound: below",
}


def test_every_limit_has_its_case() -> None:
    assert set(LIMITS) == set(CASES) | set(ELSEWHERE)


@pytest.mark.parametrize("name", CASES)
def test_exactly_at_the_limit_is_fine(name: str) -> None:
    limit, build = CASES[name]
    assert [str(each) for each in build(limit)] == []


@pytest.mark.parametrize("name", CASES)
def test_one_over_the_limit_is_not(name: str) -> None:
    limit, build = CASES[name]
    assert build(limit + 1) != []


def test_metadata_has_a_size() -> None:
    named = message(metadata={"event_type": "x", "event_payload": {"id": "x" * 16_384}})
    assert [each.code for each in named] == ["metadata_too_large"]
    assert message(metadata={"event_type": "x", "event_payload": {"id": "x" * 16_000}}) == []


RULES: dict[str, tuple[Callable[[], list[Problem]], str]] = {
    "a data table needs a row under its header": (
        lambda: one(data_table(rows=1)),
        "no less than 2 items allowed [json-pointer:/blocks/0/rows]",
    ),
    "a section needs text": (lambda: one(section()), "must define either: text, fields [json-pointer:/blocks/0]"),
    "a text needs a character": (
        lambda: one(section(text=mrkdwn(""))),
        "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
    ),
    "actions need an element": (
        lambda: one({"type": "actions", "elements": []}),
        "no less than 1 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "a context needs an element": (
        lambda: one({"type": "context", "elements": []}),
        "no less than 1 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "a menu needs an option": (
        lambda: action(select(options=[])),
        "no less than 1 items allowed [json-pointer:/blocks/0/elements/0/options]",
    ),
    "a pie needs a segment": (lambda: one(pie([])), "no less than 1 items allowed [json-pointer:/blocks/0/chart/segments]"),
    "a pie's value is positive": (
        lambda: one(chart({"type": "pie", "segments": [{"label": "a", "value": 0}]})),
        "must be greater than 0 [json-pointer:/blocks/0/chart/segments/0/value]",
    ),
    "a data table needs a caption": (
        lambda: one({**data_table(), "caption": ""}),
        "must be more than 0 characters [json-pointer:/blocks/0/caption]",
    ),
    "a raw text cell of a data table needs a character": (
        lambda: one(data_table(text="")),
        "must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]",
    ),
    "a page has a row": (lambda: one(data_table(page_size=0)), "must be at least 1 [json-pointer:/blocks/0/page_size]"),
    "a carousel needs a card": (
        lambda: one({"type": "carousel", "elements": []}),
        "no less than 1 items allowed [json-pointer:/blocks/0/elements]",
    ),
    "a container needs a block": (lambda: container(child_blocks=[]), "no less than 1 items allowed [json-pointer:/blocks/0/child_blocks]"),
    "an image needs a source": (
        lambda: one({"type": "image", "alt_text": "a"}),
        "must have exactly one of: image_url, slack_file [json-pointer:/blocks/0]",
    ),
    "an image has one source": (
        lambda: image(slack_file={"id": "F012345678"}),
        "must have exactly one of: image_url, slack_file [json-pointer:/blocks/0]",
    ),
    "an image needs words for those who do not see it": (
        lambda: one({"type": "image", "image_url": "https://example.com/a.png"}),
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    "a file id has a form": (
        lambda: one({"type": "image", "alt_text": "a", "slack_file": {"id": "f1"}}),
        "does not match the allowed format [json-pointer:/blocks/0/slack_file/id]",
    ),
    "a header is plain": (
        lambda: one({"type": "header", "text": mrkdwn("x")}),
        "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
    ),
    "a style is primary or danger": (
        lambda: action(button(style="green")),
        "must be a valid enum value: primary, danger [json-pointer:/blocks/0/elements/0/style]",
    ),
    "a modal needs a title": (lambda: validate.view({"type": "modal", "blocks": []}), "missing required field: title [json-pointer:/view]"),
    "inputs need a submit button": (
        lambda: view(blocks=[{"type": "input", "label": plain("L"), "element": {"type": "plain_text_input"}}]),
        "missing required field: submit [json-pointer:/view/submit]",
    ),
    "a block_id names one block": (
        lambda: validate.blocks([{"type": "divider", "block_id": "a"}] * 2),
        "block_id a already exists [json-pointer:/blocks/1/block_id]",
    ),
    "an action_id names one element of a block": (
        lambda: one({"type": "actions", "elements": [button(action_id="a")] * 2}),
        "action_id a already exists [json-pointer:/blocks/0/elements/1/action_id]",
    ),
    "a type is known": (lambda: one({"type": "marquee"}), "unsupported type: marquee [json-pointer:/blocks/0/type]"),
    "a field is known": (lambda: one({"type": "divider", "color": "red"}), "invalid additional property: color [json-pointer:/blocks/0]"),
    "an alert stands in modals only": (
        lambda: one({"type": "alert", "text": plain("x")}),
        "unsupported type: alert [json-pointer:/blocks/0/type]",
    ),
    "markdown stands in messages only": (
        lambda: view(blocks=[{"type": "markdown", "text": "x"}]),
        "unsupported type: markdown [json-pointer:/view/blocks/0/type]",
    ),
    "a chart stands in no modal": (
        lambda: view(blocks=[pie(["a"])]),
        "unsupported type: data_visualization [json-pointer:/view/blocks/0/type]",
    ),
    "rows are even": (
        lambda: one({**data_table(), "rows": [[{"type": "raw_text", "text": "a"}] * 2, [{"type": "raw_text", "text": "a"}]]}),
        "all rows must have the same number of columns (2) [json-pointer:/blocks/0/rows/1]",
    ),
    "a header cell is no rich text": (
        lambda: one({**data_table(), "rows": [[{"type": "rich_text", "elements": []}]] * 2}),
        "header cells cannot be rich_text [json-pointer:/blocks/0/rows/0/0/type]",
    ),
    "a row header is a column": (
        lambda: one(data_table(row_header_column_index=1)),
        "must be at most 0 [json-pointer:/blocks/0/row_header_column_index]",
    ),
    "series have names of their own": (
        lambda: one(line([series("s", ["a"])] * 2, ["a"])),
        "series name 's' already exists [json-pointer:/blocks/0/chart/series/1/name]",
    ),
    "a series has a point for each category": (
        lambda: one(line([series("s", ["a"])], ["a", "b"])),
        "must have exactly one data point per category [json-pointer:/blocks/0/chart/series/0/data]",
    ),
    "a label is a category": (
        lambda: one(line([series("s", ["b"])], ["a"])),
        "must have exactly one data point per category [json-pointer:/blocks/0/chart/series/0/data]",
    ),
    "a value is finite": (
        lambda: one(chart({"type": "pie", "segments": [{"label": "a", "value": float("inf")}]})),
        "must provide a number [json-pointer:/blocks/0/chart/segments/0/value]",
    ),
    "a lone task has begun": (
        lambda: one({"type": "task_card", "task_id": "1", "title": "t", "status": "pending"}),
        "only tasks of a plan can be pending [json-pointer:/blocks/0/status]",
    ),
    "an initial option is on the menu": (
        lambda: action(select(options=[option(1)], initial_option=option(2))),
        "initial_option does not match any of the options [json-pointer:/blocks/0/elements/0/initial_option]",
    ),
    "a confirmation is complete": (
        lambda: action(button(confirm={"title": plain("t")})),
        "missing required field: text [json-pointer:/blocks/0/elements/0/confirm]",
    ),
    "markdown_text goes alone": (
        lambda: message(markdown_text="x"),
        "markdown_text goes with neither text nor blocks [json-pointer:/markdown_text]",
    ),
    "a list of blocks is a list": (lambda: validate.blocks({"type": "divider"}), "must provide an array [json-pointer:/blocks]"),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_that_are_no_upper_bound(rule: str) -> None:
    break_it, expected = RULES[rule]
    assert expected == str(break_it()[0])


def test_an_action_id_may_return_in_another_block() -> None:
    assert validate.blocks([{"type": "actions", "elements": [button(action_id="a")]}] * 2) == []


def test_a_column_without_settings_is_null() -> None:
    assert one(table(columns=2, column_settings=[None, {"align": "right"}])) == []
