"""Measures what stopping and scaling saved: how long each target stood so, what its hours cost before, and what the bill says then."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

from sqlalchemy import Engine

from finops.guard.hour_rates import HourLine, HourRate, rate_of, unbilled
from finops.guard.plans import Plan
from finops.guard.proposing import price_found, sizes
from finops.guard.saving import Span, rounded
from finops.guard.saving_clouds import Held, at_rates, given_rate
from finops.ledger.audit import history_of
from finops.ledger.effecting import told
from finops.ledger.effects import Effect, effects_of
from finops.ledger.ledger import Ledger
from finops.ledger.proposals import Proposal
from finops.ledger.resource_hours import hour_lines
from finops.periods import DAY
from finops.ports import Lever

Kind = Literal["soon", "end", "billed"]
Told = tuple[Span | None, str | None, str]
BEFORE: Final = timedelta(days=14)
GROUP_TAG: Final = "aws:autoscaling:groupName"


def measure_cloud(
    ledger: Ledger, levers: Mapping[str, Lever], one: Proposal, during: tuple[datetime, datetime], kind: Kind, lead: str
) -> Told:
    """Return the saving with its currency where there is one, and a sentence that says what it rests on, or why there is none."""
    plan, (begins, ends) = one.plan, during
    held = _held(ledger.engine, levers, one, ends, kind)
    odd = [f"; {each.odd}, so nothing is counted for it" for each in held if each.odd]
    if not any(each.hours for each in held):
        return None, None, f"{lead}; nothing stood still that would have cost anything{''.join(odd)}."
    rates = {target: rate for target in plan.targets if (rate := _rate(ledger, plan, target, begins))}
    if kind == "billed":
        return _confirmed(ledger, plan, held, rates, during, lead)
    found = at_rates(held, rates)
    if found is None:
        return None, None, f"{lead}; {_unpriced(plan, held, rates)}{''.join(odd)}."
    span, currency = found
    hours = sum(each.hours for each in held)
    how = "read at the provider just now" if kind == "soon" else "from when each was set until it was put back, by our own record"
    said = f"{_amounts(span, currency)}: {hours:.1f} hours not run ({how}), at {_basis(rates)}"
    return span, currency, f"{lead}; measured {said}{''.join(odd)}{_later(plan, rates)}."


def is_billed(ledger: Ledger, ends: datetime, now: datetime) -> bool:
    """Whether some bill was delivered since that is complete for the day on which an action ended."""
    day = ends.astimezone(UTC).date()
    return any(one.complete_until > day + DAY and one.delivered_at > ends for one in ledger.sources(now))


def _held(engine: Engine, levers: Mapping[str, Lever], one: Proposal, ends: datetime, kind: Kind) -> list[Held]:
    begun = _applied_at(engine, one.id)
    return [_one(levers, one.plan, effect, begun.get(effect.target), ends, kind) for effect in effects_of(engine, one.number)]


def _one(levers: Mapping[str, Lever], plan: Plan, effect: Effect, begun: datetime | None, ends: datetime, kind: Kind) -> Held:
    wanted, size = sizes(plan.lever, plan.parameters, plan.before[effect.target])
    units = max(0, size - wanted) if wanted is not None else 0
    if kind == "soon":
        since = effect.changed_at if effect.stage == "applied" else begun or ends
        return Held(effect.target, since, ends, units, _standing(levers, plan, effect.target))
    found = Held(effect.target, begun or effect.changed_at, min(effect.changed_at, ends), units)
    return replace(found, odd=effect.error) if effect.error and effect.error.endswith("is not there any more") else found


def _applied_at(engine: Engine, identity: str) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for entry in history_of(engine, identity, "effect.applied"):
        found.setdefault(str(json.loads(entry.detail).get("target")), entry.at)
    return found


def _standing(levers: Mapping[str, Lever], plan: Plan, target: str) -> str | None:
    """Say why a target may not count: it is not as it was set any more, or nobody can tell."""
    if plan.lever not in levers:
        return f"{target} cannot be read here, where there is no lever {plan.lever}"
    try:
        standing = levers[plan.lever].observe(plan, target)
    except Exception as problem:
        return f"{target} could not be read ({told(problem)})"
    return None if standing == "applied" else f"{target} is {standing} by now"


def _rate(ledger: Ledger, plan: Plan, target: str, begins: datetime) -> HourRate | None:
    """The bill's own rate goes before the price that a finding gave; of pods no bill tells."""
    if rate := rate_of(_lines(ledger, plan, target, begins - BEFORE, begins)):
        return rate
    _, size = sizes(plan.lever, plan.parameters, plan.before[target])
    found = price_found(plan.evidence)
    return given_rate(*found, len(plan.targets), size) if found else None


