"""The rules of rules.yaml: what to watch for, and what happens then."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Final, cast

from finops.configuration import shapes
from finops.configuration.digests import digest_of
from finops.configuration.fields import Fields, as_text, fields, items, nearest, one_of
from finops.configuration.problems import Problems, shown
from finops.configuration.readers import as_duration
from finops.configuration.rulebook_approvals import NEEDS, needs_of
from finops.configuration.rulebook_conditions import AnyOf, When
from finops.configuration.rulebook_sections import Once, Scope, found, scope_of
from finops.configuration.rulebook_steps import Notify, Playbooks, Step, steps_of
from finops.configuration.rulebook_times import AT_MOST, QUIET, AtMost, QuietHours, as_at_most, quiet_hours_of
from finops.configuration.rulebook_when import Known, when_of
from finops.configuration.shapes import Shape, Shapes
from finops.guard.approval_policy import Need
from finops.guard.findings import SEVERITIES, Severity
from finops.yamlfile import Node, Table

OWNER: Final = "owner"
TEAM: Final[Shapes] = {"team": Shape(shapes.TEXT, "The team whose budget's owner decides.", needed=True)}
RULE: Final[Shapes] = {
    "name": Shape(shapes.TEXT, "What it is called; no two are the same.", needed=True),
    "when": Shape(shapes.defined("when"), "What to watch for.", needed=True),
    "scope": Shape(shapes.SCOPE, "Where to watch, as team=ml; everywhere without it."),
    "for": Shape(shapes.DURATION, "How long it must hold before the rule fires; at once without it."),
    "severity": Shape(shapes.one_of(SEVERITIES), "How bad it is; warning without it."),
    "who": Shape(shapes.either(NEEDS, shapes.table(TEAM)), "Who decides; the owner without it."),
    "then": Shape(shapes.defined("steps"), "What happens, in order: steps, or the name of a playbook; the owner is told without it."),
    "at_most": Shape(AT_MOST, "How often it may fire, as 1 per day."),
    "quiet_hours": Shape(shapes.one_or_many(shapes.table(QUIET)), "When what is not critical waits."),
}


@dataclass(frozen=True)
class Who:
    """Who decides what a rule proposes: every one of `needs`, or without any the owner; of the budget of `team` if one is named."""

    needs: tuple[Need, ...] = ()
    team: str | None = None


@dataclass(frozen=True)
class Rule:
    """While `when` holds for `lasting` within `scope`, the steps of `then` are taken in order.

    `playbook` is the name the steps came by, if they did.
    """

    name: str
    when: When
    then: tuple[Step, ...] = (Notify(("owner",)),)
    scope: Scope = ()
    lasting: timedelta = timedelta(0)
    severity: Severity = "warning"
    who: Who = Who()
    at_most: AtMost | None = None
    quiet_hours: tuple[QuietHours, ...] = ()
    playbook: str | None = None

    @cached_property
    def version(self) -> str:
        return digest_of([self])


@dataclass(frozen=True)
class Surroundings:
    """What rules refer to: budgets, playbooks by their names in small letters, and the clock they go by."""

    known: Known
    playbooks: Playbooks
    timezone: str = "UTC"


def rules_of(section: Node | None, around: Surroundings, problems: Problems) -> tuple[Rule, ...]:
    once = Once(problems)
    return found(_rule(item, around, once, problems) for item in items(section, problems, "rules"))


def _rule(node: Node, around: Surroundings, once: Once, problems: Problems) -> Rule | None:
    row = fields(node, RULE, problems, "a rule")
    if row is None:
        return None
    name, watched, then = row.need("name", as_text), row.raw("when"), row.raw("then")
    if name:
        once.add(name.casefold(), node, f"a rule named {shown(name)}")
    if watched is None:
        row.wrong("a rule needs 'when'")
    when = when_of(watched, around.known, problems) if watched else None
    steps, playbook = steps_of(then, around.playbooks, problems) if then else ((Notify((OWNER,)),), None)
    if then and then.value == ():
        row.wrong("'then' has no steps; leave it out to tell the owner", at="then")
    rule = Rule(
        name or "",
        when or AnyOf(()),
        steps,
        scope=scope_of(row.raw("scope"), problems),
        lasting=row.get("for", as_duration) or timedelta(0),
        severity=cast(Severity, row.get("severity", one_of(SEVERITIES)) or "warning"),
        who=_who(row, around.known, problems),
        at_most=row.get("at_most", as_at_most),
        quiet_hours=quiet_hours_of(row.raw("quiet_hours"), around.timezone, problems),
        playbook=playbook,
    )
    return rule if name and when else None


def _who(row: Fields, known: Known, problems: Problems) -> Who:
    """Read `owner`, user groups, or `{team: ml}` for the owner of that team's budget."""
    node = row.raw("who")
    if node is None or node.text == OWNER:
        return Who()
    if not isinstance(node.value, Table) or node.value.get("team") is None:
        return Who(needs_of(node, problems, "who"))
    team = Fields(node.value, node, TEAM, problems, "'who'").get("team", as_text)
    if team and known.teams is not None and team not in known.teams:
        problems.note(node.file, node.line, f"no budget for team {shown(team)}{nearest(team, known.teams)}")
    return Who(team=team)
