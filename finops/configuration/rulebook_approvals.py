"""The `guard` section of rules.yaml: what may never be moved, and who must agree to the rest."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast

from finops.configuration import shapes
from finops.configuration.fields import Fields, fields, items, one_of, read
from finops.configuration.levers import LEVERS, RISKS
from finops.configuration.problems import Problems, shown
from finops.configuration.readers import as_count, as_duration, as_flag, as_group, as_label, many
from finops.configuration.rulebook_sections import Scope, found, scope_of
from finops.configuration.shapes import Shape, Shapes
from finops.guard.approval_policy import ApprovalPolicy, Need
from finops.guard.plans import Risk
from finops.yamlfile import Node, Table

MAX_TARGETS: Final = 5
LONGEST_WAIT: Final = timedelta(days=30)
PATTERNS: Final = ("*", *dict.fromkeys(f"{name.partition('.')[0]}.*" for name in LEVERS), *LEVERS)

NEED: Final[Shapes] = {
    "group": Shape(shapes.TEXT, "A Slack user group, by handle (in quotes) or by id.", needed=True),
    "quorum": Shape(shapes.WHOLE, "How many different members must agree; 1 without it."),
}
NEEDS: Final = shapes.one_or_many(shapes.either(shapes.TEXT, shapes.table(NEED)))
APPROVAL: Final[Shapes] = {
    "lever": Shape(shapes.one_of(PATTERNS), "The levers it is for; all of them without it."),
    "risk": Shape(shapes.one_of(RISKS), "The risk it is for; any without it."),
    "needs": Shape(NEEDS, "User groups, all of which must agree."),
    "expires": Shape(shapes.DURATION, "How long a request waits for votes; 24h without it."),
    "executes_within": Shape(shapes.DURATION, "How soon after the last vote it must be carried out; 15m without it."),
    "step_up": Shape(shapes.FLAG, "Whether each voter must type a phrase as well."),
    "excludes_owner": Shape(shapes.FLAG, "Whether the owner of what asks may not vote either."),
}
GUARD: Final[Shapes] = {
    "stop": Shape(shapes.FLAG, "true stops every lever at once."),
    "dry_run": Shape(shapes.FLAG, "true only says what would be done; true without it."),
    "max_targets": Shape(shapes.WHOLE, f"How many targets one plan may move; {MAX_TARGETS} without it."),
    "protected_tags": Shape(shapes.one_or_many(shapes.TEXT), "Tags, as KEY or KEY=VALUE, of what is never moved."),
    "deny_scopes": Shape(shapes.list_of(shapes.SCOPE), "Scopes in which nothing is ever moved."),
    "approvals": Shape(shapes.list_of(shapes.table(APPROVAL)), "Who must agree to which lever; the first that fits decides."),
}


@dataclass(frozen=True)
class Approval:
    """The policy for levers that fit `lever` ('*', 'gateway.*' or a full name) at `risk` (None: at any)."""

    lever: str
    risk: Risk | None
    policy: ApprovalPolicy

    def fits(self, lever: str, risk: Risk) -> bool:
        family, star, _ = self.lever.partition("*")
        return (lever.startswith(family) if star else lever == family) and self.risk in (None, risk)


@dataclass(frozen=True)
class Guard:
    """Limits on everything that acts. Without the section nothing acts: `dry_run` only says what would be done.

    `stop` stops every lever. No plan moves more than `max_targets`, anything tagged with one of `protected_tags` (`KEY` or
    `KEY=VALUE`), or anything within one of `deny_scopes`.
    """

    stop: bool = False
    dry_run: bool = True
    max_targets: int = MAX_TARGETS
    protected_tags: tuple[str, ...] = ()
    deny_scopes: tuple[Scope, ...] = ()
    approvals: tuple[Approval, ...] = ()

    def policy(self, lever: str, risk: Risk, approvers: tuple[Need, ...] = ()) -> ApprovalPolicy:
        """Return the first policy that fits, with the budget's `approvers` added: all of both must agree, to high risk by a phrase."""
        policy = next((each.policy for each in self.approvals if each.fits(lever, risk)), ApprovalPolicy())
        return replace(policy, needs=joined(policy.needs, approvers), step_up=policy.step_up or risk == "high")


