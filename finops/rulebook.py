"""What budgets.yaml and rules.yaml say: read as a whole, or refused with every problem at once."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Final

from finops.configuration.digests import digest_of
from finops.configuration.fields import Fields, as_currency, as_zone, items, nearest, seen
from finops.configuration.problems import Problems, shown
from finops.configuration.rulebook_anomalies import AnomalySettings, anomalies_of
from finops.configuration.rulebook_approvals import Guard, guard_of
from finops.configuration.rulebook_budgets import Budget, Ledger, budgets_of, names_in
from finops.configuration.rulebook_calendar import CalendarSettings, calendar_of
from finops.configuration.rulebook_metrics import Metric, metrics_of
from finops.configuration.rulebook_owners import owner_rules
from finops.configuration.rulebook_prices import Price, prices_of
from finops.configuration.rulebook_quotas import Quota, quotas_of
from finops.configuration.rulebook_rules import Rule, Surroundings, rules_of
from finops.configuration.rulebook_sections import rates_of
from finops.configuration.rulebook_sources import SourceSettings, sources_of
from finops.configuration.rulebook_steps import Playbook, playbooks_of
from finops.configuration.rulebook_times import Maintenance, maintenance_of
from finops.configuration.rulebook_when import Known
from finops.owners import OwnerRule
from finops.rates import Rate
from finops.yamlfile import Node, Table

__all__ = ["Budget", "Guard", "Metric", "Price", "Quota", "Rule", "Rulebook", "SourceSettings", "read"]

BUDGETS: Final = ("currency", "timezone", "owners", "prices", "fx", "sources", "metrics", "budgets", "quotas", "calendar")
RULES: Final = ("rules", "playbooks", "maintenance", "guard", "anomalies")
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
    quotas: tuple[Quota, ...] = ()
    calendar: CalendarSettings = field(default_factory=CalendarSettings)
    playbooks: tuple[Playbook, ...] = ()
    maintenance: tuple[Maintenance, ...] = ()
    guard: Guard = field(default_factory=Guard)
    anomalies: AnomalySettings = field(default_factory=AnomalySettings)
    # What is allowed but perhaps not meant, as `file:line: sentence`; no part of the content.
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def digest(self) -> str:
        """Name the content: layout, comments and the way a number is written do not change it."""
        return digest_of([getattr(self, field.name) for field in fields(self) if field.compare])

    @cached_property
    def owners_digest(self) -> str:
        """Name what decides a charge's day and owner; while it stays, nothing stored must be worked out anew."""
        return digest_of([self.timezone, self.owners])

    def source(self, name: str) -> SourceSettings:
        return next((source for source in self.sources if source.name == name), SourceSettings(name))


def read(budgets: Node | None, rules: Node | None, *, whole: bool = True) -> Rulebook:
    """Read both files, either of which may be missing; raises ConfigError with every problem of both.

    Unless both are `whole`, as where one of them is no YAML, names that one file uses of the other are not looked up.
    """
    problems, warnings = Problems(), Problems()
    money, watch = _top(budgets, BUDGETS, problems), _top(rules, RULES, problems)
    currency = (money.get("currency", as_currency) if money else None) or Rulebook.currency
    timezone = (money.get("timezone", as_zone) if money else None) or Rulebook.timezone
    section, watched = money.raw if money else _nothing, watch.raw if watch else _nothing
    playbooks = playbooks_of(watched("playbooks"), problems)
    named = {playbook.name.casefold(): playbook for playbook in playbooks}
    limits = budgets_of(section("budgets"), Ledger(currency, timezone, named if whole else None), problems, warnings)
    known = _known(section("budgets"), limits) if whole else Known(None)
    book = Rulebook(
        currency=currency,
        timezone=timezone,
        owners=owner_rules(section("owners"), problems),
        rates=rates_of(section("fx"), problems),
        sources=sources_of(section("sources"), problems),
        budgets=limits,
        prices=prices_of(section("prices"), currency, problems),
        rules=rules_of(watched("rules"), Surroundings(known, named, timezone), problems),
        metrics=metrics_of(section("metrics"), problems),
        quotas=quotas_of(section("quotas"), currency, problems),
        calendar=calendar_of(section("calendar"), problems),
        playbooks=playbooks,
        maintenance=maintenance_of(watched("maintenance"), timezone, problems),
        guard=guard_of(watched("guard"), problems),
        anomalies=anomalies_of(watched("anomalies"), problems),
        warnings=warnings.told(),
    )
    problems.raise_any()
    return book


def _known(section: Node | None, budgets: tuple[Budget, ...]) -> Known:
    """Return the names that rules may use; teams only where every budget could be read."""
    listed = tuple(items(section, Problems(), "budgets"))
    teams = tuple(team for budget in budgets for name, values in budget.scope if name == "team" for team in values)
    return Known(names_in(listed), teams if len(budgets) == len(listed) else None)


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
