"""Makes a plan of a finding and a step of a playbook: what exactly is moved, how it stood, what that brings and what it costs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from finops.configuration.levers import EVERY
from finops.configuration.rulebook_sections import Scope, scope_words
from finops.configuration.rulebook_steps import Propose
from finops.errors import UserError
from finops.guard.findings import Finding
from finops.guard.plans import Plan, Saving

GATEWAY: Final = "gateway."


def targets_of(finding: Finding, step: Propose) -> tuple[str, ...]:
    """Return the exact things to move: the step's own, else those of the finding; for a gateway lever whose requests.

    Raises UserError where neither names any.
    """
    if step.lever.startswith(GATEWAY):
        scope = step.scope or finding.scope
        if not scope:
            raise UserError(f"{finding.rule} watches everything, and {step.lever} needs to know whose requests; give its step a 'scope'")
        return (scope_words(scope),)
    if step.targets:
        return tuple(dict.fromkeys(step.targets))
    found = finding.evidence.get("targets") or _resources(finding.scope)
    if not found:
        raise UserError(f"{finding.rule} names nothing that {step.lever} could move; give its step 'targets'")
    return tuple(dict.fromkeys(str(each) for each in found))


def plan_of(
    finding: Finding, step: Propose, before: Mapping[str, Any], saving: Saving | None, policy: str, *, dry_run: str | None = None
) -> Plan:
    """Return the frozen plan. `before` holds how each target stands, `policy` names the rulebook, `dry_run` says why nothing is moved."""
    said = side_effects(step.lever, step.parameters, tuple(before))
    return Plan(
        lever=step.lever,
        targets=tuple(before),
        parameters=dict(step.parameters),
        before=dict(before),
        reason=finding.title,
        evidence=evidence_of(finding),
        policy=policy,
        risk=step.risk,
        lasts=step.lasts,
        saving=saving,
        side_effects=(*([f"dry run: {dry_run}"] if dry_run else []), *said),
    )


def evidence_of(finding: Finding) -> dict[str, Any]:
    """Return as plain JSON what a plan rests on; the same finding gives the same, whenever it is looked at again."""
    amounts = {"value": finding.value, "limit": finding.limit, "threshold": finding.threshold}
    told: dict[str, Any] = {"finding": finding.key, "rule": finding.rule, "kind": finding.kind, "unit": finding.unit}
    told |= {name: None if amount is None else format(amount, "f") for name, amount in amounts.items()}
    as_of = finding.as_of.isoformat() if finding.as_of else None
    return {**told, "as_of": as_of, "facts": dict(finding.facts), "details": dict(finding.evidence)}


def hourly_cost(finding: Finding) -> tuple[Decimal, str] | None:
    """Return what a finding knows an hour of its targets to cost, with the currency."""
    return _price(finding.evidence, finding.unit)


def price_found(evidence: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    """Return the same from the evidence of a plan."""
    details = evidence.get("details")
    return _price(details, evidence.get("unit")) if isinstance(details, Mapping) else None


def _price(evidence: Mapping[str, Any], unit: str | None) -> tuple[Decimal, str] | None:
    known = evidence.get("hourly_cost")
    try:
        amount = Decimal(str(known)) if known is not None else None
    except InvalidOperation:
        return None
    return None if amount is None or not amount.is_finite() else (amount, str(evidence.get("currency") or unit or "USD"))


def stopped_share(lever: str, parameters: Mapping[str, Any], image: Mapping[str, Any]) -> Decimal:
    """Return which share of a target's cost ends, from how it stands and what it is set to."""
    wanted, held = sizes(lever, parameters, image)
    return Decimal(0) if wanted is None or not held else max(Decimal(0), 1 - Decimal(wanted) / held)


def sizes(lever: str, parameters: Mapping[str, Any], image: Mapping[str, Any]) -> tuple[int | None, int]:
    """Return to how many units a target is set, and how many it has: machines or replicas; 0 of 1 where it is stopped as a whole."""
    wanted, held = {
        "aws.scale_group": (parameters.get("desired"), image.get("desired")),
        "aws.scale_endpoint": (parameters.get("instances"), image.get("instances")),
        "kubernetes.scale": (parameters.get("replicas"), image.get("replicas")),
    }.get(lever, (0, 1))
    if not isinstance(wanted, int) or not isinstance(held, int) or held <= 0:
        return None, 0
    return wanted, held


def side_effects(lever: str, parameters: Mapping[str, Any], targets: Sequence[str]) -> list[str]:
    """Return in words who will notice, and what may get worse."""
    where = ", ".join(targets)
    if lever == "gateway.fallback":
        pairs = parameters["fallback"]
        return [
            *(_instead(premium, cheap, where) for premium, cheap in sorted(pairs.items())),
            "answers may be of lower quality, and prompts made for the other model may fail; caches of the other model are not used",
        ]
    if lever == "gateway.block":
        return [f"every request of {where} is refused (HTTP 429) until it ends"]
    if lever == "gateway.throttle":
        return [f"requests of {where} beyond {_limits(parameters)} are refused (HTTP 429) and must be sent again later"]
    return OTHERS.get(lever, lambda where: [f"whatever needs {where} notices"])(where)


OTHERS: Final = {
    "aws.stop_instances": lambda where: [f"what runs on {where} stops; starting again takes minutes, and capacity may be short then"],
    "aws.scale_group": lambda where: [f"{where} has fewer instances: less capacity, and instances that go lose what is on them"],
    "aws.scale_endpoint": lambda where: [f"{where} answers with fewer instances: requests may wait or be refused under load"],
    "kubernetes.scale": lambda where: [f"{where} runs fewer pods: requests may wait; those at 0 answer nothing"],
    "kubernetes.suspend": lambda where: [f"{where} starts nothing new; running pods of a Job are ended"],
}


def _instead(premium: str, cheap: str, where: str) -> str:
    return f"{cheap} answers instead of {'every other model' if premium == EVERY else premium} for requests of {where}"


def _limits(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in sorted(parameters.items()))


def _resources(scope: Scope) -> tuple[str, ...]:
    return next((values for name, values in scope if name == "resource" and not any("*" in value for value in values)), ())
