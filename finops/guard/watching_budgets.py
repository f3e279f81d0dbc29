"""Budgets under watch: each threshold of each local period fires once, corrections are told once, a forecast must hold twice."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from finops.configuration.rulebook_budgets import Budget, Threshold
from finops.configuration.rulebook_steps import Notify, Playbook, Propose, Step, WarRoom
from finops.guard.budgets import BudgetState, Part, document, today_of
from finops.guard.conditions import Look
from finops.guard.findings import Finding, Severity, finding_key
from finops.guard.watching import BACKWARDS, Firing, Round, routes_of
from finops.money import percent, show
from finops.periods import DAY, Period, unit_of
from finops.telling.day_words import day_name

TWICE: Final = 2
LOOKS_BACK: Final = 100  # days: bills are restated for some weeks, and a pause in which nothing ran is made up for
STRAY: Final = timedelta(days=2)  # between the zones of the clock and of the budget


@dataclass(frozen=True)
class Crossed:
    """A threshold of a budget in one period, and the key under which it is told."""

    state: BudgetState
    threshold: Threshold
    key: str


def watch_budget(budget: Budget, look: Look, playbooks: Mapping[str, Playbook], done: Round) -> None:
    """Look at a budget's present period, and at those since it began to be watched, as late data may change them."""
    watched = done.hold(watch_name(budget), timedelta.max)
    if watched.last - done.now > STRAY:
        done.told.append(f"{budget.name} was looked at {watched.last:%Y-%m-%d}, which is still to come; the clock was or is wrong")
    for period in periods(budget, watched.since, done.now):
        state = look.state(budget, period)
        if state.spent is None:
            done.told.append(f"{budget.name}: {state.doubts[0]}")
            return
        _actual(state, playbooks, done)
        if today_of(budget, done.now) in period:
            _forecast(state, playbooks, done)
            _split(state, done)


def watch_name(budget: Budget) -> str:
    return f"watch:{budget.name}:{budget.version[:12]}"


def periods(budget: Budget, since: datetime, now: datetime) -> Iterator[Period]:
    """Yield the periods that were not over when the budget began to be watched, oldest first."""
    today = today_of(budget, now)
    first = unit_of(max(min(today_of(budget, since), today), today - DAY * LOOKS_BACK), budget.period)
    at = first
    while at.start <= today:
        yield at
        at = unit_of(at.end, budget.period)


def _actual(state: BudgetState, playbooks: Mapping[str, Playbook], done: Round) -> None:
    assert state.share is not None
    for threshold in state.budget.thresholds:
        if threshold.kind != "actual":
            continue
        crossed = Crossed(state, threshold, _key(state, "budget", threshold.at))
        if state.share >= threshold.at:
            done.fire(_firing(crossed, playbooks, done))
        elif state.is_sure and not state.has_gap:
            done.fall_below(crossed.key, f"{_spent(state)}, below {_share(threshold.at)}.")


def _forecast(state: BudgetState, playbooks: Mapping[str, Playbook], done: Round) -> None:
    """A forecast must say the same twice before it is told, and twice before it is taken back."""
    share = state.forecast_share
    if share is None or not state.is_sure:
        return
    for threshold in state.budget.thresholds:
        if threshold.kind != "forecast":
            continue
        crossed = Crossed(state, threshold, _key(state, "forecast_breach", threshold.at))
        below, holds = f"{crossed.key}:below", share >= threshold.at
        done.let_go(below if holds else crossed.key)
        times = done.hold(crossed.key if holds else below).times
        if holds and times >= TWICE and not (state.share and state.share >= threshold.at):
            done.fire(_firing(crossed, playbooks, done))
        elif not holds and times >= TWICE:
            done.fall_below(crossed.key, f"{_forecast_said(state)}, below {_share(threshold.at)}.")


def _split(state: BudgetState, done: Round) -> None:
    for part in state.parts if state.is_sure else ():
        name = f"{state.budget.name}/{part.value}"
        key = finding_key(name, state.budget.version, state.key, "budget_part", Decimal(1))
        if part.share < 1:
            done.fall_below(key, f"{name} has spent {show(part.spent, state.budget.currency)}, less than its part.")
        elif part.spent > 0:
            routes = routes_of(("slack",), state.budget.owner, state.budget.channel)
            done.fire(Firing(_part_finding(state, part, key, done.now), name, routes))


def _part_finding(state: BudgetState, part: Part, key: str, now: datetime) -> Finding:
    budget = state.budget
    assert budget.split is not None
    said = f"{show(part.spent, budget.currency)} of {show(part.amount, budget.currency)}"
    return Finding(
        key=key,
        kind="budget_part",
        rule=budget.name,
        version=budget.version,
        period=state.key,
        scope=tuple(sorted((dict(budget.scope) | {budget.split.by: (part.value,)}).items())),
        severity="warning",
        title=f"{budget.name}: {budget.split.by}={part.value} has spent {said} ({_share(part.share)}) in {state.key}.",
        observed_at=now,
        as_of=state.as_of,
        value=part.spent,
        limit=part.amount,
        unit=budget.currency,
        threshold=Decimal(1),
        owner=budget.owner,
        channel=budget.channel,
        facts=facts(state),
        evidence={"budget": budget.name, "state": document(state), "part": part.value},
    )


