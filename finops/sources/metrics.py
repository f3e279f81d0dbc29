"""Reads business metrics: a CSV or JSON series of a value a day, with dimensions beside it where it has them."""

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from finops.charges import DIMENSIONS
from finops.errors import UserError
from finops.insight.unit_costs import MetricPoint

LARGEST: Final = 64 * 1024 * 1024
DATES: Final = ("date", "day", "time", "timestamp")
VALUES: Final = ("value", "count", "amount", "quantity")


def read_metric(path: Path, name: str) -> list[MetricPoint]:
    """Return the points of a series. Raises UserError with file and line where one cannot be read.

    CSV has a header; its columns, or the keys of a JSON list of objects, are `date`, `value` (or the metric's own name) and
    any dimensions. A JSON object maps days to values.
    """
    if not path.is_file():
        raise UserError(f"the metric {name} has no file {path}; correct its 'file' in budgets.yaml")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path} is larger than {LARGEST // 2**20} MiB; a metric is a value a day, so sum it up first")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    rows = _csv(text, path) if path.suffix.lower() == ".csv" else _json(text, path)
    return [_point(row, number, path, name) for number, row in rows]


def _csv(text: str, path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        for row in reader:
            yield reader.line_num, {str(key).strip().casefold(): value for key, value in row.items() if key}
    except csv.Error as problem:
        raise UserError(f"{path} is no CSV after line {reader.line_num} ({problem}); look for a quote that is not closed") from None


def _json(text: str, path: Path) -> Iterable[tuple[int, Mapping[str, Any]]]:
    try:
        content = (
            [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
            if path.suffix.lower() == ".jsonl"
            else json.loads(text, parse_float=Decimal)
        )
    except ValueError as problem:
        raise UserError(f"{path} is not JSON ({problem}); write a list of objects with date and value") from None
    if isinstance(content, dict):
        content = [{"date": day, "value": value} for day, value in content.items()]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise UserError(f"{path} is no series; write a list of objects with date and value, or days with their values")
    for number, row in enumerate(content, 1):
        yield number, {str(key).casefold(): value for key, value in row.items()}


def _point(row: Mapping[str, Any], number: int, path: Path, name: str) -> MetricPoint:
    day = next((row[key] for key in DATES if row.get(key) not in (None, "")), None)
    value = next((row[key] for key in (name.casefold(), *VALUES) if row.get(key) not in (None, "")), None)
    if day is None or value is None:
        missing = "date" if day is None else "value"
        raise UserError(f"{path}:{number}: no {missing}; a metric has the columns date and value")
    key = {each: str(row[each]) for each in DIMENSIONS if row.get(each) not in (None, "")}
    return MetricPoint(_day(str(day), number, path), _value(value, number, path), key)


def _day(text: str, number: int, path: Path) -> date:
    try:
        return datetime.fromisoformat(text).date() if len(text) > 10 else date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{path}:{number}: '{text[:40]}' is not a date; write it as 2026-03-01") from None


def _value(value: Any, number: int, path: Path) -> Decimal:
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise UserError(f"{path}:{number}: '{str(value)[:40]}' is not a number; write one such as 1200 or 1200.5")
    return found
