"""Rules under watch: what must hold for how long, when a rule is quiet, how often it may speak, and whom it tells."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from finops.configuration.digests import digest_of
from finops.configuration.rulebook_budgets import Budget
from finops.configuration.rulebook_conditions import ForecastBreach, IdleGpu, conditions_in
from finops.configuration.rulebook_rules import Rule
from finops.configuration.rulebook_sections import Scope, scope_words
from finops.configuration.rulebook_steps import Notify, Propose, WarRoom
from finops.configuration.rulebook_times import AtMost
from finops.guard.budgets import bounds, period_key, today_of
from finops.guard.conditions import Look, Reading, judge, targets, within
from finops.guard.findings import Finding, finding_key
from finops.guard.idle import described, evidence_of
from finops.guard.watching import Cap, Firing, Round, routes_of
from finops.guard.watching_budgets import TWICE, clock_is_off, watch_budget
from finops.periods import unit_of
from finops.rulebook import Rulebook

USUALLY: Final = AtMost(1, "day")
OF_A_PERIOD: Final = ("budget", "forecast_breach")  # told once for each period of the budget
IDLE_SHOWN: Final = 8
LONGEST_QUIET: Final = 48 * 60  # minutes


def watch(book: Rulebook, look: Look, done: Round) -> Round:
    """Look at every budget and every rule once."""
    playbooks = {playbook.name.casefold(): playbook for playbook in book.playbooks}
    for budget in book.budgets:
        watch_budget(budget, look, playbooks, done)
    for rule in book.rules:
        for about in targets(rule, book.budgets):
            _watch_rule(book, rule, about, look, done)
    return done


def _watch_rule(book: Rulebook, rule: Rule, about: Budget | None, look: Look, done: Round) -> None:
    scope = about.scope if about else rule.scope
    watcher = f"{rule.name}@{about.name}" if about else rule.name
    mark = f"rule:{watcher}:{rule.version[:12]}"
    if any(window.covers(done.now, scope) for window in book.maintenance):
        done.let_go(mark)
        return
    reading = judge(rule.when, look, rule.scope, about, book.budgets)
    if reading.holds is None:
        if moved := done.memory.settled_by(f"rule:{watcher}"):
            done.let_go(mark)
            done.is_over(f"rule:{watcher}", f"It is settled: {moved} moved all that it tells of.")
        else:
            done.told.append(f"{watcher}: {reading.said}")
        return
    if not reading.holds:
        done.let_go(mark)
        done.is_over(f"rule:{watcher}", f"It no longer holds: {reading.said}.")
        return
    held = done.hold(mark)
    needs = TWICE if any(isinstance(each, ForecastBreach) for each in conditions_in(rule.when)) else 1
    if held.times >= needs and done.now - held.since >= rule.lasting:
        done.fire(_firing(book, rule, about, reading, done))


def _firing(book: Rulebook, rule: Rule, about: Budget | None, reading: Reading, done: Round) -> Firing:
    budget = about or _speaks_for(rule, book.budgets)
    owner, channel = (budget.owner, budget.channel) if budget else (None, None)
    places = [place for step in rule.then if isinstance(step, Notify) for place in step.to]
    proposals = tuple(step for step in rule.then if isinstance(step, Propose))
    off = about is not None and clock_is_off(about, done)
    return Firing(
        _finding(book, rule, about, reading, done),
        f"rule:{rule.name}@{about.name}" if about else f"rule:{rule.name}",
        routes_of(places or ("slack",), owner, channel),
        due_at=_after_quiet(rule, done.now),
        asks=() if reading.doubts or off else proposals,
        rooms=tuple(step.channel or "" for step in rule.then if isinstance(step, WarRoom)),
        cap=_cap(book, rule, reading, done.now),
        once_at_a_time=reading.kind not in OF_A_PERIOD,
    )


def _finding(book: Rulebook, rule: Rule, about: Budget | None, reading: Reading, done: Round) -> Finding:
    watcher = f"rule {rule.name}@{about.name}" if about else f"rule {rule.name}"
    version = digest_of([rule.version, about.version]) if about else rule.version
    period = _period(book, rule, about, reading, done.now)
    key = finding_key(watcher, version, _numbered(done, watcher, version, period, reading), reading.kind)
    budget = about or _speaks_for(rule, book.budgets)
    scope = about.scope if about else rule.scope
    return Finding(
        key=key,
        kind=reading.kind,
        rule=rule.name,
        version=version,
        period=period,
        scope=scope,
        severity=rule.severity,
        title=f"{reading.said[:1].upper()}{reading.said[1:]}." if not about else f"{reading.said}.",
        observed_at=done.now,
        as_of=done.now,
        value=reading.value,
        limit=reading.limit,
        unit=reading.unit,
        owner=budget.owner if budget else None,
        channel=budget.channel if budget else None,
        facts={"Rule": rule.name, "Scope": scope_words(scope) or "everything", **_doubts(reading), **_idle_facts(book, reading)},
        evidence={
            "budget": budget.name if budget else None,
            "said": reading.said,
            "doubts": list(reading.doubts),
            **_idle_evidence(book, rule, reading),
        },
    )


def _doubts(reading: Reading) -> dict[str, str]:
    return {"In doubt": " ".join(reading.doubts)} if reading.doubts else {}


def _idle_facts(book: Rulebook, reading: Reading) -> dict[str, str]:
    told = {machine.name: described(machine) for machine in reading.idle[:IDLE_SHOWN]}
    aimed, most = sum(machine.target is not None for machine in reading.idle), book.guard.max_targets
    more = {"Can be stopped": f"{most} of {aimed}, the costliest; one plan moves no more"} if aimed > most else {}
    return told | more


def _idle_evidence(book: Rulebook, rule: Rule, reading: Reading) -> dict[str, object]:
    if not reading.idle:
        return {}
    longest = max(each.at_least for each in conditions_in(rule.when) if isinstance(each, IdleGpu))
    return evidence_of(reading.idle, longest, book.guard.max_targets)


def _numbered(done: Round, watcher: str, version: str, period: str, reading: Reading) -> str:
    """What begins again within a period after it was over is another finding; that of a budget's period is not."""
    if reading.kind in OF_A_PERIOD:
        return period
    number, named = 1, period
    while (known := done.memory.alerts.get(finding_key(watcher, version, named, reading.kind))) and not known.is_live:
        number += 1
        named = f"{period}#{number}"
    return named


