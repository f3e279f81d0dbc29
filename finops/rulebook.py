"""What budgets.yaml and rules.yaml say: read as a whole, or refused with every problem at once."""

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Final

from finops.configuration.fields import Fields, as_currency, as_zone, nearest, seen
from finops.configuration.problems import Problems, shown
from finops.configuration.rulebook_metrics import Metric, metrics_of
from finops.configuration.rulebook_owners import owner_rules
from finops.configuration.rulebook_prices import Price, prices_of
from finops.configuration.rulebook_sections import (
    Budget,
    Rule,
    budgets_of,
    rates_of,
    rules_of,
)
from finops.configuration.rulebook_sources import SourceSettings, sources_of
from finops.owners import OwnerRule
from finops.rates import Rate
from finops.yamlfile import Node, Table, plain

__all__ = ["Budget", "Metric", "Price", "Rule", "Rulebook", "SourceSettings", "read"]

BUDGETS: Final = ("currency", "timezone", "owners", "prices", "fx", "sources", "metrics", "budgets")
RULES: Final = ("rules",)
MISPLACED: Final = {**dict.fromkeys(BUDGETS, "budgets.yaml"), **dict.fromkeys(RULES, "rules.yaml")}


@dataclass(frozen=True)
class Rulebook:
    """Everything the two files decide; without them, the defaults."""

    currency: str = "USD"
    timezone: str = "UTC"
    owners: tuple[OwnerRule, ...] = ()
    rates: tuple[Rate, ...] = ()
    sources: tuple[SourceSettings, ...] = ()
    budgets: tuple[Budget, ...] = ()
    prices: tuple[Price, ...] = ()
    rules: tuple[Rule, ...] = ()
    metrics: tuple[Metric, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Name the content: layout, comments and the way a number is written do not change it."""
        return _digest([getattr(self, field.name) for field in fields(self)])

    @cached_property
    def owners_digest(self) -> str:
        """Name what decides a charge's day and owner; while it stays, nothing stored must be worked out anew."""
        return _digest([self.timezone, self.owners])

    def source(self, name: str) -> SourceSettings:
        return next((source for source in self.sources if source.name == name), SourceSettings(name))


def read(budgets: Node | None, rules: Node | None) -> Rulebook:
    """Read both files, either of which may be missing; raises ConfigError with every problem of both."""
    problems = Problems()
    money, watch = _top(budgets, BUDGETS, problems), _top(rules, RULES, problems)
    currency = (money.get("currency", as_currency) if money else None) or Rulebook.currency
    section = money.raw if money else _nothing
    book = Rulebook(
        currency=currency,
        timezone=(money.get("timezone", as_zone) if money else None) or Rulebook.timezone,
        owners=owner_rules(section("owners"), problems),
        rates=rates_of(section("fx"), problems),
        sources=sources_of(section("sources"), problems),
        budgets=budgets_of(section("budgets"), currency, problems),
        prices=prices_of(section("prices"), currency, problems),
        rules=rules_of(watch.raw("rules") if watch else None, problems),
        metrics=metrics_of(section("metrics"), problems),
    )
    problems.raise_any()
    return book


def _top(node: Node | None, known: tuple[str, ...], problems: Problems) -> Fields | None:
    """Return a file's sections; one that stands in the wrong file is told where it belongs."""
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, Table):
        problems.note(node.file, node.line, f"the file must hold sections such as '{known[0]}: …', not {seen(node)}")
        return None
    for entry in node.value:
        if entry.name not in known:
            place = MISPLACED.get(entry.name)
            hint = f"; it belongs in {place}" if place else nearest(entry.name, known)
            problems.note(entry.key.file, entry.key.line, f"unknown field {shown(entry.name)}{hint}")
    return Fields(node.value, node, None, problems, "the file")


def _nothing(_section: str) -> None:
    return None


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(_canonical(content), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _canonical(value: object) -> object:
    """Return JSON values that are equal exactly when the contents are."""
    if isinstance(value, Node):
        return _canonical(plain(value))
    if is_dataclass(value):
        return {field.name: _canonical(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: _canonical(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_canonical(each) for each in value]
    if isinstance(value, Decimal):
        return _digits(value)
    return value.isoformat() if isinstance(value, date) else value


def _digits(number: Decimal) -> dict[str, str]:
    """Keep a number apart from the same digits as text, and 1.50 together with 1.5."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return {"number": "0" if text in ("-0", "") else text}
