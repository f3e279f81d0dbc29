"""Compares estimates with bills, and says where they differ."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from finops.insight.reconcile import Problem, by_day, newest_runs, problems
from finops.insight.reconcile_status import Comparison, Tolerance
from finops.ledger.reconciliations import Notice, record
from finops.ledger.reconciling import find
from finops.periods import Period
from finops.settings import Settings
from finops.telling.reconciliation import notice, notice_name, summary
from jobs.registry import Tools, job

CHECKED: Final = timedelta(days=45)  # providers restate a month until some two weeks after its end


@job("reconcile-bills", daily="07:00")
def reconcile_bills(tools: Tools) -> str:
    """Compare what LLM requests were estimated to cost with what their providers bill; say why where it differs."""
    today = tools.now.date()
    period, tolerance = Period(today - CHECKED, today), tolerance_of(tools.settings)
    found = find(tools.ledger, period, tools.now)
    if not found.has_usage:
        record(tools.ledger.engine, period, (), found, (), tools.now)
        return "nothing to compare: no usage was measured"
    days = by_day(found.seen, period, tolerance)
    wholes = newest_runs(found.seen, problems(days, found.seen.since), tolerance)
    record(tools.ledger.engine, period, days, found, _notices(wholes, today), tools.now)
    return summary(days, wholes, tolerance)


def tolerance_of(settings: Settings) -> Tolerance:
    return Tolerance(settings.reconcile_tolerance / 100, settings.reconcile_floor)


def _notices(wholes: Sequence[tuple[Problem, Comparison]], today: date) -> list[Notice]:
    """One name for each provider and model; the currency tells two apart that are billed in two."""
    often = Counter((problem.provider, problem.model) for problem, _ in wholes)
    return [
        Notice(
            notice_name(problem, with_currency=often[problem.provider, problem.model] > 1),
            problem,
            *notice(problem, whole, today),
        )
        for problem, whole in wholes
    ]
