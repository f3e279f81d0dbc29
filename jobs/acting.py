"""Puts the hands together that carry plans out, and the desk that proposes them: levers of clouds, clusters and gateways."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from finops.configuration.rulebook_approvals import Guard
from finops.configuration.rulebook_steps import Propose
from finops.guard.findings import Finding
from finops.guard.levers import cloud_levers
from finops.guard.terms import current_terms, terms_of
from finops.ledger.asking import Desk
from finops.ledger.effecting import Hands
from finops.ledger.gateway_effects import Board
from finops.ledger.ledger import Ledger
from finops.ledger.runs import database_clock
from finops.ports import Lever
from finops.pricing.book import price_book
from finops.rulebook import Rulebook
from finops.settings import Settings

Clock = Callable[[], datetime]
NOWHERE: Final = "slack:#finops"


def levers(ledger: Ledger, settings: Settings, guard: Callable[[], Guard], clock: Clock) -> Mapping[str, Lever]:
    """Return every lever by name; nothing is reached before one is used."""
    from finops.guard.levers.aws import Aws
    from finops.guard.levers.gateway import gateway_levers
    from finops.guard.levers.kubernetes_access import Cluster

    clouds = cloud_levers(guard, Aws(settings.aws_action_role), Cluster(settings.kubernetes_context))
    return {**gateway_levers(Board(ledger.engine, clock), guard), **clouds}


def hands(
    ledger: Ledger,
    settings: Settings,
    guard: Callable[[], Guard],
    clock: Clock,
    holder: str,
    rulebook: Callable[[], Rulebook] | None = None,
) -> Hands:
    """Return what carries plans out; `guard` is asked anew before each call, `rulebook` before a plan is begun."""
    channel = settings.slack_alerts_channel
    alarms = (*([f"slack:{channel}"] if channel else []), *(settings.fallback_routes or ()))
    terms = (lambda plan: current_terms(rulebook(), plan)) if rulebook else None
    known = levers(ledger, settings, guard, clock)
    return Hands(ledger.engine, known, guard, clock, holder, alarms, terms=terms, truth=lambda: database_clock(ledger.engine))


def desk(ledger: Ledger, settings: Settings, rulebook: Rulebook, clock: Clock) -> Desk:
    """Return what proposals are made with; told in the channel for alerts where nothing nearer is known."""
    route = f"slack:{settings.slack_alerts_channel}" if settings.slack_alerts_channel else NOWHERE
    known = levers(ledger, settings, lambda: rulebook.guard, clock)

    def terms(finding: Finding, step: Propose) -> dict[str, Any]:
        budget = finding.evidence.get("budget")
        return terms_of(rulebook, step.lever, step.risk, finding.rule, budget if isinstance(budget, str) else None)

    return Desk(ledger, known, rulebook.guard, rulebook.digest, price_book(rulebook.prices), route, terms)
