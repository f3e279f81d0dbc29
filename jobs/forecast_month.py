"""Keeps what this month and the periods of budgets will come to, as it looks each night, and closes those that are complete."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final

from finops.configuration.rulebook_sections import Scope
from finops.errors import UserError
from finops.guard.budgets import today_of
from finops.periods import Period, month_of, unit_of
from jobs.registry import Tools, job

if TYPE_CHECKING:  # numpy is loaded when it runs
    from finops.insight.prediction import Prediction
    from finops.ledger.forecasts import Said

BY: Final = ("team", "provider")
MOST: Final = 10_000  # of each


@job("forecast-month", daily="05:10")
def forecast_month(tools: Tools) -> str:
    """Keep what this month will cost: all of it, each team and provider, each budget's scope and its own period; close what is over."""
    from finops.ledger import forecasts
    from finops.ledger.came import came
    from finops.ledger.predicting import local_day

    today = local_day(tools.ledger, tools.now)
    engine = tools.ledger.engine
    closed, restated = forecasts.close(engine, came(tools.ledger, forecasts.to_close(engine, today), tools.now), tools.now)
    trouble: list[str] = []
    said = {(one.scope, one.forecast.period): one for one in _said(tools, month_of(today), today, trouble)}
    made = forecasts.keep(engine, said.values(), today, tools.now)
    parts = [f"kept {made} forecasts", *([f"closed {closed}"] if closed else []), *([f"restated {restated}"] if restated else []), *trouble]
    return "; ".join(parts)


def _said(tools: Tools, month: Period, today: date, trouble: list[str]) -> Iterator["Said"]:
    """Teams and providers as parts of the whole; what has a budget afterwards, as its budget tells it."""
    from finops.ledger.predicting import predict
    from finops.ledger.watched import filters_of

    for name in BY:
        found = predict(tools.ledger, tools.rulebook, (), month, tools.now, (name,), most=MOST)
        yield from _of_parts(found, name)
    for scope, period in dict.fromkeys(_budgeted(tools, month)):
        if period.end <= today:  # where the budget is at home it is still yesterday
            continue
        try:
            whole = predict(tools.ledger, tools.rulebook, filters_of(scope), period, tools.now)
        except UserError as problem:
            trouble.append(f"nothing for {scope}: {problem}")
        else:
            yield from _one(scope, whole)


def _budgeted(tools: Tools, month: Period) -> Iterator[tuple[Scope, Period]]:
    """The scope of each budget with this month, and with the budget's own period where that is another one."""
    for budget in tools.rulebook.budgets:
        yield budget.scope, month
        yield budget.scope, unit_of(today_of(budget, tools.now), budget.period)


def _of_parts(found: "Prediction", name: str) -> Iterator["Said"]:
    from finops.ledger.forecasts import Said

    yield from _one((), found)
    for part, rate in zip(found.parts, found.run_rates[1:], strict=True):
        value = dict(part.key).get(name)
        if value is not None and part.total is not None and found.complete_until is not None:
            yield Said(((name, (value,)),), part, rate, found.complete_until)


def _one(scope: Scope, found: "Prediction") -> Iterator["Said"]:
    from finops.ledger.forecasts import Said

    if found.complete_until is not None:
        yield Said(scope, found.whole, found.run_rates[0], found.complete_until)
