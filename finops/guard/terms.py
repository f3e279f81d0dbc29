"""The terms under which a plan was asked for: who must agree, and what asked. A change of these asks again; any other edit does not."""

from collections.abc import Mapping
from typing import Any, Final

from finops.configuration.digests import digest_of
from finops.guard.plans import Plan, Risk
from finops.rulebook import Rulebook

TERMS: Final = "terms"
SAID: Final = {
    "approval": "who must agree to it is configured in another way since",
    "asked_by": "the rule or the budget that asked for it was changed since",
}


def terms_of(book: Rulebook, lever: str, risk: Risk, rule: str, budget: str | None) -> dict[str, Any]:
    """Return as plain JSON what of the rulebook matters to a plan. Limits on targets are not here: levers judge them at the act."""
    asked_rule = next((each for each in book.rules if each.name == rule), None)
    asked_budget = next((each for each in book.budgets if each.name in (budget, rule)), None)
    needs = (*(asked_budget.approvers if asked_budget else ()), *(asked_rule.who.needs if asked_rule else ()))
    policy = book.guard.policy(lever, risk, needs)
    return {
        "approval": {
            "needs": sorted([need.group, need.quorum] for need in policy.needs),
            "owner": asked_budget.owner if asked_budget else None,
            "step_up": policy.step_up,
            "excludes_owner": policy.excludes_owner,
        },
        "asked_by": digest_of([each.version if each else None for each in (asked_rule, asked_budget)]),
    }


def current_terms(book: Rulebook, plan: Plan) -> dict[str, Any]:
    """Return the terms of a plan's rule, budget and lever as they are now."""
    details = plan.evidence.get("details")
    budget = details.get("budget") if isinstance(details, Mapping) else None
    return terms_of(book, plan.lever, plan.risk, str(plan.evidence.get("rule", "")), budget if isinstance(budget, str) else None)


def other_terms(plan: Plan, now: Mapping[str, Any]) -> str | None:
    """Say which terms are not those the plan was agreed to under; None for the same, and for a plan that froze none."""
    frozen = plan.evidence.get(TERMS)
    if not isinstance(frozen, Mapping):
        return None
    return next((said for name, said in SAID.items() if frozen.get(name) != now.get(name)), None)
