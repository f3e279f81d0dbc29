"""A business metric is a value a day, in a table or in JSON, with dimensions where it has them."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from finops.errors import UserError
from finops.insight.unit_costs import MetricPoint
from finops.sources.metrics import read_metric

DAY = date(2026, 3, 10)
POINT = MetricPoint(DAY, Decimal("12.5"), {"team": "ml"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.csv", "date,value,team\n2026-03-10,12.5,ml\n"),
        ("o.csv", "\ufeffTeam, Day ,ORDERS,note\nml,2026-03-10,12.5,any\n"),
        ("o.csv", "timestamp,count,team\r\n2026-03-10T23:00:00Z,12.5,ml\r\n\r\n"),
        ("o.json", '[{"date": "2026-03-10", "value": 12.5, "team": "ml"}]'),
        ("o.jsonl", '{"date": "2026-03-10", "orders": "12.5", "team": "ml"}\n\n'),
    ],
)
def test_every_form_says_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [POINT] == read_metric(tmp_path / name, "Orders")


def test_days_with_their_values_are_a_series_too(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text('{"2026-03-10": 0.1, "2026-03-11": 3}')
    assert [MetricPoint(DAY, Decimal("0.1"), {}), MetricPoint(date(2026, 3, 11), Decimal(3), {})] == read_metric(tmp_path / "o.json", "x")


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("o.csv", "date,value\n2026-03-10,many\n", "{}:2: 'many' is not a number; write one such as 1200 or 1200.5"),
        ("o.csv", "date,value\n2026-03-10,NaN\n", "{}:2: 'NaN' is not a number; write one such as 1200 or 1200.5"),
        ("o.csv", "date,value\n10.3.2026,1\n", "{}:2: '10.3.2026' is not a date; write it as 2026-03-01"),
        ("o.csv", "date,tickets\n2026-03-10,1\n", "{}:2: no value; a metric has the columns date and value"),
        ("o.json", "[1, 2]", "{} is no series; write a list of objects with date and value, or days with their values"),
        ("o.json", '[{"date": "2026-03-10", "value": true}]', "{}:1: 'True' is not a number; write one such as 1200 or 1200.5"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path, name: str, text: str, error: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as told:
        read_metric(tmp_path / name, "orders")
    assert error.format(tmp_path / name) == str(told.value)


def test_broken_quoting_and_json_are_told(tmp_path: Path) -> None:
    (tmp_path / "o.json").write_text("{")
    with pytest.raises(UserError, match=r"o\.json is not JSON"):
        read_metric(tmp_path / "o.json", "orders")
    (tmp_path / "o.csv").write_text('date,value\n"2026-03-10,1\n')
    with pytest.raises(UserError, match=r"o\.csv is no CSV after line 1 .*; look for a quote that is not closed"):
        read_metric(tmp_path / "o.csv", "orders")
    (tmp_path / "o.csv").write_bytes(b"date,value\n2026-03-10,\xff\n")
    with pytest.raises(UserError, match="is not UTF-8 text"):
        read_metric(tmp_path / "o.csv", "orders")
