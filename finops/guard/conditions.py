"""Whether what a rule watches for holds now: yes, no, or nobody can say, and then nothing is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_conditions import (
    AllOf,
    AnomalyFound,
    AnyOf,
    BudgetSpent,
    BurnRate,
    Condition,
    ForecastBreach,
    Gauge,
    GaugeName,
    Growth,
    IdleGpu,
    Limits,
    PromQL,
    UnitCost,
    UnitFigure,
    When,
    conditions_in,
)
from finops.configuration.rulebook_rules import Rule
from finops.configuration.rulebook_sections import Scope
from finops.guard.budgets import BudgetState
from finops.guard.idle import Fleet, Machine
from finops.money import percent
from finops.periods import Period

if TYPE_CHECKING:  # what it rests on is heavy, and rules are read by light commands
    from finops.insight.anomalies_events import Anomaly

SHOWN: Final = 5
OF_BUDGETS: Final = (BudgetSpent, BurnRate, ForecastBreach)
LATER: Final = {"oversized_model": "oversized models"}
GRAVITY: Final = ("low", "medium", "high")


class Look(Protocol):
    """What conditions are looked up in, all of it as of one instant; None where there are no figures to tell."""

    def state(self, budget: Budget, period: Period | None = None) -> BudgetState: ...

    def burn(self, budget: Budget, window: timedelta) -> Decimal | None: ...

    def unit(self, figure: UnitFigure, scope: Scope, window: timedelta, back: int) -> Decimal | None:
        """A figure over the last `window`, or over the one `back` windows before."""
        ...

    def growth(self, scope: Scope, window: timedelta) -> tuple[Decimal, Decimal] | None:
        """What a scope cost in the last complete `window`, and in the one before."""
        ...

    def gauge(self, name: GaugeName, scope: Scope, window: timedelta) -> Decimal | None: ...

    def promql(self, query: str, url: str | None) -> Sequence[Decimal] | None: ...

    def idle(self, at_least: timedelta) -> Fleet | None:
        """The machines with GPUs, and what they did in the last `at_least`."""
        ...

    def anomalies(self, scope: Scope) -> "Sequence[Anomaly] | None":
        """What is not as usual now within a scope, one for each cause; None where nobody has looked lately."""
        ...


@dataclass(frozen=True)
class Reading:
    """What was found: `holds` is None where nobody can say. `said` is a clause with the figures, `doubts` why not to act on it.

    `idle` are machines that did nothing, the costliest first.
    """

    holds: bool | None
    said: str
    kind: str
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str | None = None
    doubts: tuple[str, ...] = ()
    idle: tuple[Machine, ...] = ()


def within(inner: Scope, outer: Scope) -> bool:
    """Tell whether all of `inner` lies within `outer`."""
    has = dict(inner)
    return all(name in has and set(has[name]) <= set(values) for name, values in outer)


def joined(outer: Scope, inner: Scope) -> Scope:
    """Narrow a rule's scope by that of its condition."""
    return tuple(sorted((dict(outer) | dict(inner)).items()))


def targets(rule: Rule, budgets: Sequence[Budget]) -> tuple[Budget | None, ...]:
    """Return the budgets a rule is judged for one by one; None alone where it is about no budget."""
    about = [each for each in conditions_in(rule.when) if isinstance(each, OF_BUDGETS)]
    if not about:
        return (None,)
    named = {each.budget.casefold() for each in about if each.budget}
    if named:
        return tuple(budget for budget in budgets if budget.name.casefold() in named)[:1]
    return tuple(budget for budget in budgets if within(budget.scope, rule.scope))


def unavailable(rules: Sequence[Rule]) -> list[str]:
    """Return a sentence for each rule that waits for something finops-bot cannot find yet."""
    told = []
    for rule in rules:
        kinds = sorted({LATER[each.kind] for each in conditions_in(rule.when) if each.kind in LATER})
        if kinds:
            told.append(f"the rule '{rule.name}' cannot fire: finding {' and '.join(kinds)} is not available yet")
    return told


def judge(when: When, look: Look, scope: Scope, budget: Budget | None, budgets: Sequence[Budget]) -> Reading:
    """Judge a condition, or several; one that nobody can tell decides nothing where another one decides already."""
    if isinstance(when, AllOf | AnyOf):
        return _several(when, [judge(each, look, scope, budget, budgets) for each in when.of])
    if isinstance(when, OF_BUDGETS):
        named = next((each for each in budgets if when.budget and each.name.casefold() == when.budget.casefold()), budget)
        return _of_budget(when, look, named) if named else _unknown(when, "there is no such budget")
    return _other(when, look, scope)


