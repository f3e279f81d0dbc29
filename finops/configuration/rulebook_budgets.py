"""The budgets of budgets.yaml: who may spend how much, what happens at which share of it, and who decides."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal, cast

from finops.configuration import shapes
from finops.configuration.digests import digest_of
from finops.configuration.fields import (
    Fields,
    as_amount,
    as_currency,
    as_share,
    as_text,
    as_zone,
    entries,
    fields,
    items,
    nearest,
    one_of,
    read,
)
from finops.configuration.problems import Problems, shown
from finops.configuration.readers import as_reaction, many
from finops.configuration.rulebook_approvals import NEEDS, needs_of
from finops.configuration.rulebook_sections import Once, Scope, found, is_dimension, scope_of
from finops.configuration.rulebook_steps import Playbook, Propose
from finops.configuration.shapes import Shape, Shapes
from finops.guard.approval_policy import Need
from finops.yamlfile import Node, Table

BudgetPeriod = Literal["day", "week", "month", "quarter"]
ThresholdKind = Literal["actual", "forecast"]


@dataclass(frozen=True)
class Threshold:
    """At the share `at` of the amount (0.8, and above 1), spent or forecast for the period's end, `do` these things.

    Each of `do` is slack, pagerduty, email, email:ADDRESS, webhook:NAME or propose (the steps of the budget's playbook).
    """

    at: Decimal
    kind: ThresholdKind = "actual"
    do: tuple[str, ...] = ("slack",)


THRESHOLDS: Final = (Threshold(Decimal("0.5")), Threshold(Decimal("0.8")), Threshold(Decimal(1)))


@dataclass(frozen=True)
class Split:
    """Shares of a budget by the values of a dimension; `buffer` belongs to nobody, and all together are 1."""

    by: str
    shares: tuple[tuple[str, Decimal], ...]
    buffer: Decimal = Decimal(0)


@dataclass(frozen=True)
class Budget:
    """`scope` may spend `amount` per `period`, which begins and ends in `timezone`.

    Who must agree to what its `playbook` proposes is said by `approvers`, all of them; without any, `owner` decides.
    """

    name: str
    scope: Scope
    period: BudgetPeriod
    amount: Decimal
    currency: str
    owner: str | None = None
    channel: str | None = None
    thresholds: tuple[Threshold, ...] = THRESHOLDS
    timezone: str = "UTC"
    split: Split | None = None
    parent: str | None = None
    approvers: tuple[Need, ...] = ()
    playbook: str | None = None

    @cached_property
    def version(self) -> str:
        """Name what is watched; a new owner, channel or threshold does not make what was told before new again."""
        return digest_of([self.name, self.scope, self.period, self.amount, self.currency, self.timezone])


# The short way to write `period` and `amount` in one field.
SHORT: Final[dict[str, BudgetPeriod]] = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter"}
KINDS: Final[tuple[ThresholdKind, ...]] = ("actual", "forecast")
SPLIT_BY: Final = "env"

THRESHOLD: Final[Shapes] = {
    "at": Shape(shapes.SHARE, "The share of the amount.", needed=True),
    "kind": Shape(shapes.one_of(KINDS), "What reaches it: what is spent (actual), or what is forecast for the period's end."),
    "do": Shape(shapes.one_or_many(shapes.TEXT), "What happens then: slack, pagerduty, email, webhook:NAME, propose."),
}
SPLIT: Final[Shapes] = {
    "by": Shape(shapes.TEXT, f"The dimension whose values share the amount; {SPLIT_BY} without it."),
    "buffer": Shape(shapes.SHARE, "What belongs to nobody."),
}
BUDGET: Final[Shapes] = {
    "name": Shape(shapes.TEXT, "What it is called; no two are the same.", needed=True),
    "scope": Shape(shapes.SCOPE, "What it is for, as team=ml env=prod; everything without it."),
    "period": Shape(shapes.one_of(tuple(SHORT.values())), "How long the amount must last."),
    "amount": Shape(shapes.NUMBER, "How much may be spent in each period."),
    "currency": Shape(shapes.CURRENCY, "The currency of the amount; that of the file without it."),
    "timezone": Shape(shapes.ZONE, "Where its periods begin and end; the zone of the file without it."),
    "owner": Shape(shapes.TEXT, "Who hears of it and decides."),
    "channel": Shape(shapes.TEXT, "Where it is told, in quotes."),
    "thresholds": Shape(
        shapes.one_or_many(shapes.either(shapes.SHARE, shapes.table(THRESHOLD))), "Shares of the amount, and what happens at each."
    ),
    "split": Shape(shapes.table(SPLIT, more=shapes.SHARE), "Shares of the amount by the values of a dimension; together 100%."),
    "parent": Shape(shapes.TEXT, "The budget that this one is a part of."),
    "approvers": Shape(NEEDS, "User groups that must agree to what the playbook proposes, all of them."),
    "playbook": Shape(shapes.TEXT, "The steps of rules.yaml that 'propose' stands for."),
    **{name: Shape(shapes.NUMBER, f"period: {period} and the amount in one.") for name, period in SHORT.items()},
}
BUDGET_FIELDS: Final = tuple(BUDGET)


@dataclass(frozen=True)
class Ledger:
    """What the whole file counts in, and the playbooks there are; None where rules.yaml cannot be read."""

    currency: str = "USD"
    timezone: str = "UTC"
    playbooks: Mapping[str, Playbook] | None = None


def budgets_of(section: Node | None, ledger: Ledger, problems: Problems, warnings: Problems) -> tuple[Budget, ...]:
    once, listed = Once(problems), tuple(items(section, problems, "budgets"))
    pairs = [(item, budget) for item in listed if (budget := _budget(item, ledger, once, problems, warnings))]
    check_parents(pairs, names_in(listed), problems, warnings)
    return tuple(budget for _, budget in pairs)


def names_in(listed: Iterable[Node]) -> tuple[str, ...]:
    """Return the names entries give themselves, also those that are wrong otherwise."""
    tables = (item.value for item in listed if isinstance(item.value, Table))
    return tuple(name.text.strip() for table in tables if (name := table.get("name")) and name.text.strip())


def _budget(node: Node, ledger: Ledger, once: Once, problems: Problems, warnings: Problems) -> Budget | None:
    row = fields(node, BUDGET, problems, "a budget")
    if row is None:
        return None
    name, limit = row.need("name", as_text), _limit(row)
    if name:
        once.add(name.casefold(), node, f"a budget named {shown(name)}")
    if row.is_empty("channel"):
        row.wrong("'channel' is empty; put quotes around a name that begins with '#', which starts a comment", at="channel")
    currency, zone = row.get("currency", as_currency), row.get("timezone", as_zone)
    owner, channel, parent, playbook = (row.get(each, as_text) for each in ("owner", "channel", "parent", "playbook"))
    thresholds = _thresholds(row.raw("thresholds"), problems)
    scope = scope_of(row.raw("scope"), problems)
    split = _split(row, dict(scope), problems)
    approvers = needs_of(row.raw("approvers"), problems, "approvers")
    _tell_playbook(row, playbook, thresholds, ledger, warnings)
    if name is None or limit is None:
        return None
    money = (*limit, currency or ledger.currency, owner, channel)
    return Budget(name, scope, *money, thresholds, zone or ledger.timezone, split, parent, approvers, playbook)


def _limit(row: Fields) -> tuple[BudgetPeriod, Decimal] | None:
    """Read `monthly: 500`, or `period: month` and `amount: 500`."""
    short = [name for name in SHORT if row.raw(name)]
    if len(short) > 1 or (short and (row.raw("period") or row.raw("amount"))):
        row.wrong(f"'{short[0]}' says it all; give no other amount or period beside it", at=short[0])
        return None
    if short:
        amount = row.get(short[0], as_amount)
        return None if amount is None else (SHORT[short[0]], amount)
    if row.raw("period") is None and row.raw("amount") is None:
        row.wrong(f"a budget needs an amount: one of {', '.join(SHORT)}, or 'period' and 'amount'")
        return None
    period, amount = row.need("period", one_of(tuple(SHORT.values()))), row.need("amount", as_amount)
    return None if period is None or amount is None else (cast(BudgetPeriod, period), amount)


def _thresholds(section: Node | None, problems: Problems) -> tuple[Threshold, ...]:
    """Read shares and thresholds with fields, the lowest first."""
    if section is None:
        return THRESHOLDS
    listed = section.value if isinstance(section.value, tuple) else (section,)
    read_in = found(_threshold(item, problems) for item in listed)
    keys = [(each.kind, each.at) for each in read_in]
    if not listed or len(set(keys)) < len(keys):
        problems.note(section.file, section.line, "'thresholds' must be percentages, at least one and none twice")
    return tuple(sorted(read_in, key=lambda each: (each.at, each.kind))) or THRESHOLDS


def _threshold(node: Node, problems: Problems) -> Threshold | None:
    if not isinstance(node.value, Table):
        share = read(node, as_share, "a threshold", problems)
        return None if share is None else Threshold(share)
    row = Fields(node.value, node, THRESHOLD, problems, "a threshold")
    at, kind, do = row.need("at", as_share), row.get("kind", one_of(KINDS)), row.get("do", many(as_reaction))
    return None if at is None else Threshold(at, cast(ThresholdKind, kind or "actual"), do or ("slack",))


def _split(row: Fields, scope: Mapping[str, tuple[str, ...]], problems: Problems) -> Split | None:
    node = row.raw("split")
    inner = fields(node, None, problems, "'split'") if node else None
    if node is None or inner is None:
        return None
    by = inner.get("by", as_text) or SPLIT_BY
    is_dimension(by, inner.raw("by") or node, problems)
    buffer = inner.get("buffer", as_share) or Decimal(0)
    parts = [entry for entry in entries(node, problems, "split") if entry.name not in SPLIT]
    shares = [(entry.name, read(entry.value, as_share, f"'{entry.name}'", problems)) for entry in parts]
    known = tuple(sorted((name, share) for name, share in shares if share is not None))
    total = sum((share for _, share in known), buffer)
    if len(known) == len(parts) and total != 1:
        row.wrong(f"the shares of 'split' make {_whole(100 * total)}% together; with 'buffer' they must make 100%", at="split")
    outside = [name for name, _ in shares if by in scope and name not in scope[by]]
    if outside:
        row.wrong(f"{shown(outside[0])} lies outside the budget's scope, which has {by}={','.join(scope[by])}", at="split")
    return Split(by, known, buffer)


def _whole(number: Decimal) -> str:
    """Write a number without the zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _tell_playbook(row: Fields, name: str | None, thresholds: tuple[Threshold, ...], ledger: Ledger, warnings: Problems) -> None:
    """A threshold that proposes needs a playbook that does, and the other way round."""
    proposes = any("propose" in each.do for each in thresholds)
    if proposes and name is None:
        row.wrong("a threshold says 'propose', but the budget names no 'playbook' to propose from", at="thresholds")
    if name is None or ledger.playbooks is None:
        return
    playbook = ledger.playbooks.get(name.casefold())
    if playbook is None:
        row.wrong(f"rules.yaml has no playbook named {shown(name)}{nearest(name, ledger.playbooks)}", at="playbook")
    elif proposes and not any(isinstance(step, Propose) for step in playbook.steps):
        row.wrong(f"a threshold says 'propose', but the playbook {shown(name)} proposes nothing", at="playbook")
    elif not proposes:
        at = row.raw("playbook") or row.node
        warnings.note(at.file, at.line, f"the playbook {shown(name)} is never used; no threshold says 'propose'")


def check_parents(pairs: list[tuple[Node, Budget]], names: tuple[str, ...], problems: Problems, warnings: Problems) -> None:
    """Each parent exists, counts as its children do, is nobody's grandchild of itself; children that may spend more are told."""
    by_name = {budget.name.casefold(): (node, budget) for node, budget in pairs}
    for node, budget in pairs:
        _check_parent(node, budget, by_name, names, problems)
    for node, parent in by_name.values():
        children = [each for _, each in pairs if each.parent and each.parent.casefold() == parent.name.casefold() and each is not parent]
        total = sum((each.amount for each in children), Decimal(0))
        if total > parent.amount:
            spend = f"{_named(children)} may spend {total:f} {parent.currency}"
            warnings.note(node.file, node.line, f"{spend}, more than the {parent.amount:f} of the parent {shown(parent.name)}")


def _check_parent(
    node: Node, budget: Budget, by_name: Mapping[str, tuple[Node, Budget]], names: tuple[str, ...], problems: Problems
) -> None:
    if budget.parent is None:
        return
    found_parent = by_name.get(budget.parent.casefold())
    if found_parent is None:
        if budget.parent.casefold() not in {name.casefold() for name in names}:
            problems.note(node.file, node.line, f"no budget is named {shown(budget.parent)}{nearest(budget.parent, names)}")
        return
    parent = found_parent[1]
    for what in ("period", "currency"):
        mine, theirs = getattr(budget, what), getattr(parent, what)
        if mine != theirs:
            told = f"budget {shown(budget.name)} has the {what} {mine} and its parent {shown(parent.name)} {theirs}; they must be the same"
            problems.note(node.file, node.line, told)
    if turn := _circle(budget, by_name):
        problems.note(node.file, node.line, f"a budget cannot be its own parent: {' → '.join(turn)}")


def _circle(budget: Budget, by_name: Mapping[str, tuple[Node, Budget]]) -> list[str] | None:
    """Return the way from a budget up to itself."""
    way, at = [budget.name], budget
    while at.parent and (above := by_name.get(at.parent.casefold())) and above[1].name not in way[1:]:
        at = above[1]
        way.append(at.name)
        if at is budget:
            return way
    return None


def _named(budgets: list[Budget]) -> str:
    names = [shown(budget.name) for budget in budgets]
    return f"the budget {names[0]}" if len(names) == 1 else f"the budgets {', '.join(names[:-1])} and {names[-1]}"
