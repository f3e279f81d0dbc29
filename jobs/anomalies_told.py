"""Looks through the ledger for anomalies: where each cause is told, and what its message shows."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from finops.errors import QueryError
from finops.guard.conditions import within
from finops.guard.watching import routes_of
from finops.insight.anomalies_events import Anomaly
from finops.insight.anomalies_nesting import Nesting, Pair
from finops.insight.panel import Step
from finops.ledger.anomalies import kept, said
from finops.ledger.settling_anomalies import FRESH, Look, Settled, settle
from finops.ledger.spotting import Spotted, around_of, drivers_of, spot, today_of
from finops.periods import DAY, Period
from finops.rulebook import Rulebook
from jobs.check_budgets import fallback
from jobs.registry import Tools

BACK: Final = 35  # days: longer than an event can last
MOST_SHOWN: Final = 20  # charts and drivers that are worked out in one look


def look_through(tools: Tools) -> str:
    """Look at everything once. Repeating it, at any time and by any number of workers, tells nothing twice."""
    today = today_of(tools.ledger, tools.now)
    try:
        spotted = spot(tools.ledger, tools.rulebook, Period(today - DAY * BACK, today + DAY), tools.now, said=said(tools.ledger.engine))
    except QueryError as problem:  # no rate for the currency of a bill
        return f"nothing was looked at: {problem}"
    done = settle(tools.ledger.engine, look_of(tools, spotted, today))
    return sentence(spotted, done)


def look_of(tools: Tools, spotted: Spotted, today: date) -> Look:
    """Return what is to be recorded of a look: where each cause is told, and what its message shows."""
    known: dict[Step, date] = {"hour": tools.now}
    if spotted.complete_until:
        known["day"] = spotted.complete_until
    nest = Nesting(spotted.within)
    return Look(
        groups=spotted.groups,
        now=tools.now,
        today=today,
        series={step: len(panel.keys) for step, panel in spotted.panels.items()},
        known_until=known,
        routes={group.driver.id: route_of(tools, nest.wide(group.driver.key)) for group in spotted.groups},
        shown=_shown(tools, spotted, known),
        per_week=tools.rulebook.anomalies.told_per_week,
    )


def route_of(tools: Tools, pairs: Iterable[Pair]) -> str | None:
    """Return where what lies in these pairs is told of: the channel or owner of the narrowest budget around it, else of all alerts."""
    owner, channel = speaks_for(tools.rulebook, pairs)
    return next(iter((*routes_of(("slack",), owner, channel), *fallback(tools))), None)


def speaks_for(book: Rulebook, pairs: Iterable[Pair]) -> tuple[str | None, str | None]:
    scope = tuple((name, (value,)) for name, value in sorted(pairs))
    around = [each for each in book.budgets if each.scope and within(scope, each.scope)]
    budget = max(around, key=lambda each: len(each.scope), default=None)
    return (budget.owner, budget.channel) if budget else (None, None)


def _shown(tools: Tools, spotted: Spotted, known: Mapping[Step, date]) -> dict[str, Mapping[str, Any]]:
    """Work out course and drivers of what may be told, or was: the largest first."""
    told = {one.id for one in kept(tools.ledger.engine, tools.now) if one.case.live and one.route}
    wanted = [group.driver for group in spotted.groups if group.driver.id in told or _is_fresh(group.driver, known)]
    return {one.id: shown_of(tools, spotted, one) for one in wanted[:MOST_SHOWN]}


def _is_fresh(one: Anomaly, known: Mapping[Step, date]) -> bool:
    return one.step in known and one.detected_on >= known[one.step] - FRESH[one.step]


def shown_of(tools: Tools, spotted: Spotted, one: Anomaly) -> dict[str, Any]:
    """Return the course and the drivers of an anomaly as plain JSON."""
    seen = around_of(spotted, one)
    drivers = [{"text": driver.text, "excess": format(driver.excess, "f")} for driver in drivers_of(tools.ledger, one, tools.now)]
    if seen is None:
        return {"drivers": drivers}
    course = {
        "steps": [step.isoformat() for step in seen.steps],
        "actual": list(seen.actual),
        "expected": list(seen.expected),
        "first": seen.first,
        "last": seen.last,
    }
    return {"drivers": drivers, "course": course, "as_of": spotted.as_of.isoformat() if spotted.as_of else None}


def sentence(spotted: Spotted, done: Settled) -> str:
    """Say what a look came to."""
    parts = [
        f"{len(found)} {what}" for found, what in ((done.opened, "new"), (done.grown, "grew"), (done.over, "over"), (done.told, "told"))
    ]
    held = [f"{done.held_back} held back, since their channels heard enough this week"] if done.held_back else []
    return "; ".join([f"{spotted.checked} series, {len(spotted.groups)} causes: {', '.join(parts)}", *held])