def _several(when: AllOf | AnyOf, found: Sequence[Reading]) -> Reading:
    """Let the reading that decided speak, with all that hold in its sentence."""
    decisive = isinstance(when, AnyOf)
    hits = [each for each in found if each.holds is decisive]
    unknown = [each for each in found if each.holds is None]
    if hits:
        said = hits[0].said if not decisive else " and ".join(each.said for each in hits)
        return Reading(decisive, said, hits[0].kind, hits[0].value, hits[0].limit, hits[0].unit, _doubts(hits), _idlers(hits))
    if unknown:
        return Reading(None, unknown[0].said, unknown[0].kind)
    first = found[0]
    return Reading(
        not decisive,
        " and ".join(each.said for each in found),
        first.kind,
        first.value,
        first.limit,
        first.unit,
        _doubts(found),
        _idlers(found),
    )


def _idlers(found: Sequence[Reading]) -> tuple[Machine, ...]:
    return next((each.idle for each in found if each.idle), ())


def _doubts(found: Sequence[Reading]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(doubt for each in found for doubt in each.doubts))


def _unknown(when: Condition, why: str) -> Reading:
    return Reading(None, why, when.kind)


def _of_budget(when: BudgetSpent | BurnRate | ForecastBreach, look: Look, budget: Budget) -> Reading:
    state = look.state(budget)
    if isinstance(when, BurnRate):
        return _burn(when, look, state)
    if isinstance(when, BudgetSpent):
        return _share(when, state, state.share, f"{budget.name} has spent {_percent(state.share)} of its budget")
    if state.doubts or state.forecast is None:
        return _unknown(when, f"there is no forecast for {budget.name}")
    share = state.forecast_share
    return _share(when, state, share, f"{budget.name} is forecast to spend {_percent(share)} of its budget")


def _share(when: BudgetSpent | ForecastBreach, state: BudgetState, share: Decimal | None, said: str) -> Reading:
    """What is spent stays spent, so that old figures may tell of it; they may not be acted on."""
    kind = "budget" if isinstance(when, BudgetSpent) else "forecast_breach"
    if share is None:
        return Reading(None, f"nothing is known of what {state.budget.name} spent", kind)
    if share < when.above and (state.doubts or state.has_gap):
        return Reading(None, state.doubts[0] if state.doubts else "a day is missing on the bill", kind, share, when.above, "share")
    return Reading(share >= when.above, said, kind, share, when.above, "share", state.doubts)


def _burn(when: BurnRate, look: Look, state: BudgetState) -> Reading:
    budget = state.budget
    slow = look.burn(budget, when.slow.window)
    if slow is None or state.spent is None:
        return Reading(None, f"nothing is known of how fast {budget.name} burns", "burn_rate")
    if slow < when.slow.above:
        return Reading(
            False, f"{budget.name} burns {_times(slow)} as fast as it may", "burn_rate", slow, when.slow.above, "times", state.doubts
        )
    fast = look.burn(budget, when.fast.window)
    if fast is None:
        return Reading(None, f"nothing is known of how fast {budget.name} burns", "burn_rate")
    windows = f"{_times(fast)} over {_span(when.fast.window)} and {_times(slow)} over {_span(when.slow.window)}"
    said = f"{budget.name} burns {windows} as fast as its budget allows"
    return Reading(fast >= when.fast.above, said, "burn_rate", fast, when.fast.above, "times", state.doubts)


def _other(when: Condition, look: Look, scope: Scope) -> Reading:
    if isinstance(when, UnitCost):
        return _unit(when, look, joined(scope, when.scope))
    if isinstance(when, Growth):
        return _growth(when, look, joined(scope, when.scope))
    if isinstance(when, Gauge):
        value = look.gauge(when.gauge, joined(scope, when.scope), when.window)
        return _limited(when, value, when.limits, f"{_word(when.gauge)} over {_span(when.window)}")
    if isinstance(when, PromQL):
        return _promql(when, look)
    if isinstance(when, IdleGpu):
        return _idle(when, look, scope)
    if isinstance(when, AnomalyFound):
        return _anomaly(when, look, scope)
    return _unknown(when, f"finding {LATER[when.kind]} is not available yet")


def _limited(when: Condition, value: Decimal | None, limits: Limits, what: str) -> Reading:
    limit = limits.above if limits.above is not None else limits.below
    if value is None or limit is None:
        return _unknown(when, f"there are no figures of {what}")
    side = "above" if limits.above is not None else "below"
    broken = limits.broken_by(value)
    said = f"{what} is {_plain(value)}, {'' if broken else 'not '}{side} {_plain(limit)}"
    return Reading(broken, said, when.kind, value, limit)


