"""Shapes of the blocks that hold numbers: `table`, `data_table` and `data_visualization`."""

from collections.abc import Iterator
from typing import Any

from slackbox.block_elements import BUTTON, ID
from slackbox.block_limits import LIMITS
from slackbox.rich_text import RICH_TEXT
from slackbox.schema import Check, Problem, Rule, array, boolean, by_type, integer, number, one_of, record, string


def text_length(value: Any) -> int:
    """Characters of every `text` string below a value."""
    if isinstance(value, list):
        return sum(text_length(each) for each in value)
    if not isinstance(value, dict):
        return 0
    return sum(len(each) if name == "text" and isinstance(each, str) else text_length(each) for name, each in value.items())


def cells_hold(most: int) -> Rule:
    """All cells of one table together."""

    def rule(value: dict[str, Any], at: str) -> Iterator[Problem]:
        if text_length(value.get("rows")) > most:
            yield Problem(
                f"table cells must be less than {most + 1} characters in total", f"{at}/rows", {"type": "max_length", "max": most}
            )

    return rule


TABLE_CELL = by_type(
    {
        "raw_text": record({"text": string()}),
        "rich_text": RICH_TEXT,
    }
)
COLUMN = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
TABLE = record(
    {"rows": array(array(TABLE_CELL, LIMITS["table.cells"], 1), LIMITS["table.rows"], 1)},
    {
        "block_id": ID,
        "column_settings": array(lambda value, at: iter(()) if value is None else COLUMN(value, at), LIMITS["table.column_settings"]),
    },
    cells_hold(LIMITS["table.text"]),
)


def rows_are_even(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """Every row has as many cells as the header, and the row header is one of the columns."""
    rows = value.get("rows")
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return
    for index, row in enumerate(rows):
        if isinstance(row, list) and len(row) != len(rows[0]):
            yield Problem(f"all rows must have the same number of columns ({len(rows[0])})", f"{at}/rows/{index}", {"type": "columns"})
    column = value.get("row_header_column_index")
    if isinstance(column, int) and column >= len(rows[0]):
        yield Problem(f"must be at most {len(rows[0]) - 1}", f"{at}/row_header_column_index", {"type": "max", "max": len(rows[0]) - 1})


def header_is_plain(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """The first row names the columns, so it holds neither rich text nor buttons."""
    rows = value.get("rows")
    header = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], list) else []
    for index, cell in enumerate(header):
        if isinstance(cell, dict) and cell.get("type") in ("rich_text", "button"):
            yield Problem(f"header cells cannot be {cell['type']}", f"{at}/rows/0/{index}/type", {"type": "header"})


DATA_CELL = by_type(
    {
        "raw_text": record({"text": string(None, 1)}),
        "raw_number": record({"value": number()}, {"text": string(None, 1)}),
        "rich_text": RICH_TEXT,
        "button": BUTTON,
    }
)
DATA_TABLE = record(
    {
        "caption": string(None, 1),
        "rows": array(array(DATA_CELL, LIMITS["data_table.columns"], 1), LIMITS["data_table.rows"], LIMITS["data_table.fewest_rows"]),
    },
    {"block_id": ID, "page_size": integer(1, LIMITS["data_table.page_size"]), "row_header_column_index": integer(0)},
    rows_are_even,
    header_is_plain,
    cells_hold(LIMITS["data_table.text"]),
)

NAME = string(LIMITS["chart.name"], 1)
LABEL = string(LIMITS["chart.label"], 1)
CATEGORIES = LIMITS["chart.categories"]
PIE = record(
    {"segments": array(record({"label": LABEL, "value": number(above=0)}), LIMITS["chart.segments"], 1)},
)
POINTS = array(record({"label": LABEL, "value": number()}), CATEGORIES, 1)
SERIES = array(record({"name": NAME, "data": POINTS}), LIMITS["chart.series"], 1)
AXIS = record(
    {"categories": array(LABEL, CATEGORIES, 1)},
    {"x_label": string(LIMITS["chart.axis_label"]), "y_label": string(LIMITS["chart.axis_label"])},
)


def series_fit_the_axis(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """Names differ, and each series has one point per category in any order."""
    axis = value.get("axis_config")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    seen: list[Any] = []
    for index, each in enumerate(value["series"] if isinstance(value.get("series"), list) else []):
        if not isinstance(each, dict):
            continue
        if each.get("name") in seen:
            yield Problem(f"series name {each.get('name')!r} already exists", f"{at}/series/{index}/name", {"type": "unique"})
        seen.append(each.get("name"))
        if isinstance(categories, list) and not _same_labels(each.get("data"), categories):
            yield Problem("must have exactly one data point per category", f"{at}/series/{index}/data", {"type": "categories"})


def categories_differ(value: dict[str, Any], at: str) -> Iterator[Problem]:
    """One label stands for one category."""
    axis = value.get("axis_config")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    texts = [each for each in categories if isinstance(each, str)] if isinstance(categories, list) else []
    if len(set(texts)) != len(texts):
        yield Problem("categories must be unique", f"{at}/axis_config/categories", {"type": "unique"})


def _same_labels(points: Any, categories: list[Any]) -> bool:
    if not isinstance(points, list):
        return False
    labels = [each.get("label") for each in points if isinstance(each, dict)]
    return sorted(map(str, labels)) == sorted(map(str, categories))


XY = record({"series": SERIES, "axis_config": AXIS}, {}, series_fit_the_axis, categories_differ)
CHART = by_type({"pie": PIE, "line": XY, "bar": XY, "area": XY})
DATA_VISUALIZATION = record({"title": string(LIMITS["chart.title"], 1), "chart": CHART}, {"block_id": ID})

DATA_BLOCKS: dict[str, Check] = {"table": TABLE, "data_table": DATA_TABLE, "data_visualization": DATA_VISUALIZATION}
