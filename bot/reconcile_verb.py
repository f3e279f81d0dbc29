"""`/cost reconcile …`: what was billed beside what was estimated, by provider and model, and why they differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.errors import QueryError
from finops.insight.reconcile import Problem, billed_twice, by_day, newest_runs, problems, together
from finops.insight.reconcile_status import Comparison, Tolerance
from finops.language.question_words import read_question
from finops.models import model_key
from finops.periods import Period
from finops.providers import provider_name
from finops.query import CostQuery, Filter, parse
from finops.telling.answer_json import amount, moment
from finops.telling.reconciliation import grid, headline, problem_line, row_document, twice_document, twice_lines

USUALLY: Final = timedelta(days=30)
LATER: Final = "Bills come a day or more after the usage; what waits for its bill is told as 'not billed yet'."
NO_USAGE: Final = "No usage was measured, so there is nothing to compare bills with; docs/usage.md tells how requests are taken in."
NO_BILL: Final = "No bill of a model provider reaches these days; docs/connectors.md tells how bills are fetched."

T = TypeVar("T", Problem, Comparison)
Shown = Callable[[str, str | None], bool]  # provider and model


def reconcile_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """Raises QueryError for a filter that bills do not know."""
    from finops.ledger.reconciling import find
    from jobs.reconcile_bills import tolerance_of

    today = asking.until.date()
    query = parse(rest, today)
    period, shown = _period(rest, query, today), _shown(query)
    tolerance = tolerance_of(tools.settings)
    found = find(tools.ledger, period, asking.until, asking.known_at)
    rows = [row for row in together(found.seen, period, tolerance) if shown(row.provider, row.model)]
    days = [day for day in by_day(found.seen, period, tolerance) if shown(day.provider, day.model)]
    beyond = newest_runs(found.seen, problems(days, found.seen.since), tolerance)
    rows, days = ([_spelt(row, found.names) for row in each] for each in (rows, days))
    beyond = [(_spelt(problem, found.names), _spelt(row, found.names)) for problem, row in beyond]
    twice = [one for one in billed_twice(found.seen, period) if shown(one.provider, None)]
    empty = None if found.has_usage and found.has_bills else NO_BILL if found.has_usage else NO_USAGE
    lines = _lines(rows, beyond, period, today, tolerance, empty)
    document = {
        "period": {"start": period.start.isoformat(), "end": period.end.isoformat()},
        "tolerance": {"share": float(tolerance.share), "floor": amount(tolerance.floor)},
        "rows": [row_document(row) for row in rows],
        "days": [row_document(day) for day in days],
        "beyond": [_problem_document(problem, row) for problem, row in beyond],
        "billed_twice": [twice_document(one) for one in twice],
        "as_of": {provider: moment(at) for provider, at in sorted(found.as_of.items())},
        "notes": [*([empty] if empty else []), *twice_lines(twice)],
    }
    return TextReply("Estimates and bills", (*lines, *twice_lines(twice)), document, grid=grid(rows) if rows else None)


def _spelt(one: T, names: Mapping[str, str]) -> T:
    """Models are compared by their keys, and shown as somebody wrote them."""
    return replace(one, model=names.get(one.model or "", one.model))


def _lines(
    rows: Sequence[Comparison],
    beyond: Sequence[tuple[Problem, Comparison]],
    period: Period,
    today: date,
    tolerance: Tolerance,
    empty: str | None,
) -> tuple[str, ...]:
    if empty:
        return (empty,)
    if not rows:
        return ("Nothing was measured or billed for these providers and models in this period.",)
    differing = [day for problem, _ in beyond for day in problem.days]
    told = [problem_line(problem, row, today) for problem, row in beyond]
    waits = any(row.status == "not billed yet" for row in rows)
    return (headline(rows, differing, period, today, tolerance), *told, *([LATER] if waits else []))


def _period(text: str, query: CostQuery, today: date) -> Period:
    """Bills come late, so that thirty days say more than the usual seven where no period is asked for."""
    asked = read_question(text, today, {}).period if text else None
    return query.period if asked else Period(today - USUALLY, today)


def _shown(query: CostQuery) -> Shown:
    wrong = next((one for one in query.scope if one.dimension not in ("provider", "model")), None)
    if wrong or query.by:
        what = f"{wrong.dimension}=" if wrong else f"by={query.by[0]}"
        raise QueryError(
            f"reconcile takes provider=, model= and a period, not {what}, since bills do not know it", suggestion="reconcile last 30d"
        )

    def shown(provider: str, model: str | None) -> bool:
        return all(_passes(one, provider, model) for one in query.scope)

    return shown


def _passes(wanted: Filter, provider: str, model: str | None) -> bool:
    if wanted.dimension == "model" and model is None:
        return False  # all models together are no answer about one
    found = model if wanted.dimension == "model" else provider
    fits = any(fnmatchcase((found or "").casefold(), _pattern(wanted.dimension, value)) for value in wanted.values)
    return fits != wanted.negated


def _pattern(dimension: str, value: str) -> str:
    """Spelt as rows are: providers by our name, models by their key."""
    plain = "*" not in value
    spelt = (model_key(value) if dimension == "model" else provider_name(value)) if plain else value
    return spelt.casefold().replace("[", "[[]").replace("?", "[?]")


def _problem_document(problem: Problem, row: Comparison) -> dict[str, Any]:
    days = [{"start": day.period.start.isoformat(), "end": day.period.end.isoformat()} for day in problem.days]
    return row_document(row) | {"goes_on": problem.goes_on, "days_beyond": days}