def joined(needs: tuple[Need, ...], more: tuple[Need, ...]) -> tuple[Need, ...]:
    """Return each group once, with the larger quorum of the two."""
    quorums: dict[str, int] = {}
    for need in (*needs, *more):
        quorums[need.group] = max(need.quorum, quorums.get(need.group, 0))
    return tuple(Need(group, quorum) for group, quorum in quorums.items())


def guard_of(section: Node | None, problems: Problems) -> Guard:
    if section is None or section.value is None:
        return Guard()
    row = fields(section, GUARD, problems, "the guard")
    if row is None:
        return Guard()
    dry_run = row.get("dry_run", as_flag)
    return Guard(
        stop=bool(row.get("stop", as_flag)),
        dry_run=True if dry_run is None else dry_run,
        max_targets=row.get("max_targets", as_count) or MAX_TARGETS,
        protected_tags=row.get("protected_tags", many(as_label)) or (),
        deny_scopes=found(_denied(item, problems) for item in items(row.raw("deny_scopes"), problems, "deny_scopes")),
        approvals=_approvals(row.raw("approvals"), problems),
    )


def _denied(node: Node, problems: Problems) -> Scope | None:
    before = len(problems.found)
    scope = scope_of(node, problems)
    if not scope and len(problems.found) == before:
        problems.note(node.file, node.line, "an empty scope would deny everything; to stop every lever write 'stop: true'")
    return scope or None


def _approvals(section: Node | None, problems: Problems) -> tuple[Approval, ...]:
    """Read the policies; one that an earlier one hides would be a safeguard that never works."""
    before: list[tuple[Approval, int]] = []
    for item in items(section, problems, "approvals"):
        approval = _approval(item, problems)
        if approval is None:
            continue
        if line := next((line for each, line in before if _covers(each, approval)), None):
            problems.note(item.file, item.line, f"this policy is never used; the one on line {line} decides the same levers before it")
        before.append((approval, item.line))
    return tuple(approval for approval, _ in before)


def _approval(node: Node, problems: Problems) -> Approval | None:
    row = fields(node, APPROVAL, problems, "an approval")
    if row is None:
        return None
    lever, risk = row.get("lever", one_of(PATTERNS)), row.get("risk", one_of(RISKS))
    expires, executes = (_wait(row, name) for name in ("expires", "executes_within"))
    usual = ApprovalPolicy()
    policy = ApprovalPolicy(
        needs=needs_of(row.raw("needs"), problems, "needs"),
        expires=expires or usual.expires,
        executes_within=executes or usual.executes_within,
        step_up=bool(row.get("step_up", as_flag)),
        excludes_owner=bool(row.get("excludes_owner", as_flag)),
    )
    return Approval(lever or "*", cast(Risk | None, risk), policy)


def _wait(row: Fields, name: str) -> timedelta | None:
    wait = row.get(name, as_duration)
    if wait and wait > LONGEST_WAIT:
        row.wrong(f"'{name}' is longer than {LONGEST_WAIT.days} days; ask again instead", at=name)
    return wait


def _covers(earlier: Approval, later: Approval) -> bool:
    family, star, _ = earlier.lever.partition("*")
    levers = later.lever.startswith(family) if star else later.lever == earlier.lever
    return levers and earlier.risk in (None, later.risk)


def needs_of(section: Node | None, problems: Problems, what: str) -> tuple[Need, ...]:
    """Read a group, or a list of groups, each by itself or with its quorum."""
    if section is None:
        return ()
    listed = section.value if isinstance(section.value, tuple) else (section,)
    needs: dict[str, Need] = {}
    for node in listed:
        need = _need(node, problems, what)
        if need and need.group in needs:
            problems.note(node.file, node.line, f"the group {shown(need.group)} stands twice in '{what}'; keep it once, with its quorum")
        elif need:
            needs[need.group] = need
    return tuple(needs.values())


def _need(node: Node, problems: Problems, what: str) -> Need | None:
    if not isinstance(node.value, Table):
        group = read(node, as_group, f"'{what}'", problems)
        return Need(group) if group else None
    row = Fields(node.value, node, NEED, problems, f"each of '{what}'")
    named, quorum = row.need("group", as_group), row.get("quorum", as_count)
    return Need(named, quorum or 1) if named else None