def _lines(ledger: Ledger, plan: Plan, target: str, start: datetime, end: datetime) -> list[HourLine]:
    if not plan.lever.startswith("aws."):
        return []
    short = target.rpartition("/")[2]
    if plan.lever == "aws.scale_group":
        return hour_lines(ledger, (), start, end, tag=(GROUP_TAG, short))
    return hour_lines(ledger, (target, short), start, end)


def _confirmed(
    ledger: Ledger, plan: Plan, held: list[Held], rates: Mapping[str, HourRate], during: tuple[datetime, datetime], lead: str
) -> Told:
    """The bill counts no more hours than the action held, and none that it charged all the same."""
    missing: dict[str, Decimal] = {}
    for each in held:
        rate = rates.get(each.target)
        if rate is None or not rate.sources:
            return None, None, f"{lead}; the bill tells nothing of {each.target} by the hour, so it confirms nothing."
        _, size = sizes(plan.lever, plan.parameters, plan.before[each.target])
        lines = _lines(ledger, plan, each.target, during[0] - rate.grain, during[1] + rate.grain)
        missing[each.target] = min(each.hours, unbilled(lines, size, *during, rate.grain))
    spans = [(missing[each.target], rates[each.target]) for each in held]
    likely, low, high = (sum((hours * getattr(rate, name) for hours, rate in spans), Decimal(0)) for name in ("likely", "low", "high"))
    span, currency = Span(likely, low, high), spans[0][1].currency
    counted, whole = sum(missing.values()), sum(each.hours for each in held)
    said = f"of {whole:.1f} hours that were set still the bill leaves out {counted:.1f}, at {_basis(rates)}"
    return span, currency, f"{lead}; by the bill {_amounts(span, currency)}: {said}."


def _unpriced(plan: Plan, held: list[Held], rates: Mapping[str, HourRate]) -> str:
    hours = sum(each.hours for each in held)
    names = ", ".join(each.target for each in held if each.hours and each.target not in rates) or "its targets in one currency"
    if plan.lever.startswith("kubernetes."):
        return f"{hours:.1f} pod hours were not run; no figure, because the nodes under them are charged until they go, too"
    return f"{hours:.1f} hours were not run; no figure, because no bill charges {names} by the hour"


def _basis(rates: Mapping[str, HourRate]) -> str:
    ordered = sorted({f"{rounded(rate.likely):f} {rate.currency}" for rate in rates.values()})
    first = next(iter(rates.values()))
    basis = first.basis if first.sources else "the hourly cost that was found before"
    return f"{ordered[0] if len(ordered) == 1 else f'{ordered[0]} to {ordered[-1]}'} an hour, {basis}"


def _later(plan: Plan, rates: Mapping[str, HourRate]) -> str:
    if plan.lever.startswith("kubernetes."):
        return "; it becomes money when the nodes under it go, too"
    return "; the bill of these days has still to confirm it" if any(rate.sources for rate in rates.values()) else ""


def _amounts(span: Span, currency: str) -> str:
    likely, low, high = (f"{rounded(each):f}" for each in (span.likely, span.low, span.high))
    return f"{likely} {currency} (between {low} and {high})"
