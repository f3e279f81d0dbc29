"""The sections of budgets.yaml and rules.yaml, except the owners: what an entry is, and how it is read."""

import shlex
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal, TypeVar, cast

from finops.charges import DIMENSIONS
from finops.configuration.fields import (
    Fields,
    as_amount,
    as_currency,
    as_day,
    as_hours,
    as_price,
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
PER_MTOK: Final = tuple(f"{kind}_per_mtok" for kind in ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"))

BUDGET_FIELDS: Final = ("name", "scope", "period", "amount", "currency", "owner", "channel", "thresholds", *SHORT)
PRICE_FIELDS: Final = ("model", "provider", "from", "currency", *PER_MTOK, "per_request")
RATE_FIELDS: Final = ("from", "to", "on", "rate")
SOURCE_FIELDS: Final = ("complete_after",)
LONGEST_WAIT: Final = 90 * 24


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
class Price:
    """What a model costs from `start` on, per million tokens and per request; None is a price nobody gave."""

    model: str
    provider: str | None
    start: date | None
    currency: str
    input_per_mtok: Decimal | None = None
    cache_read_per_mtok: Decimal | None = None
    cache_write_5m_per_mtok: Decimal | None = None
    cache_write_1h_per_mtok: Decimal | None = None
    output_per_mtok: Decimal | None = None
    per_request: Decimal | None = None


@dataclass(frozen=True)
class SourceSettings:
    """A day's charges of this source are all there `complete_after_hours` after the day ends; None leaves the source's own habit."""

    name: str
    complete_after_hours: int | None = None


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


def prices_of(section: Node | None, currency: str, problems: Problems) -> tuple[Price, ...]:
    once = Once(problems)
    return tuple(_found(_price(item, currency, once, problems) for item in items(section, problems, "prices")))


def _price(node: Node, currency: str, once: Once, problems: Problems) -> Price | None:
    row = fields(node, PRICE_FIELDS, problems, "a price")
    if row is None:
        return None
    model, provider, start = row.need("model", as_text), row.get("provider", as_text), row.get("from", as_day)
    price_currency = row.get("currency", as_currency) or currency
    amounts = {name: row.get(name, as_price) for name in (*PER_MTOK, "per_request")}
    if not any(row.raw(name) for name in amounts):
        row.wrong("a price needs at least one amount, such as 'input_per_mtok'")
    if model is None:
        return None
    once.add((model.casefold(), (provider or "").casefold(), start), node, f"a price of {shown(model)} from {start or 'the beginning'}")
    return Price(model, provider, start, price_currency, **amounts)


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


def sources_of(section: Node | None, problems: Problems) -> tuple[SourceSettings, ...]:
    found = []
    for entry in entries(section, problems, "sources"):
        row = fields(entry.value, SOURCE_FIELDS, problems, f"source {shown(entry.name)}")
        hours = row.get("complete_after", as_hours) if row else None
        if row and hours is not None and hours > LONGEST_WAIT:
            row.wrong(f"'complete_after' is longer than {LONGEST_WAIT // 24} days; bills settle sooner", at="complete_after")
        found.append(SourceSettings(entry.name, hours))
    return tuple(sorted(found, key=lambda source: source.name))


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
