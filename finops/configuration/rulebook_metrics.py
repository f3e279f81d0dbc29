"""The metrics section of budgets.yaml: business figures that costs are divided by."""

from dataclasses import dataclass
from typing import Final, get_args

from finops.charges import DIMENSIONS
from finops.configuration.fields import as_text, fields, items
from finops.configuration.problems import Problems, shown
from finops.periods import Grain
from finops.yamlfile import Node

METRIC_FIELDS: Final = ("name", "file", "unit")
ENDINGS: Final = (".csv", ".json", ".jsonl")
OWN: Final = (
    *("request", "requests", "token", "tokens", "users", "sessions"),
    *get_args(Grain),
    *DIMENSIONS,
)  # they mean something in a question


@dataclass(frozen=True)
class Metric:
    """How many orders, tickets or documents there were on a day: a series in `file`, relative to the folder of budgets.yaml."""

    name: str
    file: str
    unit: str  # one of them: "order"


def metrics_of(section: Node | None, problems: Problems) -> tuple[Metric, ...]:
    found: dict[str, Metric] = {}
    for item in items(section, problems, "metrics"):
        metric = _metric(item, problems)
        if metric and metric.name.casefold() in found:
            problems.note(item.file, item.line, f"a metric named {shown(metric.name)} is given twice; keep one of them")
        elif metric:
            found[metric.name.casefold()] = metric
    return tuple(found.values())


def _metric(node: Node, problems: Problems) -> Metric | None:
    row = fields(node, METRIC_FIELDS, problems, "a metric")
    if row is None:
        return None
    name, file, unit = row.need("name", as_text), row.need("file", as_text), row.get("unit", as_text)
    if name and (name.casefold() in OWN or any(letter.isspace() or letter == "=" for letter in name)):
        row.wrong(f"{shown(name)} cannot name a metric: it must be one word, and none that a question knows already", at="name")
        return None
    if file and not file.casefold().endswith(ENDINGS):
        row.wrong(f"'file' must end in {', '.join(ENDINGS)}, not {shown(file)}", at="file")
        return None
    return Metric(name, file, unit or name) if name and file else None
