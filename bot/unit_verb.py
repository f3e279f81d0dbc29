"""`/cost unit …`: what a request, a thousand tokens, a user, a session or an order costs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.answers import Answer, Row, Sums, Units
from finops.configuration.rulebook_metrics import Metric
from finops.errors import QueryError, UserError, close_to, meant
from finops.insight.unit_costs import MetricPoint, UnitCosts, days_known, metric_sum, unit_costs
from finops.language.echo import describe
from finops.language.query_json import to_json
from finops.periods import Period
from finops.query import CostQuery, parse
from finops.telling.answer_json import amount, moment, units
from finops.telling.day_words import span
from finops.telling.grids import Cell, Grid, count_cell, each_cell, filled, money_cell, name_cell, several, share_cell
from finops.telling.names import clean, cut, label, others
from finops.telling.sentences import freshness, headline, notes

PER: Final = re.compile(r"\b(?:per|por)(?:=(\S*)|\s+(\S+))", re.IGNORECASE)
ALL: Final = "all"


@dataclass(frozen=True)
class Counted:
    """A business metric of the days up to the moment of the question."""

    name: str
    unit: str
    points: Sequence[MetricPoint]


def unit_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """Raises UserError for a metric that cannot be read, QueryError for a question that cannot, or a metric nobody configured."""
    today = tools.today(asking.until)
    text, name = _per(rest, tools.rulebook.metrics)
    query = parse(text or "last 7d by=model", today)
    metric = None if name is None else _read(tools, name, today)
    answer = tools.ledger.answer(query, asking.until, people=True, known_at=asking.known_at)
    told = [_told(sums, query, metric) for sums in answer.sums]
    said = (*notes(answer), *_gaps(metric, query))
    lines = (headline(answer, today), f"Per unit: {describe(query, today)}", *said, freshness(answer, today))
    document: dict[str, Any] = {
        "id": answer.id,
        "query": to_json(query),
        "metric": metric.name if metric else None,
        **(told[0] if len(told) == 1 else {"currency": None, "total": None, "rows": []}),
        "by_currency": told if len(told) > 1 else None,
        "as_of": None if answer.as_of is None else moment(answer.as_of),
        "notes": list(said),
    }
    return TextReply("Unit costs", lines, document, grid=_grid(answer, metric, span(query.period, today)))


def _per(text: str, metrics: Sequence[Metric]) -> tuple[str, str | None]:
    """Take `per=orders`, or `per orders` where that is a metric, out of a question; `per week` stays in it."""
    known = {metric.name.casefold() for metric in metrics}
    found = [each for each in PER.finditer(text) if each[1] is not None or each[2].casefold() in known]
    if len(found) > 1:
        raise QueryError(f"a question is divided by one metric, not by {len(found)}; ask once for each")
    if not found:
        return text, None
    rest = f"{text[: found[0].start()]} {text[found[0].end() :]}".strip()
    return rest, found[0][1] if found[0][1] is not None else found[0][2]


def _metric(name: str, metrics: Sequence[Metric]) -> Metric:
    known = {metric.name.casefold(): metric for metric in metrics}
    if name.casefold() in known:
        return known[name.casefold()]
    names = ", ".join(metric.name for metric in metrics)
    way = f"the metrics are {names}" if names else "add it to metrics in budgets.yaml with a CSV or JSON file of a value a day"
    wrong = f"there is no metric '{cut(name, 60)}'" if name else "'per=' needs the name of a metric"
    raise QueryError(f"{wrong}; {way}.{meant(name, known)}", did_you_mean=close_to(name, known))


def _read(tools: Tools, name: str, today: date) -> Counted:
    """Days from `today` on are hidden, as charges are."""
    from finops.sources.metrics import read_metric

    metric = _metric(name, tools.rulebook.metrics)
    path = (tools.config / metric.file).resolve()
    if not path.is_relative_to(tools.config.resolve()):
        raise UserError(f"the file of metric {metric.name} lies outside the configuration folder; put it beside budgets.yaml")
    return Counted(metric.name, metric.unit, [point for point in read_metric(path, metric.name) if point.day < today])


def _gaps(metric: Counted | None, query: CostQuery) -> tuple[str, ...]:
    """A cost of seven days over the orders of two would be no cost per order."""
    if metric is None:
        return ()
    known, days = days_known(metric.points, query.period), query.period.days
    return () if known == days else (f"The metric {metric.name} has a value for {known} of these {days} days.",)


def _told(sums: Sums, query: CostQuery, metric: Counted | None) -> dict[str, Any]:
    return {
        "currency": sums.currency,
        "total": _figures(sums.total, sums.previous, sums.units, sums.previous_units, query, metric, {}),
        "rows": [{"key": _key(row, query), **_row(row, query, metric)} for row in sums.rows],
    }


def _row(row: Row, query: CostQuery, metric: Counted | None) -> dict[str, Any]:
    return _figures(row.cost, row.previous, row.units, row.previous_units, query, metric, _key(row, query))


def _figures(
    cost: Decimal | None,
    previous: Decimal | None,
    used: Units | None,
    before: Units | None,
    query: CostQuery,
    metric: Counted | None,
    key: Mapping[str, str | None],
) -> dict[str, Any]:
    now = _measured(metric, query.period, query, key)
    then = _measured(metric, query.compare, query, key) if query.compare else None
    return {
        "cost": amount(cost),
        "units": units(cost, used) | _people(cost, used) | _per_metric(cost, now),
        "previous": {"cost": amount(previous), "units": units(previous, before) | _people(previous, before) | _per_metric(previous, then)}
        if query.compare
        else None,
    }


def _people(cost: Decimal | None, used: Units | None) -> dict[str, Any]:
    each = unit_costs(cost, used)
    return {
        "users": used.users if used else None,
        "sessions": used.sessions if used else None,
        "cost_per_user": amount(each.per_user),
        "cost_per_session": amount(each.per_session),
    }


def _per_metric(cost: Decimal | None, metric: Decimal | None) -> dict[str, Any]:
    return {"metric": amount(metric), "cost_per_metric": amount(unit_costs(cost, None, metric).per_metric)}


def _key(row: Row, query: CostQuery) -> dict[str, str | None]:
    return dict(zip(query.by, row.key, strict=True))


def _measured(metric: Counted | None, period: Period, query: CostQuery, key: Mapping[str, str | None]) -> Decimal | None:
    return metric_sum(metric.points, period, query.scope, key) if metric else None


HEAD: Final = ("requests", "per 1k req", "per 1k tok", "in /1k", "out /1k", "tok/req", "cached", "per user", "per session")


def _grid(answer: Answer, metric: Counted | None, period: str) -> Grid | None:
    """One table for all currencies; columns nobody has a figure for are left out."""
    if not answer.sums:
        return None
    head = (" / ".join(answer.query.by) or "scope", "cost", *HEAD, *([f"per {metric.unit}"] if metric else []))
    grids = [Grid(f"Unit costs, {period}", head, tuple(_rows(sums, answer.query, metric))) for sums in answer.sums]
    names = [clean(sums.currency) for sums in answer.sums]
    return filled(grids[0], 2) if len(grids) == 1 else filled(several(grids, names, "currency"), 3)


def _rows(sums: Sums, query: CostQuery, metric: Counted | None) -> Iterator[tuple[Cell, ...]]:
    rows = [(label(row.key, query.by), row.cost, row.units, _measured(metric, query.period, query, _key(row, query))) for row in sums.rows]
    if sums.rest is not None:
        rows.append((others(sums.rest_groups), sums.rest.cost, None, None))
    rows.append((ALL, sums.total, sums.units, _measured(metric, query.period, query, {})))
    for name, cost, used, count in rows:
        cells = _cells(unit_costs(cost, used, count), used, clean(sums.currency), with_metric=metric is not None)
        yield (name_cell(name), money_cell(cost, clean(sums.currency)), *cells)


def _cells(each: UnitCosts, used: Units | None, currency: str, *, with_metric: bool) -> tuple[Cell, ...]:
    return (
        count_cell(used.requests if used else None),
        each_cell(each.per_1k_requests, currency),
        each_cell(each.per_1k_tokens, currency),
        each_cell(each.per_1k_input_tokens, currency),
        each_cell(each.per_1k_output_tokens, currency),
        count_cell(each.tokens_per_request),
        share_cell(each.cache_hit_ratio),
        each_cell(each.per_user, currency),
        each_cell(each.per_session, currency),
        *([each_cell(each.per_metric, currency)] if with_metric else []),
    )
