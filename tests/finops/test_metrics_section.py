"""The metrics section of budgets.yaml."""

from finops.configuration.rulebook_metrics import Metric
from finops.errors import ConfigError
from finops.rulebook import read
from finops.yamlfile import parse


def problems(text: str) -> list[str]:
    try:
        read(parse(text, "budgets.yaml"), None)
    except ConfigError as error:
        return list(error.problems)
    return []


def test_a_metric_is_called_by_its_unit_or_else_by_its_name() -> None:
    book = read(parse("metrics: [{name: orders, file: a/orders.CSV, unit: order}, {name: docs, file: d.jsonl}]", "budgets.yaml"), None)
    assert (Metric("orders", "a/orders.CSV", "order"), Metric("docs", "d.jsonl", "docs")) == book.metrics


def test_names_are_one_word_and_none_of_ours() -> None:
    for name in ("two words", "a=b", "Requests", "week", "team"):
        wanted = f"budgets.yaml:1: '{name}' cannot name a metric: it must be one word, and none that a question knows already"
        assert [wanted] == problems(f"metrics: [{{name: '{name}', file: o.csv}}]")


def test_other_mistakes_are_told_with_the_line() -> None:
    assert ["budgets.yaml:1: 'file' must end in .csv, .json, .jsonl, not 'o.xlsx'"] == problems("metrics: [{name: o, file: o.xlsx}]")
    twice = problems("metrics:\n  - {name: o, file: o.csv}\n  - {name: O, file: p.csv}")
    assert ["budgets.yaml:3: a metric named 'O' is given twice; keep one of them"] == twice
    assert "budgets.yaml:1: unknown field 'fil'; did you mean 'file'?" in problems("metrics: [{name: o, fil: o.csv}]")
