"""The sections of budgets.yaml and rules.yaml, except the owners: what an entry is, and how it is read."""

import shlex
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeVar, cast

from finops.charges import DIMENSIONS
from finops.configuration.fields import (
    Fields,
    as_amount,
    as_currency,
    as_day,
    as_rate,
    as_shares,
    as_text,
    as_texts,
    entries,
    fields,
    items,
    nearest,
    one_of,
    read,
)
from finops.configuration.problems import Problems, shown
from finops.rates import Rate
from finops.yamlfile import Node

T = TypeVar("T")
BudgetPeriod = Literal["day", "week", "month", "quarter"]
Scope = tuple[tuple[str, tuple[str, ...]], ...]

# The short way to write `period` and `amount` in one field.
SHORT: Final[dict[str, BudgetPeriod]] = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter"}
THRESHOLDS: Final = (Decimal("0.5"), Decimal("0.8"), Decimal(1))

BUDGET_FIELDS: Final = ("name", "scope", "period", "amount", "currency", "owner", "channel", "thresholds", *SHORT)
RATE_FIELDS: Final = ("from", "to", "on", "rate")


@dataclass(frozen=True)
class Budget:
    """`scope` may spend `amount` per `period`; `thresholds` are the shares of it (0–1 and above) at which its owner wants to know."""

    name: str
    scope: Scope
    period: BudgetPeriod
    amount: Decimal
    currency: str
    owner: str | None = None
    channel: str | None = None
    thresholds: tuple[Decimal, ...] = THRESHOLDS


@dataclass(frozen=True)
class Rule:
    """One entry of rules.yaml by name; `node` keeps its fields and lines for whoever reads its conditions."""

    name: str
    node: Node


class Once:
    """Notes whatever comes a second time, with the line of the first."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._first: dict[Hashable, Node] = {}

    def add(self, key: Hashable, node: Node, what: str) -> None:
        first = self._first.setdefault(key, node)
        if first is not node:
            self._problems.note(node.file, node.line, f"{what} is given twice, first on line {first.line}; keep one of them")


def budgets_of(section: Node | None, currency: str, problems: Problems) -> tuple[Budget, ...]:
    once = Once(problems)
    return tuple(_found(_budget(item, currency, once, problems) for item in items(section, problems, "budgets")))


def _budget(node: Node, currency: str, once: Once, problems: Problems) -> Budget | None:
    row = fields(node, BUDGET_FIELDS, problems, "a budget")
    if row is None:
        return None
    name, limit = row.need("name", as_text), _limit(row)
    if name:
        once.add(name.casefold(), node, f"a budget named {shown(name)}")
    if row.is_empty("channel"):
        row.wrong("'channel' is empty; put quotes around a name that begins with '#', which starts a comment", at="channel")
    budget_currency, thresholds = row.get("currency", as_currency), row.get("thresholds", as_shares)
    owner, channel = row.get("owner", as_text), row.get("channel", as_text)
    scope = scope_of(row.raw("scope"), problems)
    if name is None or limit is None:
        return None
    return Budget(name, scope, *limit, budget_currency or currency, owner, channel, thresholds or THRESHOLDS)


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


def scope_of(section: Node | None, problems: Problems) -> Scope:
    """Read `{team: ml}`, or the same in the words of a question, `team=ml`; all of it must hold, and nothing means everything."""
    if section is not None and isinstance(section.value, str):
        return _scope_in_words(section, problems)
    scope = []
    for entry in entries(section, problems, "scope"):
        values = read(entry.value, as_texts, f"'{entry.name}'", problems)
        if _is_dimension(entry.name, entry.key, problems) and values:
            scope.append((entry.name, values))
    return tuple(sorted(scope))


def _scope_in_words(node: Node, problems: Problems) -> Scope:
    scope: dict[str, tuple[str, ...]] = {}
    for word in _split(node.text):
        name, equals, values = word.partition("=")
        if not equals or not all(values.split(",")) or name.endswith("!"):
            problems.note(node.file, node.line, f"a scope is written 'team=ml env=prod,staging', not {shown(word)}")
        elif name in scope:
            problems.note(node.file, node.line, f"'{name}' stands twice in the scope; write its values together, as '{name}=a,b'")
        elif _is_dimension(name, node, problems):
            scope[name] = tuple(dict.fromkeys(values.split(",")))
    return tuple(sorted(scope.items()))


def _split(words: str) -> list[str]:
    try:
        return shlex.split(words)
    except ValueError:  # a quote that nothing closes
        return [words]


def _is_dimension(name: str, node: Node, problems: Problems) -> bool:
    known = name in DIMENSIONS or (name.startswith("tag:") and name != "tag:")
    if not known:
        hint = nearest(name, DIMENSIONS) or "; docs/configuration.md lists those there are"
        problems.note(node.file, node.line, f"{shown(name)} is not a dimension{hint}")
    return known


def rates_of(section: Node | None, problems: Problems) -> tuple[Rate, ...]:
    once = Once(problems)
    return tuple(_found(_rate(item, once, problems) for item in items(section, problems, "fx")))


def _rate(node: Node, once: Once, problems: Problems) -> Rate | None:
    row = fields(node, RATE_FIELDS, problems, "an exchange rate")
    if row is None:
        return None
    base, quote = row.need("from", as_currency), row.need("to", as_currency)
    on, rate = row.need("on", as_day), row.need("rate", as_rate)
    if base is None or quote is None or on is None or rate is None:
        return None
    if base == quote:
        row.wrong(f"a rate from {base} to {base} says nothing; name two currencies")
        return None
    once.add((base, quote, on), node, f"the rate from {base} to {quote} on {on}")
    return Rate(base, quote, on, rate)


def rules_of(section: Node | None, problems: Problems) -> tuple[Rule, ...]:
    once = Once(problems)
    return tuple(_found(_rule(item, once, problems) for item in items(section, problems, "rules")))


def _rule(node: Node, once: Once, problems: Problems) -> Rule | None:
    row = fields(node, None, problems, "a rule")
    name = row.need("name", as_text) if row else None
    if name is None:
        return None
    once.add(name.casefold(), node, f"a rule named {shown(name)}")
    return Rule(name, node)


def _found(read: Iterator[T | None]) -> Iterator[T]:
    return (each for each in read if each is not None)
