"""Finds the first bad rows again, with the line they stand on, in a second look at the files that hold them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from finops.deliveries import BadRow
from finops.sources.bills import Caps
from finops.sources.deadline import Deadline
from finops.sources.diagnosis import located
from finops.sources.engine import run
from finops.sources.jsonlines import JsonFile, lines_of
from finops.sources.parquetcheck import ParquetFile, scan
from finops.sources.rows import Select
from finops.sources.rules import REASONS
from finops.sources.shapes import Checked, Shape
from finops.sources.writing import PERIOD

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_EXCERPT = 200


def first_bad_rows(
    con: "DuckDBPyConnection", shape: Shape, files: Sequence[Checked], select: Select, caps: Caps, deadline: Deadline, most: int
) -> list[BadRow]:
    """Return up to `most` bad rows of the files, in the order they stand in."""
    con.execute("SET preserve_insertion_order = true")
    found: list[BadRow] = []
    for file in files:
        if len(found) < most:
            found += _in_file(con, shape, file, select, caps, deadline, most - len(found))
    return found


def _in_file(
    con: "DuckDBPyConnection", shape: Shape, file: Checked, select: Select, caps: Caps, deadline: Deadline, most: int
) -> list[BadRow]:
    if isinstance(file, ParquetFile):
        source, carry = (
            f"{scan(file.file, numbered=True)} AS raw",
            "{'n': raw.file_row_number + 1, 'text': left(CAST(raw AS VARCHAR), 400)}",
        )
    else:
        source = f"(SELECT *, row_number() OVER () AS n FROM {shape.scan(caps, [file])})"
        carry = "{'n': n, 'text': ''}"
    sql = f"""SELECT carried.n, carried.text, {PERIOD}, problem FROM ({select.rows(source, carry)})
        WHERE problem IS NOT NULL ORDER BY 1 LIMIT {most}"""
    rows = run(con, sql, deadline)
    places = _places(file, [int(str(row[0])) for row in rows])
    return [_bad_row(file, int(str(number)), str(text), period, str(rule), places) for number, text, period, rule in rows]


def _places(file: Checked, records: list[int]) -> dict[int, tuple[int, str]]:
    if isinstance(file, ParquetFile):
        return {}
    return lines_of(file.file, records) if isinstance(file, JsonFile) else located(file.file, records)


def _bad_row(file: Checked, number: int, text: str, period: object, rule: str, places: dict[int, tuple[int, str]]) -> BadRow:
    line, text = places.get(number, (number, text))
    return BadRow(None if period is None else str(period), file.file.name, line, REASONS[rule], _excerpt(text))


def _excerpt(text: str) -> str:
    """One line of a record, without characters that would disturb a terminal or a message."""
    text = re.sub(r", 'file_row_number': \d+\}$", "}", text)
    shown = "".join(char if char.isprintable() else " " for char in text.strip())
    return shown if len(shown) <= _EXCERPT else shown[: _EXCERPT - 1] + "…"
