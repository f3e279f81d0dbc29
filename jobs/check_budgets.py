"""Watches budgets and rules: what fires is recorded once and told, and what it asks for is proposed."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_conditions import AnomalyFound, conditions_in
from finops.configuration.rulebook_steps import Propose
from finops.errors import FinopsError, SourceError
from finops.guard.approval_policy import Need
from finops.guard.conditions import unavailable, within
from finops.guard.findings import Finding
from finops.guard.watching import Firing, Round, routes_of
from finops.guard.watching_rules import watch
from finops.ledger import alerts
from finops.ledger.alert_rows import Alert
from finops.ledger.alerts import Settled
from finops.ledger.asking import Around, propose_step
from finops.ledger.gateway_speeds import keep, measure
from finops.ledger.watched import AskPrometheus, Looking, Spotted
from finops.rulebook import Rulebook
from jobs.acting import desk
from jobs.ingest_capacity import server_at, servers
from jobs.registry import Tools, job

LOG = logging.getLogger("finops.jobs")
TOLD: Final = 5
Proposing = Callable[[Finding, Propose], str]


@job("check-budgets", every="5m")
def check_budgets(tools: Tools) -> str:
    """Compare spend with budgets, look at every rule, tell what fires, and propose what it asks for."""
    return check(tools, proposer(tools))


def check(tools: Tools, propose: Proposing) -> str:
    """Look at everything once. Repeating it, at any time and by any number of workers, tells nothing twice."""
    engine = tools.ledger.engine
    woken = alerts.wake(engine, tools.now)
    seen = looking(tools)
    done = look(tools, seen)
    settled = alerts.settle(engine, done, fallback(tools))
    proposed = propose_owed(tools, propose)
    held = follow_speeds(tools, seen)
    return sentence(settled, woken, proposed, [*held, *done.told, *unavailable(tools.rulebook.rules)])


def look(tools: Tools, seen: Looking | None = None) -> Round:
    """Evaluate everything without writing."""
    return watch(tools.rulebook, seen or looking(tools), Round(tools.now, alerts.memory(tools.ledger.engine, tools.now)))


def looking(tools: Tools) -> Looking:
    return Looking(tools.ledger, tools.now, prometheus(tools), tools.rulebook, anomalies(tools))


def anomalies(tools: Tools) -> Spotted | None:
    """Return what tells which anomalies are open; None where no rule asks for it."""
    if not asks_for_anomalies(tools.rulebook):
        return None
    from finops.ledger.anomalies_open import on_record

    return on_record(tools.ledger.engine)


def asks_for_anomalies(book: Rulebook) -> bool:
    return any(isinstance(each, AnomalyFound) for rule in book.rules for each in conditions_in(rule.when))


def follow_speeds(tools: Tools, seen: Looking) -> list[str]:
    """Let the adaptive limits of gateways follow the burn rates; say what changed, and what cannot be told."""
    measured = measure(tools.rulebook.quotas, tools.rulebook.budgets, seen, tools.now)
    kept = keep(tools.ledger.engine, measured, tools.now) if measured else []
    return [*kept, *(f"the rate of {one.quota} stays: {one.why}" for one in measured if one.why)]


def prometheus(tools: Tools, sleep: Callable[[float], None] = time.sleep) -> AskPrometheus:
    """Return what asks the server a rule names, or the first one of `sources`."""

    def ask(query: str, url: str | None) -> Sequence[Decimal]:
        from finops.sources.prometheus_now import values_at

        known = servers(tools, sleep)
        server = server_at(url, tools.settings.prometheus_token, sleep=sleep) if url else next(iter(known), None)
        if server is None:
            raise SourceError("no source of kind prometheus is in budgets.yaml; add one, or give the rule a 'url'")
        return values_at(replace(server, timeout=10.0), query, tools.now)

    return ask


def fallback(tools: Tools) -> tuple[str, ...]:
    """Return where what has no route of its own is told."""
    channel = tools.settings.slack_alerts_channel
    return (*([f"slack:{channel}"] if channel else []), *(tools.settings.fallback_routes or ()))


def proposer(tools: Tools) -> Proposing:
    """Return what proposes a step for a finding, and says what became of it."""

    def propose(finding: Finding, step: Propose) -> str:
        made = desk(tools.ledger, tools.settings, tools.rulebook, lambda: tools.now)
        return propose_step(made, finding, step, tools.now, around(tools, finding)).said

    return propose


def around(tools: Tools, finding: Finding) -> Around:
    """Return who must agree, and where it is asked: as the budget and the rule that found it say."""
    needs = approvers_of(tools.rulebook, finding)
    channel = next((each for each in routes_of(("channel",), finding.owner, finding.channel)), None)
    route = channel or next(iter(fallback(tools)), None)
    return Around(needs, finding.owner, route=route, beside=alerts.beside(tools.ledger.engine, finding.key, route))


def approvers_of(book: Rulebook, finding: Finding) -> tuple[Need, ...]:
    """Return the groups that the budget and the rule of a finding name."""
    name = finding.evidence.get("budget")
    budget = next((each for each in book.budgets if each.name == name), None)
    rule = next((each for each in book.rules if each.name == finding.rule), None)
    return (*(budget.approvers if budget else ()), *(rule.who.needs if rule else ()))


def propose_owed(tools: Tools, propose: Proposing) -> list[str]:
    """Make the proposals that alerts ask for; one that cannot be made is told, and is not asked for again."""
    engine = tools.ledger.engine
    said: list[str] = []
    for owed in alerts.owing(engine):
        told = [_proposed(owed.alert, step, propose) for step in owed.steps]
        alerts.asked(engine, owed.alert.number, tools.now, told)
        said += told
    return said


def _proposed(alert: Alert, step: Propose, propose: Proposing) -> str:
    try:
        return propose(alert.finding, step)
    except FinopsError as problem:
        LOG.warning("%s asks for %s, which cannot be proposed: %s", alert.id, step.lever, problem)
        return f"{alert.id}: {step.lever} cannot be proposed: {problem}"


def take_findings(tools: Tools, findings: Sequence[Finding]) -> None:
    """Keep what an Alertmanager sent: each alert is told once, and ends when it says so."""
    engine = tools.ledger.engine
    firing = [_from_elsewhere(tools, each) for each in findings if each.evidence.get("status") != "resolved"]
    if firing:
        alerts.take(engine, firing, tools.now, fallback(tools))
    for finding in findings:
        if finding.evidence.get("status") == "resolved" and (known := alerts.of_key(engine, finding.key)) and known.is_live:
            alerts.resolve(engine, known.id, "alertmanager", tools.now, "Alertmanager says that it is over.")


def _from_elsewhere(tools: Tools, finding: Finding) -> Firing:
    """The budget around its labels says whose it is."""
    around = [each for each in tools.rulebook.budgets if each.scope and within(finding.scope, each.scope)]
    budget: Budget | None = max(around, key=lambda each: len(each.scope), default=None)
    if budget is None:
        return Firing(finding, f"alertmanager:{finding.rule}")
    told = replace(finding, owner=budget.owner, channel=budget.channel)
    return Firing(told, f"alertmanager:{finding.rule}", routes_of(("slack",), budget.owner, budget.channel))


def sentence(settled: Settled, woken: Sequence[Alert], proposed: Sequence[str], told: Sequence[str]) -> str:
    parts = [f"{len(settled.fired)} fired ({_names(settled.fired)})"] if settled.fired else []
    parts += [f"{len(settled.corrected)} corrected ({_names(settled.corrected)})"] if settled.corrected else []
    parts += [f"{len(settled.over)} over ({_names(settled.over)})"] if settled.over else []
    parts += [f"{len(woken)} awake again ({_names(woken)})"] if woken else []
    more = [*proposed, *dict.fromkeys(told)]
    left = [f"and {len(more) - TOLD} more remarks"] if len(more) > TOLD else []
    return "; ".join([*(parts or ["nothing new"]), *more[:TOLD], *left])


def _names(found: Sequence[Alert]) -> str:
    return ", ".join(alert.id for alert in found[:10]) + (" …" if len(found) > 10 else "")
