"""The levers of the LLM gateways: another model answers, fewer requests pass, none do. Told by the snapshot gateways go by."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from finops.configuration.levers import EVERY
from finops.configuration.rulebook_approvals import Guard
from finops.configuration.rulebook_sections import scope_words
from finops.errors import LeverError, UserError
from finops.guard.plans import Plan
from finops.guard.protections import halted, over_limit
from finops.guard.snapshot import LEVERS, Effect, compile_snapshot, read_target
from finops.ledger.gateway_effects import Board
from finops.ports import Lever, Standing

# What a request can be told by; it has no account, region or resource.
TOLD: Final = ("team", "project", "env", "feature", "user", "tenant", "route", "model")


class GatewayLever:
    """Targets are scopes, as `team=ml route=chat`. The image of one is what the same lever does there already.

    A plan is applied in one transaction with the version that gateways learn it by, and only while a proposal of exactly its
    digest is being carried out.
    """

    permissions: tuple[str, ...] = ()  # gateways fetch what they go by; nothing is called

    def __init__(self, name: str, board: Board, guard: Callable[[], Guard]) -> None:
        self.name = name
        self._board = board
        self._guard = guard

    def look(self, targets: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
        if too_many := over_limit(self._guard(), len(set(targets))):
            raise LeverError(too_many)
        self._check(targets, parameters)
        return {target: {"in_force": self._board.standing_on(self.name, target)} for target in dict.fromkeys(targets)}

    def describe(self, plan: Plan) -> list[str]:
        what = _said(plan)
        reasons = [reason for target in plan.targets for reason in _refusals(self._guard(), target)]
        return [f"{what} for requests of {target}{_span(plan)}" for target in plan.targets] + [
            f"not allowed: {reason}" for reason in reasons
        ]

    def apply(self, plan: Plan, target: str) -> None:
        self._mine(plan, target)
        if reason := halted(self._guard()) or over_limit(self._guard(), len(plan.targets)):
            raise LeverError(reason)
        self._check([target], plan.parameters)
        self._board.put(plan, target)

    def revert(self, plan: Plan, target: str) -> None:
        """Take out what this plan put there; what others did to the same requests stays."""
        self._mine(plan, target)
        self._board.take_away(plan, target)

    def observe(self, plan: Plan, target: str) -> Standing:
        self._mine(plan, target)
        return self._board.standing(plan, target)

    def _check(self, targets: Sequence[str], parameters: Mapping[str, Any]) -> None:
        """Refuse what is protected, and what a gateway would not understand."""
        reasons = [reason for target in targets for reason in _refusals(self._guard(), target)]
        try:
            compile_snapshot(0, self._board.now(), (), [Effect("the plan", self.name, target, parameters) for target in targets], {})
        except UserError as problem:
            reasons.append(str(problem))
        if reasons:
            raise LeverError("; ".join(reasons))

    def _mine(self, plan: Plan, target: str) -> None:
        if plan.lever != self.name or target not in plan.targets or target not in plan.before:
            raise LeverError(f"{target} with {plan.lever} is not in this plan; nothing outside a plan is moved")


def gateway_levers(board: Board, guard: Callable[[], Guard]) -> Mapping[str, Lever]:
    """Return the three of them; `guard` gives the limits as they stand at each call."""
    return {name: GatewayLever(name, board, guard) for name in LEVERS}


def _refusals(guard: Guard, target: str) -> Iterator[str]:
    """Yield why the requests of a target may not be touched: whatever may be protected is."""
    try:
        held = dict(read_target(target))
    except UserError as problem:
        yield str(problem)
        return
    if unknown := [name for name in held if name not in TOLD]:
        yield f"a request has no {' or '.join(unknown)}; a gateway tells {', '.join(TOLD)}"
    for scope in guard.deny_scopes:
        if all(_may_meet(held, name, values) for name, values in scope):
            yield f"{target} may hold requests in {scope_words(scope)}, where nothing is moved; narrow it to others"
    for tag in guard.protected_tags:
        key, equals, value = tag.partition("=")
        if equals and key in held and _may_meet(held, key, (value,)):
            yield f"{target} is protected by {tag}"


def _may_meet(held: Mapping[str, tuple[str, ...]], name: str, values: tuple[str, ...]) -> bool:
    """A dimension that the target leaves open meets every value; one that requests do not have meets none."""
    if name not in held:
        return name in TOLD
    return any(_fits(mine, theirs) for mine in held[name] for theirs in values)


def _fits(mine: str, theirs: str) -> bool:
    one, other = mine.casefold(), theirs.casefold()
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _said(plan: Plan) -> str:
    given = plan.parameters
    if plan.lever == "gateway.block":
        return "refuses everything"
    if plan.lever == "gateway.fallback":
        pairs = given["fallback"].items()
        return ", ".join(f"{cheap} answers instead of {'every other model' if name == EVERY else name}" for name, cheap in pairs)
    return "allows at most " + ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in given.items())


def _span(plan: Plan) -> str:
    if plan.lasts is None:
        return ""
    minutes = int(plan.lasts.total_seconds() // 60)
    hours, rest = divmod(minutes, 60)
    told = " ".join(part for part in (f"{hours} h" if hours else "", f"{rest} min" if rest else "") if part)
    return f", for {told}"