def _key(state: BudgetState, kind: str, at: Decimal) -> str:
    return finding_key(state.budget.name, state.budget.version, state.key, kind, at)


def _firing(crossed: Crossed, playbooks: Mapping[str, Playbook], done: Round) -> Firing:
    """What is in doubt is told, and never acted on; so is what a clock tells that is not to be relied on."""
    state, budget = crossed.state, crossed.state.budget
    steps = steps_of(crossed.threshold, budget, playbooks)
    places = [place for place in crossed.threshold.do if place != "propose"]
    places += [place for step in steps if isinstance(step, Notify) for place in step.to]
    asks = tuple(step for step in steps if isinstance(step, Propose)) if state.is_sure and not clock_is_off(budget, done) else ()
    return Firing(
        _finding(crossed, done.now),
        budget.name,
        routes_of(places or ("slack",), budget.owner, budget.channel),
        asks=asks,
        rooms=tuple(step.channel or "" for step in steps if isinstance(step, WarRoom)),
        group=f"{budget.name}:{budget.version[:12]}:{state.key}",
    )


def clock_is_off(budget: Budget, done: Round) -> bool:
    """Tell whether an earlier look is later than this one: then one of the two clocks is wrong."""
    before = done.memory.marks.get(watch_name(budget))
    return before is not None and before.last - done.now > BACKWARDS


def steps_of(threshold: Threshold, budget: Budget, playbooks: Mapping[str, Playbook]) -> tuple[Step, ...]:
    if "propose" not in threshold.do or budget.playbook is None:
        return ()
    playbook = playbooks.get(budget.playbook.casefold())
    return playbook.steps if playbook else ()


def _finding(crossed: Crossed, now: datetime) -> Finding:
    state, threshold, budget = crossed.state, crossed.threshold, crossed.state.budget
    is_forecast = threshold.kind == "forecast"
    return Finding(
        key=crossed.key,
        kind="forecast_breach" if is_forecast else "budget",
        rule=budget.name,
        version=budget.version,
        period=state.key,
        scope=budget.scope,
        severity="warning" if is_forecast else severity_at(threshold.at),
        title=f"{_forecast_said(state) if is_forecast else _spent(state)}.",
        observed_at=now,
        as_of=state.as_of,
        value=state.forecast if is_forecast else state.spent,
        limit=budget.amount,
        unit=budget.currency,
        threshold=threshold.at,
        owner=budget.owner,
        channel=budget.channel,
        facts=facts(state),
        evidence={"budget": budget.name, "state": document(state), "doubts": list(state.doubts)},
    )


def severity_at(share: Decimal) -> Severity:
    if share >= 1:
        return "critical"
    return "warning" if share >= Decimal("0.8") else "info"


def _spent(state: BudgetState) -> str:
    assert state.spent is not None
    budget = state.budget
    money = f"{show(state.spent, budget.currency)} of {show(budget.amount, budget.currency)}"
    return f"{budget.name} has spent {money} ({_share(state.share)}) in {state.key}"


def _forecast_said(state: BudgetState) -> str:
    assert state.forecast is not None
    budget = state.budget
    money = f"{show(state.forecast, budget.currency)} of {show(budget.amount, budget.currency)}"
    return f"{budget.name} is forecast to spend {money} ({_share(state.forecast_share)}) in {state.key}"


def facts(state: BudgetState) -> dict[str, str]:
    """Return the lines a message shows of a budget."""
    currency = state.budget.currency
    told = {"Scope": " ".join(f"{name}={','.join(values)}" for name, values in state.budget.scope) or "everything"}
    if state.burn_rate is not None:
        rates = [f"{float(state.burn_rate):.1f}× this period", *(f"{float(rate):.1f}× over {name}" for name, rate in state.burns.items())]
        told["Burn rate"] = ", ".join(rates)
    if state.forecast is not None:
        told["Forecast"] = f"{show(state.forecast, currency)}{_breach(state)}"
    told |= {
        f"{state.budget.split.by}={part.value}": f"{show(part.spent, currency)} of {show(part.amount, currency)}"
        for part in (state.parts if state.budget.split else ())
        if state.budget.split
    }
    if state.incomplete:
        told["Incomplete"] = f"the last {state.incomplete} days are counted as far as they are known"
    return told | ({"In doubt": " ".join(state.doubts)} if state.doubts else {})


def _breach(state: BudgetState) -> str:
    """When the budget will be spent, where that is still ahead."""
    day, known = state.breach_date, state.complete_until
    return f", more than the budget from {day_name(day, state.period.start)} on" if day and known and day >= known else ""


def _share(share: Decimal | None) -> str:
    return "?" if share is None else percent(float(share))
