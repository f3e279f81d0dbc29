"""The validator as a whole: it never raises, and it agrees with another one that was written apart from it."""

from collections.abc import Callable
from typing import Any

import pytest
import slackblocks as sb
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbox import validate
from slackbox.blocks import BLOCKS

WORDS = sorted(
    {"type", "text", "elements", "blocks", "rows", "chart", "series", "data", "axis_config", "categories", "value", "label", "options"}
)
KINDS = sorted(
    {*BLOCKS, "plain_text", "mrkdwn", "button", "static_select", "modal", "home", "line", "pie", "raw_text", "rich_text_section"}
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(KINDS)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)
BLOCK_LIKE = st.fixed_dictionaries(
    {"type": st.sampled_from(sorted(BLOCKS))},
    optional=dict.fromkeys(
        (
            *(
                "text",
                "fields",
                "accessory",
                "elements",
                "element",
                "label",
                "block_id",
                "rows",
                "caption",
                "chart",
                "title",
                "child_blocks",
            ),
            *("tasks", "slack_file", "image_url", "column_settings", "row_header_column_index", "actions", "status"),
        ),
        JSON,
    ),
)


@settings(deadline=None, max_examples=60)
@given(JSON)
def test_any_json_is_judged_without_an_exception(payload: Any) -> None:
    for surface in ("message", "modal", "home"):
        validate.blocks(payload, surface)
    validate.message(payload)
    validate.view(payload)


@settings(deadline=None, max_examples=80)
@given(st.lists(BLOCK_LIKE | JSON, max_size=4))
def test_anything_like_blocks_is_judged_without_an_exception(payload: list[Any]) -> None:
    validate.blocks(payload)
    validate.message({"text": "x", "blocks": payload, "attachments": payload, "metadata": payload})
    for kind in ("modal", "home"):
        validate.view({"type": kind, "title": payload, "blocks": payload})


@settings(deadline=None, max_examples=80)
@given(st.lists(BLOCK_LIKE, max_size=3))
def test_each_problem_points_into_the_payload(payload: list[Any]) -> None:
    for problem in validate.blocks(payload, at=""):
        assert reachable(payload, problem.pointer.split("/")[1:]), str(problem)


def reachable(value: Any, steps: list[str]) -> bool:
    """All but the last step exist; the last may be what is missing."""
    for step in steps[:-1]:
        if isinstance(value, list):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return False
    return True


def series(name: str, labels: list[str]) -> sb.DataSeries:
    return sb.DataSeries(name=name, data=[sb.DataPoint(label=label, value=1) for label in labels])


def line(title: str = "Cost", count: int = 1, categories: int = 1) -> sb.DataVisualizationBlock:
    labels = [str(number) for number in range(categories)]
    axis = sb.AxisConfig(categories=labels)
    return sb.DataVisualizationBlock(
        title, sb.LineChart(series=[series(f"s{number}", labels) for number in range(count)], axis_config=axis)
    )


def table(rows: int, columns: int = 1) -> sb.DataTableBlock:
    return sb.DataTableBlock(rows=[[sb.RawText("x") for _ in range(columns)] for _ in range(rows)], caption="c")


BUILD: dict[str, tuple[Callable[[int], Any], int]] = {
    "section text": (lambda n: sb.SectionBlock("x" * n), 3000),
    "section fields": (lambda n: sb.SectionBlock(fields=["x"] * n), 10),
    "header": (lambda n: sb.HeaderBlock("x" * n), 150),
    "context": (lambda n: sb.ContextBlock([sb.Text("x")] * n), 10),
    "actions": (lambda n: sb.ActionsBlock([sb.Button("Go", f"a{number}") for number in range(n)]), 25),
    "button text": (lambda n: sb.ActionsBlock([sb.Button("x" * n, "a")]), 75),
    "button value": (lambda n: sb.ActionsBlock([sb.Button("Go", "a", value="x" * n)]), 2000),
    "markdown": (lambda n: sb.MarkdownBlock("x" * n), 12_000),
    "chart title": (lambda n: line("x" * n), 50),
    "chart series": (lambda n: line(count=n), 12),
    "chart categories": (lambda n: line(categories=n), 20),
    "data table rows": (table, 201),
    "data table columns": (lambda n: table(2, n), 20),
}


@pytest.mark.parametrize("name", BUILD)
def test_what_slackblocks_builds_at_its_limit_passes_here(name: str) -> None:
    build, most = BUILD[name]
    assert validate.errors(validate.blocks([build(most)._resolve()])) == []


@pytest.mark.parametrize("name", BUILD)
def test_slackblocks_builds_nothing_over_the_limit_that_we_hold_too(name: str) -> None:
    build, most = BUILD[name]
    with pytest.raises(sb.InvalidUsageError):
        build(most + 1)
