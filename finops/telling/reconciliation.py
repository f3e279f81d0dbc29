"""Reconciliation in words and as JSON: what was billed beside what was estimated, and why they differ."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Final

from finops.insight.reconcile import Problem
from finops.insight.reconcile_parts import Cause
from finops.insight.reconcile_status import COMPARED, Comparison, Tolerance
from finops.insight.reconcile_twice import Twice
from finops.money import percent, show, signed
from finops.periods import DAY, Period, runs
from finops.telling.answer_json import amount
from finops.telling.day_words import span
from finops.telling.grids import Cell, Grid, change_cell, money_cell, name_cell, share_cell
from finops.telling.names import clean, cut

PREFIX: Final = "bill of "  # how notices about bills begin
LONGEST_NAME: Final = 60
MOST_TOLD: Final = 5
UNKNOWN: Final = "–"
HEAD: Final = ("provider", "model", "status", "estimated", "billed", "difference", "%")
WAITS: Final = "not billed yet"


# Notices.


def notice_name(problem: Problem, *, with_currency: bool = False) -> str:
    """Name a problem in at most sixty characters, each by one name for as long as it lasts."""
    words = [PREFIX + clean(problem.provider), clean(problem.model or ""), f"in {problem.currency}" if with_currency else ""]
    name = " ".join(filter(None, words))
    if len(name) <= LONGEST_NAME:
        return name
    return f"{cut(name, LONGEST_NAME - 9)} {hashlib.sha256(name.encode()).hexdigest()[:8]}"


def notice(problem: Problem, whole: Comparison, today: date) -> tuple[str, str]:
    """Say how much the bill is off over the newest run of days, why, and what to do next."""
    others = len(problem.days) - len(problem.newest)
    before = f", and {others} earlier day{'' if others == 1 else 's'}" if others else ""
    first = whole.causes[0] if whole.causes else None
    why = f" {cause_words(first, whole.currency)}." if first else ""
    return f"{span(whole.period, today)}{before}: {amounts(whole)}.{why}", first.next_step if first else ""


def amounts(row: Comparison) -> str:
    """Say what was billed and estimated, and the difference: `billed $107.10, estimated $100.00: +$7.10 (+6.6 %)`."""
    billed = "not billed" if row.billed is None else f"billed {show(row.billed, row.currency)}"
    estimated = "no estimate" if row.estimated is None else f"estimated {show(row.estimated, row.currency)}"
    return f"{billed}, {estimated}{_gap(row)}"


def _gap(row: Comparison) -> str:
    return "" if not row.difference else f": {signed(row.difference, row.currency)} ({percent(row.share, signed=True)})"


def cause_words(cause: Cause, currency: str) -> str:
    name = f"Perhaps {cause.name}" if cause.perhaps else cause.name[0].upper() + cause.name[1:]
    return f"{name} ({signed(cause.amount, currency)}): {clean(cause.why)}"


# One check in one sentence.


def summary(days: Sequence[Comparison], problems: Sequence[tuple[Problem, Comparison]], tolerance: Tolerance) -> str:
    """Say how many days were compared, and what is beyond the tolerance."""
    compared = [day for day in days if day.status in COMPARED and day.model is None and day.estimated is not None]
    if not compared:
        return "nothing to compare yet: no day has both measured usage and a complete bill"
    count = len({day for row in compared for day in row.period})
    providers = len({row.provider for row in compared})
    head = f"compared {_many(count, 'day')} of {_many(providers, 'provider')}"
    limit = percent(float(tolerance.share))
    if not problems:
        return f"{head}: all within {limit}"
    told = [_told(problem, whole) for problem, whole in problems[:MOST_TOLD]]
    more = f" and {len(problems) - MOST_TOLD} more" if len(problems) > MOST_TOLD else ""
    return f"{head}: within {limit} except {'; '.join(told)}{more}"


def _told(problem: Problem, whole: Comparison) -> str:
    why = f", {'perhaps ' if whole.causes[0].perhaps else ''}{whole.causes[0].name}" if whole.causes else ""
    return f"{_who(problem.provider, problem.model)} {_iso(whole.period)} ({percent(whole.share, signed=True)}{why})"


def _iso(period: Period) -> str:
    return f"on {period.start}" if period.days == 1 else f"from {period.start} to {period.end - DAY}"


def _who(provider: str, model: str | None) -> str:
    return f"{clean(provider)} {clean(model)}" if model else clean(provider)


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


# An answer.


def headline(rows: Sequence[Comparison], beyond: Sequence[Comparison], period: Period, today: date, tolerance: Tolerance) -> str:
    """Say in a sentence whether the estimates of a period can be trusted."""
    compared = [row for row in rows if row.status in COMPARED and row.estimated is not None]
    when = span(period, today)
    if not compared:
        return f"Nothing could be compared for {when} (UTC)."
    told = [row for row in compared if row.model is None] or compared  # asked by model, there is no whole
    sums = "; ".join(f"{_who(row.provider, row.model)} {amounts(row)}" for row in told[:MOST_TOLD])
    sums += f"; and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
    if not beyond:
        return f"{sums}. Every model is within {percent(float(tolerance.share))} on every compared day of {when} (UTC)."
    days = len({day for row in beyond for day in row.period})
    return f"{sums}. Beyond {percent(float(tolerance.share))} on {_many(days, 'day')} of {when} (UTC)."


def problem_line(problem: Problem, row: Comparison, today: date) -> str:
    """Which days, which sums, every cause, and what to do."""
    return f"{_who(row.provider, row.model)}, {_days_of(problem, today)}: {amounts(row)}. {_causes(row)}".strip()


def _days_of(problem: Problem, today: date) -> str:
    periods = runs(day for row in problem.days for day in row.period)
    shown = ", ".join(span(period, today) for period in periods[-MOST_TOLD:])
    return f"{len(periods) - MOST_TOLD} earlier times and {shown}" if len(periods) > MOST_TOLD else shown


def _causes(row: Comparison) -> str:
    told = [cause_words(cause, row.currency) for cause in row.causes]
    return ". ".join([*told, row.causes[0].next_step]) if told else ""


def twice_lines(found: Sequence[Twice]) -> list[str]:
    """Say which two sources bill the same, once for each pair."""
    pairs: dict[tuple[str, str, str, str, bool], list[Twice]] = {}
    for one in found:
        pairs.setdefault((one.provider, one.source, one.kept, one.currency, one.perhaps), []).append(one)
    return [_twice(some) for _, some in sorted(pairs.items())]


def _twice(some: Sequence[Twice]) -> str:
    one, money = some[0], sum(each.amount for each in some)
    days = _many(len({each.day for each in some}), "day")
    accounts = sorted({clean(each.account) for each in some if each.account})
    whose = f", account {', '.join(accounts[:MOST_TOLD])}" if accounts else ""
    certain = "perhaps counted twice" if one.perhaps else "counted twice"
    return (
        f"{clean(one.source)} and {clean(one.kept)} both bill {clean(one.provider)}{whose} on {days}: "
        f"{show(money or one.amount, one.currency)} is {certain}; keep one of the two sources"
    )


def grid(rows: Sequence[Comparison]) -> Grid:
    """The comparisons, a provider's whole below its models; of what waits for a bill only the whole, where there is one."""
    waiting = {row.provider for row in rows if row.status == WAITS and row.model is None}
    told = [row for row in rows if row.status != WAITS or row.model is None or row.provider not in waiting]
    ordered = sorted(told, key=lambda row: (row.provider, row.status == WAITS, row.model is None))
    return Grid("Estimated beside billed", HEAD, tuple(map(_cells, ordered)))


