"""Proposes an action: reads how its targets stand, works out what it saves, and asks for an approval of exactly that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from finops.configuration.rulebook_approvals import Guard
from finops.configuration.rulebook_steps import Propose
from finops.errors import LeverError, UserError
from finops.guard.approval_policy import Need
from finops.guard.findings import Finding
from finops.guard.plans import Plan, Saving
from finops.guard.proposals import IN_FORCE
from finops.guard.proposing import GATEWAY, hourly_cost, plan_of, stopped_share, targets_of
from finops.guard.protections import halted
from finops.guard.quorum import needs_of
from finops.guard.saving import ESTIMATES, WINDOW, Prices, of_stop
from finops.guard.snapshot import read_target
from finops.guard.terms import TERMS
from finops.ledger.ledger import Ledger
from finops.ledger.proposals import Asked, Beside, Change, open_proposals, propose
from finops.ledger.traffic import costs_by_day, flows
from finops.ports import Lever

REQUESTER: Final = "finops-bot"


@dataclass(frozen=True)
class Desk:
    """What proposals are made with: levers, the guard and the digest of the rulebook, prices, and where messages go without a channel.

    `terms` tells what of the rulebook matters to a step for a finding; it is frozen in the plan and compared before it is carried out.
    """

    ledger: Ledger
    levers: Mapping[str, Lever]
    guard: Guard
    policy: str
    prices: Prices
    route: str
    terms: Callable[[Finding, Propose], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Around:
    """Who must agree beside what the guard says, who owns it, for whom it is asked, where it is told, and in which alert's message."""

    approvers: tuple[Need, ...] = ()
    owner: str | None = None
    requester: str = REQUESTER
    route: str | None = None
    beside: Beside | None = None


def propose_step(desk: Desk, finding: Finding, step: Propose, now: datetime, around: Around | None = None) -> Change:
    """Propose what a step says for a finding; what is proposed or in force for it already is not proposed again.

    Raises UserError or LeverError, in a sentence to be told, where nothing can be proposed: no target, a protected one,
    one that is as wanted already, nobody who could decide.
    """
    around = around or Around()
    guard = desk.guard
    if guard.stop:
        raise LeverError(halted(guard) or "")
    targets = targets_of(finding, step)
    same = [one for one in open_proposals(desk.ledger.engine, finding=finding.key) if _does(one.plan, step, targets)]
    if same:
        return Change(False, same[0], f"{same[0].id} {'does' if same[0].state in IN_FORCE else 'proposes'} this already")
    plan = plan_for(desk, finding, step, targets, now)
    policy = guard.policy(step.lever, step.risk, around.approvers)
    owner = around.owner or finding.owner
    if not needs_of(policy, owner):
        raise UserError(f"nobody is named who may agree to {step.lever} for {finding.rule}; give its budget an owner or approvers")
    told = Asked(plan, finding.key, around.requester, policy, around.route or desk.route, owner, beside=around.beside)
    return propose(desk.ledger.engine, told, now)


def plan_for(desk: Desk, finding: Finding, step: Propose, targets: tuple[str, ...], now: datetime) -> Plan:
    """Read how the targets stand and freeze the plan. Raises LeverError."""
    if step.lever not in desk.levers:
        raise LeverError(f"there is no lever {step.lever} here; it has {', '.join(sorted(desk.levers))}")
    lever = desk.levers[step.lever]
    before = lever.look(targets, step.parameters)
    saving = expected(desk, finding, step, before, now)
    plan = plan_of(finding, step, before, saving, desk.policy, dry_run=halted(desk.guard) if desk.guard.dry_run else None)
    if desk.terms:
        plan = replace(plan, evidence={**plan.evidence, TERMS: dict(desk.terms(finding, step))})
    return plan if step.lever.startswith(GATEWAY) else replace(plan, side_effects=(*plan.side_effects, *lever.describe(plan)))


def expected(desk: Desk, finding: Finding, step: Propose, before: Mapping[str, object], now: datetime) -> Saving | None:
    """Work out what the step saves an hour; None where nobody can say."""
    if step.lever in ESTIMATES:
        traffic = [flow for target in before for flow in flows(desk.ledger, read_target(target), now - WINDOW, now)]
        return ESTIMATES[step.lever](traffic, step.parameters, desk.prices, now)
    shares = {stopped_share(step.lever, step.parameters, image) for image in before.values() if isinstance(image, dict)}
    if len(shares) != 1:
        return None
    if known := hourly_cost(finding):
        saving = of_stop([known[0] * 24], known[1], shares.pop())
        return saving and replace(saving, basis="the hourly cost that was found")
    billed = costs_by_day(desk.ledger, tuple(before), now.date())
    return of_stop(*billed, shares.pop()) if billed else None


def _does(plan: Plan, step: Propose, targets: tuple[str, ...]) -> bool:
    return (plan.lever, plan.targets, dict(plan.parameters)) == (step.lever, targets, dict(step.parameters))


Proposer = Callable[[Finding, Propose], Change]
