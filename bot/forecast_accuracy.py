"""`/cost forecast accuracy`: how stored forecasts did, beside what the run-rate would have said."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.configuration.rulebook_sections import Scope
from finops.errors import QueryError
from finops.periods import Unit
from finops.query import CostQuery
from finops.telling.grids import Cell, Grid, count_cell, share_cell
from finops.telling.sentences import scope_text

if TYPE_CHECKING:
    from finops.ledger.forecasts import Accuracy

HEAD: Final = ("of a", "days left", "forecasts", "periods", "error", "run-rate", "bias", "80 % held", "95 % held")
OF: Final[dict[Unit, str]] = {"month": "", "quarter": "of a quarter ", "week": "of a week ", "day": "of a day "}
SUGGESTED: Final = "forecast accuracy team=ml"
NOTHING: Final = (
    "No forecast of {who} has closed yet; the job forecast-month keeps one each night, and closes it when its period is complete."
)


def accuracy_reply(tools: Tools, text: str, asking: Asking) -> Reply:
    """From stored facts only. Raises QueryError for a scope that no forecast was kept of."""
    from bot.commands import read
    from finops.ledger.forecasts import accuracy, known_scopes, open_periods

    query = read(tools, text, asking.until)
    scope, who = _scope(query), scope_text(query) or "all charges"
    engine = tools.ledger.engine
    found = accuracy(engine, query.currency or tools.ledger.terms.currency, scope)
    waiting = open_periods(engine, scope)
    if not found and not waiting and (known := known_scopes(engine)):
        raise QueryError(f"no forecast of {who} is kept; kept are {_few(known)}", suggestion="forecast accuracy")
    lines = (_sentence(found, who), *_waits(waiting)) if found else (NOTHING.format(who=who), *_waits(waiting))
    document = {"scope": scope_text(query), "horizons": [_document(one) for one in found], "open_periods": waiting}
    return TextReply(f"Forecast accuracy, {who}", lines, document, grid=_grid(found) if found else None)


def _scope(query: CostQuery) -> Scope:
    if query.by or any(each.negated for each in query.scope):
        raise QueryError("forecast accuracy takes a scope such as team=ml, without by= and without !=", suggestion=SUGGESTED)
    return tuple(sorted((each.dimension, each.values) for each in query.scope))


def _few(known: Sequence[Scope], most: int = 6) -> str:
    names = [" ".join(f"{name}={','.join(values)}" for name, values in scope) or "all charges" for scope in known]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _sentence(found: Sequence["Accuracy"], who: str) -> str:
    """Say how good the longest look ahead was, since that is what people plan by."""
    first = found[0]
    last = [one for one in found if one.of == first.of][-1]
    parts = [_said(one) for one in ((first, last) if last is not first else (first,))]
    return f"Forecasts of {who} missed the total {OF[first.of]}by {', and by '.join(parts)}."


def _said(one: "Accuracy") -> str:
    rate = f" (run-rate {share_cell(one.run_rate_wape).text})" if one.run_rate_wape is not None else ""
    return f"{share_cell(one.wape).text}{rate} with {one.days_left[0]}–{one.days_left[1]} days left"


def _waits(count: int) -> tuple[str, ...]:
    return (f"{count} {'period waits' if count == 1 else 'periods wait'} for complete bills.",) if count else ()


def _grid(found: Sequence["Accuracy"]) -> Grid:
    rows = tuple(
        (
            Cell(one.of),
            Cell(f"{one.days_left[0]}–{one.days_left[1]}"),
            count_cell(one.forecasts),
            count_cell(one.periods),
            share_cell(one.wape),
            share_cell(one.run_rate_wape),
            share_cell(one.bias, with_sign=True),
            share_cell(one.held80),
            share_cell(one.held95),
        )
        for one in found
    )
    return Grid("How forecasts did, by days left", HEAD, rows)


def _document(one: "Accuracy") -> dict[str, Any]:
    return {
        "of": one.of,
        "days_left": {"from": one.days_left[0], "to": one.days_left[1]},
        "forecasts": one.forecasts,
        "periods": one.periods,
        "wape": one.wape,
        "bias": one.bias,
        "coverage80": one.held80,
        "coverage95": one.held95,
        "run_rate_wape": one.run_rate_wape,
    }