def _unit(when: UnitCost, look: Look, scope: Scope) -> Reading:
    value, what = look.unit(when.figure, scope, when.window, 0), f"{_word(when.figure)} over {_span(when.window)}"
    if when.limits is not None:
        return _limited(when, value, when.limits, what)
    before = look.unit(when.figure, scope, when.window, 1)
    if value is None or not before or when.vs_baseline is None:
        return _unknown(when, f"there are no figures of {what} and of the time before")
    change, limit = value / before - 1, when.vs_baseline
    holds = change > limit if limit > 0 else change < limit
    said = f"{what} is {_plain(value)}, {_signed(change)} beside {_plain(before)} before"
    return Reading(holds, said, when.kind, change, limit, "share")


def _growth(when: Growth, look: Look, scope: Scope) -> Reading:
    pair = look.growth(scope, when.window)
    if pair is None or pair[1] <= 0:
        return _unknown(when, "there are no complete figures to compare")
    now, before = pair
    change = now / before - 1
    said = f"cost grew by {_signed(change)} over {_span(when.window)}, from {_plain(before)} to {_plain(now)}"
    return Reading(change > when.above, said, when.kind, change, when.above, "share")


def _promql(when: PromQL, look: Look) -> Reading:
    """Any series that breaks the limit will do; an answer without series is no data, which is neither yes nor no."""
    values = look.promql(when.query, when.url)
    if values is None:
        return _unknown(when, "the Prometheus server cannot be asked")
    if not values:
        return _unknown(when, "the query has no data")
    hit = next((value for value in values if when.limits.broken_by(value)), values[0])
    return _limited(when, hit, when.limits, "the query")


def _idle(when: IdleGpu, look: Look, scope: Scope) -> Reading:
    """One that is idle decides; where none is, those of which too little is known may be."""
    span, known = _span(when.at_least), look.idle(when.at_least)
    if known is None:
        return _unknown(when, "there are no fresh samples of GPUs")
    found = known.verdicts(scope)
    if idle := found["idle"]:
        gpus = sum(len(machine.devices) for machine in idle)
        said = f"{_count(gpus, 'GPU')} on {_count(len(idle), 'machine')} did nothing for {span}: {_named(idle)}"
        return Reading(True, said, when.kind, Decimal(gpus), idle=tuple(idle))
    if found["unknown"]:
        return _unknown(when, f"too little is known to call {_named(found['unknown'])} idle for {span}")
    return Reading(False, f"every GPU was used within {span}", when.kind) if found["busy"] else _unknown(when, "no GPU is seen there")


def _anomaly(when: AnomalyFound, look: Look, scope: Scope) -> Reading:
    """The largest speaks for all that are as grave as asked."""
    known = look.anomalies(scope)
    if known is None:
        return _unknown(when, "nobody has looked for anomalies lately")
    least, grain = GRAVITY.index(when.severity), when.grain
    found = [one for one in known if GRAVITY.index(one.severity) >= least and grain in (None, one.step)]
    what = f"{when.severity} severity or more" if least < 2 else "high severity"
    if not found:
        return Reading(False, f"no anomaly of {what} is open", when.kind)
    first, *more = sorted(found, key=lambda one: -abs(one.excess))
    value, others = Decimal(str(round(first.excess, 2))), f" and {len(more)} more" if more else ""
    about = " ".join(f"{name}={value}" for name, value in first.key) or "everything"
    side = "more" if value > 0 else "less"
    said = f"{about} cost {_plain(abs(value))} {first.currency} {side} than expected ({first.id}, {first.severity}{others})"
    return Reading(True, said, when.kind, value, unit=first.currency)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _named(machines: Sequence[Machine]) -> str:
    more = f" and {len(machines) - SHOWN} more" if len(machines) > SHOWN else ""
    return ", ".join(machine.name for machine in machines[:SHOWN]) + more


def _percent(share: Decimal | None) -> str:
    return "an unknown share" if share is None else percent(float(share))


def _signed(change: Decimal) -> str:
    return percent(float(change), signed=True)


def _times(rate: Decimal) -> str:
    return f"{float(rate):.1f}×"


def _plain(value: Decimal) -> str:
    return f"{float(value):,.4g}" if abs(value) < 1000 else f"{float(value):,.0f}"


def _word(name: str) -> str:
    return name.replace("_", " ")


def _span(window: timedelta) -> str:
    minutes = int(window.total_seconds() // 60)
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