def _period(book: Rulebook, rule: Rule, about: Budget | None, reading: Reading, now: datetime) -> str:
    if about and reading.kind in OF_A_PERIOD:
        return period_key(about.period, unit_of(today_of(about, now), about.period))
    local = now.astimezone(ZoneInfo(book.timezone))
    per = (rule.at_most or USUALLY).per
    return now.strftime("%Y-%m-%dT%H") if per == "hour" else period_key(per, unit_of(local.date(), per))


def _cap(book: Rulebook, rule: Rule, reading: Reading, now: datetime) -> Cap | None:
    """A rule without `at_most` speaks once a day; of a budget's period it speaks once for each budget anyway."""
    if rule.at_most is None and reading.kind in OF_A_PERIOD:
        return None
    often = rule.at_most or USUALLY
    if often.per == "hour":
        return Cap(rule.name, now.replace(minute=0, second=0, microsecond=0), often.times)
    local = now.astimezone(ZoneInfo(book.timezone)).date()
    return Cap(rule.name, bounds(unit_of(local, often.per), book.timezone)[0], often.times)


def _speaks_for(rule: Rule, budgets: Sequence[Budget]) -> Budget | None:
    """Return the budget whose owner hears of a rule that is about none: of its team, else the narrowest around its scope."""
    if rule.who.team:
        return next((each for each in budgets if _has(each.scope, "team", rule.who.team)), None)
    around = [each for each in budgets if within(rule.scope, each.scope)]
    return max(around, key=lambda each: len(each.scope), default=None)


def _has(scope: Scope, name: str, value: str) -> bool:
    return any(each == name and value in values for each, values in scope)


def _after_quiet(rule: Rule, now: datetime) -> datetime | None:
    """Return when the quiet hours of `now` are over; None where it is not quiet, or too grave to wait."""
    if rule.severity == "critical" or not any(hours.cover(now) for hours in rule.quiet_hours):
        return None
    minute = now.replace(second=0, microsecond=0)
    later = (minute + timedelta(minutes=step) for step in range(1, LONGEST_QUIET))
    return next((moment for moment in later if not any(hours.cover(moment) for hours in rule.quiet_hours)), None)
