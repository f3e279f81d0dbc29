"""Slack's own chart and table blocks, kept within the limits of their first version."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from bot.slack_text import Block, plain
from finops.answers import Answer, Row, Sums
from finops.money import percent, rounded, show, signed
from finops.telling.day_words import span
from finops.telling.grids import Cell, Grid
from finops.telling.names import clean, dimension_words, distinct, label, others
from finops.telling.plots import Layer, Plot, plot, step_labels, title
from finops.telling.sentences import before

MOST_SERIES: Final = 6
MOST_CATEGORIES: Final = 20
NAME: Final = 20
TITLE: Final = 50
MOST_ROWS: Final = 100
TABLE_TEXT: Final = 6000  # of the 10,000 Slack takes, so that the whole message stays within its budget
CELL: Final = 80
UNKNOWN: Final = "–"
LARGEST: Final = Decimal("1e300")


def fits_native(answer: Answer) -> bool:
    """Whether Slack can draw this answer truthfully: one currency, few steps, and none without data, which it would show as zero."""
    if len(answer.sums) != 1:
        return False
    drawn = plot(answer, answer.sums[0], MOST_SERIES - 1)
    return 0 < len(drawn.steps) <= MOST_CATEGORIES and not drawn.missing and bool(drawn.layers) and bool(drawn.currency)


def worth_a_chart(answer: Answer) -> bool:
    """Whether there is more than one thing to compare; a single bar says no more than the headline."""
    return any(sum(point.cost is not None for point in sums.series) > 1 or len(sums.rows) > 1 for sums in answer.sums)


def chart(answer: Answer, block_id: str) -> Block:
    """Bars for one series or for the groups of a single step, lines where several groups run over time."""
    drawn = plot(answer, answer.sums[0], MOST_SERIES - 1)
    if drawn.grouped and len(drawn.steps) == 1:
        kind, names, layers = "bar", distinct((layer.name for layer in drawn.layers), NAME), _turned(drawn)
    else:
        kind, names, layers = "line" if drawn.grouped else "bar", _step_names(drawn), drawn.layers
    return {
        "type": "data_visualization",
        "block_id": block_id,
        "title": plain(title(answer, TITLE), TITLE),
        "chart": {
            "type": kind,
            "series": _series(layers, names, drawn.currency),
            "axis_config": {"categories": list(names), "y_label": _y_label(answer, drawn)},
        },
    }


def table(answer: Answer, today: date, block_id: str) -> Block | None:
    """The rows as a sortable table, the largest first, as many as fit; None where the answer has no rows."""
    rows = _table_rows(answer)
    if not rows:
        return None
    header = [_text(name) for name in _columns(answer)]
    kept = _within(rows, TABLE_TEXT - sum(_length(cell) for cell in header))
    split = " and ".join(map(dimension_words, answer.query.by))
    caption = f"Cost by {split}, {span(answer.query.period, today)}"
    if any(sums.like_for_like for sums in answer.sums):
        caption += ", incomplete days included"
    if len(kept) < len(rows):
        caption += f", the {len(kept)} largest of {len(rows)}"
    return _data_table(caption, [header, *kept], block_id)


def grid_block(grid: Grid, block_id: str) -> Block:
    """Any table of figures, as many rows as fit."""
    header = [_text(name) for name in grid.head]
    rows = [[_text(cell.text or " ") if cell.value is None else _number(cell) for cell in row] for row in grid.rows]
    kept = _within(rows, TABLE_TEXT - sum(_length(cell) for cell in header))
    more = f", the first {len(kept)} of {len(rows)}" if len(kept) < len(rows) else ""
    return _data_table(f"{grid.caption}{more}", [header, *kept], block_id)


def _data_table(caption: str, rows: list[list[Block]], block_id: str) -> Block:
    return {
        "type": "data_table",
        "block_id": block_id,
        "caption": plain(caption, 200),
        "page_size": min(10, len(rows) - 1),
        "row_header_column_index": 0,
        "rows": rows,
    }


def _number(cell: Cell) -> Block:
    return {"type": "raw_number", "value": cell.value, "text": plain(cell.text, CELL)}


def number(amount: Decimal, currency: str) -> float:
    """The amount as JSON can carry it, rounded as it is shown."""
    return float(max(-LARGEST, min(LARGEST, rounded(amount, currency))))


def _step_names(drawn: Plot) -> tuple[str, ...]:
    """Name the steps; an incomplete one says so in its label, since Slack cannot draw it lighter."""
    named = zip(step_labels(drawn.steps, drawn.grain), drawn.complete, strict=True)
    return distinct((name if complete else f"{name}, partial" for name, complete in named), NAME)


def _turned(drawn: Plot) -> tuple[Layer, ...]:
    """One series over the groups in place of one group a series."""
    return (Layer("cost", tuple(layer.total for layer in drawn.layers), sum((layer.total for layer in drawn.layers), Decimal(0))),)


def _y_label(answer: Answer, drawn: Plot) -> str:
    partly = ", incomplete" if len(drawn.steps) == 1 and drawn.partial else ""
    return plain(f"{answer.query.metric} cost, {drawn.currency}{partly}", TITLE)


def _series(layers: Sequence[Layer], labels: Sequence[str], currency: str) -> list[Block]:
    names = distinct((layer.name for layer in layers), NAME)
    return [
        {
            "name": name,
            "data": [{"label": each, "value": number(value, currency)} for each, value in zip(labels, layer.values, strict=True)],
        }
        for name, layer in zip(names, layers, strict=True)
    ]


def _columns(answer: Answer) -> list[str]:
    currency = f" ({clean(answer.sums[0].currency)})" if len(answer.sums) == 1 and answer.sums[0].currency else ""
    compared = ["Before", "Change"] if answer.query.compare else []
    many = ["Currency"] if len(answer.sums) > 1 else []
    return [
        " / ".join(map(dimension_words, answer.query.by)) or "Group",
        *many,
        f"Cost{currency}",
        *compared,
        "Share",
        *([dimension_words(answer.query.count)] if answer.query.count else []),
    ]


def _table_rows(answer: Answer) -> list[list[Block]]:
    if not answer.query.by:
        return []
    return [cells for sums in answer.sums for cells in _rows_of(sums, answer)]


def _rows_of(sums: Sums, answer: Answer) -> list[list[Block]]:
    rows = [_cells(label(row.key, answer.query.by), row, sums, answer) for row in sums.rows]
    return rows if sums.rest is None else [*rows, _cells(others(sums.rest_groups), sums.rest, sums, answer)]


def _cells(name: str, row: Row, sums: Sums, answer: Answer) -> list[Block]:
    currency = clean(sums.currency)
    many = [_text(currency)] if len(answer.sums) > 1 else []
    compared = [_amount(before(row, sums), currency), _change(row, sums)] if answer.query.compare else []
    counted = [_text(UNKNOWN if row.count is None else f"{row.count:,}")] if answer.query.count else []
    return [_text(name), *many, _amount(row.cost, currency), *compared, _share(row.share), *counted]


def _text(text: str) -> Block:
    return {"type": "raw_text", "text": plain(text, CELL)}


def _amount(amount: Decimal | None, currency: str) -> Block:
    if amount is None:
        return _text(UNKNOWN)
    return {"type": "raw_number", "value": number(amount, currency), "text": plain(show(amount, currency), CELL)}


def _change(row: Row, sums: Sums) -> Block:
    if before(row, sums) is None:
        return _text(UNKNOWN)
    currency = clean(sums.currency)
    return {"type": "raw_number", "value": number(row.change, currency), "text": plain(signed(row.change, currency), CELL)}


def _share(share: float | None) -> Block:
    if share is None or abs(share) > 1e9:
        return _text(UNKNOWN)
    return {"type": "raw_number", "value": round(share * 100, 2), "text": percent(share)}


def _within(rows: list[list[Block]], room: int) -> list[list[Block]]:
    kept: list[list[Block]] = []
    for row in rows[:MOST_ROWS]:
        room -= sum(_length(cell) for cell in row)
        if room < 0:
            break
        kept.append(row)
    return kept or rows[:1]


def _length(cell: Block) -> int:
    return len(cell["text"])
