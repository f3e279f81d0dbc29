"""`/cost budgets` and `/cost alerts`: where every budget stands, and what was told of it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.configuration.rulebook_budgets import Budget
from finops.errors import QueryError, close_to, meant
from finops.guard.budgets import BudgetState, document
from finops.telling.answer_json import moment
from finops.telling.day_words import day_name
from finops.telling.grids import UNKNOWN, Cell, Grid, money_cell, name_cell, share_cell
from finops.telling.names import clean

HEAD: Final = ("budget", "spent", "%", "of", "speed", "forecast", "spent by", "period")
ALERT_HEAD: Final = ("alert", "severity", "what", "state", "since")
BUTTONS: Final = ("acknowledge", "ack", "snooze")
INDENT: Final = "· "
LONGEST: Final = 80
NONE: Final = "No budget is in budgets.yaml yet; docs/budgets.md shows how to write one."
SIGNS: Final = {"ok": "✓", "warning": "!", "over": "✗", "unknown": "?"}


def budgets_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """Raises QueryError for a budget there is not."""
    from finops.ledger.watched import Looking

    looking = Looking(tools.ledger, asking.until, book=tools.rulebook)
    states = [looking.state(budget) for budget in _chosen(tools, rest.strip())]
    if not states:
        return TextReply("Budgets", (NONE,), {"budgets": []})
    rows = tuple(row for state in states for row in _rows(state, tools.rulebook.budgets))
    lines = tuple(line for state in states for line in _doubts(state)) or (_headline(states),)
    late = max(state.incomplete for state in states)
    lines += (f"The last {late} days are counted as far as they are known.",) if late > 1 else ()
    return TextReply("Budgets", lines, {"budgets": [document(state) for state in states]}, grid=Grid("Spent of budgets", HEAD, rows))


def _headline(states: Sequence[BudgetState]) -> str:
    tight = [clean(state.budget.name) for state in states if state.state in ("warning", "over")]
    many = f"{len(states)} budget{'' if len(states) == 1 else 's'}"
    return f"{', '.join(tight)} of {many} {'is' if len(tight) == 1 else 'are'} in danger." if tight else f"{many}, none in danger."


def _rows(state: BudgetState, budgets: tuple[Budget, ...]) -> Iterator[tuple[Cell, ...]]:
    budget, currency = state.budget, state.budget.currency
    name = f"{INDENT * _depth(budget, budgets)}{SIGNS[state.state]} {budget.name}"
    speed = Cell(UNKNOWN) if state.burn_rate is None else Cell(f"{float(state.burn_rate):.2f}×", float(state.burn_rate))
    yield (
        name_cell(name),
        money_cell(state.spent, currency),
        share_cell(None if state.share is None else float(state.share)),
        money_cell(budget.amount, currency),
        speed,
        money_cell(state.forecast, currency),
        Cell(day_name(state.breach_date, state.period.start) if state.breach_date else UNKNOWN),
        Cell(state.key),
    )
    for part in state.parts:
        share = share_cell(float(part.share))
        cells = (money_cell(part.spent, currency), share, money_cell(part.amount, currency))
        yield (name_cell(f"{INDENT * _depth(budget, budgets)}{INDENT}{part.value}"), *cells, *(Cell("") for _ in range(4)))


def _doubts(state: BudgetState) -> Iterator[str]:
    for doubt in state.doubts:
        yield f"{clean(state.budget.name)}: {doubt}"


def _chosen(tools: Tools, name: str) -> tuple[Budget, ...]:
    budgets = _in_order(tools.rulebook.budgets)
    if not name:
        return budgets
    chosen = tuple(each for each in budgets if each.name.casefold() == name.casefold())
    if not chosen:
        names = [each.name for each in budgets]
        near = tuple(f"budgets {each}" for each in close_to(name, names))
        raise QueryError(f"there is no budget '{name[:80]}'.{meant(name, names)}", suggestion="budgets", did_you_mean=near)
    return chosen


def _in_order(budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    """Children below their parents."""
    known = {each.name.casefold() for each in budgets}

    def below(parent: str | None) -> list[Budget]:
        found = []
        for each in budgets:
            above = each.parent.casefold() if each.parent and each.parent.casefold() in known else None
            if above == parent:
                found += [each, *below(each.name.casefold())]
        return found

    return tuple(below(None))


def _depth(budget: Budget, budgets: tuple[Budget, ...]) -> int:
    above = next((each for each in budgets if budget.parent and each.name.casefold() == budget.parent.casefold()), None)
    return 1 + _depth(above, budgets) if above else 0


def alerts_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """The newest alerts; `alerts all` lists those too that are over. Raises QueryError for other words."""
    from finops.ledger.alerts import past_alerts

    word = rest.strip().lower()
    if word not in ("", "all"):
        raise QueryError(
            _not_of_alerts(rest.strip()), suggestion="alerts all", did_you_mean=("alerts all",) if close_to(word, ("all",)) else ()
        )
    found = past_alerts(tools.ledger.engine, asking.until, live=not word)
    nothing = "Nothing was told yet." if word else "No alert is open; alerts all lists those that are over."
    many = f"{len(found)} alert{'' if len(found) == 1 else 's'}{'' if word else ' open'}"
    grid = Grid("Alerts, the newest first", ALERT_HEAD, tuple(map(_alert_row, found)))
    told = {"alerts": [alert_document(one) for one in found]}
    return TextReply("Alerts", (f"{many}.",) if found else (nothing,), told, grid=grid if found else None)


def _not_of_alerts(said: str) -> str:
    """What is done about an alert is done under its message, where people see it."""
    if said.lower().split()[0] in BUTTONS:
        return f"alerts only lists; to {said.lower().split()[0]} one, use the button under its message"
    if said[:2].upper() == "A-":
        return f"alerts lists them all; audit {said[:20].upper()} tells what was done about one"
    return f"alerts takes nothing, or 'all', not '{said[:80]}'.{meant(said, ('all',))}"


def _alert_row(found: Any) -> tuple[Cell, ...]:
    until = f" until {found.until:%Y-%m-%d %H:%M}Z" if found.until else ""
    with_other = f" (told with A-{found.told_with})" if found.told_with else ""
    return (
        Cell(found.id),
        Cell(found.finding.severity),
        name_cell(f"{found.finding.title}{with_other}", LONGEST),
        Cell(f"{found.state}{until}"),
        Cell(f"{found.opened_at:%Y-%m-%d %H:%M}Z"),
    )


def alert_document(found: Any) -> dict[str, Any]:
    finding = found.finding
    return {
        "id": found.id,
        "key": found.key,
        "kind": finding.kind,
        "rule": finding.rule,
        "period": finding.period,
        "severity": finding.severity,
        "state": found.state,
        "title": finding.title,
        "scope": {name: list(values) for name, values in finding.scope},
        "threshold": None if finding.threshold is None else float(finding.threshold),
        "value": None if finding.value is None else format(finding.value, "f"),
        "limit": None if finding.limit is None else format(finding.limit, "f"),
        "unit": finding.unit,
        "opened_at": moment(found.opened_at),
        "changed_at": moment(found.changed_at),
        "changed_by": found.changed_by,
        "until": moment(found.until) if found.until else None,
        "reason": found.reason,
        "told_with": f"A-{found.told_with}" if found.told_with else None,
        "routes": list(found.routes),
    }