def _cells(row: Comparison) -> tuple[Cell, ...]:
    first = row.causes[0] if row.causes and row.beyond else None
    why = "" if first is None else f": {'perhaps ' if first.perhaps else ''}{first.name}"
    return (
        name_cell(row.provider, 24),
        name_cell(row.model or "all"),
        Cell(f"{row.status}{why}"),
        money_cell(row.estimated, row.currency),
        money_cell(row.billed, row.currency),
        change_cell(row.difference, row.currency),
        share_cell(row.share, with_sign=True),
    )


# JSON.


def row_document(row: Comparison) -> dict[str, object]:
    """One comparison as JSON values; `model` is null for all models of a provider together."""
    return {
        "provider": row.provider,
        "model": row.model,
        "start": row.period.start.isoformat(),
        "end": row.period.end.isoformat(),
        "days": row.days,
        "currency": row.currency,
        "estimated": amount(row.estimated),
        "billed": amount(row.billed),
        "difference": amount(row.difference),
        "difference_share": row.share,
        "status": row.status,
        "beyond": row.beyond,
        "causes": [cause_document(cause) for cause in row.causes],
    }


def cause_document(cause: Cause) -> dict[str, object]:
    return {
        "cause": cause.name,
        "amount": amount(cause.amount),
        "perhaps": cause.perhaps,
        "why": cause.why,
        "next_step": cause.next_step,
    }


def twice_document(one: Twice) -> dict[str, object]:
    return {
        "provider": one.provider,
        "account": one.account,
        "day": one.day.isoformat(),
        "source": one.source,
        "kept": one.kept,
        "currency": one.currency,
        "amount": amount(one.amount),
        "perhaps": one.perhaps,
    }
